//! Reads students from the database.

use std::sync::LazyLock;

use crate::db::{Arg, Db, DbError, Reach, Row};
use crate::lists::{Conditions, Direction, ListRow, Listing, Search, SortKey, SortedList, SortedTable};
use crate::registrar::{Student, StudentId, no_log_head};
use crate::viewer::Viewer;

/// The sort key of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StudentSort {
    /// The id.
    #[default]
    Id,
    /// The name, ignoring case.
    Name,
    /// The address, ignoring case.
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

/// All students in any order, and the `seq` of the last event, both from one consistent snapshot.
///
/// # Errors
/// When the database cannot be read.
pub async fn all(db: &Db) -> Result<(i64, Vec<Student>), DbError> {
    let sql = "select cast(s.id as bigint), cast(s.name as text), cast(s.email as text), cast(sn.number as text), \
               h.last_seq from log_head h left join students s on 1 = 1 \
               left join matricula_student_numbers sn on sn.student_id = s.id where h.id = 1";
    let map = |row: &Row<'_>| Ok((row.int(4)?, row.opt_int(0)?.map(|_| student(row)).transpose()?));
    let rows = db.read(Reach::Scan, sql, Vec::new(), map).await?;
    let seq = rows.first().map(|(seq, _)| *seq).ok_or_else(no_log_head)?;
    Ok((seq, rows.into_iter().filter_map(|(_, student)| student).collect()))
}

/// The number of ids in one statement of [`find_many`].
const IDS_PER_STATEMENT: usize = 50;

/// Loads the given students in any order; missing ones are left out.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_many(db: &Db, ids: &[StudentId]) -> Result<Vec<Student>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let keys: Vec<_> = (1..=IDS_PER_STATEMENT).map(|key| format!("cast(${key} as bigint)")).collect();
        let sql = concat!("select ", columns!(), " from ", source!(), " where id in");
        format!("{sql} ({})", keys.join(", "))
    });
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        // One prepared statement for any number of ids: the last id fills the rest.
        let keys = ids.iter().chain(std::iter::repeat(&ids[ids.len() - 1]));
        let keys: Vec<Arg> = keys.take(IDS_PER_STATEMENT).map(|id| id.0.into()).collect();
        found.extend(db.query(SQL.as_str(), keys, student).await?);
    }
    Ok(found)
}

/// The students that match and that the caller may see, sorted. The second text is the address.
#[must_use]
pub fn list(
    viewer: &Viewer,
    conditions: Conditions<'_>,
    sort: StudentSort,
    direction: Direction,
) -> Listing<Student> {
    if viewer.sees_students() {
        LIST.listing(conditions, sort, direction)
    } else {
        only(viewer.own_student(), conditions, order(sort, direction, false))
    }
}

/// One student, if they match; nobody for null.
fn only(id: Option<i64>, conditions: Conditions<'_>, order: String) -> Listing<Student> {
    let Conditions { search, second_text, external_id } = conditions;
    let exact = |text: Option<&Search>| Arg::Text(text.map(|text| text.text().to_owned()));
    let (typed, pattern) = (search.and_then(Search::id), search.map(Search::pattern));
    let args: Vec<Arg> =
        vec![id.into(), pattern.into(), typed.into(), exact(second_text), exact(external_id)];
    Listing {
        order,
        count: concat!("select count(*) from ", source!(), " where ", only_matching!()),
        count_args: args.clone(),
        rows: concat!(
            "select ",
            columns!(),
            ", cast(null as text) from ",
            source!(),
            " where ",
            only_matching!(),
            " and id > cast($6 as bigint) limit $7"
        ),
        args: Box::new(move |after| {
            let mut args = args.clone();
            args.push(after.map_or(i64::MIN, |after| after.id).into());
            args
        }),
        map: listed,
        reach: Reach::Key,
        count_reach: Reach::Key,
    }
}

/// The student `$1`, if they match the pattern `$2`, or the id `$3` that was typed, and have the address `$4` and the
/// number `$5`; a null asks for nothing.
macro_rules! only_matching {
    () => {
        "id = cast($1 as bigint) and (cast($2 as text) is null or casefold(cast(name as text)) like casefold($2) escape '~' \
         or casefold(cast(email as text)) like casefold($2) escape '~' \
         or casefold(cast(sn.number as text)) like casefold($2) escape '~' or id = cast($3 as bigint)) \
         and (cast($4 as text) is null or cast(email as text) collate \"C\" = $4) \
         and (cast($5 as text) is null or cast(sn.number as text) collate \"C\" = $5)"
    };
}
use only_matching;

/// The name of the list and its order, for cursors; with conditions, exact matches come first.
#[must_use]
pub fn order(sort: StudentSort, direction: Direction, has_conditions: bool) -> String {
    LIST.order(sort, direction, has_conditions)
}

static LIST: LazyLock<SortedList<Student>> = LazyLock::new(|| {
    let table = SortedTable {
        name: "students",
        texts: ["name", "email"],
        external_id: "sn.number",
        columns: columns!(),
        source: source!(),
        counted: source!(),
        reach: Reach::Page,
    };
    SortedList::new(&table, listed)
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

fn listed(row: &Row<'_>) -> Result<ListRow<Student>, DbError> {
    Ok(ListRow { row: student(row)?, text: row.opt_text(4)?, id: row.int(0)? })
}

fn student(row: &Row<'_>) -> Result<Student, DbError> {
    let (name, email, number) = (row.opt_text(1)?, row.opt_text(2)?, row.opt_text(3)?);
    Ok(Student { id: row.int(0)?.into(), name, email, number })
}
