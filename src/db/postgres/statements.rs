//! Splits what a migration runs: some engines that speak PostgreSQL's protocol take one statement at a time only.

/// The statements of a text, without those that are empty. Semicolons in texts, quoted names, comments and bodies of
/// functions (between dollar signs) end none.
pub(super) fn statements(sql: &str) -> Vec<&str> {
    let (mut found, mut start, mut at) = (Vec::new(), 0, 0);
    while let Some(rest) = sql.get(at..).filter(|rest| !rest.is_empty()) {
        let skipped = match rest.as_bytes() {
            [b'\'', ..] => 1 + end_of(&rest[1..], "'"),
            [b'"', ..] => 1 + end_of(&rest[1..], "\""),
            [b'-', b'-', ..] => end_of(rest, "\n"),
            [b'/', b'*', ..] => end_of(rest, "*/"),
            [b'$', ..] => dollar_quoted(rest),
            [b';', ..] => {
                found.push(&sql[start..at]);
                start = at + 1;
                1
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        at += skipped;
    }
    found.push(&sql[start..]);
    let is_any = |statement: &&str| {
        statement.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with("--"))
    };
    found.into_iter().filter(is_any).collect()
}

/// How far it is to behind the next `end`; to the end of the text if there is none.
fn end_of(text: &str, end: &str) -> usize {
    text.find(end).map_or(text.len(), |place| place + end.len())
}

/// The length of a text in dollar quotes; of the sign alone where it begins none, as in `$1`.
fn dollar_quoted(rest: &str) -> usize {
    let is_tag = |character: char| character.is_alphanumeric() || character == '_';
    let Some(close) = rest[1..].find('$').filter(|close| rest[1..=*close].chars().all(is_tag)) else {
        return 1;
    };
    let tag = &rest[..close + 2];
    tag.len() + end_of(&rest[tag.len()..], tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_semicolons_between_statements_end_them() {
        let sql = "create table a (b text default ';'';');\n-- c; d\ncreate function e() returns trigger as $$begin; end;$$;\
                   /* f; */ select $g$;$$;$g$, \"h;\", $1; ; \n-- nothing; more";
        assert_eq!(
            statements(sql),
            [
                "create table a (b text default ';'';')",
                "\n-- c; d\ncreate function e() returns trigger as $$begin; end;$$",
                "/* f; */ select $g$;$$;$g$, \"h;\", $1",
            ]
        );
    }
}
