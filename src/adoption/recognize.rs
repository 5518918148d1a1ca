//! Decides from definitions alone which tables can be adopted: pure functions over the catalog.

use super::columns::{named, needs_value};
use super::problem::AdoptionProblem;
use super::store;
use crate::db::catalog::{Index, Reference, Referrer, Rule, Table, plain_or_quoted};

/// Why a table named `students` or `courses` cannot be read or referred to as it is.
pub(super) fn check_served_table(name: &str, texts: [&str; 2], table: &Table) -> Vec<AdoptionProblem> {
    let mut problems = check_key(name, "id", table);
    if table.kind == "table" {
        problems.extend(texts.into_iter().filter(|text| table.column(text).is_none()).map(|text| {
            AdoptionProblem::new(format!(
                "{name} has no column {text}: a mapping says where it is, or leaves it out (`matricula adopt` proposes one)"
            ))
        }));
    }
    problems
}

/// Why a table of students or courses cannot be referred to by the column `id`.
pub(super) fn check_key(name: &str, id: &str, table: &Table) -> Vec<AdoptionProblem> {
    if table.kind != "table" {
        return vec![AdoptionProblem::new(format!(
            "{name} is a {}: only an ordinary table can be referred to",
            table.kind
        ))];
    }
    let mut problems = Vec::new();
    let role = &table.rights.role;
    for (may, right, what) in
        [(table.rights.read, "select", "read"), (table.rights.refer, "references", "refer to")]
    {
        if !may {
            problems.push(
                AdoptionProblem::new(format!("the role {role} may not {what} {name}"))
                    .with_remedy(store::grant(right, name, role)),
            );
        }
    }
    match table.column(id) {
        None => problems.push(AdoptionProblem::new(format!(
            "{name} has no column {id}: a mapping says which column has the ids (`matricula adopt` proposes one)"
        ))),
        Some(column) if !column.is_integer => problems.push(AdoptionProblem::new(format!(
            "{name}.{id} is declared {:?}: only whole numbers can be ids for now",
            column.kind
        ))),
        Some(_) if !is_key(table, id) => problems.push(
            AdoptionProblem::new(format!("{name}.{id} is not a key, so nothing can refer to it"))
                .with_remedy(store::create_key(name, id)),
        ),
        Some(_) => {}
    }
    problems
}

/// Why an existing `student_courses` cannot be rebuilt as ours without losing anything.
pub(super) fn check_association(table: &Table) -> Vec<AdoptionProblem> {
    if table.kind != "table" {
        return vec![AdoptionProblem::new(format!("student_courses is a {}, not a table", table.kind))];
    }
    let mut problems = Vec::new();
    if !table.rights.own {
        let role = &table.rights.role;
        problems.push(
            AdoptionProblem::new(format!(
                "student_courses is not owned by the role {role}, which has to rebuild it"
            ))
            .with_remedy(store::set_owner(role)),
        );
    }
    if let Some(schema) = &table.elsewhere {
        problems.push(AdoptionProblem::new(format!(
            "student_courses is in the schema {schema}, which is not the first of search_path, so ours would be created elsewhere"
        )));
    }
    for (name, part) in [("student_id", "student"), ("course_id", "course")] {
        if table.column(name).is_none() {
            let what =
                format!("student_courses has no column {name}: its columns are {}", column_names(table));
            let named = table.columns.iter().find(|column| column.name.to_lowercase().contains(part));
            problems.push(AdoptionProblem {
                remedy: named.map(|column| store::rename(&plain_or_quoted(&column.name), name)),
                ..AdoptionProblem::new(what)
            });
        }
    }
    for column in ["id", "student_id", "course_id"].into_iter().filter_map(|name| table.column(name)) {
        if table.strict && !column.is_integer {
            problems.push(AdoptionProblem::new(format!(
                "student_courses.{} is declared {:?}: ids are integers here",
                column.name, column.kind
            )));
        }
    }
    if table.strict && table.column("enrolled_at").is_some() {
        problems.push(
            AdoptionProblem::new("student_courses has a column enrolled_at, which matricula fills itself")
                .with_remedy(store::rename("enrolled_at", "enrolled_at_before")),
        );
    }
    problems.extend(table.triggers.iter().map(|Rule { what, undo }| AdoptionProblem {
        remedy: undo.clone(),
        ..AdoptionProblem::new(format!("the trigger {what} on student_courses would be lost"))
    }));
    problems.extend(table.indexes.iter().filter(|index| is_extra_rule(index)).map(|index| {
        let key = match named(index) {
            Some(columns) => format!("a unique key ({})", columns.join(", ")),
            None => "a unique key over an expression".to_owned(),
        };
        AdoptionProblem::new(format!("student_courses has {key}, a rule that matricula does not know"))
            .with_remedy(&index.undo)
    }));
    // On PostgreSQL a table that others refer to cannot be recreated. In a file it can, but rows that follow a
    // deleted row would also follow each enrollment that we drop.
    problems.extend(table.referrers.iter().filter(|other| table.strict || has_action(other)).map(|other| {
        let Referrer { table, on_delete, undo } = other;
        let follows = if has_action(other) {
            "would be changed whenever a student drops a course, and when student_courses is rebuilt"
        } else {
            "prevent rebuilding student_courses"
        };
        AdoptionProblem::new(format!(
            "the table {table} refers to student_courses (on delete {on_delete}): its rows {follows}"
        ))
        .with_remedy(undo)
    }));
    let would_lose = |what: &str| format!("student_courses would lose {what} when it is rebuilt");
    problems.extend(table.rules.iter().map(|Rule { what, undo }| AdoptionProblem {
        remedy: undo.clone(),
        ..AdoptionProblem::new(would_lose(what))
    }));
    let mut composite: Vec<&Reference> =
        table.references.iter().filter(|reference| reference.composite).collect();
    composite.dedup_by_key(|reference| (&reference.table, &reference.undo));
    problems.extend(composite.into_iter().map(|Reference { table, undo, .. }| {
        AdoptionProblem::new(would_lose(&format!("its foreign key to several columns of {table}")))
            .with_remedy(undo)
    }));
    problems
}

