//! What a change does, and what it refuses.

use std::time::Duration;

use serde_json::{Value, json};

use super::{numbers, url};
use crate::access::{WithToken as _, create};
use crate::school::{School, errors};

#[tokio::test]
async fn a_change_is_shown_first_then_made_and_then_undone() {
    let school = School::open().await;
    let [algebra, botany, biology] = school.courses(["Algebra", "Botany", "Biology"]).await;
    let [ana, ben, cleo, dan] = school.students(["Ana", "Ben", "Cleo", "Dan"]).await;
    biology.seats(1, 5).await;
    school.fills(&biology, &[&ana, &ben, &cleo, &dan]).await;
    botany.seats(3, 0).await;

    let change = school.plans(json!({"q": "b"}), json!({"capacity": 3})).await;
    assert_eq!(change["counts"], json!({"changed": 2, "unchanged": 1, "refused": 0}));
    assert_eq!((&change["moves_up"], &change["actor"]), (&json!(2), &json!("anonymous")));
    assert_eq!(school.statuses(&change).await, ["Algebra: planned", "Biology: planned", "Botany: unchanged"]);
    let courses = school.courses_of(&change).await;
    assert_eq!(
        (&courses[0]["before"]["capacity"], &courses[0]["after"]["capacity"]),
        (&Value::Null, &json!(3))
    );
    assert_eq!((&courses[1]["before"]["capacity"], &courses[1]["after"]["capacity"]), (&json!(1), &json!(3)));
    assert_eq!(courses[1]["after"]["waitlist_capacity"], 5, "what is not named stays");
    assert_eq!((&courses[1]["enrolled"], &courses[1]["moves_up"]), (&json!(1), &json!(2)));
    assert_eq!(
        school.capacities([&algebra, &biology]).await,
        [Value::Null, json!(1)],
        "nothing has changed yet"
    );

    let applied = school.applies(&change).await;
    assert_eq!(applied["status"], "applied");
    assert_eq!(numbers(&applied, ["done", "not_done", "moved_up"]), [2, 0, 2]);
    assert_eq!(school.capacities([&algebra, &botany, &biology]).await, [json!(3), json!(3), json!(3)]);
    assert_eq!(biology.roster().await, ["Ana", "Ben", "Cleo"]);
    assert_eq!(biology.waitlist().await, ["Dan"]);
    let log = school.get("/api/v1/events?limit=100").await.is_ok().json();
    let of_change = |event: &&Value| event["data"]["seat_change"] == change["id"];
    let kinds: Vec<_> =
        log.as_array().unwrap().iter().filter(of_change).map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["seats.set", "seats.set", "waitlist.promoted", "waitlist.promoted"]);
    // Once more is harmless.
    let length = school.log().await.len();
    assert_eq!(school.applies(&change).await, applied);
    assert_eq!(school.log().await.len(), length);

    let undone = school.undoes(&change).await;
    assert_eq!(undone["status"], "undone");
    assert_eq!(numbers(&undone, ["done", "undone", "remaining", "moved_up"]), [0, 2, 0, 2]);
    assert_eq!(school.capacities([&algebra, &botany, &biology]).await, [Value::Null, json!(3), json!(1)]);
    assert_eq!(biology.roster().await, ["Ana", "Ben", "Cleo"], "students keep their seats");
    assert_eq!(school.log().await[length..], ["seats.removed", "seats.set"]);
    assert_eq!(school.undoes(&change).await, undone);
    school.ask("POST", &format!("{}/apply", url(&change))).await.is_refused(409, "seat-change-state");
}

