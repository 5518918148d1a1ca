//! The formats of other systems.

use std::io::{Cursor, Read as _, Write as _};

use matricula::files::reading::{
    FileKind, Format, Found, Kind, KnownSections, Options, Processing, Reference, Skipped, StudentKey, read,
};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::spreadsheets;
use super::{
    courses, enrollments, file_of, files, ignored, people, read_all, read_text, refusals, refused, skipped,
    text, warnings,
};

/// A zip archive of these files.
pub(super) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The files of an archive.
pub(super) fn unpacked(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut entries = Vec::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        entries.push((name, bytes));
    }
    entries
}

#[test]
fn one_roster_1_1_in_bulk() {
    let reading = read_all(&files("19"));
    assert_eq!(refusals(&reading), [""; 0]);
    assert_eq!(people(&reading), ["u1 Tam Kell <tam@example.edu>", "u3 Ned, Jr. Roy (inactive)"]);
    assert_eq!(courses(&reading), ["c1 Math 7 - Period 3, 07,08"]);
    assert_eq!(enrollments(&reading), ["u1 in c1", "u3 in c1"]);
    assert_eq!(refused(&reading), [""; 0]);
    assert_eq!(skipped(&reading, "users.csv", Skipped::NotAStudent), 1);
    assert_eq!(skipped(&reading, "enrollments.csv", Skipped::NotAStudent), 1);
    assert_eq!(skipped(&reading, "courses.csv", Skipped::HasSections), 1);
    assert!(ignored(&reading, "users.csv").contains(&"password: Password".to_owned()));
    let users = file_of(&reading, "users.csv");
    assert_eq!((users.processing, users.format), (Some(Processing::Bulk), Some(Format::OneRoster)));
    assert_eq!(file_of(&reading, "orgs.csv").kind, Some(FileKind::Other));
}

#[test]
fn one_roster_delta_names_only_what_changes() {
    let reading = read_all(&files("20"));
    assert_eq!(enrollments(&reading), ["u1 not in c1", "u99 not in c1"]);
    assert_eq!(reading.files[1].processing, Some(Processing::Delta));
    let mut without_status = files("20");
    without_status[0].bytes = b"sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role\ne1,,,c1,o1,u1,student\n".to_vec();
    assert_eq!(refused(&read_all(&without_status)), ["enrollments.csv:2 status status-missing"]);
}

#[test]
fn one_roster_1_2_has_roles_in_a_file_of_their_own() {
    let users = "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,resourceSourcedIds,preferredGivenName,preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns\n\
         u1,,,true,a,,Tam,Kell,,,tam@example.edu,,,,,Secret-1!,,,,,,o1,\n\
         u2,,,true,b,,Tia,Wend,,,tia@example.edu,,,,,,,,,,,o1,\n\
         u3,,,true,c,,-,Madona,,,m@example.edu,,,,,,,,,,,o1,\n\
         u4,,,true,d,,Gil,Nim,,,g@example.edu,,,,,,,,,,,o1,\n";
    let roles = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId\n\
         r1,,,u1,primary,student,,,o1,\nr2,,,u2,primary,teacher,,,o1,\nr3,,,u3,secondary,student,,,o1,\nr4,,,u3,primary,aide,,,o1,\n";
    let manifest =
        "propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\nfile.users,bulk\nfile.roles,bulk\n";
    let set = [text("users.csv", users), text("roles.csv", roles), text("manifest.csv", manifest)];
    let reading = read_all(&set);
    assert_eq!(people(&reading), ["u1 Tam Kell <tam@example.edu>", "u3 Madona <m@example.edu>"]);
    assert!(!format!("{reading:?}").contains("Secret-1!"));
    let without_roles = [text("users.csv", users), text("manifest.csv", manifest)];
    assert_eq!(refusals(&read_all(&without_roles)), ["file-missing"]);
    let older =
        [text("manifest.csv", "propertyName,value\noneroster.version,1.0\n"), text("users.csv", users)];
    assert_eq!(refusals(&read_all(&older)), ["manifest.csv: version-not-known at 2"]);
    let absent = [text("users.csv", users), text("manifest.csv", "propertyName,value\nfile.users,absent\n")];
    assert_eq!(warnings(&read_all(&absent)), ["users.csv absent-by-manifest"]);
}

