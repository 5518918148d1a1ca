//! Compares what is read with the `expected.json` of each case.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::{enrollments, files, folder, people, read_all, refusals};

/// Cases that bring several files which are imported one after the other.
const IN_STEPS: [&str; 2] = ["28-again-and-renamed", "31-not-a-csv"];

fn cases() -> Vec<String> {
    let cases = folder("01").parent().unwrap().to_owned();
    let mut names: Vec<_> =
        fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "README.md");
    names.sort();
    names
}

#[test]
fn every_case_is_read_as_it_expects() {
    let mut compared = 0;
    for case in cases() {
        let Ok(expected) = fs::read_to_string(folder(&case).join("expected.json")) else { continue };
        if IN_STEPS.contains(&case.as_str()) {
            continue;
        }
        let expected: Value = serde_json::from_str(&expected).unwrap();
        let reading = read_all(&files(&case));
        assert_eq!(
            reading.is_refused(),
            !expected["file_refused"].is_null(),
            "{case}: {:?}",
            refusals(&reading)
        );
        let lines = |name: &str| -> BTreeSet<u64> {
            expected[name].as_array().into_iter().flatten().map(|line| line.as_u64().unwrap()).collect()
        };
        let refused: BTreeSet<u64> = reading.refused.iter().map(|row| u64::from(row.origin.line)).collect();
        let may_be = lines("rows_may_be_refused");
        assert_eq!(&refused - &may_be, &lines("rows_refused") - &may_be, "{case}");
        if let Some(state) = expected["state_after"].as_object() {
            let students: serde_json::Map<String, Value> = reading
                .people
                .iter()
                .map(|person| {
                    let id = person.number.as_ref().or(person.email.as_ref()).unwrap();
                    (id.to_string(), json!(person.name))
                })
                .collect();
            assert_eq!(Value::Object(students), state["students"], "{case}: {:?}", people(&reading));
            let courses: serde_json::Map<String, Value> =
                reading.courses.iter().map(|course| (course.code.to_string(), json!(course.name))).collect();
            assert_eq!(Value::Object(courses), state["courses"], "{case}");
            let pairs = state["enrolled"].as_array().unwrap();
            let pairs: BTreeSet<String> = pairs
                .iter()
                .map(|pair| format!("{} in {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
                .collect();
            assert_eq!(enrollments(&reading).into_iter().collect::<BTreeSet<_>>(), pairs, "{case}");
        }
        compared += 1;
    }
    assert!(compared >= 12, "only {compared} cases were compared");
}
