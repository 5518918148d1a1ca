//! Copies of files without passwords, which are kept until the import has an end.

use matricula::files::reading::{
    Correction, Encoding, KnownSections, Meaning, Options, Source, read, without_passwords,
};
use rust_xlsxwriter::Workbook;

use super::check::read_and_check;
use super::formats::{archive, unpacked};
use super::text;

/// The copies, after checking that they are read as the files are.
fn copies(sources: &[Source], options: &Options) -> Vec<Source> {
    read_and_check(sources, options);
    let reading = read(sources, options, &KnownSections::default());
    assert!(!reading.is_refused(), "{}", reading.why_refused());
    without_passwords(sources.to_vec(), &reading, options).unwrap()
}

fn copy_of(content: &str) -> String {
    let copies = copies(&[text("users.csv", content)], &Options::default());
    String::from_utf8(copies[0].bytes.clone()).unwrap()
}

#[test]
fn the_cells_of_passwords_are_hidden_and_every_line_stays() {
    assert_eq!(
        copy_of(
            "id;Name;Passwort;E-mail\r\n1;Ana;hunter2;ana@x.edu\r\n2;Ben;\"a\"\"b\r\nc;d\";ben@x.edu\n\n3;Cy;;cy@x.edu"
        ),
        "id;Name;Passwort;E-mail\r\n1;Ana;*;ana@x.edu\r\n2;Ben;\"*\"\"*\r\n*;*\";ben@x.edu\n\n3;Cy;;cy@x.edu"
    );
    assert_eq!(
        copy_of("sep=|\nid|name|email|pwd\n1|Ana|a@x.edu|x y\n"),
        "sep=|\nid|name|email|pwd\n1|Ana|a@x.edu|* *\n"
    );
    // Files without passwords stay as they are.
    let plain = "id,name,email\n1,Ana,ana@x.edu\n";
    assert_eq!(copy_of(plain), plain);
}

#[test]
fn a_password_that_has_moved_to_another_cell_is_hidden_too() {
    let copy = copy_of(
        "id,name,password,email\n1,Ana,hun,ter2,a@x.edu\n2,Doe, Ben,hunter2,b@x.edu\n3,Cy,\"hunt\"er2,c@x.edu\n4,Di,hunter2,d@x.edu,,\n",
    );
    assert_eq!(copy, "id,name,password,email\n1,Ana,*,*,*\n2,Doe, *,*,*\n3,Cy,\"*\"*,*\n4,Di,*,d@x.edu,,\n");
}

#[test]
fn every_encoding_stays_as_it_was() {
    let content = "id,name,password,email\n1,Zo\u{eb},S\u{e9}cret-\u{e0}1,zoe@x.edu\n2,Ana,\u{e9}\u{e9}\u{e9},ana@x.edu\n";
    let utf_16 = |mark: bool, bytes: fn(u16) -> [u8; 2]| {
        let marked = if mark { format!("\u{feff}{content}") } else { content.to_owned() };
        marked.encode_utf16().flat_map(bytes).collect::<Vec<u8>>()
    };
    let windows: Vec<u8> = content.chars().map(|it| u8::try_from(u32::from(it)).unwrap()).collect();
    // Only passwords say that these are no UTF-8.
    let only_there = b"id,name,password,email\n1,Ana,\xe8\xe9,ana@x.edu\n".to_vec();
    for bytes in [
        content.as_bytes().to_vec(),
        format!("\u{feff}{content}").into_bytes(),
        utf_16(true, u16::to_le_bytes),
        utf_16(true, u16::to_be_bytes),
        utf_16(false, u16::to_le_bytes),
        utf_16(false, u16::to_be_bytes),
        windows,
        only_there,
    ] {
        let copy = copies(&[text("users.csv", &bytes)], &Options::default());
        assert_ne!(copy[0].bytes, bytes);
        assert!(!holds(&copy[0].bytes, "cret"), "{}", String::from_utf8_lossy(&copy[0].bytes));
    }
    for label in ["shift_jis", "iso-2022-jp", "gbk", "macintosh", "utf-16le"] {
        let encoding = Encoding::from_label(label).unwrap();
        let options = Options { encoding: Some(encoding), ..Options::default() };
        let plain = "id,name,password,email\n1,Ana,Secret-1,ana@x.edu\n";
        let bytes = match label {
            "utf-16le" => plain.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => plain.as_bytes().to_vec(),
        };
        assert!(!holds(&copies(&[text("users.csv", bytes)], &options)[0].bytes, "cret"), "{label}");
    }
}

