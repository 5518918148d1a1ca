//! Refusals as a client sees them: `application/problem+json` (RFC 9457).
//!
//! A [`Kind`] is a type of problem, a [`Problem`] one of them with its detail. What a handler can answer stands in its
//! signature: `Result<Created<Enrollment>, Refused<(StudentNotFound, CourseNotFound)>>`. Problems that any request can
//! meet (a full queue, a failing disk, a bad query) are not repeated there: see [`Scope`].

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::observe::{current_problem_page, current_request_id};
pub use super::refused::{Kinds, Refused};
use super::reply::to_json;
use crate::registrar::{CourseId, Limits, Refusal, StudentId};

/// A type of problem.
#[derive(Debug)]
pub struct Kind {
    /// Its name in the `type` URL.
    pub slug: &'static str,
    /// The status that it is answered with.
    pub status: u16,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What it means and what to do about it.
    pub meaning: &'static str,
    /// Which requests can meet it.
    pub scope: Scope,
}

/// Which requests can meet a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those whose signature says so.
    Signature,
    /// Every request.
    Any,
    /// Every request that carries a body.
    Body,
    /// Every request that may carry an `Idempotency-Key`.
    Keyed,
    /// Requests that meet no operation at all.
    Unrouted,
}

/// A kind of problem as a type, for signatures.
pub trait ProblemKind {
    /// The kind.
    const KIND: &'static Kind;
}

macro_rules! kinds {
    ($($name:ident = $slug:literal, $status:literal, $scope:ident, $title:literal, $meaning:literal;)*) => {
        $(
            #[doc = $title]
            #[derive(Debug)]
            pub struct $name;

            impl ProblemKind for $name {
                const KIND: &'static Kind = &Kind {
                    slug: $slug,
                    status: $status,
                    title: $title,
                    meaning: $meaning,
                    scope: Scope::$scope,
                };
            }
        )*

        /// Every kind of problem that this server answers.
        pub const KINDS: &[&Kind] = &[$($name::KIND),*];
    };
}

