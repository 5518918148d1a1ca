//! Students: a name and an address.

use std::future::IntoFuture as _;

use axum::http::HeaderValue;
use futures_util::future::join_all;
use serde_json::json;

use crate::school::{School, errors};

const STUDENTS: &str = "/api/v1/students";

/// Texts that are not valid ids.
pub(crate) const IMPOSSIBLE: [&str; 9] =
    ["0", "-1", "9007199254740992", "99999999999999999999", "abc", "1.0", "+1", "1%202", "%FF"];

#[tokio::test]
async fn a_student_is_added_and_read_again() {
    let school = School::open().await;

    let added = school.post(STUDENTS, json!({"name": "Zoë Martin", "email": "zoe@example.edu"})).await;

    let added = added.is_created();
    assert_eq!(added.text(), r#"{"id":1,"name":"Zoë Martin","email":"zoe@example.edu"}"#);
    assert_eq!(added.header("location"), "/api/v1/students/1");
    assert_eq!(added.header("content-type"), "application/json");
    let read = school.get(added.header("location")).await.is_ok();
    assert_eq!((&read.body, read.header("etag")), (&added.body, added.header("etag")));
    assert_eq!(read.header("content-type"), "application/json");
    let list = school.get(STUDENTS).await.is_ok();
    assert_eq!(list.json(), json!([added.json()]));
    assert_eq!(list.header("x-total-count"), "1");
}

#[tokio::test]
async fn reads_at_the_same_time_each_get_their_own_answer() {
    let school = School::open().await;
    let [algebra, botany] = school.courses(["Algebra", "Botany"]).await;
    let mut students = Vec::new();
    for number in 0..40 {
        let student = school.student(&format!("Student {number}")).await;
        if number % 3 > 0 {
            student.enrolls_in(&algebra).await.is_created();
        }
        if number % 3 > 1 {
            student.enrolls_in(&botany).await.is_created();
        }
        students.push(student);
    }
    for _ in 0..5 {
        let answers = join_all(students.iter().map(async |student| {
            let (name, courses, nobody) = tokio::join!(
                school.get(&student.url()).into_future(),
                student.courses(),
                school.get(&format!("{STUDENTS}/{}", student.id + 1000)).into_future(),
            );
            nobody.is_refused(404, "student-not-found");
            (name.is_ok().json()["name"].clone(), courses)
        }));
        for ((name, courses), number) in answers.await.into_iter().zip(0..) {
            assert_eq!(name, format!("Student {number}"));
            assert_eq!(courses, ["Algebra", "Botany"][..number % 3], "student {number}");
        }
    }
}

#[tokio::test]
async fn siblings_may_share_an_address_and_even_a_name() {
    let school = School::open().await;
    let body = json!({"name": "Ana", "email": "family@example.edu"});

    let [first, second] = [school.post(STUDENTS, body.clone()).await, school.post(STUDENTS, body).await];

    assert_ne!(first.is_created().json()["id"], second.is_created().json()["id"]);
}

#[tokio::test]
async fn texts_are_trimmed_and_measured_in_characters() {
    let school = School::open().await;
    let longest = "ë".repeat(255);

    let body = json!({"name": format!(" \t{longest}\u{a0}\n"), "email": "  zoe@example.edu "});
    let added = school.post(STUDENTS, body).await.is_created();

    assert_eq!(added.json(), json!({"id": 1, "name": longest, "email": "zoe@example.edu"}));
    for name in ["O'Brien; drop table students;--", "李雷", "👩‍🎓", "<b>%_\\\"", "null"] {
        let body = json!({"name": name, "email": "a@example.edu"});
        assert_eq!(school.post(STUDENTS, body).await.is_created().json()["name"], name);
    }
}

#[tokio::test]
async fn all_errors_of_a_student_are_reported_at_once() {
    let school = School::open().await;
    let long = "x".repeat(256);
    for (body, wrong) in [
        (json!({}), &["/name: is required", "/email: is required"][..]),
        (json!({"name": "", "email": " \t"}), &["/name: must not be empty", "/email: must not be empty"]),
        (
            json!({"name": long, "email": null}),
            &["/name: must have at most 255 characters, not 256", "/email: must not be null"],
        ),
        (json!({"name": 7, "email": ["a@b.c"]}), &["/name: must be a text", "/email: must be a text"]),
        (
            json!({"name": "", "mail": "ana@example.edu", "email": true}),
            &[
                "/name: must not be empty",
                "/email: must be a text",
                "/mail: is not a known field; did you mean `email`?",
            ],
        ),
        (
            json!({"name": "Ana", "email": "ana@example.edu", "phone": 1}),
            &["/phone: is not a known field; the known ones are `name`, `email`, `number`"],
        ),
        (
            json!({"Name": "Ana", "email": "ana@example.edu", "name": "Ana"}),
            &["/Name: is not a known field; did you mean `name`?"],
        ),
        (
            json!({"name": "Ana", "email": "ana@example.edu", "a/b~c": 1}),
            &["/a~1b~0c: is not a known field; the known ones are `name`, `email`, `number`"],
        ),
        (
            json!({"id": 7, "name": "Ana"}),
            &[
                "/email: is required",
                "/id: is not a known field; the known ones are `name`, `email`, `number`",
            ],
        ),
        (json!([]), &[": must be a JSON object"]),
        (json!("Ana"), &[": must be a JSON object"]),
        (json!(null), &[": must be a JSON object"]),
    ] {
        let problem = school.post(STUDENTS, body.clone()).await.is_refused(400, "invalid-request");
        assert_eq!(errors(&problem), wrong, "{body}");
    }
    for control in ["a\0b", "a\nb", "a\u{7f}b", "a\u{85}b", "\u{1b}[31m"] {
        let body = json!({"name": control, "email": format!("a{control}@example.edu")});
        let problem = school.post(STUDENTS, body).await.is_refused(400, "invalid-request");
        let wrong = ["/name: must not have control characters", "/email: must not have control characters"];
        assert_eq!(errors(&problem), wrong, "{control:?}");
    }
    assert_eq!(school.get(STUDENTS).await.is_ok().text(), "[]");
    assert!(school.log().await.is_empty());
}

#[tokio::test]
async fn a_field_that_is_given_twice_is_refused() {
    let school = School::open().await;
    for (body, wrong) in [
        (r#"{"name":"Ana","name":"Ben","email":"a@example.edu"}"#, &["/name: is given more than once"][..]),
        (r#"{"email":"a@b.de","email":"a@b.de","email":1,"name":"A"}"#, &["/email: is given more than once"]),
        (r#"{"na\u006de":"Ana","name":"Ana","email":"a@example.edu"}"#, &["/name: is given more than once"]),
    ] {
        let asking = school.client.ask("POST", STUDENTS).header("content-type", "application/json");
        let problem = asking.body(body).await.is_refused(400, "invalid-request");
        assert_eq!(errors(&problem), wrong, "{body}");
    }
}

#[tokio::test]
async fn an_e_mail_address_has_to_be_valid() {
    let school = School::open().await;
    for email in
        ["zoe@example.edu", "zoë@exämple.edu", "a.b+c@x.example.edu", "o'brien@example.ie", "a@localhost"]
    {
        school.post(STUDENTS, json!({"name": "Ana", "email": email})).await.is_created();
    }
    for email in [
        "ana",
        "@example.edu",
        "ana@",
        "ana@@example.edu",
        "ana smith@example.edu",
        "Ana <ana@example.edu>",
        "ana@a..b",
    ] {
        let body = json!({"name": "Ana", "email": email});
        let problem = school.post(STUDENTS, body).await.is_refused(400, "invalid-request");
        let wrong = errors(&problem);
        assert!(
            matches!(&wrong[..], [one] if one.starts_with("/email: must be an e-mail address")),
            "{wrong:?}"
        );
    }
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let school = School::open().await;
    let zoe = school.student("Zoë").await;
    let before = school.get(&zoe.url()).await.is_ok();

    let changed = school.patch(&zoe.url(), json!({"email": " zoe@example.org "})).await.is_ok();

    assert_eq!(changed.json(), json!({"id": zoe.id, "name": "Zoë", "email": "zoe@example.org"}));
    assert_ne!(changed.header("etag"), before.header("etag"));
    let read = school.get(&zoe.url()).await.is_ok();
    assert_eq!((read.body, read.headers["etag"].clone()), (changed.body, changed.headers["etag"].clone()));
    let both = json!({"name": "Zoe", "email": "z@example.org"});
    assert_eq!(school.patch(&zoe.url(), both).await.is_ok().json()["name"], "Zoe");
    assert_eq!(school.log().await, ["student.created", "student.updated", "student.updated"]);
}

#[tokio::test]
async fn a_patch_that_changes_nothing_leaves_no_trace() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let before = school.get(&ana.url()).await.is_ok();
    for patch in [json!({}), json!({"name": "Ana"}), json!({"name": " Ana ", "email": "ana@example.edu"})] {
        let reply = school.patch(&ana.url(), patch).await.is_ok();
        assert_eq!((&reply.body, reply.header("etag")), (&before.body, before.header("etag")));
    }
    assert_eq!(school.log().await, ["student.created"]);
}

#[tokio::test]
async fn a_patch_is_held_to_the_rules_of_a_new_student() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    for (patch, wrong) in [
        (json!({"name": null}), &["/name: must not be null"][..]),
        (json!({"name": "", "email": 1}), &["/name: must not be empty", "/email: must be a text"]),
        (json!({"emial": "a@example.edu"}), &["/emial: is not a known field; did you mean `email`?"]),
        (json!({"id": 2}), &["/id: must be 1, the id in the address, or be left out"]),
        (json!([]), &[": must be a JSON object"]),
    ] {
        let problem = school.patch(&ana.url(), patch).await.is_refused(400, "invalid-request");
        assert_eq!(errors(&problem), wrong);
        // Errors in the body are reported before a missing student.
        school.patch("/api/v1/students/99", json!({"name": null})).await.is_refused(400, "invalid-request");
    }
    assert_eq!(school.log().await, ["student.created"]);
}

#[tokio::test]
async fn a_client_that_has_the_student_already_is_answered_304() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let tag = school.get(&ana.url()).await.is_ok().header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "a strong tag: {tag}");
    for had in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let reply = school.get(&ana.url()).header("if-none-match", &had).await.is(304);
        assert_eq!((reply.text(), reply.header("etag")), ("", tag.as_str()), "{had}");
    }
    for had in ["\"other\"", "W/\"0\"", "\"0123456789abcdef\""] {
        school.get(&ana.url()).header("if-none-match", had).await.is_ok();
    }
    school.patch(&ana.url(), json!({"name": "Anna"})).await.is_ok();
    school.get(&ana.url()).header("if-none-match", &tag).await.is_ok();
    let nobody = school.get("/api/v1/students/99").header("if-none-match", "*").await;
    nobody.is_refused(404, "student-not-found");
}

