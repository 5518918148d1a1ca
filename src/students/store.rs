//! Reads students from the database.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::db::{Db, DbError, Reach, Row, Rows};
use crate::lists::{Direction, ListRow, ListedTable, Listing, RecordList, Rolled, SortKey, Texts, Wanted};
use crate::registrar::{Student, StudentId};
use crate::viewer::Viewer;

/// The sort key of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StudentSort {
    /// The id.
    #[default]
    Id,
    /// The name.
    Name,
    /// The address.
    Email,
}

/// The columns of a student.
macro_rules! columns {
    () => {
        "cast(id as bigint), cast(name as text), cast(email as text), cast(sn.number as text)"
    };
}

/// The students with their numbers.
macro_rules! source {
    () => {
        "students left join matricula_student_numbers sn on sn.student_id = students.id"
    };
}

/// Finds a student, if the caller may know.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(viewer: &Viewer, id: StudentId) -> Result<Option<Student>, DbError> {
    if !viewer.sees_student(id) {
        return Ok(None);
    }
    let sql = concat!("select ", columns!(), " from ", source!(), " where id = cast($1 as bigint)");
    viewer.db().query_opt(sql, [id.0.into()], student).await
}

/// The students who the caller may see, in the order of their ids.
#[must_use]
pub fn by_id(viewer: &Viewer, direction: Direction) -> Listing<Student> {
    let order = Wanted { sort: StudentSort::Id, direction, ..Wanted::default() }.sorting(Student::LIST).order;
    if viewer.sees_students() { LIST.by_id(order, direction) } else { only(viewer.own_student(), order) }
}

/// One student; nobody for null.
fn only(id: Option<i64>, order: String) -> Listing<Student> {
    Listing {
        order,
        count: "select count(*) from students where id = cast($1 as bigint)",
        count_args: vec![id.into()],
        rows: concat!(
            "select ",
            columns!(),
            " from ",
            source!(),
            " where id = cast($1 as bigint) and id > cast($2 as bigint) limit $3"
        ),
        args: Box::new(move |after| vec![id.into(), after.map_or(i64::MIN, |after| after.id).into()]),
        map: listed,
        reach: Reach::Key,
        count_reach: Reach::Key,
    }
}

static LIST: LazyLock<RecordList<Student>> = LazyLock::new(|| {
    let table = ListedTable {
        name: "students",
        first_text: "name",
        second_text: "email",
        external_id: "sn.number",
        columns: columns!(),
        source: source!(),
        reach: Reach::Page,
    };
    RecordList::new(&table, listed)
});

impl SortKey for StudentSort {
    fn text(self) -> Option<usize> {
        match self {
            Self::Id => None,
            Self::Name => Some(0),
            Self::Email => Some(1),
        }
    }
}

impl Rolled for Student {
    const LIST: &'static str = "students";

    type Sort = StudentSort;

    fn sees_all(viewer: &Viewer) -> bool {
        viewer.sees_students()
    }

    fn by_id(viewer: &Viewer, direction: Direction) -> Listing<Self> {
        by_id(viewer, direction)
    }

    async fn with(db: &Db, wanted: &Wanted<StudentSort>) -> Result<Vec<Self>, DbError> {
        LIST.with_texts(db, wanted).await
    }

    async fn all(db: &Db) -> Result<Rows<Texts>, DbError> {
        let sql = "select cast(s.id as bigint), cast(s.name as text), cast(s.email as text), \
                   cast(sn.number as text) from students s \
                   left join matricula_student_numbers sn on sn.student_id = s.id where s.id is not null";
        Texts::all(db, sql).await
    }

    async fn changed_since(db: &Db, seq: i64, max: i64) -> Result<Vec<(i64, i64)>, DbError> {
        let sql = "select seq, student_id from events \
                   where type in ('student.created', 'student.updated', 'student.deleted') and seq > $1 limit $2";
        db.read(Reach::Page, sql, [seq.into(), max.into()], |row| Ok((row.int(0)?, row.int(1)?))).await
    }

    async fn newer_than(db: &Db, id: i64, max: i64) -> Result<Vec<Self>, DbError> {
        LIST.newer_than(db, id, max).await
    }

    async fn find_many(db: &Db, ids: &[i64]) -> Result<Vec<Self>, DbError> {
        LIST.with_ids(db, ids).await
    }
}

/// The ids of the students who take a course, or of those who take none, as far as the caller sees students.
///
/// # Errors
/// When the database cannot be read.
pub async fn with_courses(viewer: &Viewer, enrolled: bool) -> Result<HashSet<i64>, DbError> {
    let sql = if enrolled {
        "select cast(s.id as bigint) from students s where exists (select 1 from student_courses sc \
         join courses c on c.id = sc.course_id where sc.student_id = s.id) \
         and (cast($1 as bigint) = 1 or s.id = cast($2 as bigint))"
    } else {
        "select cast(s.id as bigint) from students s where not exists (select 1 from student_courses sc \
         join courses c on c.id = sc.course_id where sc.student_id = s.id) \
         and (cast($1 as bigint) = 1 or s.id = cast($2 as bigint))"
    };
    let args = [i64::from(viewer.sees_students()).into(), viewer.own_student().into()];
    Ok(viewer.db().read(Reach::Scan, sql, args, |row| row.int(0)).await?.into_iter().collect())
}

/// The students with exactly this number, or with this e-mail address in any case. Who has no number is known by the id,
/// as on pages.
///
/// # Errors
/// As [`Db::query`].
pub async fn students_called(viewer: &Viewer, text: &str) -> Result<Vec<StudentId>, DbError> {
    let sql = "select cast(s.id as bigint) from students s \
               left join matricula_student_numbers n on n.student_id = s.id \
               where cast($1 as bigint) = 1 and (cast(n.number as text) collate \"C\" = cast($2 as text) \
               or casefold(trim(cast(s.email as text))) = casefold(cast($2 as text)) \
               or n.number is null and cast(s.id as text) = cast($2 as text)) order by 1 limit 2";
    let sees = i64::from(viewer.sees_students());
    viewer.db().read(Reach::Scan, sql, [sees.into(), text.into()], |row| Ok(StudentId(row.int(0)?))).await
}

fn listed(row: &Row<'_>) -> Result<ListRow<Student>, DbError> {
    Ok(ListRow { row: student(row)?, text: None, id: row.int(0)? })
}

fn student(row: &Row<'_>) -> Result<Student, DbError> {
    let (name, email, number) = (row.opt_text(1)?, row.opt_text(2)?, row.opt_text(3)?);
    Ok(Student { id: row.int(0)?.into(), name, email, number })
}
