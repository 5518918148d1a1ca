//! The cases whose quirk is in the rows, and others of the same kinds.

use matricula::files::reading::{
    Correction, Encoding, FileReading, Kind, KnownSections, Meaning, Options, Skipped, read,
};

use super::{
    courses, enrollments, file, file_of, files, ignored, people, read_all, read_text, refusals, refused,
    skipped, text, warnings,
};

const NONE: [&str; 0] = [];

#[test]
fn ids_are_text_byte_for_byte() {
    let reading = read_all(&files("01"));
    assert_eq!(
        people(&reading),
        [
            "02204 Tam Kell <tam.kell@example.edu>",
            "2204 Ona Reid <ona.reid@example.edu>",
            "27bb4 Pim Vale <pim.vale@example.edu>"
        ]
    );
    assert_eq!(courses(&reading), ["K520117 Writing 210: Basics", "0061 Biology"]);
    assert_eq!(enrollments(&reading), ["02204 in K520117", "2204 in K520117", "27bb4 in 0061"]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_heading() {
    let reading = read_all(&files("02"));
    assert_eq!(people(&reading), ["s1 Zoë Maris <zoe@example.edu>"]);
    assert_eq!(file_of(&reading, "users.csv").encoding.unwrap().0.name(), "UTF-8");
}

#[test]
fn blank_lines_are_counted_and_keep_their_numbers() {
    let reading = read_all(&files("03"));
    let lines: Vec<_> = reading.people.iter().map(|person| person.origin.line).collect();
    assert_eq!(lines, [2, 4, 8]);
    let counts = &file_of(&reading, "users.csv").counts;
    assert_eq!((counts.rows, counts.blank), (3, 4));
}

#[test]
fn the_heading_says_what_the_delimiter_is() {
    let reading = read_all(&files("05"));
    assert_eq!(people(&reading), ["Nila Karim <nila@example.edu>", "Osk; Per <osk@example.edu>"]);
    assert_eq!(file_of(&reading, "students.csv").delimiter, Some(';'));
    assert_eq!(ignored(&reading, "students.csv"), ["gpa: Unused"]);
    let reading = read_all(&files("07"));
    assert_eq!(people(&reading), ["Nila Karim <nila@example.edu>"]);
    assert_eq!(reading.people[0].origin.line, 3);
    let commas = "name;email;gpa\nKarim, Nila;nila@example.edu;3,75\n";
    assert_eq!(people(&read_text("a.csv", commas)), ["Karim, Nila <nila@example.edu>"]);
    let pipes = "id|name|email\n1|\"Nila | Karim\"|nila@example.edu\n";
    assert_eq!(people(&read_text("a.txt", pipes)), ["1 Nila | Karim <nila@example.edu>"]);
}

#[test]
fn enroll_status_of_power_school_is_a_number() {
    let reading = read_all(&files("06"));
    assert_eq!(people(&reading), ["100200 Tam Kell", "100201 Ona Reid (inactive)"]);
    assert_eq!(warnings(&reading), ["enrollment.txt no-email-column"]);
    let numbered = "[1]Student_Number\t[1]First_Name\t[1]Last_Name\t[5]First_Name\t[1]Enroll_Status\n007\tTam\tKell\tTia\t-1\n8\tBo\tCrane\t\t7\n";
    let reading = read_text("export.txt", numbered);
    assert_eq!(people(&reading), ["007 Tam Kell (inactive)"]);
    assert_eq!(refused(&reading), ["export.txt:3 [1]Enroll_Status status-unknown"]);
}

#[test]
fn utf_16_and_windows_1252_are_read_and_said() {
    let reading = read_all(&files("09"));
    assert_eq!(people(&reading), ["Zoë Maris <zoe@example.edu>"]);
    assert_eq!(file_of(&reading, "students.txt").encoding.unwrap().0.name(), "UTF-16LE");
    let mut big_endian = vec![0xfe, 0xff];
    big_endian
        .extend("name\temail\r\nZoë Maris\tzoe@example.edu\r\n".encode_utf16().flat_map(u16::to_be_bytes));
    assert_eq!(people(&read_text("a.txt", &big_endian)), ["Zoë Maris <zoe@example.edu>"]);
    let western = b"id,name,email\n1,Ren\xe9e \x80,renee@example.edu\n";
    let reading = read_text("a.csv", western);
    assert_eq!(people(&reading), ["1 Renée € <renee@example.edu>"]);
    assert_eq!(warnings(&reading), ["a.csv encoding-guessed"]);
    let options = Options { encoding: Encoding::from_label("windows-1252"), ..Options::default() };
    let reading = read(&[text("a.csv", western)], &options, &KnownSections::default());
    assert_eq!(people(&reading), ["1 Renée € <renee@example.edu>"]);
    assert_eq!(warnings(&reading), NONE);
    let mixed = "id,name,email\n1,Zoë,z@example.edu\n2,Ren".bytes().chain(*b"\xe9e,r@example.edu\n");
    assert_eq!(refusals(&read_text("a.csv", mixed.collect::<Vec<_>>())), ["a.csv: not-in-encoding at 3"]);
}

#[test]
fn a_row_begins_where_its_first_line_is() {
    let reading = read_all(&files("10"));
    assert_eq!(refused(&reading), ["courses.csv:4 long_name name-not-valid"]);
    assert_eq!(
        courses(&reading),
        ["R1 Biology 300: Cells, Tissue, Organs", "A1 Art 105: \"Seeing, Drawing\"", "X1 Logic"]
    );
    assert_eq!(reading.courses[2].origin.line, 6);
    let old_mac =
        "course_id,short_name,long_name,status\rM1,MUS1,\"Music\nfor all\",active\rX1,LOG1,Logic,active";
    let reading = read_text("courses.csv", old_mac);
    assert_eq!(refused(&reading), ["courses.csv:2 long_name name-not-valid"]);
    assert_eq!((courses(&reading), reading.courses[0].origin.line), (vec!["X1 Logic".to_owned()], 4));
}

#[test]
fn a_repeated_heading_refuses_the_file() {
    let reading = read_all(&files("11"));
    assert_eq!(refusals(&reading), ["users.csv: repeated-heading at 1"]);
    let detail = &reading.files[0].refusal.as_ref().unwrap().detail;
    assert!(detail.contains("“email”") && detail.contains("columns 2 and 5"), "{detail}");
    assert!(reading.is_empty() && reading.refused.is_empty());
    let spelled = "id,name,E-Mail,e_mail\n1,Ann,a@x.edu,b@x.edu\n";
    assert_eq!(refusals(&read_text("a.csv", spelled)), ["a.csv: repeated-heading at 1"]);
    let synonyms = "id,name,email,email address\n1,Ann,a@x.edu,b@x.edu\n";
    assert_eq!(refusals(&read_text("a.csv", synonyms)), ["a.csv: two-columns-of-one-meaning at 1"]);
    let blanks = "id,name,email,,\n1,Ann,a@example.edu,,\n";
    assert_eq!(people(&read_text("a.csv", blanks)), ["1 Ann <a@example.edu>"]);
    let unnamed = "id,,name,email,\n1,x,Ann,a@example.edu,\n2,,Bo,b@example.edu,y\n";
    let reading = read_text("a.csv", unnamed);
    assert_eq!(warnings(&reading), ["a.csv column-without-heading"]);
    assert_eq!(refused(&reading), ["a.csv:3 too-many-cells"]);
}

#[test]
fn headings_are_known_in_any_order_and_spelling_and_others_are_named() {
    let reading = read_all(&files("12"));
    assert_eq!(people(&reading), ["0017 Tam Kell <tam@example.edu>"]);
    assert_eq!(ignored(&reading, "students.csv"), ["Major: Unused", "Section: Unused"]);
    let nearly = "student id,first nmae,last name,emial\n1,Tam,Kell,tam@example.edu\n";
    let reading = read_text("a.csv", nearly);
    assert_eq!(people(&reading), ["1 Kell"]);
    assert_eq!(ignored(&reading, "a.csv"), ["first nmae: DidYouMean(FirstName)", "emial: DidYouMean(Email)"]);
    let missing = read_text("a.csv", "student id,nmae\n1,Tam\n");
    assert_eq!(refusals(&missing), ["a.csv: column-missing at 1"]);
}

#[test]
fn a_person_can_correct_what_a_column_means() {
    let correction = |file: &str, heading: &str, meaning| Correction {
        file: Some(file.to_owned()),
        heading: heading.to_owned(),
        meaning,
    };
    let corrections = vec![
        correction("a.csv", "Matricola", Some(Meaning::Number)),
        correction("a.csv", "Chi", Some(Meaning::Name)),
        correction("a.csv", "email", None),
        // It does not concern this file.
        correction("b.csv", "Posta", Some(Meaning::Email)),
    ];
    let options = Options { corrections, kind: Some(Kind::Students), ..Options::default() };
    let reading = read(
        &[text("a.csv", "Matricola;Chi;email;Posta\n0042;Nila, K.;x;y\n")],
        &options,
        &KnownSections::default(),
    );
    assert_eq!(people(&reading), ["0042 Nila, K."]);
    assert_eq!(ignored(&reading, "a.csv"), ["email: Unused", "Posta: Unused"]);
}

#[test]
fn each_file_has_a_name_of_its_own_that_corrections_can_use() {
    let list = "Matricola;name;email\n0042;Nila;n@example.edu\n";
    let sources = [text("a\u{200e}b.csv", list), text("list.csv", list), text("list.csv", list)];
    let options = Options { kind: Some(Kind::Students), ..Options::default() };
    let names: Vec<_> =
        read(&sources, &options, &KnownSections::default()).files.into_iter().map(|file| file.name).collect();
    assert_eq!(names, ["a\u{fffd}b.csv", "list.csv", "list.csv (2)"]);
    for corrected in &names {
        let correction = Correction {
            file: Some(corrected.clone()),
            heading: "Matricola".to_owned(),
            meaning: Some(Meaning::Number),
        };
        let reading = read(
            &sources,
            &Options { corrections: vec![correction], ..options.clone() },
            &KnownSections::default(),
        );
        let has_number = |file: &&FileReading| file.recognized.iter().any(|(_, it)| *it == Meaning::Number);
        let with_number: Vec<_> = reading.files.iter().filter(has_number).map(|file| &file.name).collect();
        assert_eq!(with_number, [corrected]);
    }
}

#[test]
fn a_row_of_delimiters_is_blank_and_one_without_an_id_is_wrong() {
    let reading = read_all(&files("13"));
    assert_eq!(people(&reading), ["s1 Ann Bole <ann@example.edu>"]);
    assert_eq!(
        refused(&reading),
        ["users.csv:4 user_id number-missing", "users.csv:5 user_id number-missing"]
    );
    assert_eq!(file_of(&reading, "users.csv").counts.blank, 1);
}

#[test]
fn status_words_count_in_any_case_and_an_unknown_one_refuses_the_row() {
    let reading = read_all(&files("14"));
    assert_eq!(
        enrollments(&reading),
        ["s1 in C1", "s2 in C1", "s3 in C1", "s4 not in C1", "s5 not in C1", "s6 not in C1", "s7 not in C1"]
    );
    assert_eq!(refused(&reading), ["enrollments.csv:9 status status-unknown"]);
    let detail = reading.refused[0].reason.to_string();
    assert!(detail.starts_with("“semi-active” is not a known status. Known are: active, "), "{detail}");
    assert_eq!(warnings(&reading), ["enrollments.csv status-empty"]);
}

#[test]
fn repeats_are_counted_and_teachers_are_left_out() {
    let reading = read_all(&files("16"));
    assert_eq!(enrollments(&reading), ["s1 in C1", "t1 in C2"]);
    assert_eq!(people(&reading), ["s1 Ann Bole <ann@example.edu>", "t1 Tia Wend <tia@example.edu>"]);
    assert_eq!(skipped(&reading, "enrollments.csv", Skipped::Repeat), 2);
    assert_eq!(skipped(&reading, "enrollments.csv", Skipped::NotAStudent), 2);
    let mut only_teaches = files("16");
    only_teaches[1].bytes =
        b"course_id,user_id,role,status\nC1,t1,teacher,active\nC1,s1,student,active\n".to_vec();
    assert_eq!(people(&read_all(&only_teaches)), ["s1 Ann Bole <ann@example.edu>"]);
}

#[test]
fn of_contradicting_rows_the_last_change_wins_or_all_are_refused() {
    let heading = "user_id,course_id,status,last modified\n";
    let rows = "s1,C1,deleted,2026-09-22T08:30:00Z\ns1,C1,active,2026-09-23T08:30:00Z\n";
    let reading = read_text("enrollments.csv", format!("{heading}{rows}"));
    assert_eq!(enrollments(&reading), ["s1 in C1"]);
    assert_eq!(skipped(&reading, "enrollments.csv", Skipped::Older), 1);
    let undated = format!("{heading}s1,C1,deleted,22/9/26\ns2,C1,active,\ns1,C1,active,2026-09-23\n");
    let reading = read_text("enrollments.csv", undated);
    assert_eq!(enrollments(&reading), ["s2 in C1"]);
    assert_eq!(
        refused(&reading),
        ["enrollments.csv:2 contradicts-another-row", "enrollments.csv:4 contradicts-another-row"]
    );
    assert_eq!(reading.refused[0].reason.other_row().unwrap().line, 4);
}

#[test]
fn dates_that_decide_nothing_are_not_read() {
    let reading = read_all(&files("22"));
    assert_eq!(refused(&reading), NONE);
    assert_eq!(courses(&reading)[..2], ["C1/A1 S1", "C1/A2 S2"]);
    assert_eq!(ignored(&reading, "sections.csv"), ["start_date: Unused", "end_date: Unused"]);
}

#[test]
fn names_are_held_to_the_rules_of_records() {
    let reading = read_all(&files("25"));
    assert_eq!(
        people(&reading),
        [
            "1 Madona <madona@example.edu>",
            "2 Zoe\u{308} Maris <zoe.d@example.edu>",
            "3 Zoë Maris <zoe.c@example.edu>",
            "4 مريم حداد <maryam@example.edu>",
            "5 =HYPERLINK(\"http://x\") Evil <evil@example.edu>",
            "9 Sinéad O’Brien <sinead@example.edu>",
        ]
    );
    assert_eq!(
        refused(&reading),
        [
            "students.csv:7 first_name name-not-valid",
            "students.csv:8 first_name name-not-valid",
            "students.csv:9 first_name name-not-valid",
            "students.csv:11 first_name name-missing",
        ]
    );
    let sortable =
        "id,\"Last, First\",email\n1,\"Simpson, Bart\",b@example.edu\n2,\"Ray, Rob, Jr.\",r@example.edu\n";
    assert_eq!(
        people(&read_text("a.csv", sortable)),
        ["1 Bart Simpson <b@example.edu>", "2 Ray, Rob, Jr. <r@example.edu>"]
    );
}

#[test]
fn addresses_are_held_to_the_rules_of_records() {
    let reading = read_all(&files("26"));
    assert_eq!(
        people(&reading),
        [
            "1 Ann Bole <Ann.Bole@EXAMPLE.EDU>",
            "2 Ann Bole <ann.bole@example.edu>",
            "3 Cy Dorn",
            "7 Gus Hall <gus+x@example.edu>",
            "8 Hal Ives <hal.ives@example.edu>",
            "9 Ida Ives <hal.ives@example.edu>",
        ]
    );
    assert_eq!(
        refused(&reading),
        [
            "students.csv:5 email email-not-valid",
            "students.csv:6 email email-not-valid",
            "students.csv:7 email email-not-valid",
        ]
    );
    assert_eq!(warnings(&reading), ["students.csv:3 same-person-twice"]);
    assert_eq!(reading.warnings[0].other.unwrap().line, 2);
    let siblings = "name,email\nHal Ives,ives@example.edu\nIda Ives,ives@example.edu\nBo,bo@example.edu\nBo,bo@example.edu\n";
    let reading = read_text("a.csv", siblings);
    assert_eq!(people(&reading), ["Bo <bo@example.edu>"]);
    assert_eq!(refused(&reading), ["a.csv:2 email-not-unique", "a.csv:3 email-not-unique"]);
}

#[test]
fn a_later_file_says_what_has_changed() {
    let before = read_all(&file("28", "users1.csv"));
    assert_eq!(people(&before), ["s1 Ann Bole <ann@example.edu>", "s2 Bo Crane <bo@example.edu>"]);
    let after = read_all(&file("28", "users2.csv"));
    assert_eq!(people(&after), ["s1 Ann Bole-Kent <ann.kent@example.edu>", "s2 Bo Crane <bo@example.edu>"]);
    // As one set, nobody knows which of them is right.
    let both = read_all(&files("28"));
    assert_eq!(people(&both), ["s2 Bo Crane <bo@example.edu>"]);
    let lines = ["users1.csv:2 contradicts-another-row", "users2.csv:2 contradicts-another-row"];
    assert_eq!(refused(&both), lines);
}

#[test]
fn how_many_seats_there_are_is_not_in_the_files() {
    let reading = read_all(&files("29"));
    assert_eq!(enrollments(&reading), ["s1 in C1", "s2 in C1", "s3 in C1", "s4 in C1"]);
    assert_eq!((courses(&reading), people(&reading).len()), (vec!["C1 Course One".to_owned()], 4));
}

#[test]
fn ids_that_a_spreadsheet_has_damaged_are_refused() {
    let rows = "id,name,email\n1.23E+11,A,a@x.edu\n12345.0,B,b@x.edu\n5-Mar,C,c@x.edu\n\"=\"\"0042\"\"\",D,d@x.edu\n#N/A,E,e@x.edu\n02E800,F,f@x.edu\n'0042,G,g@x.edu\n";
    let reading = read_text("students.csv", rows);
    assert_eq!(people(&reading), ["02E800 F <f@x.edu>"]);
    assert_eq!(
        refused(&reading),
        [
            "students.csv:2 id id-is-scientific",
            "students.csv:3 id id-is-decimal",
            "students.csv:4 id id-is-date",
            "students.csv:5 id id-is-formula",
            "students.csv:6 id id-is-error",
            "students.csv:8 id id-has-apostrophe",
        ]
    );
}

#[test]
fn rows_with_more_cells_than_headings_or_broken_quotes_are_refused() {
    let rows = "id,name,email\n1,Kell, Tam,t@x.edu\n2,\"Ona\" Reid,o@x.edu\n3,Pim\n4,Bo,b@x.edu,,\n";
    let reading = read_text("students.csv", rows);
    assert_eq!(people(&reading), ["3 Pim", "4 Bo <b@x.edu>"]);
    assert_eq!(refused(&reading), ["students.csv:2 too-many-cells", "students.csv:3 text-after-quote"]);
}

#[test]
fn what_is_no_table_is_refused_or_has_no_rows() {
    let of = |name: &str| read_all(&file("31", name));
    for (name, expected) in [
        ("login.csv", "login.csv: not-a-table"),
        ("book.csv", "book.csv: not-a-table"),
        ("unclosed.csv", "unclosed.csv: unclosed-quote at 2"),
    ] {
        assert_eq!(refusals(&of(name)), [expected]);
        assert!(of(name).is_empty());
    }
    for name in ["empty.csv", "header-only.csv"] {
        let reading = of(name);
        assert_eq!((refusals(&reading), reading.is_empty()), (vec![], true), "{name}");
        assert_eq!(warnings(&reading), [format!("{name} no-rows")]);
    }
    assert_eq!(refused(&of("nul.csv")), ["nul.csv:2 nul-character"]);
    assert_eq!(refusals(&read_text("a.csv", "%PDF-1.7")), ["a.csv: not-a-table"]);
    assert_eq!(refusals(&read_text("a.csv", "1001,Ann,ann@example.edu\n")), ["a.csv: no-heading at 1"]);
    for unclear in ["id,name\n1,Ann\n", "number,course\n1001,BIO-1\n", "ID;Course\n1001;BIO-1\n"] {
        assert_eq!(refusals(&read_text("a.csv", unclear)), ["a.csv: kind-unclear at 1"], "{unclear}");
    }
    for clear in ["number,course,level\n110,Biology,1\n", "course number,course\n110,Biology\n"] {
        assert_eq!(refusals(&read_text("a.csv", clear)), [""; 0], "{clear}");
    }
    assert_eq!(refusals(&read_text("courses.csv", "number,course\n110,Biology\n")), [""; 0]);
    assert_eq!(people(&read_text("students.csv", "id,name\n1,Ann\n")), ["1 Ann"]);
    assert_eq!(courses(&read_text("courses.csv", "id,name\n1,Art\n")), ["1 Art"]);
}

#[test]
fn a_refused_file_refuses_its_set() {
    let mut set = files("01");
    set[2].bytes.extend(b"\"unclosed");
    let reading = read_all(&set);
    assert_eq!(refusals(&reading), ["users.csv: unclosed-quote at 5"]);
    assert!(reading.is_empty());
}
