//! Databases that schools really have: what `matricula adopt` proposes for each, and that it is adopted whole with that.

pub(crate) mod cases;

use matricula::adoption::{self, MigrateOptions, Proposal};
use matricula::clock::Clock;
use matricula::mapping::{Mapping, RecordMapping};

use self::cases::{Case, cases};
use crate::school::{Database, School};

/// What became of each schema, one per line.
async fn outcomes(engine: &str) -> Vec<String> {
    let mut outcomes = Vec::new();
    for case in cases(engine) {
        let database = Database::new();
        case.make(&database);
        let proposal = adoption::propose(database.location()).await.unwrap();
        outcomes.push(format!("{}: {}", case.key(), outcome(&case, &database, &proposal)));
        if proposal.unusable.is_empty() {
            is_adopted_whole(&case, &database, proposal.mapping).await;
        }
    }
    outcomes
}

/// Checks a proposal against the facts of its schema.
fn outcome(case: &Case, database: &Database, proposal: &Proposal) -> String {
    if case.scope() == "text-key" {
        let is_text_key = |reason: &String| reason.ends_with("text and UUID keys are not supported yet");
        assert!(!proposal.unusable.is_empty() && proposal.unusable.iter().all(is_text_key), "{proposal:?}");
        assert_eq!(proposal.mapping, None);
        return "text keys".to_owned();
    }
    assert_eq!(proposal.unusable, [""; 0], "{}", case.key());
    for part in ["students", "courses"] {
        assert_eq!(proposal.missing.contains(&part), case.part(part).is_none(), "{}: {part}", case.key());
    }
    let as_it_is = Mapping::parse(AS_IT_IS).unwrap();
    let mapping = proposal.mapping.as_ref().unwrap_or(&as_it_is);
    has_the_parts(case, mapping, proposal.fits);
    reads_what_is_expected(case, database, mapping);
    if let Some((_, text)) = WRITTEN.iter().find(|(key, _)| *key == case.key()) {
        reads_what_is_expected(case, database, &Mapping::parse(text).unwrap());
    }
    let asked = proposal.questions.iter().map(|question| format!("asks {}", question.text));
    let how = if proposal.fits { "fits" } else { "mapped" }.to_owned();
    [how].into_iter().chain(asked).collect::<Vec<_>>().join("; ")
}

/// What a person would write where a program cannot be sure.
const WRITTEN: [(&str, &str); 2] = [
    ("flask-iitm", include_str!("mappings/flask-iitm.toml")),
    ("rails-turma", include_str!("mappings/rails-turma.toml")),
];

/// Checks tables and columns. A time of enrollment may be found where the facts name none.
fn has_the_parts(case: &Case, mapping: &Mapping, fits: bool) {
    for (part, record, second) in
        [("students", &mapping.students, "email"), ("courses", &mapping.courses, "level")]
    {
        let Some((facts, record)) = case.part(part).zip(record.as_ref()) else { continue };
        let field = |name: &str| record.fields.get(name).map(String::as_str);
        assert_eq!(
            (&*record.table, &*record.id),
            (facts["table"].as_str().unwrap(), facts["id"].as_str().unwrap())
        );
        assert_eq!(field(second), facts[second].as_str(), "{}: {part}", case.key());
    }
    let facts = case.part("enrollments");
    // What fits as it is has its enrollments in `student_courses`, if it has any.
    assert!(mapping.enrollments.is_some() == facts.is_some() || fits, "{}", case.key());
    let Some((facts, rows)) = facts.zip(mapping.enrollments.as_ref()) else { return };
    for (key, value) in
        [("table", &rows.table), ("student_id", &rows.student_id), ("course_id", &rows.course_id)]
    {
        assert_eq!(facts[key], **value, "{}: {key}", case.key());
    }
    assert!(facts["enrolled_at"].is_null() || facts["enrolled_at"].as_str() == rows.enrolled_at.as_deref());
}