#[tokio::test]
async fn a_student_who_changed_since_is_neither_changed_nor_deleted() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let seen = school.get(&ana.url()).await.is_ok().header("etag").to_owned();
    let present = school.patch(&ana.url(), json!({"name": "Anna"})).await.is_ok().header("etag").to_owned();
    for tags in [seen.clone(), format!("W/{present}"), "\"x\"".to_owned()] {
        let stale = school.patch(&ana.url(), json!({"name": "A"})).header("if-match", &tags).await;
        assert_eq!(stale.is_refused(412, "stale")["etag"], present.as_str(), "{tags}");
        // Even an empty patch, since the client believes in an old version.
        school.patch(&ana.url(), json!({})).header("if-match", &tags).await.is_refused(412, "stale");
        school.delete(&ana.url()).header("if-match", &tags).await.is_refused(412, "stale");
    }
    for nothing in [&b""[..], b"\xff"] {
        let tag = HeaderValue::from_bytes(nothing).unwrap();
        let asking = school.delete(&ana.url()).header_value("if-match", tag);
        asking.await.is_refused(412, "stale");
    }
    // Quotes that a shell has taken away are no older version.
    let unquoted = present.replace('"', "");
    for tags in [unquoted.clone(), format!("{present}, {unquoted}")] {
        let refused = school.patch(&ana.url(), json!({"name": "A"})).header("if-match", &tags).await;
        refused.is_refused(400, "invalid-request");
    }
    assert_eq!(school.log().await, ["student.created", "student.updated"]);

    let any = format!("{seen}, {present}");
    let changed = school.patch(&ana.url(), json!({"name": "A"})).header("if-match", &any).await.is_ok();
    school.patch(&ana.url(), json!({"name": "Ana"})).header("if-match", "*").await.is_ok();
    school.delete(&ana.url()).header("if-match", changed.header("etag")).await.is_refused(412, "stale");
    let present = school.get(&ana.url()).await.is_ok();
    school.delete(&ana.url()).header("if-match", present.header("etag")).await.is(204);
    school.delete(&ana.url()).header("if-match", "*").await.is_refused(404, "student-not-found");
}

