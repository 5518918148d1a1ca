//! `matricula import`: files that almost name existing records, or are not what they seem to be.

use std::io::pipe;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::imports::{Files, codes, import, seq};
use crate::school::{School, matricula};

async fn list(school: &School, path: &str) -> Vec<Value> {
    school.get(path).await.is_ok().json().as_array().unwrap().clone()
}

fn warnings<'a>(report: &'a Value, code: &str) -> Vec<&'a Value> {
    report["warnings"].as_array().unwrap().iter().filter(|warning| warning["code"] == code).collect()
}

#[tokio::test]
async fn a_student_without_a_number_is_not_doubled_by_a_file_with_numbers() {
    let (school, files) = (School::open().await, Files::new());
    let [ana, _] = school.students(["Ana", "Ben"]).await;
    let text = "number,name,email\ns1,Ana,ANA@example.edu\ns3,Cy,cy@example.edu\n";
    let file = [files.with("students.csv", text)];
    let report = import(&school, &file, &[]).is_done();
    assert_eq!(codes(&report), ["student-without-number"], "{report:#}");
    let detail = report["refused_rows"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("There is a student with this address and no number: Ana."), "{detail}");
    assert_eq!(list(&school, "/api/v1/students").await.len(), 3);

    school.patch(&ana.url(), json!({"number": "s1"})).await.is_ok();
    let report = import(&school, &file, &[]).is_done();
    assert_eq!((codes(&report).len(), &report["counts"]["changed"]), (0, &json!(1)), "{report:#}");
    assert_eq!(school.get(&ana.url()).await.is_ok().json()["email"], "ANA@example.edu");
    assert_eq!(list(&school, "/api/v1/students").await.len(), 3);
}

#[tokio::test]
async fn a_course_without_a_code_is_not_doubled_by_a_file_with_codes() {
    let (school, files) = (School::open().await, Files::new());
    let algebra = school.course("Algebra").await;
    let text = "code,name,level\nA,algebra,one\nB,Botany,one\n";
    let file = [files.with("courses.csv", text)];
    let report = import(&school, &file, &[]).is_done();
    assert_eq!(codes(&report), ["course-without-code"], "{report:#}");
    assert_eq!(list(&school, "/api/v1/courses").await.len(), 2);
    school.patch(&algebra.url(), json!({"code": "A"})).await.is_ok();
    assert_eq!(codes(&import(&school, &file, &[]).is_done()), [""; 0]);
    assert_eq!(list(&school, "/api/v1/courses").await.len(), 2);
}

#[tokio::test]
async fn an_import_whose_report_nobody_reads_changes_nothing_and_fails() {
    let (school, files) = (School::open().await, Files::new());
    let file = files.with("students.csv", "number,name,email\ns1,Ana,ana@example.edu\n");
    let before = seq(&school).await;
    let run = |options: &[&str]| {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut command = matricula();
        command.args(["import", "--database"]).arg(school.database().argument()).arg("--yes");
        command.args(options).arg(&file).stdout(writer).output().unwrap()
    };
    let unread = run(&[]);
    let error = String::from_utf8_lossy(&unread.stderr).into_owned();
    assert!(!unread.status.success() && error.contains("the report could not be written"), "{error}");
    assert_eq!(seq(&school).await, before);
    // One document is written at the end, when its contents have happened.
    assert!(!run(&["--json"]).status.success());
    assert!(!run(&["--json", "--dry-run"]).status.success());
}

#[tokio::test]
async fn somebody_who_takes_no_part_is_added_for_an_enrollment_that_names_them_in_any_way() {
    let (school, files) = (School::open().await, Files::new());
    let set = [
        files.with("users.csv", "user_id,full_name,email,status\ns1,Ana,Ana@example.edu,suspended\n"),
        files.with("courses.csv", "course_id,short_name,long_name,status\nA,A,Algebra,active\n"),
        files.with("enrollments.csv", "course,email\nA,ana@example.edu\n"),
    ];
    let report = import(&school, &set, &[]).is_done();
    assert_eq!(
        (&report["counts"]["new"], &report["counts"]["refused"]),
        (&json!(3), &json!(0)),
        "{report:#}"
    );
    assert_eq!(list(&school, "/api/v1/students/1/courses").await.len(), 1);
}

