//! The pages of groups and holds.

use serde_json::json;

use crate::school::School;

#[tokio::test]
async fn groups_are_added_filled_from_a_pasted_list_and_deleted() {
    let school = School::open().await;
    for (name, number) in [("Ana García", "0042"), ("Ben Ito", "0043")] {
        let student = json!({"name": name, "email": "one@example.edu", "number": number});
        school.post("/api/v1/students", student).await.is_created();
    }
    assert!(school.page("/groups").await.is_page(200).contains("There are no groups."));
    let refused = school.form("/groups", &[("name", " "), ("course_limit", "many")]).await.is_page(422);
    assert!(refused.contains("Name must not be empty."), "{refused}");
    assert!(refused.contains("Courses at most must be a whole number"), "{refused}");
    let fields = [("name", "Honors & more"), ("course_limit", "8")];
    assert_eq!(school.form("/groups", &fields).await.leads_to(), "/groups?saved=group");
    assert!(school.page("/groups?saved=group").await.is_page(200).contains("The group is saved."));
    assert_eq!(
        school.form("/groups/rules", &[("school_limit", "6")]).await.leads_to(),
        "/groups?saved=limit"
    );
    let page = school.page("/groups?saved=limit").await.is_page(200);
    assert!(page.contains("The limit of all students is saved."), "{page}");
    assert_eq!(school.get("/api/v1/rules").await.is_ok().json(), json!({"course_limit": 6}));

    let path = "/groups/of/Honors%20%26%20more";
    assert!(school.page(path).await.is_page(200).contains("Nobody is in this group yet."));
    let pasted = school.form(path, &[("people", "0042\nBen Ito\nNobody")]).await.is_page(200);
    for result in ["Ana García 0042 in the group", "Ben Ito 0043 in the group", "Nobody has this number"] {
        assert!(pasted.contains(result), "{result} is not in {pasted}");
    }
    assert!(
        school.form(path, &[("people", "")]).await.is_page(422).contains("Write or paste at least one line.")
    );
    let listed = school.page("/groups").await.is_page(200);
    assert!(listed.contains("Honors &#38; more 2 8"), "{listed}");
    let removed = school.form(&format!("{path}/students/1/remove"), &[]).await;
    assert_eq!(removed.leads_to(), path);
    assert!(!school.page(path).await.is_page(200).contains("Ana García"));
    let asked = school.page(&format!("{path}/delete")).await.is_page(200);
    assert!(asked.contains("1 student leaves it"), "{asked}");
    assert_eq!(school.form(&format!("{path}/delete"), &[]).await.leads_to(), "/groups");
    assert_eq!(school.get("/api/v1/groups").await.is_ok().json(), json!([]));
    school.page(path).await.is_page(404);
}

#[tokio::test]
async fn the_page_of_a_course_has_times_for_groups() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let path = format!("/courses/{}/openings", algebra.id);
    assert!(
        !school.page(&format!("/courses/{}", algebra.id)).await.is_page(200).contains("Times for groups")
    );
    school.form("/groups", &[("name", "Seniors")]).await.leads_to();
    for (group, time, error) in [
        ("", "2026-09-01T10:00:00Z", "Choose a group."),
        ("Seniors", "tomorrow", "Write the time like 2026-09-01T08:00:00Z."),
    ] {
        let refused = school.form(&path, &[("group", group), ("group_opens_at", time)]).await.is_page(422);
        assert!(refused.contains(error), "{refused}");
    }
    let set = school.form(&path, &[("group", "Seniors"), ("group_opens_at", "2026-09-01T10:00:00Z")]).await;
    let page = school.page(&set.leads_to()).await.is_page(200);
    assert!(page.contains("The time for the group is saved."), "{page}");
    assert!(page.contains("Seniors opens"), "{page}");
    // Saving the seats leaves the times of groups as they are.
    let seats = [("capacity", "5"), ("waitlist_capacity", "0"), ("closes_at", "2026-09-01T12:00:00Z")];
    school.form(&format!("/courses/{}/seats", algebra.id), &seats).await.leads_to();
    let seats = school.get(&algebra.seats_url()).await.is_ok().json();
    assert_eq!(seats["group_opens_at"], json!({"Seniors": "2026-09-01T10:00:00.000Z"}));
    let late = school.form(&path, &[("group", "Seniors"), ("group_opens_at", "2026-09-01T13:00:00Z")]).await;
    assert!(late.is_page(422).contains("Registration must open for the group before it closes."));
    // A time that is left out by mistake removes nothing.
    let empty = school.form(&path, &[("group", "Seniors"), ("group_opens_at", "")]).await.is_page(422);
    assert!(empty.contains("Write the time like"), "{empty}");
    let removed = school.form(&path, &[("group", "Seniors"), ("remove", "true")]).await.leads_to();
    assert!(school.page(&removed).await.is_page(200).contains("The time for the group is removed."));
    assert_eq!(school.get(&algebra.seats_url()).await.is_ok().json()["group_opens_at"], json!({}));
}

#[tokio::test]
async fn the_page_of_a_student_has_groups_and_holds() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    let ana = school.student("Ana").await;
    let path = format!("/students/{}", ana.id);
    school.form("/groups", &[("name", "Seniors")]).await.leads_to();
    assert!(
        school
            .form(&format!("{path}/groups"), &[("group", "")])
            .await
            .is_page(422)
            .contains("Choose a group.")
    );
    let joined = school.form(&format!("{path}/groups"), &[("group", "Seniors")]).await.leads_to();
    assert!(school.page(&joined).await.is_page(200).contains("The student is added to the group."));
    let left = school.form(&format!("{path}/groups/leave"), &[("group", "Seniors")]).await.leads_to();
    assert!(school.page(&left).await.is_page(200).contains("The student is no longer in the group."));

    let empty = school.form(&format!("{path}/holds"), &[("reason", " ")]).await.is_page(422);
    assert!(empty.contains("The reason of a hold must not be empty."), "{empty}");
    let placed = school.form(&format!("{path}/holds"), &[("reason", "Library fees.")]).await.leads_to();
    let page = school.page(&placed).await.is_page(200);
    assert!(page.contains("The hold is placed."), "{page}");
    assert!(page.contains("On hold since"), "{page}");
    let id = algebra.id.to_string();
    let refused = school.form(&format!("{path}/courses"), &[("course_id", &id)]).await.is_page(409);
    assert!(refused.contains("Ana is on hold: Library fees."), "{refused}");
    assert!(refused.contains("Enroll anyway…"), "{refused}");
    let hold = school.get(&format!("/api/v1{path}/holds")).await.is_ok().json()[0]["id"].to_string();
    let released = school.form(&format!("{path}/holds/{hold}/release"), &[]).await.leads_to();
    let page = school.page(&released).await.is_page(200);
    assert!(page.contains("The hold is released."), "{page}");
    assert!(page.contains("was put on hold: “Library fees.”"), "{page}");
}
