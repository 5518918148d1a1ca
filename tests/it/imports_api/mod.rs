//! Imports by the API: a plan that changes nothing, exactly the plan, and back again.

mod groups;
mod overrides;
mod plans;
mod takeovers;
mod undoing;

use serde_json::Value;

use crate::school::{RequestBuilder, School};

const STUDENTS: &str =
    "number,name,email\n0042,Zoë Martin,zoe@example.edu\n0043,Ana García,ana@example.edu\n";

impl School {
    fn brings(&self, query: &str, file: impl Into<axum::body::Bytes>) -> RequestBuilder {
        self.ask("POST", &format!("/api/v1/imports?name=s.csv{query}"))
            .header("content-type", "text/csv")
            .body(file)
    }

    pub(crate) async fn plan(&self, file: &str) -> Value {
        self.brings("", file.to_owned()).await.is_created().json()
    }

    pub(crate) async fn carries_out(&self, import: &Value) -> Value {
        let url = format!("/api/v1/imports/{}/apply", import["id"]);
        let applied = self.ask("POST", &url).await.is_ok().json();
        assert_eq!(applied["status"], "applied", "{applied:#}");
        applied
    }

    async fn takes_back(&self, import: &Value) -> Value {
        let url = format!("/api/v1/imports/{}/undo", import["id"]);
        let undone = self.ask("POST", &url).await.is_ok().json();
        assert_eq!(undone["status"], "undone", "{undone:#}");
        undone
    }

    async fn rows_of(&self, import: &Value, status: &str) -> Vec<Value> {
        let url = format!("/api/v1/imports/{}/rows?status={status}", import["id"]);
        self.get(&url).await.is_ok().json().as_array().unwrap().clone()
    }

    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        self.get(path).await.is_ok().json().as_array().unwrap().clone()
    }
}

pub(crate) fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    use std::io::Write as _;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Two students, a course and their enrollments.
fn school_in_a_zip() -> Vec<u8> {
    zip(&[
        ("students.csv", STUDENTS),
        ("courses.csv", "code,name,level\nMA1,Algebra,1\n"),
        ("enrollments.csv", "student,course\n0042,MA1\n0043,MA1\n"),
    ])
}

async fn brings_a_school(school: &School) -> Value {
    let request = school.ask("POST", "/api/v1/imports").header("content-type", "application/zip");
    request.body(school_in_a_zip()).await.is_created().json()
}
