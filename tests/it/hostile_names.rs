//! Names that are invisible, or that disturb the text around them: refused on input, isolated on output.

use regex::Regex;
use serde_json::json;

use crate::school::{School, errors};

/// The error for `name` as the name of a student, of a course and in a form; `None` if it is accepted.
async fn wrong_with(school: &School, name: &str) -> Option<String> {
    let student = school.post("/api/v1/students", json!({"name": name, "email": "a@example.edu"})).await;
    let course = school.post("/api/v1/courses", json!({"name": name, "level": name})).await;
    let typed = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("name", name), ("email", "a@example.edu")])
        .finish();
    let form = school.client.ask("POST", "/students/new");
    let form = form.header("content-type", "application/x-www-form-urlencoded").body(typed).await;
    if student.status == 201 {
        // It is stored as it was sent.
        assert_eq!(student.json()["name"], name.trim(), "{name:?}");
        course.is_created();
        form.is(303);
        return None;
    }
    let error = errors(&student.is_refused(400, "invalid-request")).join("\n");
    assert_eq!(errors(&course.is_refused(400, "invalid-request"))[0], error, "{name:?}");
    assert_eq!(form.status, 422, "{name:?}");
    Some(error)
}

#[tokio::test]
async fn an_invisible_name_is_refused() {
    let school = School::open().await;
    for name in [
        "\u{200b}",
        "\u{2060}",
        "\u{200d}",
        "\u{feff}",
        "\u{3164}",
        "\u{2800}",
        "\u{fe0f}",
        "\u{e0041}",
        "\u{ad} \u{ad}",
    ] {
        let wrong = wrong_with(&school, name).await.unwrap_or_else(|| panic!("{name:?} is accepted"));
        assert_eq!(wrong, "/name: must have a visible character", "{name:?}");
    }
    assert!(school.log().await.is_empty());
}

#[tokio::test]
async fn a_name_with_a_direction_mark_or_an_invisible_character_is_refused_with_the_character() {
    let school = School::open().await;
    for (name, character) in [
        ("An\u{202e}a", "U+202E, which changes the direction of text"),
        ("An\u{202a}a", "U+202A, which changes the direction of text"),
        ("\u{2066}Ana\u{2069}", "U+2066, which changes the direction of text"),
        ("Ana\u{200f}", "U+200F, which changes the direction of text"),
        ("Ana\u{61c}", "U+061C, which changes the direction of text"),
        ("A\u{200b}na", "U+200B, which is invisible"),
        ("\u{feff}Ana", "U+FEFF, which is invisible"),
        ("A\u{ad}na", "U+00AD, which is invisible"),
        ("A\u{2060}na", "U+2060, which is invisible"),
        ("A\u{3164}na", "U+3164, which is invisible"),
        ("A\u{e0041}na", "U+E0041, which is invisible"),
        ("\u{200d}Ana", "U+200D, which is invisible"),
        ("Ana \u{200c}", "U+200C, which is invisible"),
        ("Ana\u{200d}\u{200d}", "U+200D, which is invisible"),
        ("Ana\u{2028}Ben", "U+2028, which breaks the line"),
    ] {
        let wrong = wrong_with(&school, name).await.unwrap_or_else(|| panic!("{name:?} is accepted"));
        assert_eq!(wrong, format!("/name: must not have the character {character}"), "{name:?}");
    }
    assert!(school.log().await.is_empty());
}

#[tokio::test]
async fn names_as_people_write_them_are_accepted_in_every_script() {
    let school = School::open().await;
    for name in [
        "Zoë Martin",
        "Zoe\u{308} Martin",
        "نرگس\u{200c}ها",
        "അവന്\u{200d}",
        "ශ්\u{200d}රී",
        "שרה כהן",
        "محمد",
        "山田 太郎",
        "葛\u{e0100}城",
        "👩\u{200d}🔬",
        "❤\u{fe0f}\u{200d}🔥 Club",
        "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} Society",
        "O’Brien-Smith, Jr.",
        "김민준",
        "नमस्ते",
    ] {
        assert_eq!(wrong_with(&school, name).await, None, "{name:?}");
    }
}

#[tokio::test]
async fn every_name_on_a_page_is_isolated_from_the_text_around_it() {
    // Another program may have written names that we refuse.
    let (student, course) = ("Ana\u{202e}", "Algebra\u{202e}");
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let ben = school.student("Ben").await;
    algebra.seats(1, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    school.other_program_runs(&format!(
        "update students set name = '{student}', email = 'a\u{202e}@example.edu'; update courses set name = '{course}', level = '{course}';"
    ));
    let apart = Regex::new("<bdi>[^<]*</bdi>|\u{2068}[^<]*?\u{2069}").unwrap();
    let fields = Regex::new(r#"<input[^>]*value="[^"]*\x{202e}[^"]*"[^>]*>"#).unwrap();
    let mut seen = 0;
    for path in [
        "/courses".to_owned(),
        "/courses?q=algebra".to_owned(),
        "/courses?q=nothing".to_owned(),
        format!("/courses/{}", algebra.id),
        format!("/courses/{}/roster", algebra.id),
        format!("/courses/{}/edit", algebra.id),
        format!("/courses/{}/delete", algebra.id),
        "/students".to_owned(),
        format!("/students/{}?q=algebra", ana.id),
        format!("/students/{}?enrolled={}", ana.id, algebra.id),
        format!("/students/{}", ben.id),
        format!("/students/{}/edit", ana.id),
        format!("/students/{}/delete", ana.id),
        "/registration".to_owned(),
    ] {
        let page = school.get(&path).header("accept", "text/html").await.is_ok();
        for field in fields.find_iter(page.text()) {
            assert!(field.as_str().contains("dir=\"auto\""), "{path}: {}", field.as_str());
        }
        let text = fields.replace_all(page.text(), "");
        seen += apart.find_iter(&text).filter(|found| found.as_str().contains('\u{202e}')).count();
        let bare = apart.replace_all(&text, "");
        if let Some(at) = bare.find('\u{202e}') {
            let from = bare[..at].char_indices().rev().nth(60).map_or(0, |(at, _)| at);
            panic!("{path} shows a name that is not isolated: …{}", &bare[from..at]);
        }
    }
    assert!(seen > 30, "{seen} names");
}

#[tokio::test]
async fn a_search_finds_the_invisible_characters_in_a_name_of_another_program() {
    let school = School::open().await;
    school.other_program_runs(
        "insert into students (name, email) values ('\u{200f}Ana\u{200b}', 'ana@example.edu')",
    );
    for path in ["/api/v1/students", "/students"] {
        let found = school.get(&format!("{path}?q=%E2%80%8FAna%E2%80%8B")).await.is(200);
        assert!(found.text().contains("ana@example.edu"), "{path}: {}", found.text());
    }
}

#[tokio::test]
async fn the_text_of_a_button_is_in_one_piece() {
    let school = School::open().await;
    school.student("Ana").await;
    let page = school.get("/students/1/delete").await.is(200);
    // A button lays out its parts as boxes, and the blank between two of them is lost.
    let torn = Regex::new(r"<button[^>]*>[^<]*\w[^<]*<[^/]").unwrap();
    assert_eq!(torn.find(page.text()).map(|found| found.as_str().to_owned()), None);
    assert!(page.text().contains("Delete <bdi>Ana</bdi>"), "{}", page.text());
}
