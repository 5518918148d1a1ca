//! Groups by import: who joins which group, groups that are made, and back again.

use serde_json::{Value, json};

use crate::school::School;

const FILE: &str = "number,name,email,Groups\n\
    0042,Zoë Martin,zoe@example.edu,Seniors; Honors\n\
    0043,Ana García,ana@example.edu,Juniors|Honors\n\
    0044,Ben Okafor,ben@example.edu,\n";

impl School {
    async fn groups_of(&self, student: i64) -> Vec<Value> {
        let groups = self.all(&format!("/api/v1/students/{student}/groups")).await;
        groups.into_iter().map(|group| group["name"].clone()).collect()
    }

    async fn groups(&self) -> Vec<Value> {
        self.all("/api/v1/groups").await.into_iter().map(|group| group["name"].clone()).collect()
    }

    async fn imports(&self, query: &str, file: &str) -> Value {
        let plan = self.brings(query, file.to_owned()).await.is_created().json();
        self.carries_out(&plan).await
    }
}

#[tokio::test]
async fn students_join_the_groups_of_their_rows_and_the_plan_says_which_are_new() {
    let school = School::open().await;
    school.put("/api/v1/groups/Seniors").json(&json!({"course_limit": 3})).await.is_ok();
    let plan = school.plan(FILE).await;
    assert_eq!((&plan["counts"]["new"], &plan["counts"]["new_groups"]), (&json!(3), &json!(2)));
    assert_eq!(plan["new_groups"], json!(["Honors", "Juniors"]));
    let heading = json!({"heading": "Groups", "meaning": "groups"});
    assert_eq!(plan["files"][0]["columns"][3], heading);
    let rows = school.rows_of(&plan, "new").await;
    let groups = json!({"field": "groups", "old": null, "new": "Honors; Seniors"});
    assert_eq!(rows[0]["fields"][3], groups);
    assert_eq!(rows[2]["fields"].as_array().unwrap().len(), 3);
    assert_eq!(school.groups().await, ["Seniors"]);

    school.carries_out(&plan).await;
    assert_eq!(school.groups_of(1).await, ["Honors", "Seniors"]);
    assert_eq!(school.groups_of(2).await, ["Honors", "Juniors"]);
    assert_eq!(school.groups_of(3).await, [""; 0]);
    // The events name the import and the row, and the limit of a group stays.
    let events = school.all("/api/v1/events?type=group.joined").await;
    let data: Vec<_> = events.iter().map(|event| (&event["data"]["import"], &event["data"]["row"])).collect();
    let (import, zoe, ana) = (json!(1), json!(0), json!(1));
    assert_eq!(data, [(&import, &zoe), (&import, &zoe), (&import, &ana), (&import, &ana)]);
    assert_eq!(school.get("/api/v1/groups/Seniors").await.is_ok().json()["course_limit"], 3);

    let again = school.plan(FILE).await;
    assert_eq!((&again["counts"]["unchanged"], &again["total"]), (&json!(3), &json!(0)), "{again:#}");
}

#[tokio::test]
async fn rows_add_to_the_groups_of_a_student_and_complete_files_replace_them() {
    let school = School::open().await;
    school.imports("", FILE).await;
    // Only ids and groups, of students who are there: one column, several ones, several lines.
    let plan = school.plan("number,group\n0042,Choir\n0042,Band\n0044,Choir\n0043,\n").await;
    assert_eq!(
        (&plan["counts"]["changed"], &plan["counts"]["unchanged"]),
        (&json!(2), &json!(1)),
        "{plan:#}"
    );
    assert_eq!(plan["files"][0]["skipped"], json!({}));
    let rows = school.rows_of(&plan, "changed").await;
    let groups =
        json!([{"field": "groups", "old": "Honors; Seniors", "new": "Band; Choir; Honors; Seniors"}]);
    assert_eq!((&rows[0]["fields"], &rows[0]["student_id"]), (&groups, &json!(1)));
    school.carries_out(&plan).await;
    assert_eq!(school.groups_of(1).await, ["Band", "Choir", "Honors", "Seniors"]);
    assert_eq!(school.groups_of(2).await, ["Honors", "Juniors"]);
    assert_eq!(school.groups_of(3).await, ["Choir"]);
    // Moodle's columns, and students by their addresses.
    school.imports("", "email,cohort1,cohort2\nana@example.edu,Choir,Swim team\n").await;
    assert_eq!(school.groups_of(2).await, ["Choir", "Honors", "Juniors", "Swim team"]);

    let complete = "number,name,email,groups\n\
        0042,Zoë Martin,zoe@example.edu,Seniors\n\
        0043,Ana García,ana@example.edu,\n\
        0044,Ben Okafor,ben@example.edu,Choir\n";
    let plan = school.brings("&mode=full", complete.to_owned()).await.is_created().json();
    assert_eq!(
        (&plan["counts"]["changed"], &plan["counts"]["would_vanish"]),
        (&json!(2), &json!(0)),
        "{plan:#}"
    );
    let rows = school.rows_of(&plan, "changed").await;
    assert_eq!(rows[1]["fields"][0]["new"], json!(null));
    school.carries_out(&plan).await;
    assert_eq!(school.groups_of(1).await, ["Seniors"]);
    assert_eq!(school.groups_of(2).await, [""; 0]);
    assert_eq!(school.groups_of(3).await, ["Choir"]);
    // Complete files without a column of groups say nothing about them.
    let names = "number,name,email\n0042,Zoë Martin,zoe@example.edu\n0043,Ana García,ana@example.edu\n\
        0044,Ben Okafor,ben@example.edu\n";
    let plan = school.brings("&mode=full", names.to_owned()).await.is_created().json();
    assert_eq!(plan["total"], 0);
}

