//! Databases that schools really have: what `matricula adopt` proposes for each.

pub(crate) mod cases;

use matricula::adoption::{self, Proposal};
use matricula::mapping::{Mapping, RecordMapping};
use serde_json::Value;

use self::cases::{Case, cases};
use crate::school::Database;

/// What became of each schema, one per line.
async fn outcomes(engine: &str) -> Vec<String> {
    let mut outcomes = Vec::new();
    for case in cases(engine) {
        let database = Database::new();
        case.make(&database);
        let proposal = adoption::propose(database.location()).await.unwrap();
        outcomes.push(format!("{}: {}", case.key(), outcome(&case, &database, &proposal)));
    }
    outcomes
}

/// Checks a proposal against the facts of its schema.
fn outcome(case: &Case, database: &Database, proposal: &Proposal) -> String {
    if case.scope() == "text-key" {
        let is_said = |reason: &String| reason.ends_with("text and UUID keys are not supported yet");
        assert!(!proposal.unusable.is_empty() && proposal.unusable.iter().all(is_said), "{proposal:?}");
        assert_eq!(proposal.mapping, None);
        return "text keys".to_owned();
    }
    assert_eq!(proposal.unusable, [""; 0], "{}", case.key());
    let as_it_is = Mapping::parse(AS_IT_IS).unwrap();
    let mapping = proposal.mapping.as_ref().unwrap_or(&as_it_is);
    let missing = |part: &str| proposal.missing.contains(&part);
    assert_eq!(missing("students"), case.part("students").is_none());
    assert_eq!(missing("courses"), case.part("courses").is_none());
    let mut shown: Vec<(&str, Vec<String>)> = Vec::new();
    for (part, record) in [("students", &mapping.students), ("courses", &mapping.courses)] {
        let rows = if missing(part) { Vec::new() } else { people(case, database, record) };
        shown.push((part, rows));
        let second = if part == "students" { "email" } else { "level" };
        if let Some(facts) = case.part(part) {
            assert_eq!(
                record.fields.get(second).map(String::as_str),
                facts[second].as_str(),
                "{}",
                case.key()
            );
        }
    }
    // What fits as it is has its enrollments in `student_courses`, if it has any.
    let rows = mapping.enrollments.as_ref().filter(|_| case.part("enrollments").is_some());
    assert!(rows.is_some() || case.part("enrollments").is_none(), "{}", case.key());
    let sql = rows.map(|rows| {
        format!(
            "select {} || '|' || {} from {}",
            quote(&rows.student_id),
            quote(&rows.course_id),
            quote(&rows.table)
        )
    });
    shown.push(("enrollments", sql.map(|sql| sorted(database, &sql)).unwrap_or_default()));
    for (part, rows) in shown {
        assert_eq!(rows, case.expected(part), "{}: {part}", case.key());
    }
    let time = |facts: &Value| facts["enrolled_at"].as_str().map(str::to_owned);
    if let Some(time) = case.part("enrollments").and_then(time) {
        assert_eq!(rows.and_then(|rows| rows.enrolled_at.clone()), Some(time));
    }
    let asked = proposal.questions.iter().map(|question| format!("asks {}", question.text));
    let how = if proposal.fits { "fits" } else { "mapped" }.to_owned();
    [how].into_iter().chain(asked).collect::<Vec<_>>().join("; ")
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
async fn every_schema_of_a_file_is_proposed_whole_sqlite_only() {
    insta::assert_snapshot!(outcomes("sqlite").await.join("\n"));
}

#[tokio::test]
async fn every_schema_of_a_server_is_proposed_whole_postgres_only() {
    insta::assert_snapshot!(outcomes("postgres").await.join("\n"));
}