#[tokio::test]
async fn a_change_is_refused_if_somebody_has_changed_one_of_its_courses() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let apply = |change: &Value| school.ask("POST", &format!("{}/apply", url(change)));
    let change = school.plans(Value::Null, json!({"capacity": 30})).await;
    botany.seats(10, 0).await;
    apply(&change).await.is_refused(409, "plan-changed");
    assert_eq!(school.capacities([&algebra, &botany]).await, [Value::Null, json!(10)], "nothing has changed");
    assert_eq!(school.get(&url(&change)).await.is_ok().json(), change, "the plan is as it was");

    // It holds again when the seats are as they were shown.
    school.delete(&botany.seats_url()).await.is(204);
    assert_eq!(school.applies(&change).await["done"], 2);

    // The same for courses that have come or gone.
    let change = school.plans(Value::Null, json!({"capacity": 31})).await;
    let chemistry = school.course("Chemistry").await;
    apply(&change).await.is_refused(409, "plan-changed");
    let change = school.plans(Value::Null, json!({"capacity": 31})).await;
    school.delete(&chemistry.url()).await.is(204);
    apply(&change).await.is_refused(409, "plan-changed");
    assert_eq!(school.capacities([&algebra, &botany]).await, [json!(30), json!(30)]);

    // Students who come and go meanwhile do not matter, also where the choice was about free seats.
    let change = school.plans(json!({"free": true}), json!({"capacity": 1})).await;
    let ana = school.student("Ana").await;
    ana.enrolls_in(&algebra).await.is_created();
    algebra.seats(30, 0).await;
    assert_eq!(school.applies(&change).await["done"], 2);
}

#[tokio::test]
async fn an_undo_leaves_alone_what_somebody_has_changed_since() {
    let school = School::open().await;
    let [algebra, botany, chemistry] = school.courses(["Algebra", "Botany", "Chemistry"]).await;
    algebra.seats(10, 2).await;
    let change = school.plans(Value::Null, json!({"capacity": 30})).await;
    school.ask("POST", &format!("{}/undo", url(&change))).await.is_refused(409, "seat-change-state");
    school.applies(&change).await;
    botany.seats(12, 0).await;
    school.delete(&chemistry.url()).await.is(204);

    let undone = school.undoes(&change).await;
    assert_eq!(numbers(&undone, ["done", "undone", "remaining"]), [0, 1, 2]);
    assert_eq!(school.capacities([&algebra, &botany]).await, [json!(10), json!(12)]);
    let courses = school.courses_of(&change).await;
    let why = |place: usize| courses[place]["why"]["detail"].as_str().unwrap_or_default();
    assert_eq!(school.statuses(&change).await, ["Algebra: undone", "Botany: remaining", "?: remaining"]);
    assert_eq!(
        ["", why(1), why(2)],
        ["", "Somebody has changed the seats since.", "The course has been deleted."]
    );
    let remaining = school.get(&format!("{}/courses?status=remaining&limit=1", url(&change))).await.is_ok();
    assert_eq!(remaining.header("x-total-count"), "2");
    assert!(remaining.next_page().is_some());
}

#[tokio::test]
async fn windows_that_contradict_each_other_are_refused_course_by_course() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let opens = json!({"capacity": null, "opens_at": "2026-10-01T08:00:00Z"});
    school.patch(&botany.seats_url(), opens).await.is_ok();
    let change = school.plans(json!({}), json!({"closes_at": "2026-09-20T08:00:00Z"})).await;
    assert_eq!(change["counts"], json!({"changed": 1, "unchanged": 0, "refused": 1}));
    assert_eq!(school.statuses(&change).await, ["Botany: refused", "Algebra: planned"]);
    let why = &school.courses_of(&change).await[0]["why"];
    assert_eq!(why["code"], "ends-before-opening");
    assert_eq!(why["detail"], "Registration would close before it opens.");
    assert_eq!(school.applies(&change).await["done"], 1);
    let seats = school.get(&botany.seats_url()).await.is_ok().json();
    assert_eq!(seats["closes_at"], Value::Null);
    let seats = school.get(&algebra.seats_url()).await.is_ok().json();
    assert_eq!(seats["closes_at"], "2026-09-20T08:00:00.000Z");
}