#[test]
fn a_clever_section_is_unique_within_its_school() {
    let reading = read_all(&files("32"));
    assert_eq!(people(&reading), ["700100 Tam Kell <tam@example.org>"]);
    assert_eq!(skipped(&reading, "students.csv", Skipped::Repeat), 1);
    assert_eq!(enrollments(&reading), ["700100 in 04E700/581", "700100 in 11K456/581"]);
    // A comma without quotes in a name: nobody knows which cell it is in.
    assert_eq!(refused(&reading), ["sections.csv:2 too-many-cells"]);
    assert_eq!(courses(&reading), ["11K456/581 Art"]);
    let mut quoted = files("32");
    quoted[1].bytes = String::from_utf8(quoted[1].bytes.clone())
        .unwrap()
        .replace("Math 101, first group", "\"Math 101, first group\"")
        .into_bytes();
    let reading = read_all(&quoted);
    assert_eq!(courses(&reading), ["04E700/581 Math 101, first group", "11K456/581 Art"]);
    assert_eq!(refused(&reading), [""; 0]);
}

#[test]
fn a_whole_set_of_clever() {
    let set = [
        text("schools.csv", "School_id,School_name,School_number\n04E700,Hill,1\n"),
        text(
            "teachers.csv",
            "School_id,Teacher_id,Teacher_number,Last_name,First_name\n04E700,86,86,Wend,Tia\n",
        ),
        text(
            "students.csv",
            "School_id,Student_id,Student_number,State_id,Last_name,First_name,Grade,Student_email,Password\n04E700,9,009,,Kell,Tam,9,tam@example.org,Secret-1!\n",
        ),
        text(
            "sections.csv",
            "School_id,Section_id,Teacher_id,Name,Section_number,Grade,Course_name,Course_number\n04E700,581,86,Math 101,1,9,Math,101\n04E700,582,86,,2,9,Art,102\n",
        ),
        text("enrollments.csv", "School_id,Section_id,Student_id\n04E700,581,9\n"),
    ];
    let reading = read_all(&set);
    assert_eq!(refusals(&reading), [""; 0]);
    assert_eq!(people(&reading), ["9 Tam Kell <tam@example.org>"]);
    assert_eq!(courses(&reading), ["04E700/581 Math 101, 9", "04E700/582 Art, 9"]);
    assert_eq!(enrollments(&reading), ["9 in 04E700/581"]);
    assert!(!format!("{reading:?}").contains("Secret-1!"));
}

#[test]
fn the_flat_file_of_moodle_has_no_heading() {
    let reading = read_all(&files("23"));
    assert_eq!(enrollments(&reading), ["7 in PH201", "12 not in PH201", "31 in PH201"]);
    assert_eq!(reading.enrollments[0].origin.line, 2);
    assert_eq!(skipped(&reading, "enrolments.txt", Skipped::NotAStudent), 1);
    assert_eq!(skipped(&reading, "enrolments.txt", Skipped::Repeat), 1);
    assert_eq!(skipped(&reading, "enrolments.txt", Skipped::Comment), 1);
    let wrong =
        read_text("a.txt", "add, student, 7, PH201\nmove, student, 7, PH201\nadd, student, , PH201\n");
    assert_eq!(refused(&wrong), ["a.txt:2 operation-unknown", "a.txt:3 number-missing"]);
}

#[test]
fn a_row_of_moodle_has_a_person_and_several_courses() {
    let reading = read_all(&files("24"));
    assert_eq!(
        people(&reading),
        [
            "est01 Juna Pérez <est01@example.edu>",
            "est02 Mar López <est02@example.edu> (inactive)",
            "est03 Cal Gómez <est03@example.edu> (deleted)"
        ]
    );
    assert_eq!(enrollments(&reading), ["est01 in MATH", "est01 in ART", "est02 in MATH"]);
    assert!(!format!("{reading:?}").contains("Secret"));
    assert_eq!(ignored(&reading, "users.csv"), ["password: Password"]);
    let teaching = "username,firstname,lastname,email,course1,role1,course2,role2\nt1,Tia,Wend,t@x.edu,MATH,editingteacher,,\nt2,Una,Wend,u@x.edu,MATH,teacher,ART,\n";
    let reading = read_text("users.csv", teaching);
    assert_eq!(
        (people(&reading), enrollments(&reading)),
        (vec!["t2 Una Wend <u@x.edu>".to_owned()], vec!["t2 in ART".to_owned()])
    );
    assert_eq!(skipped(&reading, "users.csv", Skipped::NotAStudent), 3);
    assert_eq!(warnings(&reading), ["users.csv not-a-student", "users.csv not-a-student"]);
    let shifted = "username,password,firstname,email,course1,deleted\na,\"x\",A,a@x.edu,M,Secret-4!\n";
    let reading = read_text("users.csv", shifted);
    assert_eq!(refused(&reading), ["users.csv:2 deleted status-unknown"]);
    assert!(!reading.refused[0].reason.to_string().contains("Secret"));
}

