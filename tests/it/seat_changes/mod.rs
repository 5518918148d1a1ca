//! The seats of many courses changed at once: planned, carried out exactly as planned, and undone.

mod long;
mod rules;

use serde_json::{Value, json};

use crate::school::{Course, School, Student};

impl School {
    /// Plans a change, and returns it.
    async fn plans(&self, courses: Value, seats: Value) -> Value {
        let body = json!({"courses": courses, "seats": seats});
        let reply = self.post("/api/v1/seat-changes", body).await.is_created();
        let change = reply.json();
        assert_eq!(reply.header("location"), url(&change));
        assert_eq!(change, self.get(&url(&change)).await.is_ok().json());
        assert_eq!(change["status"], "planned");
        change
    }

    async fn applies(&self, change: &Value) -> Value {
        self.ask("POST", &format!("{}/apply", url(change))).await.is_ok().json()
    }

    async fn undoes(&self, change: &Value) -> Value {
        self.ask("POST", &format!("{}/undo", url(change))).await.is_ok().json()
    }

    /// What becomes of each course of a change.
    async fn courses_of(&self, change: &Value) -> Vec<Value> {
        let courses = self.get(&format!("{}/courses", url(change))).await.is_ok().json();
        courses.as_array().unwrap().clone()
    }

    /// The names of the courses of a change, each with its status.
    async fn statuses(&self, change: &Value) -> Vec<String> {
        let status = |course: &Value| {
            let [name, status] = ["name", "status"].map(|field| course[field].as_str().unwrap_or("?"));
            format!("{name}: {status}")
        };
        self.courses_of(change).await.iter().map(status).collect()
    }

    /// The capacity of each course.
    async fn capacities<const N: usize>(&self, courses: [&Course; N]) -> [Value; N] {
        let mut capacities = [const { Value::Null }; N];
        for (course, capacity) in courses.into_iter().zip(&mut capacities) {
            *capacity = self.get(&course.seats_url()).await.is_ok().json()["capacity"].clone();
        }
        capacities
    }

    async fn fills(&self, course: &Course, students: &[&Student]) {
        for student in students {
            let status = student.enrolls_in(course).await.status.as_u16();
            assert!([201, 202].contains(&status), "{status}");
        }
    }
}

fn url(change: &Value) -> String {
    format!("/api/v1/seat-changes/{}", change["id"])
}

fn numbers<const N: usize>(change: &Value, names: [&str; N]) -> [i64; N] {
    names.map(|name| change[name].as_i64().unwrap_or_else(|| panic!("no {name} in {change}")))
}