#[tokio::test]
async fn one_of_several_changes_to_the_same_version_is_made() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    let tag = school.get(&ana.url()).await.is_ok().header("etag").to_owned();

    let names = (0..16).map(|n| json!({"name": format!("Ana {n}")}));
    let asked = names.map(|name| school.patch(&ana.url(), name).header("if-match", &tag).into_future());
    let statuses: Vec<_> = join_all(asked).await.iter().map(|reply| reply.status.as_u16()).collect();

    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 412].contains(status)), "{statuses:?}");
    assert_eq!(school.log().await, ["student.created", "student.updated"]);
}

#[tokio::test]
async fn a_deleted_student_is_gone_and_the_id_is_not_used_again() {
    let school = School::open().await;
    let ana = school.student("Ana").await;

    assert_eq!(school.delete(&ana.url()).await.is(204).text(), "");

    assert_eq!(school.get(&ana.url()).await.is_refused(404, "student-not-found")["student_id"], ana.id);
    school.delete(&ana.url()).await.is_refused(404, "student-not-found");
    assert!(school.student("Ben").await.id > ana.id);
    assert_eq!(school.log().await, ["student.created", "student.deleted", "student.created"]);
}

#[tokio::test]
async fn a_student_with_courses_is_deleted_only_if_they_are_dropped_with_it() {
    let school = School::open().await;
    let ([ana, ben], [algebra, logic]) =
        (school.students(["Ana", "Ben"]).await, school.courses(["Algebra", "Logic"]).await);
    for (student, course) in [(&ana, &logic), (&ana, &algebra), (&ben, &logic)] {
        student.enrolls_in(course).await.is_created();
    }
    let before = school.log().await.len();

    for query in ["", "?drop=false"] {
        let problem =
            school.delete(&format!("{}{query}", ana.url())).await.is_refused(409, "has-enrollments");
        assert_eq!((&problem["enrolled"], &problem["waitlisted"]), (&json!(2), &json!(0)));
    }
    assert_eq!(ana.courses().await, ["Logic", "Algebra"]);

    school.delete(&format!("{}?drop=true", ana.url())).await.is(204);

    assert_eq!(school.log().await[before..], ["enrollment.dropped", "enrollment.dropped", "student.deleted"]);
    assert_eq!((algebra.roster().await, logic.roster().await), (vec![], vec!["Ben".to_owned()]));
    school.get(&ana.courses_url()).await.is_refused(404, "student-not-found");
    school.delete(&format!("{}?drop=true", ana.url())).await.is_refused(404, "student-not-found");
}

