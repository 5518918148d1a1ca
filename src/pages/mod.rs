//! HTML pages for people.

mod courses;
mod day;
mod enrollments;
mod history;
pub mod kit;
mod plot;
mod records;
mod registration;
mod sample;
mod seats;
mod seats_form;
mod students;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use tower_http::compression::CompressionLayer;

use crate::state::App;

/// The routes of all pages and of the static files that they load.
pub fn routes() -> Router<App> {
    let pages = students::routes()
        .merge(courses::routes())
        .merge(enrollments::routes())
        .merge(seats::routes())
        .merge(registration::routes())
        .merge(sample::routes())
        .route("/", get(async || Redirect::to("/courses")))
        .route(kit::problems::ROUTE, get(kit::problems::kind));
    let assets = Router::new().route(kit::assets::ROUTE, get(kit::assets::get));
    kit::with_page_layers(pages).merge(assets).layer(CompressionLayer::new())
}