#[tokio::test]
async fn rows_with_a_wrong_group_or_of_nobody_are_refused() {
    let school = School::open().await;
    school.imports("", FILE).await;
    let long = "x".repeat(101);
    let file = format!("number,groups\n0042,{long}\n0043,a\u{7}b\n0099,Choir\n0044,Choir\n");
    let plan = school.plan(&file).await;
    let rows = school.rows_of(&plan, "refused").await;
    let said: Vec<_> = rows.iter().map(|row| (&row["line"], &row["column"], &row["code"])).collect();
    let (groups, number, not_valid) = (json!("groups"), json!("number"), json!("group-not-valid"));
    let not_found = json!("student-not-found");
    let (two, three, four) = (json!(2), json!(3), json!(4));
    assert_eq!(
        said,
        [(&two, &groups, &not_valid), (&three, &groups, &not_valid), (&four, &number, &not_found)]
    );
    let detail = "The name of a group must have at most 100 characters, not 101";
    assert!(rows[0]["detail"].as_str().unwrap().contains(detail), "{rows:#?}");
    // More than fifty, in a cell or on as many lines.
    let names = |from: usize, until: usize| (from..until).map(|group| format!("g{group}"));
    let in_a_cell = format!("number,groups\n0042,{}\n", names(0, 51).collect::<Vec<_>>().join(";"));
    let on_lines: Vec<_> = names(0, 51).map(|name| format!("0042,{name}")).collect();
    for file in [in_a_cell, format!("number,groups\n{}\n", on_lines.join("\n"))] {
        let plan = school.plan(&file).await;
        assert_eq!((&plan["total"], &plan["new_groups"]), (&json!(0), &json!([])), "{plan:#}");
        assert_eq!(school.rows_of(&plan, "refused").await[0]["code"], "too-many-groups");
    }
    let fifty = format!("number,groups\n0042,{}\n", names(0, 50).collect::<Vec<_>>().join("|"));
    assert_eq!(school.plan(&fifty).await["counts"]["new_groups"], 50);
    // The groups of refused rows are not made.
    assert_eq!(plan["new_groups"], json!(["Choir"]));
    school.carries_out(&plan).await;
    assert_eq!(school.groups_of(1).await, ["Honors", "Seniors"]);
}

#[tokio::test]
async fn courses_open_for_the_groups_that_the_same_files_name() {
    let school = School::open().await;
    let course = json!({"name": "Algebra", "level": "1", "code": "MA1"});
    school.post("/api/v1/courses", course).await.is_created();
    school.put("/api/v1/groups/Seniors").json(&json!({"course_limit": null})).await.is_ok();
    let seats =
        json!({"opens_at": "2099-01-10T14:00:00Z", "group_opens_at": {"Seniors": "2026-01-08T14:00:00Z"}});
    school.patch("/api/v1/courses/1/seats", seats).await.is_ok();
    let files =
        super::zip(&[("students.csv", FILE), ("enrollments.csv", "student,course\n0042,MA1\n0043,MA1\n")]);
    let request = school.ask("POST", "/api/v1/imports").header("content-type", "application/zip");
    let plan = request.body(files).await.is_created().json();
    assert_eq!((&plan["counts"]["new"], &plan["counts"]["refused"]), (&json!(4), &json!(1)), "{plan:#}");
    let refused = school.rows_of(&plan, "refused").await;
    assert_eq!(
        (&refused[0]["student"], &refused[0]["code"]),
        (&json!("0043"), &json!("registration-not-open"))
    );
    let done = school.carries_out(&plan).await;
    assert_eq!(done["not_done"], 0, "{done:#}");
}