#[test]
fn sections_of_canvas_are_the_course_or_courses_of_their_own() {
    let courses_csv = "course_id,short_name,long_name,status\nC1,BIO,Biology,active\nC2,ART,Art,active\n";
    let sections = "section_id,course_id,name,status\nS1,C1,Morning,active\nS2,C1,Biology Evening,active\nS3,C2,Art,active\n";
    let enrolled = "course_id,section_id,user_id,role,status\n,S1,s1,student,active\nC1,S2,s2,student,active\n,S3,s3,student,active\nC2,S1,s4,student,active\nC9,S9,s5,student,active\n";
    let set =
        [text("courses.csv", courses_csv), text("sections.csv", sections), text("enrollments.csv", enrolled)];
    let reading = read_all(&set);
    assert_eq!(courses(&reading), ["C2 Art", "C1/S1 Biology (Morning)", "C1/S2 Biology Evening"]);
    assert_eq!(enrollments(&reading), ["s1 in C1/S1", "s2 in C1/S2", "s3 in C2", "s5 in C9/S9 or C9"]);
    assert_eq!(refused(&reading), ["enrollments.csv:5 section-of-another-course"]);
    assert_eq!(skipped(&reading, "courses.csv", Skipped::HasSections), 1);
    assert_eq!(skipped(&reading, "sections.csv", Skipped::OnlySection), 1);
}

#[test]
fn a_section_of_canvas_moves_to_one_course_that_the_files_know() {
    let courses_csv = "course_id,short_name,long_name,status\nC1,BIO,Biology,active\nC2,ART,Art,active\nC3,LOG,Logic,active\n";
    let sections = "section_id,course_id,name,status\nS1,C1,Morning,active\nS2,C2,Art,active\n";
    let moves = "xlist_course_id,section_id,status\nC3,S1,active\nC1,S2,active\nC3,S2,active\nC3,S9,active\nC2,S1,deleted\n";
    let enrolled =
        "course_id,section_id,user_id,role,status\nC1,S1,s1,student,active\n,S2,s2,student,active\n";
    let set = [
        text("courses.csv", courses_csv),
        text("sections.csv", sections),
        text("xlists.csv", moves),
        text("enrollments.csv", enrolled),
    ];
    let reading = read_all(&set);
    // Another section may be in C3, too.
    assert_eq!(enrollments(&reading), ["s1 in C3/S1 or C3"]);
    assert_eq!(
        refused(&reading),
        [
            "courses.csv:4 section-not-clear",
            "sections.csv:3 section-not-clear",
            "xlists.csv:3 contradicts-another-row",
            "xlists.csv:4 contradicts-another-row",
            "xlists.csv:5 section-not-in-files",
            "enrollments.csv:3 section-not-clear"
        ]
    );
    assert_eq!(skipped(&reading, "xlists.csv", Skipped::OnlySection), 2);
    // Who is in the course that the section has left may be enrolled twice.
    let others = ["C3/S1", "C1", "C1/S1", "C2", "C2/S1"].map(Into::into);
    assert_eq!(reading.other_codes["C3"], others);
}

