//! Who did something, in words for the reader of a page. Names are looked up when a page is shown, and only for readers
//! who see all students; students see themselves and the office.

use std::collections::HashMap;

use crate::access::{self, Named};
use crate::db::DbError;
use crate::events::HistoryEntry;
use crate::registrar::Actor;
use crate::viewer::Viewer;

/// Says in each entry who did it.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn look_up(viewer: &Viewer, entries: &mut [HistoryEntry]) -> Result<(), DbError> {
    let mut known: HashMap<Actor, Option<String>> = HashMap::new();
    for entry in entries {
        let Some(actor) = &entry.actor else { continue };
        let by = if let Some(by) = known.get(actor) {
            by.clone()
        } else {
            let named = access::named(viewer, actor).await?;
            known.entry(actor.clone()).or_insert(words(viewer, actor, named)).clone()
        };
        entry.by = by;
    }
    Ok(())
}

fn words(viewer: &Viewer, actor: &Actor, named: Option<Named>) -> Option<String> {
    let is_own = |named: &Named| {
        named.student_id.is_some_and(|id| !viewer.sees_students() && viewer.own_student() == Some(id.0))
    };
    let text = match (actor, named) {
        // While a school is open, everybody is the same.
        (Actor::Anonymous | Actor::Sample, _) => return None,
        (Actor::Account(_), Some(named)) if is_own(&named) => "you".to_owned(),
        (Actor::Token(_), Some(named)) if is_own(&named) => "your program".to_owned(),
        (Actor::Account(_), Some(named)) => named.name,
        (Actor::Token(_), Some(named)) => format!("the program {}", named.name),
        (Actor::Cli, _) if viewer.sees_students() => "the command line".to_owned(),
        (Actor::SignOn, _) if viewer.sees_students() => "single sign-on".to_owned(),
        (Actor::Account(_) | Actor::Cli | Actor::SignOn, _) => "the office".to_owned(),
        (Actor::Token(_) | Actor::Database, _) => "another program".to_owned(),
    };
    Some(text)
}
