//! What is recognized, judged by definitions alone: pure functions over the catalog.

use super::refusal::Refusal;
use super::store;
use crate::db::catalog::{Column, Index, Table};

/// The columns of `student_courses` that matricula knows by name.
const KNOWN: [&str; 4] = ["id", "student_id", "course_id", "enrolled_at"];

/// Whether `students` or `courses` can be read and referred to as it is.
pub(super) fn people_or_things(name: &str, texts: [&str; 2], table: &Table) -> Vec<Refusal> {
    if table.kind != "table" {
        return vec![Refusal::new(format!("{name} is a {}: only a table can be referred to", table.kind))];
    }
    let mut refusals = Vec::new();
    match table.column("id") {
        None => refusals.push(Refusal::new(format!("{name} has no column id")).remedy(format!(
            "{}\n{}",
            store::number_rows(name),
            store::make_key(name)
        ))),
        Some(id) => {
            if !is_integer(id) {
                refusals.push(Refusal::new(format!(
                    "{name}.id is declared {:?}: ids are integers here, so the table would have to be made anew",
                    id.kind
                )));
            }
            if !is_key(table) {
                refusals.push(
                    Refusal::new(format!("{name}.id is no key, so nothing can refer to it"))
                        .remedy(store::make_key(name)),
                );
            }
        }
    }
    for text in texts.into_iter().filter(|text| table.column(text).is_none()) {
        refusals.push(
            Refusal::new(format!("{name} has no column {text}")).remedy(store::add_text_column(name, text)),
        );
    }
    refusals
}

/// Whether a found `student_courses` can be rebuilt as ours without losing anything.
pub(super) fn association(table: &Table) -> Vec<Refusal> {
    let rebuild = store::rebuild(table);
    if table.kind != "table" {
        return vec![Refusal::new(format!("student_courses is a {}, not a table", table.kind))];
    }
    let mut refusals = Vec::new();
    if table.column("id").is_none() {
        refusals.push(
            Refusal::new("student_courses has no column id").remedy(store::number_rows("student_courses")),
        );
    }
    for column in ["student_id", "course_id"].into_iter().filter(|column| table.column(column).is_none()) {
        refusals.push(
            Refusal::new(format!("student_courses has no column {column}"))
                .remedy(store::rename("...", column)),
        );
    }
    if table.column("enrolled_at").is_some() {
        refusals.push(
            Refusal::new("student_courses has a column enrolled_at, which matricula fills itself")
                .remedy(store::rename("enrolled_at", "enrolled_at_before")),
        );
    }
    refusals.extend(table.triggers.iter().map(|name| {
        Refusal::new(format!("the trigger {name} on student_courses would be lost"))
            .remedy(store::drop("trigger", name))
    }));
    refusals.extend(table.indexes.iter().filter(|index| is_rule_of_its_own(index)).map(|index| {
        let remedy = index.definition.as_ref().map_or(rebuild.clone(), |_| store::drop("index", &index.name));
        let columns = named(index).unwrap_or_default().join(", ");
        Refusal::new(format!(
            "student_courses has a unique key ({columns}), a rule that matricula does not know"
        ))
        .remedy(remedy)
    }));
    let mut lost: Vec<String> = words(&table.definition)
        .filter(|word| ["check", "collate", "deferrable"].contains(&word.as_str()))
        .map(|word| format!("`{word}` in its definition"))
        .collect();
    lost.extend(
        table
            .columns
            .iter()
            .filter(|column| column.generated)
            .map(|column| format!("its computed column {}", column.name)),
    );
    lost.extend(
        table
            .references
            .iter()
            .filter(|reference| reference.composite)
            .map(|reference| format!("its foreign key to several columns of {}", reference.table)),
    );
    lost.dedup();
    refusals.extend(lost.into_iter().map(|what| {
        Refusal::new(format!("student_courses would lose {what} when it is rebuilt")).remedy(rebuild.clone())
    }));
    for (column, whose) in [("id", ""), ("student_id", "students"), ("course_id", "courses")] {
        let elsewhere =
            table.references.iter().filter(|reference| reference.column.eq_ignore_ascii_case(column));
        for reference in elsewhere.filter(|reference| !reference.table.eq_ignore_ascii_case(whose)) {
            refusals.push(
                Refusal::new(format!(
                    "student_courses.{column} refers to {}, not to {whose}",
                    reference.table
                ))
                .remedy(rebuild.clone()),
            );
        }
    }
    refusals
}

