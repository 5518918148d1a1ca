//! The end of an import.

use std::sync::Arc;

use serde_json::json;

use super::caller::{Caller, Right};
use super::command::Command;
use super::event::{Change, Event};
use super::facts::Facts;
use super::kinds::EventKind;
use super::needs::Needs;
use super::refusal::Refusal;

/// End the work on an import that is carried out, or undone, and say so in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndImport {
    /// The import.
    pub import_id: i64,
    /// The random text of the worker, stored when it began.
    pub worker: Arc<str>,
    /// Whether it was undone.
    pub undoes: bool,
    /// How many steps were tried.
    pub done: i64,
    /// How many rows were not carried out, or could not be undone.
    pub left: i64,
}

impl Command for EndImport {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        needs.import(self.import_id);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteEnrollments)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        if facts.import_workers.get(&self.import_id).map(String::as_str) != Some(&*self.worker) {
            return Err(Refusal::ImportTaken);
        }
        let &Self { import_id, undoes, done, left, .. } = self;
        let (kind, data) = if undoes {
            (EventKind::ImportUndone, json!({"undone_import": import_id, "done": done, "remaining": left}))
        } else {
            (EventKind::ImportApplied, json!({"import": import_id, "done": done, "not_done": left}))
        };
        let change = Change::EndImport { import_id, at: facts.stamp.clone(), is_undone: undoes, done, left };
        Ok((vec![Event::about_school(kind, change).with_data(data)], ()))
    }
}
