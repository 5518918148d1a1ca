//! What the bytes of a file are, whatever its name says.

use super::archive::Archive;
use super::refusals::FileRefusal;

/// What a file has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text,
    Workbook,
    Archive,
}

/// Looks at a file.
///
/// # Errors
/// It is something that is no table, or a workbook with the name of a text.
pub(super) fn content_of(name: &str, bytes: &[u8]) -> Result<Content, FileRefusal> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return zipped(name, bytes);
    }
    let known: [(&[u8], &str); 9] = [
        (b"%PDF", "a PDF document"),
        (b"\xd0\xcf\x11\xe0", "an old Excel workbook (XLS), or one with a password"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"7z\xbc\xaf", "a 7-Zip archive"),
        (b"Rar!", "a RAR archive"),
        (b"{\\rtf", "an RTF document"),
        (b"\x89PNG", "a picture"),
        (b"\xff\xd8\xff", "a picture"),
        (b"SQLite format 3", "a database"),
    ];
    if let Some((_, what)) = known.into_iter().find(|(start, _)| bytes.starts_with(start)) {
        return Err(FileRefusal::something_else(what));
    }
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let start = start[..start.len().min(1024)].to_ascii_lowercase();
    if start.starts_with(b"<") {
        let is_html = memchr::memmem::find(&start, b"html").is_some();
        return Err(FileRefusal::something_else(if is_html { "an HTML page" } else { "an XML document" }));
    }
    if start.starts_with(b"{") {
        return Err(FileRefusal::something_else("a JSON document"));
    }
    Ok(Content::Text)
}

fn zipped(name: &str, bytes: &[u8]) -> Result<Content, FileRefusal> {
    let name = name.to_ascii_lowercase();
    let has_name_of = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    if has_name_of(&[".csv", ".tsv", ".tab", ".txt"]) {
        return Err(FileRefusal::something_else(
            "an Excel workbook or an archive with the name of a text file",
        ));
    }
    let parts = Archive::open(bytes).and_then(|mut archive| archive.files()).unwrap_or_default();
    let has = |part: &str| parts.iter().any(|(_, name)| name.eq_ignore_ascii_case(part));
    if has("xl/workbook.xml") || parts.is_empty() && has_name_of(&[".xlsx", ".xlsm"]) {
        return Ok(Content::Workbook);
    }
    let others = [
        ("content.xml", "an OpenDocument file"),
        ("xl/workbook.bin", "a binary Excel workbook (XLSB)"),
        ("word/document.xml", "a Word document"),
    ];
    match others.into_iter().find(|(part, _)| has(part)) {
        Some((_, what)) => Err(FileRefusal::something_else(what)),
        None => Ok(Content::Archive),
    }
}

/// Whether a file of a folder or archive is looked at, by its name. Tables that cannot be read are looked at too, and
/// refused: somebody wants them to be read.
pub(super) fn is_table_by_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xlsm", ".zip", ".xls", ".xlsb", ".ods", ".numbers"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// Whether a file is one that systems put into folders by themselves.
pub(super) fn is_litter(name: &str) -> bool {
    let mut parts = name.split(['/', '\\']);
    let file = parts.next_back().unwrap_or(name);
    parts.any(|folder| folder == "__MACOSX" || folder.starts_with('.') && folder.len() > 2)
        || file.starts_with('.')
        || file.starts_with("~$")
        || ["thumbs.db", "desktop.ini"].contains(&&*file.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systems_put_into_folders_is_litter() {
        for name in ["__MACOSX/a/._users.csv", ".DS_Store", "sis/.DS_Store", "sis\\Thumbs.db", "~$book.xlsx"]
        {
            assert!(is_litter(name), "{name}");
        }
        for name in ["users.csv", "sis/users.csv", "../users.csv", "./users.csv"] {
            assert!(!is_litter(name), "{name}");
        }
    }

    #[test]
    fn the_bytes_count_and_not_the_name() {
        let refused = |bytes: &[u8]| content_of("a.csv", bytes).unwrap_err().detail;
        assert!(refused(b"  <!DOCTYPE html><html>").contains("an HTML page"));
        assert!(refused(b"PK\x03\x04\x14\x00\x06\x00").contains("an Excel workbook"));
        assert!(refused(b"%PDF-1.7").contains("PDF"));
        assert_eq!(content_of("a.zip", b"PK\x05\x06"), Ok(Content::Archive));
        assert_eq!(content_of("a.xlsx", b"PK\x03\x04"), Ok(Content::Workbook));
        assert_eq!(content_of("a.pdf", b"name,email"), Ok(Content::Text));
    }
}
