//! Imports that give students seats beyond the limits of courses, with a reason.

use matricula::audit::audit;
use matricula::db::Db;
use serde_json::{Value, json};

use crate::school::{Course, School, Student, matricula};

const REASON: &str = "moved%20from%20a%20closed%20school";

/// A course with one seat, which Ana has; Ben waits, and Cleo does not.
async fn full_course(school: &School) -> (Course, [Student; 3]) {
    let algebra = school.course("Algebra").await;
    let students = school.students(["Ana", "Ben", "Cleo"]).await;
    school.patch(&algebra.url(), json!({"code": "MA1"})).await.is_ok();
    for (student, number) in students.iter().zip(["1", "2", "3"]) {
        school.patch(&student.url(), json!({"number": number})).await.is_ok();
    }
    algebra.seats(1, 1).await;
    students[0].enrolls_in(&algebra).await.is_created();
    students[1].enrolls_in(&algebra).await.is(202);
    (algebra, students)
}

const FILE: &str = "student,course\n1,MA1\n2,MA1\n3,MA1\n";

#[tokio::test]
async fn a_whole_file_is_enrolled_beyond_the_limits_for_one_reason() {
    let school = School::open().await;
    let (algebra, _) = full_course(&school).await;
    let by_the_rules = school.plan(FILE).await;
    assert_eq!(
        (&by_the_rules["counts"]["refused"], &by_the_rules["counts"]["unchanged"]),
        (&json!(1), &json!(2))
    );

    let import = school.brings(&format!("&override_reason={REASON}"), FILE).await.is_created().json();
    assert_eq!(import["settings"]["override"], json!({"reason": "moved from a closed school"}));
    let counts = &import["counts"];
    assert_eq!(
        (&counts["new"], &counts["overridden"], &counts["unchanged"]),
        (&json!(2), &json!(2), &json!(1))
    );
    let rows = school.rows_of(&import, "new").await;
    assert!(rows.iter().all(|row| row["overridden"] == true), "{rows:#?}");
    school.carries_out(&import).await;
    assert_eq!(algebra.roster().await, ["Ana", "Ben", "Cleo"]);
    assert_eq!(algebra.waitlist().await, [""; 0]);
    let events = school.all("/api/v1/events?type=enrollment.created").await;
    let data: Vec<Value> = events[1..].iter().map(|event| event["data"].clone()).collect();
    let reason = json!({"reason": "moved from a closed school"});
    assert_eq!(
        data,
        [
            json!({"override": reason, "from_waitlist": true, "import": import["id"], "row": rows[0]["row"]}),
            json!({"override": reason, "import": import["id"], "row": rows[1]["row"]}),
        ]
    );

    // Ben's place in the line is gone, and the import says so.
    let undone = school.takes_back(&import).await;
    assert_eq!(undone["remaining"], 1, "{undone:#}");
    let remaining = school.rows_of(&import, "remaining").await;
    assert_eq!((&remaining[0]["student"], &remaining[0]["code"]), (&json!("2"), &json!("place-lost")));
    assert_eq!(algebra.roster().await, ["Ana"]);
    assert_eq!(audit(&Db::open(school.database().location()).unwrap()).await.unwrap().findings, []);
}

#[tokio::test]
async fn where_the_rules_allow_a_seat_the_override_is_not_used() {
    let school = School::open().await;
    let (algebra, _) = full_course(&school).await;
    algebra.seats(3, 0).await;
    let import = school.brings(&format!("&override_reason={REASON}"), FILE).await.is_created().json();
    assert_eq!((&import["counts"]["new"], &import["counts"]["overridden"]), (&json!(1), &json!(0)));
    school.carries_out(&import).await;
    let events = school.all("/api/v1/events?type=enrollment.created").await;
    assert_eq!(events.last().unwrap()["data"]["override"], Value::Null);
}

#[tokio::test]
async fn an_override_of_an_import_has_a_reason() {
    let school = School::open().await;
    for reason in ["", "%20", "a%00b", &"x".repeat(501)] {
        school.brings(&format!("&override_reason={reason}"), FILE).await.is_refused(400, "invalid-request");
    }
}

#[tokio::test]
async fn the_command_line_has_overrides_too() {
    let school = School::open().await;
    let (algebra, _) = full_course(&school).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("enrollments.csv");
    std::fs::write(&file, FILE).unwrap();
    let import = |reason: &str| {
        let mut command = matricula();
        command.arg("import").arg("--database").arg(school.database().argument());
        command.args(["--yes", "--json", "--override", reason]).arg(&file).output().unwrap()
    };
    assert_eq!(import(" ").status.code(), Some(2));
    let output = import("moved");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["counts"]["overridden"], 2, "{report:#}");
    assert_eq!(algebra.roster().await, ["Ana", "Ben", "Cleo"]);
}