fn reads_what_is_expected(case: &Case, database: &Database, mapping: &Mapping) {
    for (part, record) in [("students", &mapping.students), ("courses", &mapping.courses)] {
        let record = record.as_ref().filter(|_| case.part(part).is_some());
        let shown = record.map(|record| people(case, database, record)).unwrap_or_default();
        assert_eq!(shown, case.expected(part), "{}: {part}", case.key());
    }
    let rows = mapping.enrollments.as_ref().filter(|_| case.part("enrollments").is_some());
    let sql = rows.map(|rows| {
        let [student, course, table] =
            [&rows.student_id, &rows.course_id, &rows.table].map(|name| quote(name));
        format!("select {student} || '|' || {course} from {table}")
    });
    let shown = sql.map(|sql| sorted(database, &sql)).unwrap_or_default();
    assert_eq!(shown, case.expected("enrollments"), "{}", case.key());
}

const AS_IT_IS: &str = "[students]
    table = 'students'
    id = 'id'
    name = 'name'
    email = 'email'
    [courses]
    table = 'courses'
    id = 'id'
    name = 'name'
    level = 'level'
    [enrollments]
    table = 'student_courses'
    student_id = 'student_id'
    course_id = 'course_id'";

/// Migrates with the proposal: the service shows everything that was there, and the found tables stay as they were,
/// also when it writes.
async fn is_adopted_whole(case: &Case, database: &Database, mapping: Option<Mapping>) {
    // Ours is built from a found `student_courses`.
    let found: Vec<_> = case.tables().into_iter().filter(|table| *table != "student_courses").collect();
    let contents = || -> Vec<_> { found.iter().map(|table| case.content(database, table)).collect() };
    let before = contents();
    let options = MigrateOptions { mapping, new_school: true, ..MigrateOptions::default() };
    let report = adoption::migrate_with(database.location(), &Clock::System, &options).await;
    let report = report.unwrap_or_else(|error| panic!("{}: {error}", case.key()));
    assert_eq!(
        usize::try_from(report.adopted).unwrap(),
        case.expected("enrollments").len(),
        "{}",
        case.key()
    );
    assert_eq!(contents(), before, "{}", case.key());

    let school = School::open_at(database).await;
    let mut enrollments = Vec::new();
    for part in ["students", "courses"] {
        let rows = school.get(&format!("/api/v1/{part}")).await.is_ok().json();
        let mut names = Vec::new();
        for row in rows.as_array().unwrap() {
            names.push(format!("{}|{}", row["id"], row["name"].as_str().unwrap_or_default()));
            if part == "students" {
                let courses = school.get(&format!("/api/v1/students/{}/courses", row["id"])).await.is_ok();
                enrollments.extend(courses.ids().into_iter().map(|course| format!("{}|{course}", row["id"])));
            }
        }
        names.sort();
        assert_eq!(names, case.expected(part), "{}", case.key());
        for page in ["", "?sort=name&q=a"] {
            school.get(&format!("/{part}{page}")).await.is_ok();
        }
    }
    enrollments.sort();
    assert_eq!(enrollments, case.expected("enrollments"), "{}", case.key());
    for pair in &enrollments {
        let (student, course) = pair.split_once('|').unwrap();
        let url = format!("/api/v1/students/{student}/courses/{course}");
        school.delete(&url).await.is(204);
        school.put(&url).await.is_created();
    }
    assert_eq!(contents(), before, "{}", case.key());
    // Checks the tables against the log.
    school.close().await;
}

/// The id and the name of each row, as the mapping reads them.
fn people(case: &Case, database: &Database, record: &RecordMapping) -> Vec<String> {
    let name = record.fields.get("name").map_or_else(
        || "''".to_owned(),
        |value| {
            if case.columns(&record.table).contains(&value.as_str()) { quote(value) } else { value.clone() }
        },
    );
    sorted(database, &format!("select {} || '|' || {name} from {}", quote(&record.id), quote(&record.table)))
}

fn sorted(database: &Database, sql: &str) -> Vec<String> {
    let mut rows = database.other_program().column(sql);
    rows.sort();
    rows
}

fn quote(name: &str) -> String {
    format!("\"{name}\"")
}

#[tokio::test]
async fn every_schema_of_a_file_is_adopted_whole_sqlite_only() {
    insta::assert_snapshot!(outcomes("sqlite").await.join("\n"));
}

#[tokio::test]
async fn every_schema_of_a_server_is_adopted_whole_postgres_only() {
    insta::assert_snapshot!(outcomes("postgres").await.join("\n"));
}
