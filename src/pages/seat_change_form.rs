//! The form for the seats of many courses: only the fields that are filled in change.

use askama::Template;
use serde::Deserialize;
use serde_json::Value;

use super::kit::form::new_key;
use super::kit::{FormDraft, FormValues, Frame, filters};
use super::seat_change_words::chosen;
use crate::clock::Stamp;
use crate::count::to_i64;
use crate::groups::store as groups;
use crate::http::extract::{Parameters, from_text};
use crate::http::fields::{self, Draft, Fields};
use crate::http::problem::Problem;
use crate::lists::{Limit, Page, Search};
use crate::registrar::{Group, GroupName, GroupOpenings, Limits, LimitsChange, MAX_SEATS};
use crate::seat_changes::CourseChoice;
use crate::state::App;

/// The query parameters of the form: those of the list of courses.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChoiceQuery {
    q: String,
    level: String,
    #[serde(deserialize_with = "from_text")]
    open: Option<bool>,
    #[serde(deserialize_with = "from_text")]
    free: Option<bool>,
    #[serde(deserialize_with = "from_text")]
    waiting: Option<bool>,
}

impl Parameters for ChoiceQuery {
    const KNOWN: &'static [&'static str] = &["q", "level", "open", "free", "waiting"];
}

impl ChoiceQuery {
    /// Which courses a form that was sent is about.
    pub(super) fn of(values: &FormValues) -> Self {
        let text = |name| values.value(name).to_owned();
        let ticked = |name| (values.value(name) == "true").then_some(true);
        Self {
            q: text("q"),
            level: text("level"),
            open: ticked("open"),
            free: ticked("free"),
            waiting: ticked("waiting"),
        }
    }

    /// The courses; a box that is not ticked is no condition.
    ///
    /// # Errors
    /// For a search that cannot be.
    pub(super) fn choice(&self) -> Result<CourseChoice, Problem> {
        let search = super::kit::parse_search(&self.q)?;
        let ticked = |value: Option<bool>| value.filter(|value| *value);
        Ok(CourseChoice {
            q: search.map(|search| search.text().to_owned()),
            level: Some(self.level.clone()).filter(|level| !level.is_empty()),
            open: ticked(self.open),
            free: ticked(self.free),
            waiting: ticked(self.waiting),
            ids: None,
        })
    }
}

/// What is to change, and in which courses.
#[derive(Clone, Debug)]
pub(super) struct ChangeDraft {
    pub(super) choice: CourseChoice,
    pub(super) change: LimitsChange,
}

impl Draft for ChangeDraft {
    fn read(fields: &mut Fields) -> Option<Self> {
        let choice = choice(fields);
        let seats = |value: &Value| fields::number(value, 0, MAX_SEATS);
        let capacity = setting(fields, "capacity", "capacity_none", NUMBER_OR_NOT, seats);
        let waitlist_capacity = fields.optional("waitlist_capacity", |value| fields::nullable(value, seats));
        let mut time = |name, none| setting(fields, name, none, TIME_OR_NOT, fields::time);
        let opens_at = time("opens_at", "opens_at_none");
        let closes_at = time("closes_at", "closes_at_none");
        let waitlist_closes_at = time("waitlist_closes_at", "waitlist_closes_at_none");
        let drop_until = time("drop_until", "drop_until_none");
        let group_opens_at = group_opening(fields);
        let change = LimitsChange {
            capacity: capacity?,
            waitlist_capacity: waitlist_capacity?.flatten(),
            opens_at: opens_at?,
            closes_at: closes_at?,
            waitlist_closes_at: waitlist_closes_at?,
            drop_until: drop_until?,
            group_opens_at: group_opens_at?,
        };
        // Times that contradict each other would be refused in every course.
        for field in change.apply(Limits::default()).before_opening() {
            fields.add_error(field, Limits::BEFORE_OPENING);
        }
        Some(Self { choice: choice?, change })
    }
}

/// What is wrong with a field that is filled in although its limit is to be removed.
const NUMBER_OR_NOT: &str = "Write a number or tick the box below, not both";
const TIME_OR_NOT: &str = "Choose a time or tick the box below, not both";

/// A limit that is set, or removed with a tick; `Some(None)` if it stays as it is.
#[expect(
    clippy::option_option,
    reason = "a limit can stay, be removed, or be set; and the field can be wrong"
)]
fn setting<T>(
    fields: &mut Fields,
    name: &'static str,
    none: &'static str,
    both: &str,
    parse: impl Fn(&Value) -> Result<T, String>,
) -> Option<Option<Option<T>>> {
    let value = fields.optional(name, |value| fields::nullable(value, parse));
    let is_removed = ticked(fields, none)?.is_some();
    match (value?.flatten(), is_removed) {
        (Some(_), true) => {
            fields.add_error(name, both);
            None
        }
        (None, true) => Some(Some(None)),
        (value, false) => Some(value.map(Some)),
    }
}

