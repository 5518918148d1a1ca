//! The rules that hold for the whole school.

use serde_json::json;

use super::caller::{Caller, Right};
use super::command::Command;
use super::event::{Change, Event};
use super::facts::Facts;
use super::kinds::EventKind;
use super::needs::Needs;
use super::refusal::Refusal;
use super::standing::Rules;

/// Set the rules of the whole school. Students who have more courses than the new limit keep them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetRules {
    /// The new rules.
    pub rules: Rules,
}

impl Command for SetRules {
    type Answer = Rules;

    fn needs(&self, needs: &mut Needs) {
        needs.changes_standing();
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteCourses)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Rules), Refusal> {
        let rules = &self.rules;
        if facts.rules == *rules {
            return Ok((Vec::new(), rules.clone()));
        }
        let data = json!({"course_limit": rules.course_limit});
        let event = Event::about_school(EventKind::RulesSet, Change::SetRules(rules.clone())).with_data(data);
        Ok((vec![event], rules.clone()))
    }
}