#[test]
fn a_column_that_a_person_calls_a_password_is_one() {
    let sources = [text("users.csv", "id,name,Initialen,email\n1,Ana,Secret-1,ana@x.edu\n")];
    let correction = Correction {
        file: Some("users.csv".to_owned()),
        heading: "Initialen".to_owned(),
        meaning: Some(Meaning::Password),
    };
    let options = Options { corrections: vec![correction], ..Options::default() };
    let copy = copies(&sources, &options);
    assert_eq!(copy[0].bytes, b"id,name,Initialen,email\n1,Ana,*,ana@x.edu\n");
}

#[test]
fn a_copy_of_a_workbook_has_what_is_read_of_it_and_nothing_else() {
    let mut book = Workbook::new();
    let rows = [["Number", "Name", "Password", "E-mail"], ["007", "Ana_x0041_", "Secret-1", "ana@x.edu"]];
    let sheet = book.add_worksheet().set_name("Students & <more>").unwrap();
    for (row, cells) in (0..).zip(rows) {
        for (column, cell) in (0..).zip(cells) {
            sheet.write_string(row, column, cell).unwrap();
        }
    }
    // The password of the second student is in the next cell; that of the third is a number.
    for (column, cell) in (0..).zip(["8", "Ben", "x", "Secret-2", "ben@x.edu"]) {
        sheet.write_string(3, column, cell).unwrap();
    }
    sheet.write_string(5, 1, "Cy\r\nDoe").unwrap();
    sheet.write_number(5, 0, 12).unwrap();
    sheet.write_number(5, 2, 987_654_321).unwrap();
    let other = book.add_worksheet().set_name("Keys").unwrap();
    for (row, cells) in (0..).zip([["How to sign in", ""], ["who", "Password"], ["Ana", "Secret-3"]]) {
        for (column, cell) in (0..).zip(cells) {
            other.write_string(row, column, cell).unwrap();
        }
    }
    let hidden = book.add_worksheet().set_name("Old").unwrap().set_hidden(true);
    hidden.write_string(0, 0, "Secret-4").unwrap();
    let book = book.save_to_buffer().unwrap();
    for sources in [
        vec![text("school.xlsx", &book)],
        vec![text(
            "school.zip",
            archive(&[("a/school.xlsx", &book), ("notes.md", b"Secret-5"), ("__MACOSX/x", b"Secret-6")]),
        )],
    ] {
        let copy = copies(&sources, &Options::default());
        for secret in ["Secret", "987654321"] {
            assert!(!holds(&copy[0].bytes, secret), "{secret}");
        }
        assert!(holds(&copy[0].bytes, "Cy"));
    }
}

/// Whether bytes have a text in them: in some encoding, or in a file of an archive.
pub(crate) fn holds(bytes: &[u8], text: &str) -> bool {
    let utf_16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let forms = [text.as_bytes().to_vec(), utf_16(u16::to_le_bytes), utf_16(u16::to_be_bytes)];
    let is_there = |form: &Vec<u8>| bytes.windows(form.len()).any(|part| part == form);
    forms.iter().any(is_there)
        || bytes.starts_with(b"PK\x03\x04") && unpacked(bytes).iter().any(|(_, file)| holds(file, text))
}