#[tokio::test]
async fn undoing_takes_back_the_groups_that_nobody_has_touched_since() {
    let school = School::open().await;
    school.imports("", "number,name,email\n0042,Zoë,zoe@example.edu\n0043,Ana,ana@example.edu\n").await;
    school.put("/api/v1/groups/Juniors").json(&json!({"course_limit": null})).await.is_ok();
    school.put("/api/v1/groups/Juniors/students/1").await.is(204);
    let file = "number,name,email,groups\n\
        0042,Zoë Martin,zoe@example.edu,Seniors; Choir\n\
        0043,Ana,ana@example.edu,Seniors; Band\n\
        0044,Ben,ben@example.edu,Seniors; Swim\n";
    let import = school.imports("&mode=full", file).await;
    assert_eq!(school.groups_of(1).await, ["Choir", "Seniors"]);
    // Ana has left and joined the band since; a course opens for swimmers.
    school.delete("/api/v1/groups/Band/students/2").await.is(204);
    school.put("/api/v1/groups/Band/students/2").await.is(204);
    school.course("Swimming").await;
    let seats = json!({"group_opens_at": {"Swim": "2026-01-08T14:00:00Z"}});
    school.patch("/api/v1/courses/1/seats", seats).await.is_ok();
    let undone = school.takes_back(&import).await;
    assert_eq!(school.groups_of(1).await, ["Juniors"]);
    assert_eq!(school.groups_of(2).await, ["Band"]);
    assert_eq!(school.groups().await, ["Band", "Juniors", "Swim"]);
    assert_eq!(school.all("/api/v1/students").await.len(), 2);
    assert_eq!(school.all("/api/v1/students").await[0]["name"], "Zoë");
    let remaining = school.rows_of(&import, "remaining").await;
    let mut said: Vec<_> =
        remaining.iter().map(|row| (row["student"].clone(), row["code"].clone())).collect();
    said.sort_by_key(|(student, code)| (student.to_string(), code.to_string()));
    let said_of = |student: &str, code: &str| (json!(student), json!(code));
    assert_eq!(
        said,
        [said_of("0043", "changed-since"), said_of("0043", "group-in-use"), said_of("0044", "group-in-use"),]
    );
    assert_eq!(undone["remaining"], 3);
}

#[tokio::test]
async fn a_group_that_is_deleted_between_the_plan_and_the_import_is_not_made_again() {
    let school = School::open().await;
    school.put("/api/v1/groups/Seniors").json(&json!({"course_limit": null})).await.is_ok();
    let plan = school.plan("number,name,email,groups\n0042,Zoë,zoe@example.edu,Seniors\n").await;
    school.delete("/api/v1/groups/Seniors").await.is(204);
    // Nothing in the rows has changed: the group is new now, which the plan has not said.
    let url = format!("/api/v1/imports/{}/apply", plan["id"]);
    school.ask("POST", &url).await.is_refused(409, "plan-changed");
    assert_eq!(school.all("/api/v1/students").await.len(), 0);
}

#[tokio::test]
async fn a_complete_file_of_groups_alone_removes_nobody() {
    let school = School::open().await;
    school.imports("", FILE).await;
    let plan =
        school.brings("&mode=full", "number,groups\n0042,Honors\n".to_owned()).await.is_created().json();
    assert_eq!(plan["counts"]["would_vanish"], 0, "{plan:#}");
    school.carries_out(&plan).await;
    assert_eq!(school.groups_of(1).await, ["Honors"]);
    assert_eq!(school.all("/api/v1/students").await.len(), 3);
}

#[tokio::test]
async fn undoing_leaves_a_group_that_somebody_has_made_again() {
    let school = School::open().await;
    let import =
        school.imports("", "number,name,email,groups\n0042,Zoë,zoe@example.edu,Seniors; Choir\n").await;
    school.delete("/api/v1/groups/Seniors").await.is(204);
    school.put("/api/v1/groups/Seniors").json(&json!({"course_limit": null})).await.is_ok();

    let undone = school.takes_back(&import).await;

    assert_eq!((undone["status"].as_str(), &undone["remaining"]), (Some("undone"), &json!(1)), "{undone:#}");
    assert_eq!(school.groups().await, ["Seniors"]);
}
