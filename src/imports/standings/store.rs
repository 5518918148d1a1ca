//! Reads the groups, holds and numbers of courses of students.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use crate::db::{Db, DbError, Reach, Row};
use crate::imports::known::ids;
use crate::imports::steps::Pair;
use crate::imports::store::{places, statements};
use crate::registrar::{CourseId, GroupName, Rules, Standing, StudentId, hold};

/// The rules of the whole school.
pub(in crate::imports) async fn rules_of(db: &Db) -> Result<Rules, DbError> {
    let sql = "select course_limit from matricula_rules where id = 1";
    let found = db.query_opt(sql, [], |row| Ok(Rules { course_limit: row.opt_int(0)? })).await?;
    found.ok_or_else(|| DbError::Engine("the table matricula_rules has lost its row".to_owned()))
}

static GROUPS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select m.student_id, g.name, g.course_limit from matricula_group_students m \
         join matricula_groups g on g.name = m.group_name where m.student_id in ({})",
        places("bigint")
    )
});

/// All groups, each with its limit of courses.
pub(in crate::imports) async fn all_groups(db: &Db) -> Result<BTreeMap<GroupName, Option<i64>>, DbError> {
    let sql = "select name, course_limit from matricula_groups";
    let map = |row: &Row<'_>| Ok((GroupName::from_stored(row.text(0)?), row.opt_int(1)?));
    Ok(db.read(Reach::Range, sql, [], map).await?.into_iter().collect())
}

/// The groups of each of these students who is in any, each with its limit of courses.
pub(in crate::imports) async fn groups_of(
    db: &Db,
    students: &[i64],
) -> Result<HashMap<StudentId, BTreeMap<GroupName, Option<i64>>>, DbError> {
    let mut found: HashMap<_, BTreeMap<_, _>> = HashMap::new();
    for args in statements(students) {
        for (id, group) in db.query(GROUPS.as_str(), args, member).await? {
            found.entry(id).or_default().extend([group]);
        }
    }
    Ok(found)
}

fn member(row: &Row<'_>) -> Result<(StudentId, (GroupName, Option<i64>)), DbError> {
    Ok((StudentId(row.int(0)?), (GroupName::from_stored(row.text(1)?), row.opt_int(2)?)))
}

/// The standing of each of these students, who take or wait for these courses.
pub(in crate::imports) async fn standings_of(
    db: &Db,
    students: &[i64],
    taken: &[Pair],
) -> Result<HashMap<StudentId, Standing>, DbError> {
    static HOLDS: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select id, student_id, reason, placed_at from matricula_holds where student_id in ({}) order by id",
            places("bigint")
        )
    });
    let mut found: HashMap<StudentId, Standing> = HashMap::new();
    for args in statements(students) {
        for (id, group) in db.query(GROUPS.as_str(), args.clone(), member).await? {
            found.entry(id).or_default().groups.extend([group]);
        }
        for hold in db.query(HOLDS.as_str(), args, hold).await? {
            found.entry(hold.student_id).or_default().holds.push(hold);
        }
    }
    let courses: HashSet<CourseId> = taken.iter().map(|(_, course)| *course).collect();
    // Those of a course that another program has deleted do not count.
    let courses: HashSet<CourseId> = existing_courses(db, &ids(&courses)).await?.into_iter().collect();
    for (student, _) in taken.iter().filter(|(_, course)| courses.contains(course)) {
        found.entry(*student).or_default().courses += 1;
    }
    Ok(found)
}

/// Those of these courses that exist.
async fn existing_courses(db: &Db, courses: &[i64]) -> Result<Vec<CourseId>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!("select cast(id as bigint) from courses where id in ({})", places("bigint"))
    });
    let mut found = Vec::new();
    for args in statements(courses) {
        found.extend(db.query(SQL.as_str(), args, |row| Ok(CourseId(row.int(0)?))).await?);
    }
    Ok(found)
}
