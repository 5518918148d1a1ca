//! All routes, and the OpenAPI document of the API.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Method, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::{Extension, Router};
use utoipa::OpenApi;

use crate::access::gate::{Gate, gate};
use crate::http::echo::excerpt;
use crate::http::etags::with_sealed_tags;
use crate::http::limits::{self, RequestLimits};
use crate::http::problem::{MethodNotAllowed, NotFound, Problem};
use crate::http::routes::{Policy, Routes};
use crate::http::{openapi, proxy_echo, system};
use crate::state::AppState;
use crate::{
    access, batch, courses, disclosures, enrollments, events, exports, groups, holds, imports, instructors,
    pages, problems, rules, seat_changes, seats, students,
};

/// All routes, with `limits` applied.
pub fn router(app: AppState, limits: &RequestLimits) -> Router {
    let (metrics, unwritable) = (app.metrics.clone(), app.unwritable_fields());
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "it is derived from signatures at compile time, and a test serializes it"
    )]
    let document = document().to_json().expect("the OpenAPI document is JSON");
    let etag_key = app.etag_key;
    let sealed = from_fn(move |request: Request, next: Next| with_sealed_tags(etag_key, request, next));
    let api = api().layer_api(|api| api.layer(sealed));
    let (routes, _, policy) = routes(api, document).into_parts();
    let policy = Arc::new(policy);
    let gate_state = Gate { app: app.clone(), policy: Arc::clone(&policy) };
    let routes = routes
        .route_layer(from_fn_with_state(gate_state, gate))
        .fallback(async move |uri: Uri| no_such_address(&policy, uri.path()))
        .method_not_allowed_fallback(async |method: Method| {
            let method = excerpt(method.as_str());
            Problem::new::<MethodNotAllowed>(format!("This address does not accept {method}."))
        })
        .layer(Extension(unwritable))
        .with_state(app);
    limits::apply(routes, limits, &metrics, pages::kit::problems::page)
}

/// Frameworks that end every address with a slash are common enough to name the address that was meant.
fn no_such_address(policy: &Policy, path: &str) -> Problem {
    match path.strip_suffix('/').filter(|path| policy.has_path(path)) {
        Some(path) => {
            let path = excerpt(path);
            Problem::new::<NotFound>(format!("This address is written without a slash at its end: {path}"))
        }
        None => Problem::new::<NotFound>("Nothing has this address. /docs lists all addresses of the API."),
    }
}

/// The OpenAPI document of the API.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let (_, mut document, policy) = api().into_parts();
    openapi::complete(&mut document, &policy, problems::all());
    document
}

/// Who may use which route.
#[must_use]
pub fn policy() -> Policy {
    routes(api(), String::new()).into_parts().2
}

/// Every route of the server.
fn routes(api: Routes<AppState>, document: String) -> Routes<AppState> {
    api.merge(system::routes(document)).merge(proxy_echo::routes()).merge(pages::routes())
}

fn api() -> Routes<AppState> {
    Routes::with_document(ApiDocument::openapi())
        .merge(students::api::routes())
        .merge(courses::api::routes())
        .merge(instructors::api::routes())
        .merge(enrollments::api::routes())
        .merge(enrollments::sets::api::routes())
        .merge(enrollments::included::api::routes())
        .merge(batch::api::routes())
        .merge(seats::api::routes())
        .merge(groups::api::routes())
        .merge(holds::api::routes())
        .merge(rules::api::routes())
        .merge(events::api::routes())
        .merge(access::accounts::api::routes())
        .merge(access::api::routes())
        .merge(access::sign_ins::api::routes())
        .merge(disclosures::api::routes())
        .merge(imports::api::routes())
        .merge(seat_changes::api::routes())
        .merge(exports::api::routes())
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "matricula",
        description = "Course registration: which students are enrolled in which courses.",
        contact(name = "Whoever runs this server")
    ),
    servers((url = "/", description = "This server")),
    tags(
        (name = "enrollments", description = "Students in courses"),
        (name = "students", description = "The students of the school"),
        (name = "courses", description = "The courses of the school"),
        (name = "instructors", description = "Who teaches which course, and thereby sees its students"),
        (name = "seats", description = "Capacity, waitlists, and when registration is open"),
        (name = "groups", description = "Groups of students, who enroll at times of their own"),
        (name = "holds", description = "Why students do not enroll at present"),
        (name = "rules", description = "What holds for the whole school"),
        (name = "events", description = "The log of all changes, in order"),
        (name = "seat-changes", description = "The seats of many courses: plan a change, look at it, carry it out, undo it"),
        (name = "imports", description = "Upload files, look at their plans, carry them out and undo them"),
        (name = "exports", description = "Students, courses and enrollments as files"),
        (name = "access", description = "Who may do what: accounts of people and tokens of programs"),
    ),
    components(schemas(
        crate::registrar::Student,
        crate::registrar::Course,
        crate::instructors::Instructor,
        crate::registrar::Enrollment,
        crate::registrar::SeatCount,
        crate::registrar::Seats,
        crate::registrar::Group,
        crate::registrar::Hold,
        crate::registrar::Rules,
        crate::enrollments::RosterEntry,
        crate::enrollments::Waitlisted,
        crate::enrollments::WaitlistStatus,
        crate::enrollments::sets::results::api::CourseResult,
        crate::enrollments::included::api::ShownStudent,
        crate::seats::OwnPlace,
        crate::seats::WaitlistEntry,
        crate::batch::api::OperationResult,
        crate::events::LogEntry,
        crate::registrar::Token,
        crate::registrar::Account,
        crate::access::accounts::api::CreatedAccount,
        crate::access::api::CreatedToken,
        crate::access::api::Me,
        crate::access::sign_ins::SignInEntry,
        crate::disclosures::Disclosure,
        crate::imports::staging::Import,
        crate::seat_changes::SeatChange,
        crate::seat_changes::CourseCounts,
        crate::seat_changes::CourseChoice,
        crate::seat_changes::ChangedCourse,
        crate::seat_changes::Reason,
        crate::registrar::Limits,
        crate::registrar::LimitsChange,
        crate::imports::Counts,
        crate::imports::FileSummary,
        crate::imports::ReadColumn,
        crate::imports::UnreadColumn,
        crate::imports::WhyRefused,
        crate::imports::KeptRecords,
        crate::imports::Notice,
        crate::imports::Settings,
        crate::imports::ImportRow,
        crate::imports::RowField,
        crate::access::api::Name,
        crate::registrar::Role,
        crate::registrar::Rights,
        crate::http::members::RequestError,
        crate::problems::PlaceInLine,
        crate::imports::report::RefusedFile,
    ))
)]
struct ApiDocument;
