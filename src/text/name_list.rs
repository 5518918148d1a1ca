//! Names of groups, and several of them in one cell of a table: `Seniors; Honors`.

use super::record_text;

/// The maximum length of the name of a group, in characters.
pub const MAX_GROUP_NAME: usize = 100;

/// The maximum number of groups that the files of an import name for one student: more are a mistake, and each of them is a
/// change of its own.
pub const MAX_GROUPS_OF_STUDENT: usize = 50;

/// The characters that separate names.
const SEPARATORS: [char; 2] = [';', '|'];

/// Validates the name of a group: a [`record_text`] of at most [`MAX_GROUP_NAME`] characters.
///
/// # Errors
/// A message about what is wrong.
pub fn group_text(input: &str) -> Result<String, String> {
    let name = record_text(input)?;
    match name.chars().count() {
        length if length > MAX_GROUP_NAME => {
            Err(format!("must have at most {MAX_GROUP_NAME} characters, not {length}"))
        }
        // Clients leave such segments out of a URL (RFC 3986, section 5.2.4), so that nobody could ask for the group.
        _ if matches!(name.as_str(), "." | "..") => Err("must not be a dot or two".to_owned()),
        _ => Ok(name),
    }
}

/// The names in a cell, without the blanks around them; empty ones are left out. A name in quotation marks may have
/// separators, and twice a quotation mark for one.
#[must_use]
pub fn split_names(cell: &str) -> Vec<String> {
    let (mut names, mut rest) = (Vec::new(), cell.trim_start());
    while !rest.is_empty() {
        let (name, after) = quoted_name(rest).unwrap_or_else(|| {
            let (name, after) = rest.split_once(SEPARATORS).unwrap_or((rest, ""));
            (name.trim_end().to_owned(), after)
        });
        if !name.is_empty() {
            names.push(name);
        }
        rest = after.trim_start();
    }
    names
}

/// A name in quotation marks at the beginning of a text, and what comes after its separator. `None` for anything else: then
/// the quotation marks belong to the name.
fn quoted_name(text: &str) -> Option<(String, &str)> {
    let (mut name, mut rest) = (String::new(), text.strip_prefix('"')?);
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        if let Some(more) = after.strip_prefix('"') {
            name.push('"');
            rest = more;
            continue;
        }
        let after = after.trim_start();
        return match after.chars().next() {
            None => Some((name, after)),
            Some(next) if SEPARATORS.contains(&next) => Some((name, &after[next.len_utf8()..])),
            Some(_) => None,
        };
    }
}

/// A cell with these names, which [`split_names`] splits again.
#[must_use]
pub fn joined_names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = |name: &str| {
        if name.starts_with('"') || name.contains(SEPARATORS) {
            format!("\"{}\"", name.replace('"', "\"\""))
        } else {
            name.to_owned()
        }
    };
    names.into_iter().map(quoted).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_separated_by_semicolons_and_bars() {
        for (cell, names) in [
            ("", &[][..]),
            (" ; | ", &[]),
            ("Seniors", &["Seniors"]),
            ("Seniors;Honors | Class of 2027 ", &["Seniors", "Honors", "Class of 2027"]),
            ("\"A;B\"; C", &["A;B", "C"]),
            ("\"The \"\"A\"\"|team\"", &["The \"A\"|team"]),
            ("\"A\" team; 5\" discs; \"open", &["\"A\" team", "5\" discs", "\"open"]),
            ("Smith, John", &["Smith, John"]),
        ] {
            assert_eq!(split_names(cell), names, "{cell}");
        }
    }

    proptest! {
        #[test]
        fn names_come_back_from_a_cell(names in proptest::collection::vec("[a\";|,]([ a\";|,]{0,5}[a\";|,])?", 0..4)) {
            let cell = joined_names(names.iter().map(String::as_str));
            prop_assert_eq!(split_names(&cell), names, "{}", cell);
        }
    }
}
