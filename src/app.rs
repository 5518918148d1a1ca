//! The application: what every handler is given, and all routes.

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::http::Method;
use axum::response::Redirect;
use axum::routing::get;
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::db::Db;
use crate::events::feed::Feed;
use crate::http::echo::excerpt;
use crate::http::limits::{self, Limits};
use crate::http::paging::LinkBase;
use crate::http::problem::{MethodNotAllowed, NotFound, Problem};
use crate::http::{beside, openapi};
use crate::metrics::Metrics;
use crate::registrar::Registrar;
use crate::registration::{self, Board};
use crate::students::{self, Roll};
use crate::{batch, courses, enrollments, events, sample, seats, ui};

/// What every handler is given. Cheap to clone: it is, several times a request.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

/// What there is to give.
#[derive(Debug)]
pub struct Parts {
    /// The reading side of the database.
    pub db: Db,
    /// The way to change anything.
    pub registrar: Registrar,
    /// The log as it grows.
    pub feed: Feed,
    /// How full every course is.
    pub board: Board,
    /// All students, for those who look for one.
    pub roll: Roll,
    /// What is counted.
    pub metrics: Metrics,
    /// Where clients find this server.
    pub public_url: LinkBase,
}

impl From<Parts> for App {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<App> for Db {
    fn from_ref(app: &App) -> Self {
        app.db.clone()
    }
}

impl FromRef<App> for Registrar {
    fn from_ref(app: &App) -> Self {
        app.registrar.clone()
    }
}

impl FromRef<App> for Metrics {
    fn from_ref(app: &App) -> Self {
        app.metrics.clone()
    }
}

impl FromRef<App> for LinkBase {
    fn from_ref(app: &App) -> Self {
        app.public_url.clone()
    }
}

/// All routes, behind all limits.
pub fn router(app: App, limits: &Limits) -> Router {
    let metrics = app.metrics.clone();
    let (rooms, document) = rooms();
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "it is made of the signatures in this program, and a test reads it"
    )]
    let document = document.to_json().expect("the OpenAPI document is JSON");
    let routes = rooms
        .merge(beside::routes(document))
        .merge(pages())
        .fallback(async || {
            Problem::new::<NotFound>("There is nothing at this address; /docs lists what there is.")
        })
        .method_not_allowed_fallback(async |method: Method| {
            let method = excerpt(method.as_str());
            Problem::new::<MethodNotAllowed>(format!("{method} is not a method of this address."))
        })
        .with_state(app);
    limits::apply(routes, limits, &metrics, ui::problems::page)
}

/// The OpenAPI document of the API.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    rooms().1
}

fn rooms() -> (Router<App>, utoipa::openapi::OpenApi) {
    let (routes, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(students::api::routes())
        .merge(courses::api::routes())
        .merge(enrollments::api::routes())
        .merge(batch::api::routes())
        .merge(seats::api::routes())
        .merge(events::api::routes())
        .split_for_parts();
    openapi::complete(&mut document);
    (routes, document)
}

/// Everything for people.
fn pages() -> Router<App> {
    let rooms = students::pages::pages()
        .merge(courses::pages::pages())
        .merge(enrollments::pages::pages())
        .merge(seats::pages::pages())
        .merge(registration::pages::pages())
        .merge(sample::pages::pages())
        .route("/", get(async || Redirect::to("/courses")))
        .route(ui::problems::ROUTE, get(ui::problems::kind));
    let assets = Router::new().route(ui::assets::ROUTE, get(ui::assets::get));
    ui::around(rooms).merge(assets).layer(CompressionLayer::new())
}

#[derive(OpenApi)]
#[openapi(
    info(title = "matricula", description = "Courses for students: who is enrolled in what."),
    servers((url = "/", description = "This server")),
    tags(
        (name = "enrollments", description = "The association of a student and a course"),
        (name = "students", description = "The students of the school"),
        (name = "courses", description = "The courses of the school"),
        (name = "seats", description = "How many students a course takes, who waits, and when registration is open"),
        (name = "events", description = "What happened, in order"),
    ),
    components(schemas(
        crate::registrar::Student,
        crate::registrar::Course,
        crate::registrar::Enrollment,
        crate::registrar::SeatCount,
        crate::registrar::Seats,
        crate::enrollments::RosterEntry,
        crate::enrollments::Waitlisted,
        crate::enrollments::WaitlistStatus,
        crate::seats::WaitlistEntry,
        crate::batch::api::OperationResult,
        crate::events::LogEntry,
        crate::http::problem::Told,
    ))
)]
struct Document;
