//! What stands for the views of a connection where none can be created: on a standby.

/// The statement, with a definition for each of these names that it mentions. The server plans it as it would with
/// views.
pub(super) fn with_definitions(definitions: &[(&'static str, String)], sql: String) -> String {
    let mentioned: Vec<_> = definitions
        .iter()
        .filter(|(name, _)| mentions(&sql, name))
        .map(|(name, select)| format!("{name} as not materialized ({select})"))
        .collect();
    if mentioned.is_empty() {
        return sql;
    }
    let mentioned = mentioned.join(", ");
    match sql.strip_prefix("with ") {
        Some(rest) => format!("with {mentioned}, {rest}"),
        None => format!("with {mentioned} {sql}"),
    }
}

/// Whether the name is in the statement as a word.
fn mentions(sql: &str, name: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    sql.match_indices(name).any(|(start, _)| {
        let before = sql.get(..start).and_then(|text| text.chars().next_back());
        let after = sql.get(start + name.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_defined_where_they_are_mentioned() {
        let definitions =
            [("students", "select sid as id from pupil".to_owned()), ("courses", "x".to_owned())];
        let sql = |text: &str| with_definitions(&definitions, text.to_owned());
        let defined = "students as not materialized (select sid as id from pupil)";
        assert_eq!(sql("select id from students s"), format!("with {defined} select id from students s"));
        assert_eq!(
            sql("with a as (table students) table a"),
            format!("with {defined}, a as (table students) table a")
        );
        for other in ["select id from student_courses", "select course_id from my_students"] {
            assert_eq!(sql(other), other);
        }
    }
}
