use serde_json::{Value, json};

use super::{Client, Reply, RequestBuilder, School};

/// A student of the school under test.
#[derive(Clone)]
pub(crate) struct Student {
    pub(crate) id: i64,
    client: Client,
}

/// A course of the school under test.
#[derive(Clone)]
pub(crate) struct Course {
    pub(crate) id: i64,
    client: Client,
}

impl School {
    pub(crate) async fn student(&self, name: &str) -> Student {
        let body =
            json!({"name": name, "email": format!("{}@example.edu", name.to_lowercase().replace(' ', "."))});
        let reply = self.post("/api/v1/students", body).await.is_created();
        Student { id: reply.json()["id"].as_i64().unwrap(), client: self.client.clone() }
    }

    pub(crate) async fn students<const N: usize>(&self, names: [&str; N]) -> [Student; N] {
        let mut students = Vec::new();
        for name in names {
            students.push(self.student(name).await);
        }
        students.try_into().unwrap_or_else(|_| unreachable!())
    }

    pub(crate) async fn course(&self, name: &str) -> Course {
        let body = json!({"name": name, "level": "undergraduate"});
        let reply = self.post("/api/v1/courses", body).await.is_created();
        Course { id: reply.json()["id"].as_i64().unwrap(), client: self.client.clone() }
    }

    pub(crate) async fn courses<const N: usize>(&self, names: [&str; N]) -> [Course; N] {
        let mut courses = Vec::new();
        for name in names {
            courses.push(self.course(name).await);
        }
        courses.try_into().unwrap_or_else(|_| unreachable!())
    }
}

impl Student {
    pub(crate) fn url(&self) -> String {
        format!("/api/v1/students/{}", self.id)
    }

    pub(crate) fn courses_url(&self) -> String {
        format!("{}/courses", self.url())
    }

    pub(crate) fn enrollment_url(&self, course: &Course) -> String {
        format!("{}/{}", self.courses_url(), course.id)
    }

    pub(crate) fn enrolls_in(&self, course: &Course) -> RequestBuilder {
        self.client.ask("POST", &self.courses_url()).json(&json!({"course_id": course.id}))
    }

    /// As `enrolls_in`, but by PUT, which can be repeated.
    pub(crate) fn ensures_enrollment_in(&self, course: &Course) -> RequestBuilder {
        self.client.ask("PUT", &self.enrollment_url(course))
    }

    pub(crate) async fn drops(&self, course: &Course) -> Reply {
        self.client.ask("DELETE", &self.enrollment_url(course)).await
    }

    /// The names of the courses that the student takes, in order.
    pub(crate) async fn courses(&self) -> Vec<String> {
        names(&self.client.ask("GET", &self.courses_url()).await.is_ok())
    }
}

impl Course {
    pub(crate) fn url(&self) -> String {
        format!("/api/v1/courses/{}", self.id)
    }

    pub(crate) fn roster_url(&self) -> String {
        format!("{}/students", self.url())
    }

    pub(crate) fn seats_url(&self) -> String {
        format!("{}/seats", self.url())
    }

    pub(crate) fn waitlist_url(&self) -> String {
        format!("{}/waitlist", self.url())
    }

    /// Sets the number of seats and of places on the waitlist, and returns the answer.
    pub(crate) async fn seats(&self, capacity: i64, waitlist_capacity: i64) -> Value {
        let body = json!({"capacity": capacity, "waitlist_capacity": waitlist_capacity});
        self.client.ask("PUT", &self.seats_url()).json(&body).await.is_ok().json()
    }

    /// The names on the waitlist, in order.
    pub(crate) async fn waitlist(&self) -> Vec<String> {
        names(&self.client.ask("GET", &self.waitlist_url()).await.is_ok())
    }

    /// The names of the course's students, in order.
    pub(crate) async fn roster(&self) -> Vec<String> {
        names(&self.client.ask("GET", &self.roster_url()).await.is_ok())
    }
}

fn names(list: &Reply) -> Vec<String> {
    list.json().as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}
