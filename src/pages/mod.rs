//! HTML pages for people.

mod account;
mod accounts;
mod catalogue;
mod course_enrollments;
mod courses;
mod day;
mod disclosures;
mod drops;
mod enroll_panel;
mod enrollments;
mod find;
mod groups;
mod history;
mod import_words;
mod imports;
mod instructors;
mod instructors_panel;
pub mod kit;
mod meant;
mod my;
mod offer;
mod openings;
mod openings_panel;
mod pasted;
mod plot;
mod records;
mod reference;
mod registration;
mod roster;
mod sample;
mod seat_change_form;
mod seat_change_words;
mod seat_changes;
mod seats;
mod seats_form;
mod sign_in;
mod sign_ins;
mod sign_on;
mod standing;
mod standing_panel;
mod students;
mod tokens;
mod uploads;
mod who;

use axum::response::Redirect;
use tower_http::compression::CompressionLayer;

use crate::http::routes::{Allow, Routes};
use crate::registrar::Role;
use crate::state::{App, AppState};

/// The routes of all pages and of the static files that they load.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let pages = students::routes()
        .merge(courses::routes())
        .merge(enrollments::routes())
        .merge(drops::routes())
        .merge(course_enrollments::routes())
        .merge(roster::routes())
        .merge(seats::routes())
        .merge(seat_changes::routes())
        .merge(instructors::routes())
        .merge(openings::routes())
        .merge(standing::routes())
        .merge(groups::routes())
        .merge(registration::routes())
        .merge(sample::routes())
        .merge(sign_in::routes())
        .merge(sign_on::routes())
        .merge(account::routes())
        .merge(accounts::routes())
        .merge(sign_ins::routes())
        .merge(tokens::routes())
        .merge(imports::routes())
        .merge(reference::routes())
        .merge(find::routes())
        .merge(my::routes())
        .get("/", Allow::Visitors, async |app: App| Redirect::to(home(&app)))
        .get(kit::problems::ROUTE, Allow::Anyone, kit::problems::kind)
        .layer_pages(kit::with_page_layers);
    let assets = Routes::new().get(kit::assets::ROUTE, Allow::Anyone, kit::assets::get);
    pages.merge(assets).layer_pages(|pages| pages.layer(CompressionLayer::new()))
}

/// The first page for the caller: a student's own, for everybody else the courses.
fn home(app: &App) -> &'static str {
    if app.identity.role == Some(Role::Student) { "/my" } else { "/courses" }
}
