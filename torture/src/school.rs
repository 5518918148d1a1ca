//! A school under test: its set-up, its record, and the comparison of both with its log.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::load::{Load, Sent};
use crate::record::Record;
use crate::request::{Request, Shape};
use crate::verify::{Breach, Event, Verifier};
use crate::wire;

/// How many requests a record announces at once: a run that is resumed begins after them.
const ANNOUNCED: u64 = 100_000;
/// Entries of the log per request.
const PAGE: usize = 10_000;

/// A school whose log is followed.
#[derive(Debug)]
pub(crate) struct School {
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    pub(crate) verifier: Verifier,
    record: Option<Record>,
    /// The number of the next request.
    pub(crate) next: u64,
    announced: u64,
    /// Requests with keys whose answer did not come.
    again: Vec<u64>,
    /// Answers that confirm a change.
    pub(crate) confirmed: u64,
    /// Requests without an answer.
    pub(crate) silent: u64,
}

impl School {
    /// A school without a record on disk.
    pub(crate) fn new(seed: u64, shape: Shape) -> Self {
        Self {
            seed,
            shape,
            verifier: Verifier::new(seed, shape),
            record: None,
            next: 0,
            announced: 0,
            again: Vec::new(),
            confirmed: 0,
            silent: 0,
        }
    }

    /// A school whose answers are recorded in this folder, which may have a record.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub(crate) fn recorded(seed: u64, shape: Shape, folder: &Path) -> Result<Self> {
        let (record, known) = Record::open(folder)?;
        let mut school =
            Self { record: Some(record), next: known.sent, announced: known.sent, ..Self::new(seed, shape) };
        school.verifier.sent(known.sent);
        for (number, outcome) in known.answers {
            school.verifier.answered(number, outcome);
        }
        Ok(school)
    }

    /// Removes the record in this folder.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub(crate) fn forget(folder: &Path) -> Result<()> {
        match fs::remove_file(folder.join("record")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Creates the students and courses.
    ///
    /// # Errors
    /// If the service refuses.
    pub(crate) async fn set_up(&self, address: SocketAddr) -> Result<()> {
        let Shape { students, courses, capacity, waitlist, .. } = self.shape;
        for id in 1..=students {
            create(
                address,
                "students",
                id,
                &format!(r#"{{"name":"Student {id}","email":"s{id}@example.edu"}}"#),
            )
            .await?;
        }
        for id in 1..=courses {
            create(address, "courses", id, &format!(r#"{{"name":"Course {id}","level":"graduate"}}"#))
                .await?;
            let seats = format!(r#"{{"capacity":{capacity},"waitlist_capacity":{waitlist}}}"#);
            let reply = wire::ask(address, "PUT", &format!("/api/v1/courses/{id}/seats"), &seats).await?;
            ensure!(reply.status == 200, "{reply:?}");
        }
        Ok(())
    }

    /// The next requests, at most `count`; those that are still without an answer come first.
    ///
    /// # Errors
    /// If the record cannot be written.
    pub(crate) fn load(&mut self, addresses: &[SocketAddr], count: u64) -> Result<Load> {
        let end = self.next + count.min(ANNOUNCED);
        if end > self.announced {
            self.announced = end;
            if let Some(record) = &mut self.record {
                record.sending(end)?;
            }
        }
        self.verifier.sent(end);
        let load = Load::new(self.seed, self.shape, addresses.to_vec(), self.next, end);
        Ok(load.again(std::mem::take(&mut self.again)))
    }

    /// Takes note of what came of a load.
    ///
    /// # Errors
    /// If the record cannot be written.
    pub(crate) fn note(&mut self, sent: Sent) -> Result<()> {
        self.next = sent.next;
        self.silent += sent.silent.len() as u64;
        let has_key = |number: &u64| Request::new(self.seed, *number, &self.shape).has_key();
        self.again.extend(sent.silent.into_iter().filter(has_key));
        let answers: Vec<_> = sent.heard.iter().map(|heard| (heard.number, heard.outcome)).collect();
        for (number, outcome) in &answers {
            self.verifier.answered(*number, *outcome);
            self.confirmed += u64::from(outcome.status < 300);
        }
        self.record.as_mut().map_or(Ok(()), |record| record.answered(&answers))
    }

    /// Reads what is new in the log, and compares it with everything that was answered. No request may be running.
    ///
    /// # Errors
    /// The promise that is broken.
    pub(crate) async fn verify(&mut self, address: SocketAddr) -> Result<()> {
        loop {
            let path = format!("/api/v1/events?after={}&limit={PAGE}", self.verifier.replay.seq);
            let page = wire::get(address, &path).await?;
            let page = page.as_array().context("the log is not a list")?;
            for entry in page {
                let event = Event::from_json(entry)?;
                self.verifier.read(&event).with_context(|| entry.to_string())?;
            }
            if page.len() < PAGE {
                return Ok(self.verifier.settle()?);
            }
        }
    }

    /// Compares rosters and waitlists with what the log says.
    ///
    /// # Errors
    /// If one differs.
    pub(crate) async fn compare_lists(&self, address: SocketAddr) -> Result<()> {
        for (id, course) in self.verifier.replay.courses() {
            let roster = wire::get(address, &format!("/api/v1/courses/{id}/students")).await?;
            let mut students: Vec<u64> = members(&roster, "id");
            students.sort_unstable();
            if students != course.roster() {
                return Err(Breach::ListDiffers { course: id, list: "roster" }.into());
            }
            let waitlist = wire::get(address, &format!("/api/v1/courses/{id}/waitlist")).await?;
            if members(&waitlist, "student_id") != course.waitlist() {
                return Err(Breach::ListDiffers { course: id, list: "waitlist" }.into());
            }
        }
        Ok(())
    }
}

fn members(list: &serde_json::Value, name: &str) -> Vec<u64> {
    list.as_array().into_iter().flatten().filter_map(|entry| entry[name].as_u64()).collect()
}

/// Creates a student or a course, which must get this id.
async fn create(address: SocketAddr, kind: &str, id: u64, body: &str) -> Result<()> {
    let reply = wire::ask(address, "POST", &format!("/api/v1/{kind}"), body).await?;
    ensure!(reply.status == 201 && reply.json()?["id"] == id, "the database is not empty: {reply:?}");
    Ok(())
}