#[test]
fn nobody_enrolls_in_a_section_of_canvas_whose_course_is_not_clear() {
    let sections = "section_id,course_id,name,status\nS1,C1,One,active\nS2,C1,Two,odd\nS3,C1,Three,active\nS3,C2,Three,active\n";
    let moves = "xlist_course_id,section_id,status\nC3,S1,odd\n";
    let enrolled = "course_id,section_id,user_id,role,status\nC1,S1,s1,student,active\n,S2,s2,student,active\n\
        C2,S3,s3,student,active\nC2,,s4,student,active\n";
    let set = [text("sections.csv", sections), text("xlists.csv", moves), text("enrollments.csv", enrolled)];
    let reading = read_all(&set);
    assert_eq!(enrollments(&reading), ["s4 in C2"]);
    assert_eq!(
        refused(&reading),
        [
            "sections.csv:2 section-not-clear",
            "sections.csv:3 status status-unknown",
            "sections.csv:4 contradicts-another-row",
            "sections.csv:5 contradicts-another-row",
            "xlists.csv:2 status status-unknown",
            "enrollments.csv:2 section-not-clear",
            "enrollments.csv:3 section-not-clear",
            "enrollments.csv:4 section-not-clear"
        ]
    );
}

#[test]
fn courses_and_moves_of_canvas_that_contradict_each_other_change_nothing() {
    let courses_csv =
        "course_id,short_name,long_name,status\nC1,BIO,Biology,active\nC1,BIO,Biology,deleted\n";
    let sections =
        "section_id,course_id,name,status\nS1,C1,One,active\nS2,C1,Two,active\nS3,C2,Three,active\n";
    let moves = "xlist_course_id,section_id,status\nC3,S3,active\nC3,S3,deleted\n";
    let set = [text("courses.csv", courses_csv), text("sections.csv", sections), text("xlists.csv", moves)];
    let reading = read_all(&set);
    assert_eq!(courses(&reading), ["C1/S1 One", "C1/S2 Two"]);
    assert_eq!(
        refused(&reading),
        [
            "courses.csv:2 contradicts-another-row",
            "courses.csv:3 contradicts-another-row",
            "sections.csv:4 section-not-clear",
            "xlists.csv:2 contradicts-another-row",
            "xlists.csv:3 contradicts-another-row"
        ]
    );
}

#[test]
fn a_section_of_canvas_goes_with_its_course() {
    let courses_csv = "course_id,short_name,long_name,status\nC1,BIO,Biology,deleted\n";
    let sections = "section_id,course_id,name,status\nS1,C1,One,active\nS2,C1,Two,active\n";
    let reading = read_all(&[text("courses.csv", courses_csv), text("sections.csv", sections)]);
    assert_eq!(
        courses(&reading),
        ["C1 Biology (deleted)", "C1/S1 Biology (One) (deleted)", "C1/S2 Biology (Two) (deleted)"]
    );
}

#[test]
fn an_archive_may_have_folders_and_litter() {
    let set = files("01");
    let mut entries: Vec<(String, &[u8])> =
        set.iter().map(|file| (format!("export/{}", file.name), &*file.bytes)).collect();
    entries.push(("__MACOSX/export/._users.csv".to_owned(), b"\0\x05\x16\x07"));
    entries.push(("export/.DS_Store".to_owned(), b"\0\0\0\x01Bud1"));
    entries.push(("export/read me.pdf".to_owned(), b"%PDF-1.7"));
    let entries: Vec<_> = entries.iter().map(|(name, bytes)| (&**name, *bytes)).collect();
    let reading = read_text("sis.zip", archive(&entries));
    assert_eq!(refusals(&reading), [""; 0]);
    assert_eq!(people(&reading), people(&read_all(&set)));
    assert_eq!(enrollments(&reading), enrollments(&read_all(&set)));
    let names: Vec<_> = reading.files.iter().map(|file| &*file.name).collect();
    assert_eq!(
        names,
        ["export/read me.pdf", "export/courses.csv", "export/enrollments.csv", "export/users.csv"]
    );
}

#[test]
fn archives_are_bounded() {
    let inner = archive(&[("users.csv", b"user_id,login_id\n")]);
    assert_eq!(
        refusals(&read_text("a.zip", archive(&[("inner.zip", &inner)]))),
        ["inner.zip: archive-in-archive"]
    );
    let book = spreadsheets::samples().remove(0);
    assert_eq!(read_text("a.zip", archive(&[("book.xlsx", &book)])).people.len(), 5);
    let equal = vec![b'a'; (64 << 20) + 1];
    assert_eq!(refusals(&read_text("a.zip", archive(&[("a.csv", &equal)]))), ["a.csv: inflates-too-much"]);
    let blank = format!("number,name,email\n1,Ana,ana@example.edu\n{}", ",,,,,,,\n".repeat(300_000));
    assert_eq!(read_text("a.zip", archive(&[("a.csv", blank.as_bytes())])).people.len(), 1);
    let many: Vec<_> = (0..1_001).map(|number| format!("{number}.csv")).collect();
    let many: Vec<_> = many.iter().map(|name| (&**name, &b"name"[..])).collect();
    assert_eq!(refusals(&read_text("a.zip", archive(&many))), ["a.zip: too-large"]);
    assert_eq!(refusals(&read_text("a.zip", archive(&[("a.pdf", b"%PDF")]))), ["a.zip: empty-archive"]);
    assert_eq!(
        refusals(&read_text("a.zip", &archive(&[("a.csv", b"name,email\n")])[..30])),
        ["a.zip: damaged-archive"]
    );
}

