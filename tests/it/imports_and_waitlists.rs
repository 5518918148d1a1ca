//! `matricula import`: which students get the seats that the files free.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::imports::{Files, import};
use crate::school::School;

/// A school whose courses have one seat each. In `A`, s1 has it and s2, s3 and s4 wait; in `B`, s2 has it and s1 waits.
struct Crowd {
    school: School,
    files: Files,
    people: String,
}

const COURSES: &str = "course_id,short_name,long_name,status\n";
const PEOPLE: &str = "user_id,full_name,email,status\n";
const ENROLLMENTS: &str = "course_id,user_id,role,status\n";

impl Crowd {
    async fn new() -> Self {
        let (school, files) = (School::open().await, Files::new());
        let row = |id: u32| format!("s{id},Student {id},s{id}@example.edu,active\n");
        let people = format!("{PEOPLE}{}", (1..=5).map(row).collect::<String>());
        let courses = format!("{COURSES}A,A,Algebra,active\nB,B,Botany,active\n");
        let set = [files.with("users.csv", &people), files.with("courses.csv", &courses)];
        import(&school, &set, &[]).is_done();
        let crowd = Self { school, files, people };
        for course in ["A", "B"] {
            let url = format!("/api/v1/courses/{}/seats", crowd.id("courses", "code", course).await);
            let seats = json!({"capacity": 1, "waitlist_capacity": 9});
            crowd.school.put(&url).json(&seats).await.is_ok();
        }
        crowd.imports(&[("enrollments.csv", "A,s1,student,active\nA,s2,student,active\nA,s3,student,active\nA,s4,student,active\nB,s2,student,active\nB,s1,student,active\n")]);
        crowd
    }

    async fn id(&self, what: &str, field: &str, external: &str) -> Value {
        let found = self.school.get(&format!("/api/v1/{what}?{field}={external}")).await.is_ok().json();
        found[0]["id"].clone()
    }

    /// Imports files with these rows, after a dry run with the same result.
    fn imports(&self, rows: &[(&str, &str)]) -> Value {
        let heading = |name: &str| match name {
            "users.csv" => PEOPLE,
            "courses.csv" => COURSES,
            _ => ENROLLMENTS,
        };
        let file = |(name, rows): &(&str, &str)| self.files.with(name, &format!("{}{rows}", heading(name)));
        let set: Vec<PathBuf> = rows.iter().map(file).collect();
        let planned = import(&self.school, &set, &["--dry-run"]).is_done();
        let done = import(&self.school, &set, &[]).is_done();
        for part in ["counts", "vanishing", "promoted", "would_vanish"] {
            assert_eq!(planned[part], done[part], "{part}");
        }
        assert_eq!(done["plan_changed"], json!([]));
        done
    }

    async fn numbers(&self, path: &str) -> Vec<Value> {
        let rows = self.school.get(path).await.is_ok().json();
        let mut numbers = Vec::new();
        for row in rows.as_array().unwrap() {
            let id = row.get("student_id").unwrap_or(&row["id"]);
            let student = self.school.get(&format!("/api/v1/students/{id}")).await.is_ok().json();
            numbers.push(student["number"].clone());
        }
        numbers
    }

    /// The student with the seat of a course, and the waiting students.
    async fn seat(&self, course: &str) -> (Vec<Value>, Vec<Value>) {
        let url = format!("/api/v1/courses/{}", self.id("courses", "code", course).await);
        (self.numbers(&format!("{url}/students")).await, self.numbers(&format!("{url}/waitlist")).await)
    }

    /// The number of students who have moved up from a waitlist.
    async fn promotions(&self) -> usize {
        self.school.log().await.iter().filter(|kind| *kind == "waitlist.promoted").count()
    }
}

fn promoted(report: &Value) -> Vec<[&Value; 2]> {
    let pairs = report["promoted"].as_array().unwrap().iter();
    pairs.map(|pair| [&pair["student"]["number"], &pair["course"]["code"]]).collect()
}

#[tokio::test]
async fn nobody_moves_up_whom_the_same_files_drop() {
    let crowd = Crowd::new().await;
    let rows = "A,s1,student,deleted\nA,s2,student,deleted\nA,s5,student,active\n";
    let report = crowd.imports(&[("enrollments.csv", rows)]);
    assert_eq!(promoted(&report), [[&json!("s3"), &json!("A")]], "{report:#}");
    assert_eq!(report["counts"]["waiting"], 1, "{report:#}");
    assert_eq!(crowd.seat("A").await, (vec![json!("s3")], vec![json!("s4"), json!("s5")]));
    assert_eq!(crowd.promotions().await, 1);
}

#[tokio::test]
async fn nobody_moves_up_whom_the_same_files_delete() {
    let crowd = Crowd::new().await;
    // Each of the two waits for the seat of the other.
    let rows = "s1,Student 1,s1@example.edu,deleted\ns2,Student 2,s2@example.edu,deleted\n";
    let report = crowd.imports(&[("users.csv", rows)]);
    assert_eq!(promoted(&report), [[&json!("s3"), &json!("A")]], "{report:#}");
    let expected = json!({"students": 2, "courses": 0, "enrollments": 2, "places_on_waitlists": 2});
    assert_eq!(
        (&report["would_vanish"], &report["counts"]["would_vanish"]),
        (&expected, &json!(6)),
        "{report:#}"
    );
    assert_eq!(crowd.seat("A").await, (vec![json!("s3")], vec![json!("s4")]));
    assert_eq!(crowd.seat("B").await, (vec![], vec![]));
    assert_eq!(crowd.promotions().await, 1);
}

#[tokio::test]
async fn nobody_moves_up_into_a_course_that_the_same_files_delete() {
    let crowd = Crowd::new().await;
    let report = crowd.imports(&[
        ("users.csv", "s1,Student 1,s1@example.edu,deleted\n"),
        ("courses.csv", "A,A,Algebra,deleted\n"),
    ]);
    // s1 and A; s1, s2, s3 and s4 in A, each once; s1 on the waitlist of B.
    let expected = json!({"students": 1, "courses": 1, "enrollments": 1, "places_on_waitlists": 4});
    assert_eq!((&report["would_vanish"], promoted(&report).len()), (&expected, 0), "{report:#}");
    assert_eq!(crowd.seat("B").await, (vec![json!("s2")], vec![]));
    assert_eq!(crowd.promotions().await, 0);
}

#[tokio::test]
async fn unmentioned_enrollments_free_seats_like_dropped_ones() {
    let crowd = Crowd::new().await;
    // The file has all of B, and of A only s3 and s4.
    let rows = "A,s3,student,active\nA,s4,student,active\nB,s2,student,active\nB,s1,student,active\n";
    let set = [crowd.files.with("enrollments.csv", &format!("{ENROLLMENTS}{rows}"))];
    let planned = import(&crowd.school, &set, &["--mode", "full", "--dry-run"]).is_done();
    assert_eq!(promoted(&planned), [[&json!("s3"), &json!("A")]], "{planned:#}");
    let done = import(&crowd.school, &set, &["--mode", "full"]).is_done();
    assert_eq!((&planned["vanishing"], &done["plan_changed"]), (&done["vanishing"], &json!([])));
    assert_eq!(crowd.seat("A").await, (vec![json!("s3")], vec![json!("s4")]));
    assert_eq!(crowd.promotions().await, 1);
    // A file of people alone changes nothing.
    let people = [crowd.files.with("users.csv", &crowd.people)];
    assert_eq!(import(&crowd.school, &people, &["--mode", "full"]).is_done()["counts"]["unchanged"], 5);
}
