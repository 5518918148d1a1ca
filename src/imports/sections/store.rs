//! Reads and writes which courses the sections of Canvas are.

use std::collections::HashSet;

use crate::db::{Db, DbError, Row};
use crate::files::reading::CanvasSection;
use crate::imports::staging::Assignment;
use crate::imports::store::courses_with_codes;
use crate::registrar::Chore;

/// What an import has said about a section.
pub(super) struct Statement {
    pub(super) import_id: i64,
    /// The place of the statement in the order of all.
    pub(super) said: i64,
    pub(super) section: CanvasSection,
}

/// Everything that is written down, the latest last.
pub(super) async fn statements(db: &Db) -> Result<Vec<Statement>, DbError> {
    let sql = "select section, course, course_name, moved_from, code, cast(import_id as bigint), cast(said as bigint) \
               from matricula_canvas_sections order by said, import_id, section";
    let map = |row: &Row<'_>| {
        let (id, course, code) = (row.text(0)?.into(), row.text(1)?.into(), row.text(4)?.into());
        let (course_name, moved_from) = (row.opt_text(2)?.map(Into::into), row.opt_text(3)?.map(Into::into));
        let section = CanvasSection { id, course, course_name, moved_from, code };
        Ok(Statement { import_id: row.int(5)?, said: row.int(6)?, section })
    };
    db.query(sql, [], map).await
}

/// The codes of the courses that these sections are, as far as they exist.
pub(super) async fn codes_of_courses(
    db: &Db,
    sections: impl Iterator<Item = &CanvasSection>,
) -> Result<HashSet<String>, DbError> {
    let codes: Vec<String> = sections.map(|section| section.code.to_string()).collect();
    let courses = courses_with_codes(db, &codes).await?;
    Ok(courses.into_iter().filter_map(|course| course.code).collect())
}

/// Writes down what an import says about a section, as the `said`th statement. As everything that a worker writes, it changes
/// nothing once another one has taken over.
pub(super) fn say(assignment: &Assignment, said: i64, section: &CanvasSection) -> Chore {
    Chore {
        sql: "insert into matricula_canvas_sections \
              (section, import_id, said, course, course_name, moved_from, code) \
              select cast($1 as text), id, cast($2 as bigint), cast($3 as text), cast($4 as text), cast($5 as text), \
              cast($6 as text) from matricula_imports where id = $7 and worker = $8 \
              on conflict (section, import_id) do update set said = excluded.said, course = excluded.course, \
              course_name = excluded.course_name, moved_from = excluded.moved_from, code = excluded.code",
        args: vec![
            (&*section.id).into(),
            said.into(),
            (&*section.course).into(),
            section.course_name.as_ref().map(ToString::to_string).into(),
            section.moved_from.as_ref().map(ToString::to_string).into(),
            (&*section.code).into(),
            assignment.import_id.into(),
            (&*assignment.worker).into(),
        ],
    }
}

/// Removes what another import has said, since this one says the same.
pub(super) fn replace(assignment: &Assignment, earlier: &Statement) -> Chore {
    Chore {
        sql: "delete from matricula_canvas_sections where section = $1 and import_id = $2 \
              and exists (select 1 from matricula_imports where id = $3 and worker = $4)",
        args: vec![
            (&*earlier.section.id).into(),
            earlier.import_id.into(),
            assignment.import_id.into(),
            (&*assignment.worker).into(),
        ],
    }
}

/// Removes what an import has said.
pub(in crate::imports) fn forget(assignment: &Assignment) -> Chore {
    Chore {
        sql: "delete from matricula_canvas_sections where import_id = $1 \
              and exists (select 1 from matricula_imports where id = $1 and worker = $2)",
        args: vec![assignment.import_id.into(), (&*assignment.worker).into()],
    }
}