/// Foreign keys of an existing `student_courses` to other tables than those of students and courses.
pub(super) fn check_references(table: &Table, students: &str, courses: &str) -> Vec<AdoptionProblem> {
    let mut problems = Vec::new();
    for (column, whose) in [("id", ""), ("student_id", students), ("course_id", courses)] {
        let elsewhere =
            table.references.iter().filter(|reference| reference.column.eq_ignore_ascii_case(column));
        for reference in elsewhere.filter(|reference| !reference.table.eq_ignore_ascii_case(whose)) {
            let expected = if whose.is_empty() { String::new() } else { format!(", not to {whose}") };
            let what = format!("student_courses.{column} refers to {}{expected}", reference.table);
            problems.push(AdoptionProblem::new(what).with_remedy(&reference.undo));
        }
    }
    problems
}

fn column_names(table: &Table) -> String {
    table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Whether rows of the other table change when the row that they refer to is deleted.
fn has_action(other: &Referrer) -> bool {
    !["no action", "restrict"].contains(&other.on_delete.as_str())
}

/// Returns what matricula cannot do in a table that it can otherwise use: add rows, or set a column.
pub(super) fn remarks(name: &str, id: &str, texts: &[&str], table: &Table) -> Vec<String> {
    let mut remarks = Vec::new();
    if !table.rights.add {
        let role = &table.rights.role;
        remarks.push(format!(
            "{name}: the role {role} may not insert, so only other programs can add rows to {name}"
        ));
    }
    if !table.column(id).is_some_and(|id| id.numbers_itself) {
        remarks.push(format!(
            "{name}.{id} does not number its rows: only other programs can add rows to {name}"
        ));
    }
    for text in texts {
        if table.column(text).is_some_and(|column| column.generated) {
            remarks.push(format!(
                "{name}.{text} is computed by the table: it cannot be set or changed through matricula"
            ));
        }
    }
    for column in table.columns.iter().filter(|column| needs_value(column)) {
        let known = texts.iter().chain(&[id]).any(|known| column.name.eq_ignore_ascii_case(known));
        if !known {
            remarks.push(format!(
                "{name}.{} is required: only other programs can add rows to {name}",
                column.name
            ));
        }
    }
    remarks
}

/// Whether a foreign key can refer to the column alone: it is the primary key, or has a unique index of its own.
fn is_key(table: &Table, id: &str) -> bool {
    let alone = table.columns.iter().filter(|column| column.key > 0).count() == 1;
    let primary = alone && table.column(id).is_some_and(|id| id.key == 1);
    primary
        || table.indexes.iter().any(|index| {
            index.unique && !index.partial && named(index) == Some(vec![id.to_ascii_lowercase()])
        })
}

/// Whether a unique key forbids rows that ours allows, for example a second course for a student.
fn is_extra_rule(index: &Index) -> bool {
    let columns = index.columns.iter().flatten().map(|name| name.to_ascii_lowercase()).collect::<Vec<_>>();
    let has = |name: &str| columns.iter().any(|column| column == name);
    index.unique && !has("id") && !(has("student_id") && has("course_id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unique_key_that_ours_implies_is_no_extra_rule() {
        let unique = |columns: &[&str]| Index {
            unique: true,
            columns: columns.iter().map(|&name| Some(name.to_owned())).collect(),
            ..Index::default()
        };
        assert!(!is_extra_rule(&unique(&["id"])));
        assert!(!is_extra_rule(&unique(&["Course_ID", "student_id", "term"])));
        assert!(is_extra_rule(&unique(&["student_id"])));
        assert!(is_extra_rule(&unique(&["student_id", "term"])));
    }
}
