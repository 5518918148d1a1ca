//! Sections of Canvas in one import after the other: a section stays the course that it was at first.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::imports::{Files, codes, import};
use crate::imports_api::zip;
use crate::school::School;
use crate::sign_in::form;

/// A school that gets files from Canvas, about Ana (`s1`) and Bo (`s2`).
struct Registry {
    school: School,
    files: Files,
}

impl Registry {
    async fn open() -> Self {
        Self { school: School::open().await, files: Files::new() }
    }

    fn users(&self) -> PathBuf {
        let users = "user_id,full_name,email,status\ns1,Ana,a@x.edu,active\ns2,Bo,b@x.edu,active\n";
        self.files.with("users.csv", users)
    }

    fn courses(&self, rows: &str) -> PathBuf {
        self.files.with("courses.csv", &format!("course_id,short_name,long_name,status\n{rows}"))
    }

    fn sections(&self, rows: &str) -> PathBuf {
        self.files.with("sections.csv", &format!("section_id,course_id,name,status\n{rows}"))
    }

    fn moves(&self, rows: &str) -> PathBuf {
        self.files.with("xlists.csv", &format!("xlist_course_id,section_id,status\n{rows}"))
    }

    /// Rows of a section, a student and perhaps a status.
    fn enrollments(&self, rows: &[&str]) -> PathBuf {
        let row = |row: &&str| {
            let (taken, status) = row.split_once(' ').unwrap_or((row, "active"));
            format!("{taken},student,{status}\n")
        };
        let rows: String = rows.iter().map(row).collect();
        self.files.with("enrollments.csv", &format!("section_id,user_id,role,status\n{rows}"))
    }

    /// The whole truth: Algebra with these sections.
    fn whole(&self, sections: &str, enrollments: &[&str]) -> Vec<PathBuf> {
        let courses = self.courses("A,A,Algebra,active\n");
        vec![self.users(), courses, self.sections(sections), self.enrollments(enrollments)]
    }

    /// Imports files, none of whose rows is refused, and finds nothing to do the second time.
    #[track_caller]
    fn import(&self, paths: &[PathBuf], options: &[&str]) -> Value {
        let report = import(&self.school, paths, options).is_done();
        assert_eq!(codes(&report), [""; 0], "{report:#}");
        let again = import(&self.school, paths, options).is_done();
        for kind in ["new", "changed", "would_vanish"] {
            assert_eq!(again["counts"][kind], 0, "the second time: {again:#}");
        }
        report
    }

    async fn names_of(&self, path: &str, field: &str) -> Vec<String> {
        let list = self.school.get(path).await.is_ok().json();
        let name = |one: &Value| one[field].as_str().unwrap().to_owned();
        let mut names: Vec<_> = list.as_array().unwrap().iter().map(name).collect();
        names.sort();
        names
    }

    async fn courses_of(&self, student: i64) -> Vec<String> {
        self.names_of(&format!("/api/v1/students/{student}/courses"), "code").await
    }