#[tokio::test]
async fn a_bad_parameter_of_a_deletion_is_refused() {
    let school = School::open().await;
    let ana = school.student("Ana").await;
    for (query, wrong) in [
        ("dorp=true", "dorp: is not a known parameter; did you mean `drop`?"),
        ("drop=yes", "drop: must be `true` or `false`"),
        ("drop=", "drop: must be `true` or `false`"),
        ("drop=true&drop=true", "drop: is given more than once"),
    ] {
        let problem =
            school.delete(&format!("{}?{query}", ana.url())).await.is_refused(400, "invalid-request");
        assert_eq!(errors(&problem), [wrong]);
    }
    school.get(&ana.url()).await.is_ok();
}

#[tokio::test]
async fn nobody_has_an_impossible_id() {
    let school = School::open().await;
    school.student("Ana").await;
    for id in IMPOSSIBLE.into_iter().chain(["99", "9007199254740991"]) {
        let url = format!("{STUDENTS}/{id}");
        for asking in [school.get(&url), school.patch(&url, json!({"name": "B"})), school.delete(&url)] {
            let problem = asking.await.is_refused(404, "student-not-found");
            let named = &problem["student_id"];
            assert!(named.is_i64() || named.is_string(), "the id that was not found: {problem}");
        }
        // Errors in the body are reported first.
        school.patch(&url, json!({"name": ""})).await.is_refused(400, "invalid-request");
        school.client.ask("PATCH", &url).body("{}").await.is_refused(415, "unsupported-media-type");
    }
}
