//! All routes, and the OpenAPI document of those that are for programs.

use axum::Router;
use axum::http::Method;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::http::echo::excerpt;
use crate::http::limits::{self, Limits};
use crate::http::problem::{MethodNotAllowed, NotFound, Problem};
use crate::http::{beside, openapi};
use crate::state::App;
use crate::{batch, courses, enrollments, events, pages, seats, students};

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
        .merge(pages::routes())
        .fallback(async || {
            Problem::new::<NotFound>("There is nothing at this address; /docs lists what there is.")
        })
        .method_not_allowed_fallback(async |method: Method| {
            let method = excerpt(method.as_str());
            Problem::new::<MethodNotAllowed>(format!("{method} is not a method of this address."))
        })
        .with_state(app);
    limits::apply(routes, limits, &metrics, pages::kit::problems::page)
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