#[tokio::test]
async fn courses_are_chosen_as_in_their_list() {
    let school = School::open().await;
    let [algebra, botany, chemistry] = school.courses(["Algebra", "Botany", "Chemistry"]).await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    algebra.seats(1, 5).await;
    school.fills(&algebra, &[&ana, &ben]).await;
    school.patch(&botany.seats_url(), json!({"opens_at": "2026-09-02T08:00:00Z"})).await.is_ok();
    school.patch(&chemistry.url(), json!({"level": "graduate"})).await.is_ok();
    let seats = json!({"waitlist_capacity": 7});
    let ids = [algebra.id, 99];
    for (courses, expected) in [
        (json!({"q": "BOT"}), &["Botany: planned"][..]),
        (json!({"level": "graduate"}), &["Chemistry: planned"]),
        (json!({"open": true}), &["Algebra: planned", "Chemistry: planned"]),
        (json!({"open": false}), &["Botany: planned"]),
        (json!({"free": true, "open": true}), &["Chemistry: planned"]),
        (json!({"waiting": true}), &["Algebra: planned"]),
        (json!({"ids": ids}), &["?: refused", "Algebra: planned"]),
        (json!({"ids": []}), &[]),
        (json!({"ids": ids, "q": "botany"}), &["?: refused"]),
    ] {
        let change = school.plans(courses.clone(), seats.clone()).await;
        assert_eq!(school.statuses(&change).await, expected, "{courses}");
        assert_eq!(change["courses"], courses);
    }
    let list = school.get("/api/v1/seat-changes?limit=2").await.is_ok();
    assert_eq!((list.header("x-total-count"), list.ids()), ("9", vec![9, 8]));
}

#[tokio::test]
async fn openings_of_groups_change_one_by_one() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    for group in ["Athletes", "Seniors"] {
        school.put(&format!("/api/v1/groups/{group}")).json(&json!({"course_limit": null})).await.is_ok();
    }
    let [early, late] = ["2026-09-02T08:00:00.000Z", "2026-09-03T08:00:00.000Z"];
    let athletes = json!({"group_opens_at": {"Athletes": early}});
    school.patch(&botany.seats_url(), athletes).await.is_ok();
    let openings = async |course: &crate::school::Course| {
        school.get(&course.seats_url()).await.is_ok().json()["group_opens_at"].clone()
    };
    let change = school.plans(Value::Null, json!({"group_opens_at": {"Seniors": late}})).await;
    school.applies(&change).await;
    assert_eq!(openings(&algebra).await, json!({"Seniors": late}));
    assert_eq!(openings(&botany).await, json!({"Athletes": early, "Seniors": late}));
    let none = school.plans(Value::Null, json!({"group_opens_at": null})).await;
    assert_eq!(none["seats"], json!({"group_opens_at": null}));
    school.applies(&none).await;
    assert_eq!([openings(&algebra).await, openings(&botany).await], [json!({}), json!({})]);

    // A group that is gone by then is no group to open for.
    school.put("/api/v1/groups/Band").json(&json!({"course_limit": null})).await.is_ok();
    let band = school.plans(Value::Null, json!({"group_opens_at": {"Band": late}})).await;
    school.delete("/api/v1/groups/Band").await.is(204);
    school.ask("POST", &format!("{}/apply", url(&band))).await.is_refused(409, "plan-changed");

    // The group is gone when the openings are put back.
    school.delete("/api/v1/groups/Seniors").await.is(204);
    let undone = school.undoes(&none).await;
    assert_eq!(numbers(&undone, ["undone", "remaining"]), [0, 2]);
    let unknown = json!({"seats": {"group_opens_at": {"Seniors": late}}});
    school.post("/api/v1/seat-changes", unknown).await.is_refused(404, "group-not-found");
}

#[tokio::test]
async fn a_course_gets_no_more_openings_than_it_can_have() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let at = "2026-09-02T08:00:00.000Z";
    let mut openings = serde_json::Map::new();
    for number in 0..33 {
        let group = format!("G{number}");
        school.put(&format!("/api/v1/groups/{group}")).json(&json!({"course_limit": null})).await.is_ok();
        openings.insert(group, json!(at));
    }
    openings.remove("G32");
    school.patch(&algebra.seats_url(), json!({"group_opens_at": openings})).await.is_ok();

    let change = school.plans(Value::Null, json!({"group_opens_at": {"G32": at}})).await;

    assert_eq!(change["counts"], json!({"changed": 0, "unchanged": 0, "refused": 1}));
    let courses = school.all(&format!("/api/v1/seat-changes/{}/courses", change["id"])).await;
    assert_eq!(courses[0]["why"]["detail"], "A course can open for at most 32 groups at times of their own.");
}