kinds! {
    MalformedJson = "malformed-json", 400, Body, "The body is not JSON",
        "The body could not be read as JSON. `line` and `column` say where reading stopped. Nothing was changed.";
    InvalidRequest = "invalid-request", 400, Any, "The request is not valid",
        "A field or a parameter has a value that is not allowed, is missing, or is not known here. `errors` lists all of them, each with a JSON pointer (RFC 6901) into the body or the name of the query parameter. Nothing was changed.";
    MalformedRequest = "malformed-request", 400, Any, "The request cannot be read",
        "It is not HTTP/1.1 as RFC 9112 has it: its first line, a header or the length of its body, or its body is packed in a way that is not undone here. The connection is closed. Nothing was changed.";
    Forbidden = "forbidden", 403, Any, "The request is not allowed",
        "The server is closed by default: on loopback it answers only requests whose Host is a loopback name or address, elsewhere only those for its public URL, and it refuses writes that a browser sends on behalf of another site.";
    NotFound = "not-found", 404, Unrouted, "There is nothing here",
        "No resource has this address. The list of all addresses is at /docs.";
    StudentNotFound = "student-not-found", 404, Signature, "There is no such student",
        "No student has the id in `student_id`. The student may have been deleted.";
    CourseNotFound = "course-not-found", 404, Signature, "There is no such course",
        "No course has the id in `course_id`. The course may have been deleted. Nothing was changed.";
    EnrollmentNotFound = "enrollment-not-found", 404, Signature, "The student is not enrolled in the course",
        "The student does not take this course (any more). Where the student waits for a seat, `waitlisted` has the place.";
    MethodNotAllowed = "method-not-allowed", 405, Unrouted, "The method is not allowed here",
        "The address exists, the method does not. The `Allow` header lists the methods that do.";
    AlreadyEnrolled = "already-enrolled", 409, Signature, "The student is already enrolled in the course",
        "A student takes a course once. `enrollment` is the enrollment that exists, `url` its address. To enroll without minding whether it is done already, use PUT on that address.";
    AlreadyWaitlisted = "already-waitlisted", 409, Signature, "The student is already on the waitlist of the course",
        "A student waits for a course once. `position` is the place on the waitlist, 1 is next; `url` is where to leave it with DELETE.";
    CourseFull = "course-full", 409, Signature, "The course is full",
        "All seats are taken, and the course has no waitlist. `capacity` is how many there are, `enrolled` how many students take it. Nothing was changed.";
    WaitlistFull = "waitlist-full", 409, Signature, "The waitlist is full",
        "All seats are taken, and so are all places on the waitlist: `waitlist_capacity`. Nothing was changed.";
    RegistrationNotOpen = "registration-not-open", 409, Signature, "Registration is not open yet",
        "Students enroll from `opens_at` on. Nothing was changed.";
    RegistrationClosed = "registration-closed", 409, Signature, "Registration is closed",
        "Students enrolled until `closes_at`. Nothing was changed.";
    HasEnrollments = "has-enrollments", 409, Signature, "Enrollments stand in the way",
        "A student with courses, or a course with students, is not deleted by accident. Drop the enrollments first, or repeat the request with `?drop=true`, which drops them in the same transaction.";
    RowRefused = "row-refused", 409, Signature, "The database does not take this row",
        "The tables students and courses may belong to another program, whose constraints hold: a unique address, a required column that matricula does not know, a check, a trigger, a reference from another table. The detail names the constraint. Nothing was changed.";
    ReadOnlyField = "read-only-field", 409, Signature, "The field cannot be written",
        "The table belongs to another program and computes this field itself. `pointer` names it. Nothing was changed.";
    IdempotencyAnswerNotKept = "idempotency-answer-not-kept", 409, Keyed, "The answer is no longer kept",
        "A request with this key was carried out before, so it is not carried out again. Its answer was deleted together with the student whom it named, or was stored by another version of the server. Nothing was changed by this request.";
    IdempotencyKeyInUse = "idempotency-key-in-use", 409, Keyed, "The Idempotency-Key is in use",
        "A request with this key is being carried out. Ask again in a moment: the answer will be its answer. Nothing was changed by this request.";
    Stale = "stale", 412, Signature, "It has changed since you read it",
        "The If-Match header does not name the present version, which is in `etag`. Read it again and decide anew. Nothing was changed.";
    PayloadTooLarge = "payload-too-large", 413, Body, "The body is too large",
        "A body may have 1 MiB at most, of many operations 8 MiB. Nothing was changed.";
    UriTooLong = "uri-too-long", 414, Unrouted, "The address is too long",
        "The path and the query are longer than the server reads. What is long belongs in a body. Nothing was changed.";
    UnsupportedMediaType = "unsupported-media-type", 415, Body, "The body has a media type that is not supported",
        "Bodies are JSON: send `Content-Type: application/json`, and no `Content-Encoding`. Nothing was changed.";
    IdempotencyKeyReused = "idempotency-key-reused", 422, Keyed, "The Idempotency-Key was used for another request",
        "A key names one request, with its method, path and body, for 24 hours. For another request choose another key. Nothing was changed.";
    RateLimited = "rate-limited", 429, Any, "Too much at a time from one client",
        "One client may take only a share of what the server can do at a time: connections, bodies, searches and long lists. Others are answered meanwhile. `Retry-After` says when to try again. Behind a proxy all clients share the proxy's address: see `--client-share`. Nothing was changed.";
    HeadTooLarge = "request-head-too-large", 431, Unrouted, "The head of the request is too large",
        "The first line and the headers have more than 64 KiB together, or are more than a hundred. The connection is closed. Nothing was changed.";
    Internal = "internal", 500, Any, "The server failed",
        "The failure is in the server's log, under the request id in `instance`.";
    Overloaded = "overloaded", 503, Any, "The server cannot take the request now",
        "Too much waits already, the disk is full, another program holds the database, or the server is stopping. `Retry-After` says when to try again. Nothing was changed, unless the detail says otherwise.";
}

/// One problem, ready to be told.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: &'static Kind,
    detail: String,
    members: Map<String, Value>,
}

impl Problem {
    /// A problem of kind `K`; `detail` says what is the matter this time.
    pub fn new<K: ProblemKind>(detail: impl Into<String>) -> Self {
        Self { kind: K::KIND, detail: detail.into(), members: Map::new() }
    }

