//! The list of courses as a student sees it: each with what they have in it, or with the button that enrolls them.

use askama::Template;

use super::me::{Me, Standing};
use crate::pages::kit::form::new_key;
use crate::pages::kit::{Frame, filters};
use crate::registration::{LiveCourse, Outlook};
use crate::state::App;

/// A page of the list.
#[derive(Template)]
#[template(path = "my/courses.html", blocks = ["rows"])]
pub(in crate::pages) struct OwnCatalogue {
    frame: Frame,
    me: Me,
    /// What the list was asked for.
    shown: Shown,
    /// The start of the idempotency keys of the buttons.
    key: String,
}

/// What a page of the list shows.
#[derive(Debug)]
pub(in crate::pages) struct Shown {
    /// The courses of this page.
    pub courses: Vec<LiveCourse>,
    /// How many courses match.
    pub total: i64,
    /// The search as it was typed.
    pub q: String,
    /// Only this level; empty for all.
    pub level: String,
    /// The levels to choose from.
    pub levels: Vec<String>,
    /// Only courses that are open to the student.
    pub is_open: bool,
    /// Only courses with free seats.
    pub is_free: bool,
    /// The page, from 1.
    pub page: usize,
    /// How many pages there are.
    pub pages: usize,
    /// The addresses of the page before and of the next page.
    pub links: [String; 2],
    /// Whether only the rows are wanted.
    pub is_partial: bool,
}

impl OwnCatalogue {
    /// The page for this student.
    pub(in crate::pages) fn new(app: &App, me: Me, shown: Shown) -> Self {
        Self { frame: Frame::new(app, "courses"), me, shown, key: new_key() }
    }
}