/// The opening for a group; `Some(None)` if none was chosen.
#[expect(clippy::option_option, reason = "the field can be wrong, too")]
fn group_opening(fields: &mut Fields) -> Option<Option<GroupOpenings>> {
    let group = fields.optional("group", |value| {
        fields::nullable(value, |value| fields::text(value, str::parse::<GroupName>))
    });
    let opening = setting(fields, "group_opens_at", "group_opens_at_none", TIME_OR_NOT, fields::time);
    match (group?.flatten(), opening?) {
        (Some(group), Some(opens_at)) => Some(Some(GroupOpenings::Change([(group, opens_at)].into()))),
        (Some(_), None) => {
            fields.add_error("group_opens_at", "Choose a time for the group, or tick the box below");
            None
        }
        (None, Some(_)) => {
            fields.add_error("group", "Choose a group");
            None
        }
        (None, None) => Some(None),
    }
}

#[expect(clippy::option_option, reason = "the field can be wrong, too")]
fn ticked(fields: &mut Fields, name: &'static str) -> Option<Option<bool>> {
    fields.optional(name, |value| match value.as_str() {
        Some("true") => Ok(true),
        _ => Err("must be `true`".to_owned()),
    })
}

fn choice(fields: &mut Fields) -> Option<CourseChoice> {
    let search = |text: &str| text.parse().map(|search: Search| search.text().to_owned());
    let q = fields.optional("q", |value| fields::nullable(value, |value| fields::text(value, search)));
    let own = |value: &Value| fields::text(value, |text| Ok(text.to_owned()));
    let level = fields.optional("level", |value| fields::nullable(value, own));
    let [open, free, waiting] = ["open", "free", "waiting"].map(|name| ticked(fields, name));
    Some(CourseChoice {
        q: q?.flatten(),
        level: level?.flatten(),
        open: open?,
        free: free?,
        waiting: waiting?,
        ids: None,
    })
}

impl FormDraft for ChangeDraft {
    const NUMBERS: &[&str] = &["capacity", "waitlist_capacity"];
    const NULLABLE: &[&str] = &[
        "q",
        "level",
        "opens_at",
        "closes_at",
        "waitlist_closes_at",
        "drop_until",
        "group",
        "group_opens_at",
    ];
    const MESSAGES: &[(&str, &str, &str)] = &[
        ("opens_at", "must be a time", EXAMPLE),
        ("closes_at", "must be a time", EXAMPLE),
        ("waitlist_closes_at", "must be a time", EXAMPLE),
        ("drop_until", "must be a time", EXAMPLE),
        ("group_opens_at", "must be a time", EXAMPLE),
        ("closes_at", "must be after", "Registration must close after it opens"),
        ("waitlist_closes_at", "must be after", "The waitlist must close after registration opens"),
        ("drop_until", "must be after", "The deadline must be after registration opens"),
    ];
}

const EXAMPLE: &str = "Write the time like 2026-09-01T08:00:00Z";

#[derive(Template)]
#[template(path = "seat_change_new.html")]
pub(super) struct NewChangePage {
    frame: Frame,
    choice: CourseChoice,
    /// How many courses the choice has now.
    courses: i64,
    groups: Vec<Group>,
    values: FormValues,
    refusal: Option<String>,
    key: String,
}

impl NewChangePage {
    /// The form for these courses.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn load(app: &App, choice: CourseChoice) -> Result<Self, Problem> {
        let (all, now): (_, Stamp) = (app.board.present_courses(&app.viewer).await?, app.clock.stamp());
        let pattern = choice.pattern();
        let courses = all.iter().filter(|live| choice.names(live, pattern.as_ref()));
        let courses = to_i64(courses.filter(|live| choice.meets(live, &now)).count());
        Ok(Self {
            frame: Frame::new(app, "courses"),
            choice,
            courses,
            groups: groups::groups().read(&app.viewer, &Page::first(Limit::MAX)).await?.rows,
            values: FormValues::default(),
            refusal: None,
            key: new_key(),
        })
    }

    /// The form as it was sent, and why it was refused if that is about no field.
    pub(super) fn with_values(self, values: FormValues, refusal: Option<String>) -> Self {
        Self { values, refusal, ..self }
    }

    /// The list of these courses.
    fn back(&self) -> String {
        let mut link = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.conditions() {
            link.append_pair(name, &value);
        }
        format!("/courses?{}", link.finish())
    }

    /// The fields that say which courses.
    fn conditions(&self) -> Vec<(&'static str, String)> {
        let CourseChoice { q, level, open, free, waiting, .. } = &self.choice;
        let texts = [("q", q), ("level", level)];
        let boxes = [("open", open), ("free", free), ("waiting", waiting)];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?)));
        let boxes = boxes.into_iter().filter(|(_, value)| **value == Some(true));
        texts.chain(boxes.map(|(name, _)| (name, "true".to_owned()))).collect()
    }

    /// Whether the box was ticked.
    fn is_ticked(&self, name: &str) -> bool {
        self.values.value(name) == "true"
    }
}