#[tokio::test]
async fn students_who_take_a_course_and_its_section_are_reported() {
    let (school, files) = (School::open().await, Files::new());
    let users = files
        .with("users.csv", "user_id,full_name,email,status\ns1,Ana,a@x.edu,active\ns2,Bo,b@x.edu,active\n");
    let courses = files.with("courses.csv", "course_id,short_name,long_name,status\nA,A,Algebra,active\n");
    let sections =
        |text: &str| files.with("sections.csv", &format!("section_id,course_id,name,status\n{text}"));
    let enrollments =
        |text: &str| files.with("enrollments.csv", &format!("section_id,user_id,role,status\n{text}"));
    let set = |of_sections: &str, of_enrollments: &str| -> Vec<PathBuf> {
        vec![users.clone(), courses.clone(), sections(of_sections), enrollments(of_enrollments)]
    };
    let without = "course_id,user_id,role,status\nA,s1,student,active\nA,s2,student,active\n";
    let without = [users.clone(), courses.clone(), files.with("enrollments.csv", without)];
    assert_eq!(warnings(&import(&school, &without, &[]).is_done(), "also-in-other-course").len(), 0);

    let two = || set("1,A,One,active\n2,A,Two,active\n", "1,s1,student,active\n2,s2,student,active\n");
    let report = import(&school, &two(), &[]).is_done();
    let found = warnings(&report, "also-in-other-course");
    assert_eq!((found.len(), &found[0]["line"]), (2, &json!(2)), "{report:#}");
    assert!(
        found[0]["detail"].as_str().unwrap().contains("The student s1 takes A/1 and also A,"),
        "{report:#}"
    );
    assert_eq!(list(&school, "/api/v1/students/1/courses").await.len(), 2);

    // With one section, Ana is in it as before, and in the course.
    let one = set("1,A,One,active\n", "1,s1,student,active\n");
    let report = import(&school, &one, &[]).is_done();
    assert_eq!(warnings(&report, "also-in-other-course").len(), 1, "{report:#}");
    // As the whole truth, the files decide between the two courses.
    let report = import(&school, &two(), &["--mode", "full"]).is_done();
    assert_eq!(warnings(&report, "also-in-other-course").len(), 0, "{report:#}");
    assert_eq!(report["would_vanish"]["enrollments"], 2, "{report:#}");
    let taken = list(&school, "/api/v1/students/1/courses").await;
    assert_eq!((taken.len(), &taken[0]["code"]), (1, &json!("A/1")));
}

#[tokio::test]
async fn files_of_one_name_in_two_folders_are_told_apart() {
    let (school, files) = (School::open().await, Files::new());
    let (one, two) =
        (files.with("one/s.csv", "number,name\n1.0,Ana\n"), files.with("two/s.csv", "number,name\n,Bo\n"));
    let paths = [one.parent().unwrap().to_owned(), two.clone()];
    let report = import(&school, &paths, &["--kind", "students"]).is_done();
    let named: Vec<_> =
        report["refused_rows"].as_array().unwrap().iter().map(|row| row["file"].clone()).collect();
    assert_eq!(named, [json!(one), json!(two)], "{report:#}");
}

#[tokio::test]
async fn one_record_in_two_spellings_is_one_record() {
    let (school, files) = (School::open().await, Files::new());
    let text = "number,name,email\n\
        s1,Zo\u{eb} Martin,zoe@example.edu\n\
        s1,Zoe\u{308}\u{a0}Martin,ZOE@example.edu\n\
        s\u{a0}2,Bo,bo@example.edu\n\
        s 2,Bo,bo@example.edu\n\
        s\u{200b}3,Cy,cy@example.edu\n\
        \u{a0}s4 ,Di,di@example.edu\n";
    let report = import(&school, &[files.with("students.csv", text)], &[]).is_done();
    assert_eq!(codes(&report), ["id-looks-the-same", "id-looks-the-same", "id-not-valid"], "{report:#}");
    assert_eq!(report["files"][0]["skipped"]["repeat"], 1, "{report:#}");
    let students = list(&school, "/api/v1/students").await;
    let numbers: Vec<_> = students.iter().map(|student| student["number"].clone()).collect();
    assert_eq!(numbers, [json!("s1"), json!("s4")]);

    // Nor is the other spelling a change, or another student.
    let log = seq(&school).await;
    let text = "number,name,email\ns1,Zoe\u{308} Martin,zoe@example.edu\n";
    let report = import(&school, &[files.with("students.csv", text)], &[]).is_done();
    assert_eq!(report["counts"]["unchanged"], 1, "{report:#}");
    school.patch("/api/v1/students/1", json!({"number": "\u{e9} 1"})).await.is_ok();
    let text = "number,name,email\ne\u{301} 1,Zoe Martin,zoe@example.edu\n";
    let report = import(&school, &[files.with("students.csv", text)], &[]).is_done();
    assert_eq!(codes(&report), ["id-looks-the-same"], "{report:#}");
    assert_eq!(seq(&school).await, log + 1);
}

