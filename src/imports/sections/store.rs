//! Reads and writes which courses the sections of Canvas are.

use std::collections::HashSet;

use crate::db::{Db, DbError, Row};
use crate::files::reading::CanvasSection;
use crate::imports::store::courses_with_codes;
use crate::registrar::Chore;

/// A section that is written down.
#[derive(Debug)]
pub(super) struct Remembered {
    pub(super) section: CanvasSection,
    /// Whether a course has the code.
    pub(super) exists: bool,
}

/// All sections that are written down.
pub(super) async fn remembered(db: &Db) -> Result<Vec<Remembered>, DbError> {
    let sql = "select section, course, course_name, moved_from, code from matricula_canvas_sections order by section";
    let map = |row: &Row<'_>| {
        let (id, course, code) = (row.text(0)?.into(), row.text(1)?.into(), row.text(4)?.into());
        let (course_name, moved_from) = (row.opt_text(2)?.map(Into::into), row.opt_text(3)?.map(Into::into));
        Ok(CanvasSection { id, course, course_name, moved_from, code })
    };
    let sections = db.query(sql, [], map).await?;
    let exist = codes_of_courses(db, &sections).await?;
    let remembered = |section: CanvasSection| Remembered { exists: exist.contains(&*section.code), section };
    Ok(sections.into_iter().map(remembered).collect())
}

/// The codes of the courses that these sections are, as far as they exist.
pub(super) async fn codes_of_courses(
    db: &Db,
    sections: &[CanvasSection],
) -> Result<HashSet<String>, DbError> {
    let codes: Vec<String> = sections.iter().map(|section| section.code.to_string()).collect();
    let courses = courses_with_codes(db, &codes).await?;
    Ok(courses.into_iter().filter_map(|course| course.code).collect())
}

/// Removes what is written down about a section and about its code.
pub(super) fn forget(section: &CanvasSection) -> Chore {
    Chore {
        sql: "delete from matricula_canvas_sections where section = $1 or code = $2",
        args: vec![(&*section.id).into(), (&*section.code).into()],
    }
}

/// Writes a section down.
pub(super) fn add(section: &CanvasSection) -> Chore {
    Chore {
        sql: "insert into matricula_canvas_sections (section, course, course_name, moved_from, code) \
              values ($1, $2, $3, $4, $5)",
        args: vec![
            (&*section.id).into(),
            (&*section.course).into(),
            section.course_name.as_ref().map(ToString::to_string).into(),
            section.moved_from.as_ref().map(ToString::to_string).into(),
            (&*section.code).into(),
        ],
    }
}