/// What stands in matricula's way of adding rows to a table that it serves nevertheless.
pub(super) fn remarks(name: &str, texts: [&str; 2], table: &Table) -> Vec<String> {
    let numbers_itself =
        table.column("id").is_some_and(|id| id.key == 1 && id.kind.eq_ignore_ascii_case("integer"));
    let mut remarks = Vec::new();
    if !numbers_itself {
        remarks.push(format!("{name}.id does not number itself: only its own program can add {name}"));
    }
    for column in table.columns.iter().filter(|column| is_demanding(column)) {
        let known = texts.iter().chain(&["id"]).any(|known| column.name.eq_ignore_ascii_case(known));
        if !known {
            remarks.push(format!("{name}.{} is required: only its own program can add {name}", column.name));
        }
    }
    remarks
}

/// The columns that another program keeps in `student_courses` beside ours.
pub(super) fn further_columns<'t>(table: &'t Table, known: &[&str]) -> Vec<&'t Column> {
    table
        .columns
        .iter()
        .filter(|column| !known.iter().any(|known| column.name.eq_ignore_ascii_case(known)))
        .collect()
}

/// The columns of a found `student_courses` that ours takes over.
pub(super) fn carried(table: &Table) -> Vec<&Column> {
    further_columns(table, &KNOWN)
}

/// The indexes of a found `student_courses` that ours does not have already.
pub(super) fn kept_indexes(table: &Table) -> impl Iterator<Item = &Index> {
    const OURS: [&[&str]; 3] = [&["id"], &["student_id", "course_id"], &["course_id"]];
    table.indexes.iter().filter(|index| {
        let columns = named(index).unwrap_or_default();
        let served = OURS.iter().any(|ours| !columns.is_empty() && ours.starts_with(&as_strs(&columns)));
        index.definition.is_some() && (index.partial || !served)
    })
}

/// Whether it takes a value in every row and nothing gives it one.
pub(super) fn is_demanding(column: &Column) -> bool {
    column.required && column.default.is_none() && !column.generated
}

/// A column holds integers where its type says so: the engine asks for `int` anywhere in it.
fn is_integer(column: &Column) -> bool {
    column.kind.to_ascii_lowercase().contains("int")
}

/// Whether a foreign key can refer to `id` alone: it is the primary key, or has a unique index of its own.
fn is_key(table: &Table) -> bool {
    let alone = table.columns.iter().filter(|column| column.key > 0).count() == 1;
    let primary = alone && table.column("id").is_some_and(|id| id.key == 1);
    primary
        || table
            .indexes
            .iter()
            .any(|index| index.unique && !index.partial && named(index) == Some(vec!["id".into()]))
}

/// Whether a unique key forbids rows that ours allow: those with one course a student, say.
fn is_rule_of_its_own(index: &Index) -> bool {
    let columns = index.columns.iter().flatten().map(|name| name.to_ascii_lowercase()).collect::<Vec<_>>();
    let has = |name: &str| columns.iter().any(|column| column == name);
    index.unique && !has("id") && !(has("student_id") && has("course_id"))
}

fn named(index: &Index) -> Option<Vec<String>> {
    index.columns.iter().map(|name| name.as_ref().map(|name| name.to_ascii_lowercase())).collect()
}

fn as_strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// The bare words of a statement in lower case: nothing quoted, no comments.
fn words(sql: &str) -> impl Iterator<Item = String> {
    let mut bare = String::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '\'' | '"' | '`' => Some(first.to_string()),
            '[' => Some("]".to_owned()),
            '-' if rest.starts_with("--") => Some("\n".to_owned()),
            '/' if rest.starts_with("/*") => Some("*/".to_owned()),
            _ => None,
        };
        if let Some(end) = end {
            // A doubled quote inside a quoted text reads as two texts side by side: just as well.
            let inside = &rest[first.len_utf8()..];
            rest = inside.find(&end).map_or("", |at| &inside[at + end.len()..]);
            bare.push(' ');
        } else {
            bare.push(first.to_ascii_lowercase());
            rest = &rest[first.len_utf8()..];
        }
    }
    let separated: Vec<String> =
        bare.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect();
    separated.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_quotes_and_comments_are_no_words() {
        let sql = "t (\"check\" text default 'it''s a check', [collate] int /* check */, -- check\n a int check(a>0))";
        let found: Vec<String> = words(sql).filter(|word| word == "check" || word == "collate").collect();
        assert_eq!(found, ["check"]);
    }

    #[test]
    fn a_unique_key_that_ours_implies_is_no_rule_of_its_own() {
        let unique = |columns: &[&str]| Index {
            unique: true,
            columns: columns.iter().map(|&name| Some(name.to_owned())).collect(),
            ..Index::default()
        };
        assert!(!is_rule_of_its_own(&unique(&["id"])));
        assert!(!is_rule_of_its_own(&unique(&["Course_ID", "student_id", "term"])));
        assert!(is_rule_of_its_own(&unique(&["student_id"])));
        assert!(is_rule_of_its_own(&unique(&["student_id", "term"])));
    }
}