#[tokio::test]
async fn nobody_is_doubled_by_a_spreadsheet_that_drops_zeros() {
    let (school, files) = (School::open().await, Files::new());
    let set = |person: &str, course: &str| {
        let people = format!("number,name,email\n{person},Ana,ana@example.edu\n");
        let courses = format!("code,name,level\n{course},Algebra,one\n");
        [files.with("students.csv", &people), files.with("courses.csv", &courses)]
    };
    import(&school, &set("0042", "007"), &[]).is_done();
    let report = import(&school, &set("42", "7"), &["--mode", "full"]).is_done();
    assert_eq!(codes(&report), ["id-differs-in-zeros", "id-differs-in-zeros"], "{report:#}");
    assert_eq!((&report["counts"]["would_vanish"], &report["counts"]["new"]), (&json!(0), &json!(0)));
    // Another number may be right, and is worth a look.
    let report = import(&school, &set("43", "8"), &[]).is_done();
    let found = warnings(&report, "same-person-other-number");
    assert_eq!((found.len(), &found[0]["line"]), (1, &json!(2)), "{report:#}");
}

#[tokio::test]
async fn a_word_for_no_id_is_no_id() {
    let (school, files) = (School::open().await, Files::new());
    let text = "number,name,email\nN/A,Ana,ana@example.edu\nnull,Bo,bo@example.edu\nNA,Cy,cy@example.edu\n";
    let report = import(&school, &[files.with("students.csv", text)], &[]).is_done();
    assert_eq!(codes(&report), ["id-is-placeholder", "id-is-placeholder"], "{report:#}");
    assert_eq!(report["counts"]["new"], 1, "{report:#}");
}

#[tokio::test]
async fn a_line_of_another_file_is_named_with_its_file() {
    let (school, files) = (School::open().await, Files::new());
    let one = files.with("one.csv", "number,name,email\ns1,Ana,ana@example.edu\ns2,Bo,bo@example.edu\n");
    let two = files.with("two.csv", "number,name,email\ns1,Anna,ana@example.edu\ns3,Bo,bo@example.edu\n");
    let report = import(&school, &[one.clone(), two.clone()], &[]).is_done();
    for (row, other) in [(0, &two), (1, &one)] {
        let detail = report["refused_rows"][row]["detail"].as_str().unwrap();
        assert!(detail.ends_with(&format!(" That line is in {}.", other.display())), "{detail}");
    }
    let found = warnings(&report, "same-person-twice");
    assert!(found[0]["detail"].as_str().unwrap().ends_with("one.csv."), "{report:#}");
}

#[tokio::test]
async fn without_an_address_the_name_shows_possible_duplicates() {
    let (school, files) = (School::open().await, Files::new());
    school.student("Ana Lin").await;
    // Another address is another person; without one, nobody knows.
    for (row, expected) in [
        ("s1,ana  LIN,", &["student-without-number"][..]),
        ("s1,Ana Lin,lin@example.edu", &[]),
        ("s2,Ana Lin,", &["student-without-number"]),
    ] {
        let file = [files.with("students.csv", &format!("number,name,email\n{row}\n"))];
        assert_eq!(codes(&import(&school, &file, &[]).is_done()), expected, "{row}");
    }
    assert_eq!(list(&school, "/api/v1/students").await.len(), 2);
}

#[tokio::test]
async fn somebody_who_is_deleted_by_number_takes_no_course_by_address() {
    let (school, files) = (School::open().await, Files::new());
    let people = |status: &str, email: &str| {
        files.with("users.csv", &format!("user_id,full_name,email,status\ns1,Ana,{email},{status}\n"))
    };
    let courses = files.with("courses.csv", "course_id,short_name,long_name,status\nA,A,Algebra,active\n");
    let takes = files.with("takes.csv", "email,course\nana@example.edu,A\n");
    import(&school, &[people("active", "ana@example.edu"), courses.clone(), takes.clone()], &[]).is_done();
    let report = import(&school, &[people("deleted", ""), courses, takes], &[]).is_done();
    assert_eq!(codes(&report), ["student-removed"], "{report:#}");
    assert_eq!(list(&school, "/api/v1/students").await.len(), 0);
}

#[tokio::test]
async fn columns_can_be_explained_on_the_command_line() {
    let (school, files) = (School::open().await, Files::new());
    let file = [files.with(
        "hallgatok.csv",
        "Azonos\u{ed}t\u{f3};N\u{e9}v;Lev\u{e9}l\n0042;Kov\u{e1}cs \u{c1}gi;agi@example.edu\n",
    )];
    let refused = import(&school, &file, &[]).is_refused();
    assert_eq!(refused["files"][0]["refusal"]["code"], "no-heading", "{refused:#}");
    assert_eq!(refused["counts"]["new"], 0);
    let columns = [
        "--column",
        "Azonos\u{ed}t\u{f3}=number",
        "--column",
        "n\u{e9}v=name",
        "--column",
        "Lev\u{e9}l=email",
    ];
    import(&school, &file, &columns).is_done();
    assert_eq!(list(&school, "/api/v1/students").await[0]["name"], "Kov\u{e1}cs \u{c1}gi");
}