    /// Asserts the codes of the courses that they take.
    async fn ana_and_bo_take(&self, ana: &[&str], bo: &[&str]) {
        assert_eq!((self.courses_of(1).await, self.courses_of(2).await), (owned(ana), owned(bo)));
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

const ALGEBRA_AND_BOTANY: &str = "A,A,Algebra,active\nB,B,Botany,active\n";
const ONE: &str = "1,A,One,active\n";
const TWO: &str = "2,A,Two,active\n";

#[tokio::test]
async fn a_section_keeps_its_course_and_the_limits_when_another_comes_and_goes() {
    let registry = Registry::open().await;
    registry.import(&registry.whole(ONE, &["1,s1", "1,s2"]), &[]);
    let closed = json!({"capacity": 2, "closes_at": "2020-01-01T00:00:00Z"});
    registry.school.put("/api/v1/courses/1/seats").json(&closed).await.is_ok();

    let two = [ONE, TWO].concat();
    let report = registry.import(&registry.whole(&two, &["1,s1", "2,s2"]), &["--mode", "full"]);
    assert_eq!(report["would_vanish"]["enrollments"], 1, "{report:#}");
    registry.ana_and_bo_take(&["A"], &["A/2"]).await;
    assert_eq!(registry.names_of("/api/v1/courses", "name").await, ["Algebra", "Algebra (Two)"]);

    let report = registry.import(&registry.whole(ONE, &["1,s1"]), &["--mode", "full"]);
    assert_eq!(report["vanishing"][1]["cause"], "with-course", "{report:#}");
    registry.ana_and_bo_take(&["A"], &[]).await;
    let seats = registry.school.get("/api/v1/courses/1/seats").await.is_ok().json();
    assert_eq!((&seats["capacity"], &seats["enrolled"]), (&json!(2), &json!(1)), "{seats:#}");
}

#[tokio::test]
async fn changes_that_name_some_of_the_sections_are_about_these() {
    let registry = Registry::open().await;
    registry.import(&registry.whole(ONE, &["1,s1"]), &[]);
    registry.import(&registry.whole(&[ONE, TWO].concat(), &["1,s1", "2,s2"]), &[]);

    // The section that was not the course, alone.
    registry.import(&[registry.sections(TWO), registry.enrollments(&["2,s1"])], &[]);
    assert_eq!(registry.courses_of(1).await, ["A", "A/2"]);
    // Without a file of sections.
    registry.import(&[registry.enrollments(&["1,s1 deleted", "2,s2 deleted", "1,s2"])], &[]);
    registry.ana_and_bo_take(&["A/2"], &["A"]).await;
    // A third one, alone, is no course that another section is.
    registry.import(&[registry.sections("3,A,Three,active\n"), registry.enrollments(&["3,s2"])], &[]);
    assert_eq!(registry.courses_of(2).await, ["A", "A/3"]);
    // The course has sections already, whether they are named or not.
    registry.import(&[registry.courses("A,A,Algebra I,active\n")], &[]);
    assert_eq!(
        registry.names_of("/api/v1/courses", "name").await,
        ["Algebra (Three)", "Algebra (Two)", "Algebra I"]
    );
}

#[tokio::test]
async fn a_course_whose_sections_are_courses_is_not_added_by_a_row_of_its_own() {
    let registry = Registry::open().await;
    registry.import(&registry.whole(&[ONE, TWO].concat(), &["1,s1", "2,s2"]), &[]);
    registry.import(&[registry.courses("A,A,Algebra,active\n")], &[]);
    assert_eq!(registry.names_of("/api/v1/courses", "code").await, ["A/1", "A/2"]);
}

#[tokio::test]
async fn sections_go_with_their_course_without_being_named() {
    for whole in [ONE.to_owned(), [ONE, TWO].concat()] {
        let registry = Registry::open().await;
        registry.import(&registry.whole(&whole, &["1,s1"]), &[]);
        registry.import(&[registry.courses("A,A,Algebra,deleted\n")], &[]);
        assert_eq!(registry.names_of("/api/v1/courses", "code").await, [""; 0], "{whole}");
        assert_eq!(registry.courses_of(1).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_section_that_is_deleted_gives_up_its_course_unless_it_is_the_only_one() {
    let registry = Registry::open().await;
    registry.import(&registry.whole(ONE, &["1,s1"]), &[]);
    registry.import(&[registry.sections("1,A,One,deleted\n"), registry.enrollments(&["1,s1 deleted"])], &[]);
    assert_eq!(registry.courses_of(1).await, [""; 0]);
    assert_eq!(registry.names_of("/api/v1/courses", "code").await, ["A"]);

    registry.import(&registry.whole(&[ONE, TWO].concat(), &["1,s1", "2,s2"]), &[]);
    registry.import(&[registry.sections("1,A,One,deleted\n")], &[]);
    assert_eq!(registry.names_of("/api/v1/courses", "code").await, ["A/2"]);
    registry.ana_and_bo_take(&[], &["A/2"]).await;
}

#[tokio::test]
async fn a_section_without_a_row_is_mentioned_by_whoever_is_enrolled_in_it() {
    let registry = Registry::open().await;
    registry.import(&registry.whole(&[ONE, TWO].concat(), &["1,s1", "2,s2"]), &[]);
    let report = registry.import(&registry.whole(ONE, &["1,s1", "2,s2"]), &["--mode", "full"]);
    assert_eq!(report["counts"]["would_vanish"], 0, "{report:#}");
    registry.ana_and_bo_take(&["A/1"], &["A/2"]).await;
}

#[tokio::test]
async fn a_section_that_has_moved_stays_there_until_a_row_says_that_it_has_moved_back() {
    let registry = Registry::open().await;
    let whole = |moves: &str| {
        vec![
            registry.users(),
            registry.courses(ALGEBRA_AND_BOTANY),
            registry.sections("1,A,One,active\n2,B,Two,active\n"),
            registry.enrollments(&["1,s1", "2,s2"]),
            registry.moves(moves),
        ]
    };
    registry.import(&whole("B,1,active\n"), &[]);
    assert_eq!(registry.courses_of(1).await, ["B/1"]);

    registry.import(&[registry.sections(ONE), registry.enrollments(&["1,s2"])], &[]);
    assert_eq!(registry.courses_of(2).await, ["B/1", "B/2"]);
    // Enrollments may name either course, and no third one.
    let named = "course_id,section_id,user_id,role,status\nA,1,s1,student,deleted\nB,1,s2,student,deleted\n\
        C,1,s1,student,active\n";
    let report = import(&registry.school, &[registry.files.with("enrollments.csv", named)], &[]).is_done();
    assert_eq!(codes(&report), ["section-of-another-course"], "{report:#}");
    registry.ana_and_bo_take(&[], &["B/2"]).await;

    registry.import(&whole("B,1,deleted\n"), &["--mode", "full"]);
    registry.ana_and_bo_take(&["A"], &["B/2"]).await;
}

#[tokio::test]
async fn a_section_that_comes_back_is_a_course_of_its_own_while_another_has_stayed() {
    let registry = Registry::open().await;
    registry.import(&registry.whole(ONE, &["1,s1"]), &[]);
    registry.import(&registry.whole(&[ONE, TWO].concat(), &["1,s1", "2,s2"]), &[]);
    registry.import(&[registry.sections("1,A,One,deleted\n")], &[]);
    registry.import(&registry.whole(&[ONE, TWO].concat(), &["1,s1", "2,s2"]), &[]);
    registry.ana_and_bo_take(&["A/1"], &["A/2"]).await;
}

#[tokio::test]
async fn what_an_undone_import_has_said_about_sections_is_forgotten() {
    let registry = Registry::open().await;
    let wrong = registry.import(&registry.whole(&[ONE, TWO].concat(), &["1,s1"]), &[]);
    registry.school.ask("POST", &format!("/api/v1/imports/{}/undo", wrong["id"])).await.is_ok();
    registry.import(&registry.whole(ONE, &["1,s1"]), &[]);
    assert_eq!(registry.courses_of(3).await, ["A"]);
}

#[tokio::test]
async fn a_list_with_sections_of_another_system_is_not_about_those_of_canvas() {
    let registry = Registry::open().await;
    registry.import(&registry.whole(ONE, &["1,s1"]), &[]);
    let botany = registry.courses("B,B,Botany,active\n");
    registry.import(&[botany], &[]);
    let list = registry.files.with("list.csv", "student_id,course_id,section_id\ns2,B,1\ns2,A,1\n");
    registry.import(&[list], &[]);
    assert_eq!(registry.courses_of(2).await, ["A", "B"]);
}

#[tokio::test]
async fn files_that_the_school_has_written_itself_move_no_section() {
    let registry = Registry::open().await;
    registry.import(&registry.whole(ONE, &["1,s1"]), &[]);
    let whole = registry.whole(&[ONE, TWO].concat(), &["1,s1", "2,s2"]);
    registry.import(&whole, &[]);
    let written = registry.school.get("/api/v1/exports/canvas.zip").await.is_ok();
    let archive = registry.files.with("canvas.zip", &written.body);
    registry.import(&[archive], &["--mode", "full"]);
    let report = registry.import(&whole, &["--mode", "full"]);
    assert_eq!(
        (&report["counts"]["new"], &report["counts"]["would_vanish"]),
        (&json!(0), &json!(0)),
        "{report:#}"
    );
}

#[tokio::test]
async fn sections_are_remembered_even_if_nothing_else_is_new() {
    let registry = Registry::open().await;
    registry.import(&[registry.users(), registry.courses("A,A,Algebra,active\n")], &[]);
    let report = registry.import(&[registry.courses("A,A,Algebra,active\n"), registry.sections(ONE)], &[]);
    assert_eq!(report["counts"]["new"], 0, "{report:#}");
    registry.import(&[registry.sections(TWO), registry.enrollments(&["2,s2"])], &[]);
    assert_eq!(registry.courses_of(2).await, ["A/2"]);
}

#[tokio::test]
async fn a_plan_that_nobody_carries_out_says_nothing_about_sections() {
    let registry = Registry::open().await;
    registry.import(&[registry.users(), registry.courses(ALGEBRA_AND_BOTANY)], &[]);
    registry.import(&[registry.sections(ONE), registry.enrollments(&["1,s1"])], &[]);
    let preview = registry.school.ask("POST", "/api/v1/imports?name=sections.csv");
    let file = "section_id,course_id,name,status\n1,B,One,active\n";
    preview.header("content-type", "text/csv").body(file).await.is_created();
    registry.import(&[registry.enrollments(&["1,s2"])], &[]);
    registry.ana_and_bo_take(&["A"], &["A"]).await;
}

#[tokio::test]
async fn an_undo_takes_back_what_the_import_has_said_about_sections() {
    let registry = Registry::open().await;
    let set = [registry.users(), registry.courses(ALGEBRA_AND_BOTANY), registry.sections(ONE)];
    registry.import(&set, &[]);
    registry.import(&[registry.enrollments(&["1,s1"])], &[]);
    let wrong = [registry.sections(ONE), registry.moves("B,1,active\n"), registry.enrollments(&["1,s1"])];
    let wrong = registry.import(&wrong, &[]);
    assert_eq!(registry.courses_of(1).await, ["A", "B"]);
    registry.school.ask("POST", &format!("/api/v1/imports/{}/undo", wrong["id"])).await.is_ok();
    registry.import(&[registry.enrollments(&["1,s2"])], &[]);
    registry.ana_and_bo_take(&["A"], &["A"]).await;
}

#[tokio::test]
async fn an_undo_takes_back_nothing_that_a_later_import_has_said_too() {
    let registry = Registry::open().await;
    registry.import(&[registry.users(), registry.courses("A,A,Algebra,active\n")], &[]);
    let first = registry.import(&[registry.sections(ONE), registry.enrollments(&["1,s1"])], &[]);
    registry.import(&[registry.sections(ONE), registry.enrollments(&["1,s2"])], &[]);
    registry.school.ask("POST", &format!("/api/v1/imports/{}/undo", first["id"])).await.is_ok();
    registry.import(&[registry.sections(TWO), registry.enrollments(&["2,s1"])], &[]);
    registry.ana_and_bo_take(&["A/2"], &["A"]).await;
}

#[tokio::test]
async fn what_three_imports_have_said_is_taken_back_with_the_last_of_them() {
    let registry = Registry::open().await;
    registry.import(&[registry.users(), registry.courses("A,A,Algebra,active\n")], &[]);
    let says_it = |enrollments: &[&str]| {
        let report = registry.import(&[registry.sections(ONE), registry.enrollments(enrollments)], &[]);
        format!("/api/v1/imports/{}/undo", report["id"])
    };
    let undo = [says_it(&["1,s1"]), says_it(&["1,s2"]), says_it(&["1,s1 deleted"])];
    for undo in &undo {
        registry.school.ask("POST", undo).await.is_ok();
    }
    registry.import(&[registry.sections(TWO), registry.enrollments(&["2,s1"])], &[]);
    registry.ana_and_bo_take(&["A"], &[]).await;
}

#[tokio::test]
async fn of_two_plans_that_contradict_each_other_the_second_is_carried_out_once_it_is_made_again() {
    let registry = Registry::open().await;
    let courses = "A,A,Algebra,active\nB,B,Botany,active\nC,C,Chemistry,active\n";
    registry.import(&[registry.users(), registry.courses(courses), registry.sections(ONE)], &[]);
    let plan = async |course: &str| {
        let sections = format!("section_id,course_id,name,status\n1,{course},One,active\n");
        let enrollments = "section_id,user_id,role,status\n1,s1,student,active\n";
        let files = zip(&[("sections.csv", &*sections), ("enrollments.csv", enrollments)]);
        let request =
            registry.school.ask("POST", "/api/v1/imports").header("content-type", "application/zip");
        let import = request.body(files).await.is_created().json();
        format!("/api/v1/imports/{}/apply", import["id"])
    };
    let (first, last) = (plan("B").await, plan("C").await);
    registry.school.ask("POST", &last).await.is_ok();
    registry.school.ask("POST", &first).await.is_refused(409, "plan-changed");
    registry.ana_and_bo_take(&["C"], &[]).await;
    let import = first.strip_prefix("/api/v1").and_then(|path| path.strip_suffix("/apply")).unwrap();
    form(registry.school.ask("POST", &format!("{import}/columns")), &[]).await.is(303);
    registry.school.ask("POST", &first).await.is_ok();
    registry.import(&[registry.enrollments(&["1,s2"])], &[]);
    registry.ana_and_bo_take(&["B", "C"], &["B"]).await;
}

#[tokio::test]
async fn a_plan_that_only_says_which_course_a_section_is_can_be_carried_out() {
    let registry = Registry::open().await;
    registry.import(&[registry.users(), registry.courses(ALGEBRA_AND_BOTANY), registry.sections(ONE)], &[]);
    let upload = registry.school.ask("POST", "/api/v1/imports?name=sections.csv");
    let file = "section_id,course_id,name,status\n1,B,One,active\n";
    let plan = upload.header("content-type", "text/csv").body(file).await.is_created().json();
    assert_eq!((&plan["total"], &plan["counts"]["new_sections"]), (&json!(0), &json!(1)), "{plan:#}");
    let page = registry.school.get(&format!("/imports/{}", plan["id"])).header("accept", "text/html").await;
    assert!(page.is_ok().text().contains("Import 1 section<"));
    registry.school.ask("POST", &format!("/api/v1/imports/{}/apply", plan["id"])).await.is_ok();
    registry.import(&[registry.enrollments(&["1,s1"])], &[]);
    registry.ana_and_bo_take(&["B"], &[]).await;
}

#[tokio::test]
async fn a_section_that_nobody_has_described_is_not_the_course_that_another_one_is() {
    let registry = Registry::open().await;
    registry.import(&registry.whole(ONE, &["1,s1"]), &[]);
    let rows = "course_id,section_id,user_id,role,status\nA,9,s1,student,deleted\nA,9,s2,student,active\n";
    let report = import(&registry.school, &[registry.files.with("enrollments.csv", rows)], &[]).is_done();
    assert_eq!(codes(&report), ["section-not-in-files"], "{report:#}");
    registry.ana_and_bo_take(&["A"], &[]).await;
}

#[tokio::test]
async fn a_new_section_is_not_the_course_of_one_that_has_moved_away() {
    let registry = Registry::open().await;
    let before = [
        registry.users(),
        registry.courses(ALGEBRA_AND_BOTANY),
        registry.sections(ONE),
        registry.enrollments(&["1,s1"]),
    ];
    registry.import(&before, &[]);
    let after = [registry.sections("1,A,One,active\n2,A,Two,active\n"), registry.moves("B,1,active\n")];
    registry.import(&after, &[]);
    registry.import(&[registry.enrollments(&["2,s2"])], &[]);
    registry.ana_and_bo_take(&["A"], &["A/2"]).await;
}

#[tokio::test]
async fn a_section_is_deleted_wherever_it_has_moved() {
    let registry = Registry::open().await;
    let sections = |status: &str| registry.sections(&format!("1,A,One,{status}\n2,A,Two,active\n"));
    let set = [
        registry.users(),
        registry.courses(ALGEBRA_AND_BOTANY),
        sections("active"),
        registry.moves("B,1,active\n"),
    ];
    registry.import(&set, &[]);
    registry.import(&[registry.enrollments(&["1,s1"])], &[]);
    assert_eq!(registry.courses_of(1).await, ["B"]);
    let gone =
        [sections("deleted"), registry.moves("B,1,deleted\n"), registry.enrollments(&["1,s1 deleted"])];
    registry.import(&gone, &[]);
    assert_eq!(registry.courses_of(1).await, [""; 0]);
}