#[tokio::test]
async fn a_waitlist_that_has_ended_does_not_move_up() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    algebra.seats(1, 5).await;
    school.fills(&algebra, &[&ana, &ben]).await;
    let ended = json!({"waitlist_closes_at": "2026-09-01T08:30:00Z"});
    school.patch(&algebra.seats_url(), ended).await.is_ok();
    school.let_pass(Duration::from_hours(1));
    let change = school.plans(Value::Null, json!({"capacity": 9})).await;
    assert_eq!(change["moves_up"], 0);
    assert_eq!(school.applies(&change).await["moved_up"], 0);
    assert_eq!(algebra.waitlist().await, ["Ben"]);
}

#[tokio::test]
async fn a_request_that_is_sent_twice_plans_once() {
    let school = School::open().await;
    school.course("Algebra").await;
    let send = |capacity: i64| {
        let body = json!({"seats": {"capacity": capacity}});
        school.post("/api/v1/seat-changes", body).header("idempotency-key", "k1")
    };
    let first = send(30).await.is_created().json();
    assert_eq!(send(30).await.is_created().json(), first);
    send(31).await.is_refused(422, "idempotency-key-reused");
    let (one, other) = tokio::join!(
        school
            .post("/api/v1/seat-changes", json!({"seats": {"capacity": 5}}))
            .header("idempotency-key", "k2"),
        school
            .post("/api/v1/seat-changes", json!({"seats": {"capacity": 5}}))
            .header("idempotency-key", "k2"),
    );
    assert_eq!(one.is_created().json(), other.is_created().json());
    assert_eq!(school.get("/api/v1/seat-changes").await.is_ok().ids().len(), 2);
}

#[tokio::test]
async fn impossible_requests_are_refused_with_every_reason() {
    let school = School::open().await;
    let refused = async |body: Value| {
        errors(&school.post("/api/v1/seat-changes", body).await.is_refused(400, "invalid-request"))
    };
    assert_eq!(refused(json!({})).await, ["/seats: is required"]);
    assert_eq!(refused(json!({"seats": {}})).await, ["/seats: must have at least one limit"]);
    let body =
        json!({"courses": {"q": " ", "ids": [0], "free": "yes", "name": "x"}, "seats": {"capacity": -1}});
    let found = refused(body).await;
    assert_eq!(found.len(), 5, "{found:#?}");
    school.get("/api/v1/seat-changes/7").await.is_refused(404, "seat-change-not-found");
    school.get("/api/v1/seat-changes/x/courses").await.is_refused(404, "seat-change-not-found");
    school.ask("POST", "/api/v1/seat-changes/7/apply").await.is_refused(404, "seat-change-not-found");
    school.ask("POST", "/api/v1/seat-changes/7/undo").await.is_refused(404, "seat-change-not-found");
    let change = school.plans(Value::Null, json!({"capacity": 1})).await;
    let which = format!("{}/courses?status=new", url(&change));
    school.get(&which).await.is_refused(400, "invalid-request");
}

#[tokio::test]
async fn only_the_office_changes_seats() {
    let school = School::open().await;
    school.course("Algebra").await;
    let admin = create(&school, None, json!({"name": "admin", "role": "admin"})).await;
    let registrar = create(&school, Some(&admin), json!({"name": "office", "role": "registrar"})).await;
    let reader = create(
        &school,
        Some(&admin),
        json!({"name": "reader", "role": "registrar", "scopes": ["catalogue:read", "rosters:read"]}),
    )
    .await;
    let body = json!({"seats": {"capacity": 3}});
    let post = || school.post("/api/v1/seat-changes", body.clone());
    post().await.is_refused(401, "unauthorized");
    post().with_token(&reader).await.is_refused(403, "forbidden");
    let change = post().with_token(&registrar).await.is_created().json();
    for path in [url(&change), format!("{}/courses", url(&change)), "/api/v1/seat-changes".to_owned()] {
        school.get(&path).with_token(&reader).await.is_refused(403, "forbidden");
        school.get(&path).with_token(&registrar).await.is_ok();
    }
    let apply = || school.ask("POST", &format!("{}/apply", url(&change)));
    apply().with_token(&reader).await.is_refused(403, "forbidden");
    assert_eq!(apply().with_token(&registrar).await.is_ok().json()["done"], 1);
}