#[tokio::test]
async fn nobody_loses_a_seat_to_a_row_about_sections_that_is_refused() {
    let (school, files) = (School::open().await, Files::new());
    let of_sections = "section_id,course_id,name,status\n1,A,One,active\n2,B,Two,active\n";
    let common = [
        files.with(
            "users.csv",
            "user_id,full_name,email,status\ns1,Ana,a@x.edu,active\ns2,Bo,b@x.edu,active\n",
        ),
        files.with(
            "courses.csv",
            "course_id,short_name,long_name,status\nA,A,Algebra,active\nB,B,Biology,active\n",
        ),
        files.with("sections.csv", of_sections),
        files.with(
            "enrollments.csv",
            "section_id,user_id,role,status\n1,s1,student,active\n2,s2,student,active\n",
        ),
    ];
    let moved = |status: &str| {
        let listing = files.with("xlists.csv", &format!("xlist_course_id,section_id,status\nB,1,{status}\n"));
        common.iter().cloned().chain([listing]).collect::<Vec<_>>()
    };
    import(&school, &moved("active"), &[]).is_done();
    let codes = || async {
        let taken = list(&school, "/api/v1/students/1/courses").await;
        taken.iter().map(|course| course["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes().await, ["B/1"]);

    let report = import(&school, &moved("odd"), &["--mode", "full"]);
    let report = report.is_done();
    assert_eq!(report["counts"]["refused"], 3, "{report:#}");
    for kind in ["enrollments", "courses"] {
        assert_eq!(report["would_vanish"][kind], 0, "{report:#}");
    }
    assert_eq!(codes().await, ["B/1"]);
    // Back in its own course, with a word about the other.
    let report = import(&school, &moved("deleted"), &[]).is_done();
    assert_eq!(warnings(&report, "also-in-other-course").len(), 1, "{report:#}");
    assert_eq!(codes().await.len(), 2);
    let report = import(&school, &moved("deleted"), &["--mode", "full"]).is_done();
    assert_eq!(report["would_vanish"]["enrollments"], 1, "{report:#}");
    assert_eq!(codes().await, ["A"]);
}

#[tokio::test]
async fn a_section_keeps_its_course_while_another_is_refused_or_deleted() {
    for (before, after, code) in [
        ("1,A,One,active\n", "1,A,One,active\n2,A,Two,odd\n", "A"),
        ("1,A,One,active\n2,A,Two,active\n", "1,A,One,active\n2,A,Two,odd\n", "A/1"),
        ("1,A,One,active\n2,A,Two,active\n", "1,A,One,active\n2,A,Two,deleted\n", "A/1"),
    ] {
        for mode in ["add", "full"] {
            let (school, files) = (School::open().await, Files::new());
            let set = |sections: &str| {
                [
                    files.with("users.csv", "user_id,full_name,email,status\ns1,Ana,a@x.edu,active\n"),
                    files.with("courses.csv", "course_id,short_name,long_name,status\nA,A,Algebra,active\n"),
                    files.with("sections.csv", &format!("section_id,course_id,name,status\n{sections}")),
                    files.with("enrollments.csv", "section_id,user_id,role,status\n1,s1,student,active\n"),
                ]
            };
            import(&school, &set(before), &[]).is_done();
            for _ in 0..2 {
                let report = import(&school, &set(after), &["--mode", mode]).is_done();
                assert_eq!(report["would_vanish"]["enrollments"], 0, "{after}{report:#}");
                let taken = list(&school, "/api/v1/students/1/courses").await;
                assert_eq!((taken.len(), &taken[0]["code"]), (1, &json!(code)), "{after}{report:#}");
            }
        }
    }
}

#[tokio::test]
async fn a_section_that_is_deleted_by_itself_is_deleted() {
    let (school, files) = (School::open().await, Files::new());
    let sections = "section_id,course_id,name,status\n1,A,One,active\n2,A,Two,active\n";
    let set = [
        files.with("courses.csv", "course_id,short_name,long_name,status\nA,A,Algebra,active\n"),
        files.with("sections.csv", sections),
    ];
    import(&school, &set, &[]).is_done();
    let change = files.with("sections.csv", "section_id,course_id,name,status\n2,A,Two,deleted\n");
    import(&school, &[change], &[]).is_done();
    let courses = list(&school, "/api/v1/courses").await;
    assert_eq!((courses.len(), &courses[0]["code"]), (1, &json!("A/1")));
}