#[test]
fn keys_say_whom_of_the_same_files_they_name() {
    let users = "user_id,login_id,full_name,email,status\ns1,a,Ann,Ann@x.edu,active\ns2,b,Bo,two@x.edu,active\ns3,c,Cy,two@x.edu,active\n";
    let list = "email,course\nann@X.edu,C1\ntwo@x.edu,C1\nelse@x.edu,C1\n";
    let reading = read_all(&[text("users.csv", users), text("list.csv", list)]);
    let found: Vec<_> = reading.enrollments.iter().map(|row| reading.person(row.student)).collect();
    assert!(matches!(found[0], Found::Person(person) if person.number.as_deref() == Some("s1")));
    assert_eq!(found[1..], [Found::Several, Found::Nobody]);
    let key = StudentKey::Number("s2".into());
    let reference: Reference = reading.students.find(&key).unwrap();
    assert!(matches!(reading.person(reference), Found::Person(person) if &*person.name == "Bo"));
}

#[test]
fn lists_with_ids_of_other_systems_are_lists() {
    let kind = |name: &str, heading: &str| {
        let row = heading.split(',').map(|_| "x").collect::<Vec<_>>().join(",");
        let reading = read_text(name, format!("{heading}\n{row}\n"));
        (reading.files[0].kind, reading.refusal.map(|refusal| refusal.code))
    };
    for (heading, expected) in [
        ("Student ID,Name,Email,Course ID,Section ID", FileKind::Enrollments),
        ("student_id,name,email,group_id", FileKind::People),
        ("Student ID,Name,Email,Term ID", FileKind::People),
        ("sourcedId,name,email", FileKind::People),
        ("School ID,Teacher ID,Code,Name,Level", FileKind::Courses),
    ] {
        assert_eq!(kind("list.csv", heading), (Some(expected), None), "{heading}");
    }
    // Files of the systems themselves stay what they are, and alone they are nothing.
    for heading in [
        "group_id,user_id,status",
        "term_id,name,status",
        "School_id,Teacher_id,Last_name,First_name,Teacher_email",
    ] {
        assert_eq!(kind("other.csv", heading), (Some(FileKind::Other), Some("nothing-to-read")), "{heading}");
    }
}

#[test]
fn a_kind_that_is_named_counts_for_a_file_that_has_its_columns() {
    let options = Options { kind: Some(Kind::Students), ..Options::default() };
    let list = text("list.csv", "School_id,Staff_id,Number,Name\n1,2,3,Ana\n");
    assert_eq!(
        read(std::slice::from_ref(&list), &options, &KnownSections::default()).files[0].kind,
        Some(FileKind::People)
    );
    assert_eq!(read_all(&[list]).files[0].kind, Some(FileKind::Other));
}

#[test]
fn types_of_moodle_say_who_is_a_student() {
    let reading = read_text(
        "m.csv",
        "username,firstname,lastname,course1,type1\ns1,Ana,A,C1,1\ns2,Ben,B,C1,\nt1,Cleo,C,C1,2\n",
    );
    assert_eq!(enrollments(&reading), ["s1 in C1", "s2 in C1"]);
}

#[test]
fn tables_that_cannot_be_read_are_not_passed_over() {
    let csv = text("students.csv", "number,name\n1,Ana\n");
    let with = |name: &str, bytes: &[u8]| read_all(&[csv.clone(), text(name, bytes)]);
    assert!(with("b.xls", b"\xd0\xcf\x11\xe0 an old workbook").is_refused());
    let reading = with("notes.pdf", b"%PDF-1.7");
    assert!(!reading.is_refused());
    assert_eq!(reading.warnings[0].code, "file-not-read");
}
