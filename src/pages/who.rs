//! Who did something, in words for the reader of a page. Names are looked up when a page is shown, and only for readers
//! who see all students; students see themselves and the office.

use std::collections::HashMap;

use crate::access::{self, Named};
use crate::db::DbError;
use crate::events::HistoryEntry;
use crate::registrar::{Actor, EventKind};
use crate::viewer::Viewer;

/// Says in each entry who did it.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn look_up(viewer: &Viewer, entries: &mut [HistoryEntry]) -> Result<(), DbError> {
    let mut known: HashMap<Actor, Option<String>> = HashMap::new();
    for entry in entries {
        let Some(actor) = &entry.actor else { continue };
        // A seat came free because of somebody whom students and instructors may not know.
        if entry.kind == Some(EventKind::WaitlistPromoted) && !viewer.sees_students() {
            continue;
        }
        let by = if let Some(by) = known.get(actor) {
            by.clone()
        } else {
            let named = access::named(viewer, actor).await?;
            let by = match named {
                // What students do, they do for themselves.
                None if access::is_student(viewer, actor).await? => None,
                named => words(viewer, actor, named),
            };
            known.entry(actor.clone()).or_insert(by).clone()
        };
        entry.by = by;
    }
    Ok(())
}

/// Who an actor is, as the log names them, in words; `None` while the school is open to everybody.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn name(viewer: &Viewer, actor: &str) -> Result<Option<String>, DbError> {
    let Some(actor) = Actor::from_stored(actor) else { return Ok(None) };
    let named = access::named(viewer, &actor).await?;
    Ok(words(viewer, &actor, named))
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
