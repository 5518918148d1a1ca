//! The page on which admins read who signed in, and who got and lost rights.

use askama::Template;
use serde::Deserialize;

use super::kit::{Frame, Rendered, filters};
use super::who;
use crate::access::sign_ins::store::{SignInFilter, list};
use crate::access::sign_ins::{SignInEntry, SignInOutcome};
use crate::access::{self, Named};
use crate::db::DbError;
use crate::events::{HistoryEntry, store as events};
use crate::http::extract::{Parameters, Query, from_text};
use crate::http::paging::RequestUrl;
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::lists::{Cursor, Direction, Limit, ListPart, Page};
use crate::registrar::{Account, Actor, EventKind, Right};
use crate::state::{App, AppState};
use crate::viewer::Viewer;

/// The route of this page.
pub(super) fn routes() -> Routes<AppState> {
    Routes::new().get("/sign-ins", only(Right::Administer), show)
}

/// The kinds of events that grant and revoke.
const GRANTS: [EventKind; 4] =
    [EventKind::AccountCreated, EventKind::AccountChanged, EventKind::TokenCreated, EventKind::TokenRevoked];
/// How many of these events the page shows.
const MAX_GRANTS: usize = 20;

#[derive(Template)]
#[template(path = "sign_ins.html")]
struct SignInsPage {
    frame: Frame,
    accounts: Vec<Account>,
    filter: SignInFilter,
    list: ListPart<SignInEntry>,
    next: Option<String>,
    has_previous: bool,
    grants: Vec<(HistoryEntry, Option<Named>)>,
}

async fn show(
    app: App,
    Query(query): Query<SignInsQuery>,
    here: RequestUrl,
) -> Result<Rendered<SignInsPage>, Problem> {
    let filter = query.filter();
    let listing = list(&app.viewer, filter, Direction::Desc);
    let page = Page::new(Some(Limit::PAGE), query.after, &listing.order)?;
    let list = listing.read(&app.viewer, &page).await?;
    let accounts = access::accounts(&app.viewer).read(&app.viewer, &Page::first(Limit::MAX)).await?.rows;
    Ok(Rendered(SignInsPage {
        frame: Frame::new(&app, "accounts"),
        accounts,
        filter,
        next: list.next.as_ref().map(|next| here.page_after(next)),
        list,
        has_previous: page.after.is_some(),
        grants: grants(&app.viewer).await?,
    }))
}

impl SignInsPage {
    fn is_chosen(&self, account: &Account) -> bool {
        self.filter.account_id == Some(account.id)
    }

    fn is_outcome(&self, outcome: SignInOutcome) -> bool {
        self.filter.outcome == Some(outcome)
    }

    /// The address of the first page of what is shown.
    fn first(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.filter.account_id.map(|id| ("account_id", id.to_string())));
        query.extend_pairs(self.filter.outcome.map(|outcome| ("outcome", outcome.as_str())));
        format!("/sign-ins?{}", query.finish())
    }
}

/// The latest events that granted and revoked, newest first, each with the name of its account or token.
async fn grants(viewer: &Viewer) -> Result<Vec<(HistoryEntry, Option<Named>)>, DbError> {
    let mut entries = Vec::new();
    for kind in GRANTS {
        entries.extend(events::latest_of_kind(viewer, kind, crate::count::to_i64(MAX_GRANTS)).await?);
    }
    entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.seq));
    entries.truncate(MAX_GRANTS);
    who::look_up(viewer, &mut entries).await?;
    let mut grants = Vec::with_capacity(entries.len());
    for entry in entries {
        let account = entry.data["account_id"].as_i64().map(Actor::Account);
        let named = match account.or_else(|| entry.data["token_id"].as_i64().map(Actor::Token)) {
            Some(actor) => access::named(viewer, &actor).await?,
            None => None,
        };
        grants.push((entry, named));
    }
    Ok(grants)
}

/// What was granted or revoked, before the name of the account or token.
fn grant_phrase(entry: &HistoryEntry) -> String {
    let data = &entry.data;
    let role = data["role"].as_str().unwrap_or_default();
    match entry.kind {
        Some(EventKind::AccountCreated) => format!("New account with the role {role}:"),
        Some(EventKind::AccountChanged) if data["password"].is_string() => "Password set:".to_owned(),
        Some(EventKind::AccountChanged) if data["link"].is_string() => {
            "New link to set a password:".to_owned()
        }
        Some(EventKind::AccountChanged) if data["linked"] == true => "Linked to single sign-on:".to_owned(),
        Some(EventKind::AccountChanged) if data["enabled"] == false => "Account disabled:".to_owned(),
        Some(EventKind::AccountChanged) => format!("Account enabled, with the role {role}:"),
        Some(EventKind::TokenCreated) => format!("New token with the role {role}:"),
        Some(EventKind::TokenRevoked) => "Token revoked:".to_owned(),
        _ => entry.r#type.clone(),
    }
}

impl SignInEntry {
    /// What happened, in words.
    #[must_use]
    pub fn phrase(&self) -> String {
        let words = match self.outcome() {
            Some(SignInOutcome::SignedIn) if self.way.as_deref() == Some("link") => {
                "signed in with a link".to_owned()
            }
            Some(SignInOutcome::SignedIn) => "signed in".to_owned(),
            Some(outcome) => outcome_label(outcome).to_owned(),
            None => self.outcome.clone(),
        };
        if self.times == 1 { words } else { format!("{words}, {} times", self.times) }
    }
}

/// An outcome in words.
fn outcome_label(outcome: SignInOutcome) -> &'static str {
    match outcome {
        SignInOutcome::SignedIn => "signed in",
        SignInOutcome::Failed => "failed",
        SignInOutcome::Waiting => "had to wait",
        SignInOutcome::SignedOut => "signed out",
    }
}

/// The query of the page. A choice that was left open is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SignInsQuery {
    account_id: String,
    outcome: String,
    #[serde(deserialize_with = "from_text")]
    after: Option<Cursor>,
}

impl SignInsQuery {
    /// What to show; nothing matches an id that is none.
    fn filter(&self) -> SignInFilter {
        let account_id = Some(&self.account_id).filter(|id| !id.is_empty());
        SignInFilter {
            account_id: account_id.map(|id| id.parse().unwrap_or_default()),
            outcome: self.outcome.parse().ok(),
        }
    }
}

impl Parameters for SignInsQuery {
    const KNOWN: &'static [&'static str] = &["account_id", "outcome", "after"];
}