    /// Adds a member that helps a program to act.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// As JSON, of the request `instance`.
    #[must_use]
    pub fn to_json(&self, instance: Option<&str>) -> Value {
        json!(Told::of(self, instance))
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// What is the matter this time.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the same may succeed in a moment; `Retry-After` then says so.
    #[must_use]
    pub fn may_be_tried_again(&self) -> bool {
        matches!(self.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
    }

    /// The status that it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// 403, `detail` says why.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new::<Forbidden>(detail)
    }

    /// 400 for a request that is not HTTP as we read it.
    pub fn malformed_request(detail: impl Into<String>) -> Self {
        Self::new::<MalformedRequest>(detail)
    }

    /// 429 with `Retry-After`: the client has its share already.
    pub fn rate_limited(detail: impl Into<String>) -> Self {
        Self::new::<RateLimited>(detail)
    }

    /// 400 for a `Host` header that is missing, doubled or unreadable.
    pub fn invalid_host(detail: impl Into<String>) -> Self {
        Self::new::<InvalidRequest>(detail)
    }

    /// 500; the reason is for the log only.
    #[must_use]
    pub fn internal() -> Self {
        Self::new::<Internal>("Something went wrong on the server; its log has the reason.")
    }

    /// 503 with `Retry-After`.
    pub fn overloaded(detail: impl Into<String>) -> Self {
        Self::new::<Overloaded>(detail)
    }

    fn window<K: ProblemKind>(detail: String, course_id: CourseId, limits: Limits) -> Self {
        Self::new::<K>(detail)
            .with("course_id", course_id.0)
            .with("opens_at", limits.opens_at)
            .with("closes_at", limits.closes_at)
    }

    /// 413.
    #[must_use]
    pub fn payload_too_large(most: usize) -> Self {
        let mebibytes = most / (1024 * 1024);
        Self::new::<PayloadTooLarge>(format!("The body has more than {mebibytes} MiB ({most} bytes)."))
    }
}

/// A problem (RFC 9457). Kinds have further members that help a program to act.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Told<'a> {
    /// A URL on this server that explains the kind of problem in a page.
    r#type: String,
    /// What kind of problem it is.
    title: &'a str,
    /// The status of the answer.
    status: u16,
    /// What is the matter this time.
    detail: &'a str,
    /// The request's id, which the server's log has too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required)]
    instance: Option<&'a str>,
    #[serde(flatten)]
    #[schema(ignore)]
    members: &'a Map<String, Value>,
}

impl<'a> Told<'a> {
    fn of(problem: &'a Problem, instance: Option<&'a str>) -> Self {
        Self {
            r#type: format!("/problems/{}", problem.kind.slug),
            title: problem.kind.title,
            status: problem.kind.status,
            detail: &problem.detail,
            instance,
            members: &problem.members,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if let Some(page) = current_problem_page() {
            return page(&self);
        }
        let status = self.status();
        let mut response =
            (status, to_json(&Told::of(&self, current_request_id().as_deref()))).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.may_be_tried_again() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::StudentNotFound(id) => Self::new::<StudentNotFound>(detail).with("student_id", id.0),
            Refusal::CourseNotFound(id) => Self::new::<CourseNotFound>(detail).with("course_id", id.0),
            Refusal::EnrollmentNotFound { student_id, course_id, place } => {
                let problem = Self::new::<EnrollmentNotFound>(detail)
                    .with("student_id", student_id.0)
                    .with("course_id", course_id.0);
                place.into_iter().fold(problem, |problem, place| {
                    let waitlisted = json!({"position": place.position, "joined_at": place.joined_at});
                    problem.with("waitlisted", waitlisted)
                })
            }
            Refusal::AlreadyWaitlisted(place) => Self::new::<AlreadyWaitlisted>(detail)
                .with("position", place.position)
                .with("url", url(place.student_id, place.course_id)),
            Refusal::CourseFull { course_id, capacity, enrolled } => Self::new::<CourseFull>(detail)
                .with("course_id", course_id.0)
                .with("capacity", capacity)
                .with("enrolled", enrolled),
            Refusal::WaitlistFull { course_id, waitlist_capacity } => Self::new::<WaitlistFull>(detail)
                .with("course_id", course_id.0)
                .with("waitlist_capacity", waitlist_capacity),
            Refusal::RegistrationNotOpen { course_id, limits } => {
                Self::window::<RegistrationNotOpen>(detail, course_id, limits)
            }
            Refusal::RegistrationClosed { course_id, limits } => {
                Self::window::<RegistrationClosed>(detail, course_id, limits)
            }
            Refusal::AlreadyEnrolled(enrollment) => {
                let url = url(enrollment.student_id, enrollment.course_id);
                Self::new::<AlreadyEnrolled>(detail).with("enrollment", json!(enrollment)).with("url", url)
            }
            Refusal::HasEnrollments { enrolled, waitlisted } => {
                Self::new::<HasEnrollments>(detail).with("enrolled", enrolled).with("waitlisted", waitlisted)
            }
            Refusal::Stale(version) => {
                Self::new::<Stale>(detail).with("etag", super::conditional::etag(version, None))
            }
            Refusal::RowRefused(_) => Self::new::<RowRefused>(detail),
            Refusal::ReadOnlyField(field) => {
                Self::new::<ReadOnlyField>(detail).with("pointer", format!("/{field}"))
            }
            Refusal::AnswerNotKept => Self::new::<IdempotencyAnswerNotKept>(detail),
            Refusal::KeyInUse => Self::new::<IdempotencyKeyInUse>(detail),
            Refusal::KeyReused => Self::new::<IdempotencyKeyReused>(detail),
            Refusal::Overloaded | Refusal::Stopping => Self::overloaded(detail),
            Refusal::Engine(error) => error.into(),
        }
    }
}

fn url(student_id: StudentId, course_id: CourseId) -> String {
    format!("/api/v1/students/{student_id}/courses/{course_id}")
}
