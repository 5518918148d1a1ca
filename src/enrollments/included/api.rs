//! The API of a student, with the courses if they are wanted.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::enrollments::store::courses_of;
use crate::http::conditional::IfNoneMatch;
use crate::http::extract::{Parameters, PathParams, Query};
use crate::http::refused::Refused;
use crate::http::reply::{Current, Resource};
use crate::http::routes::{Routes, any_of};
use crate::lists::Page;
use crate::problems::StudentNotFound;
use crate::registrar::{Course, Refusal, Right, Student, StudentId, Version};
use crate::state::{App, AppState};
use crate::students::store::find;

/// The route of a student.
#[must_use]
pub fn routes() -> Routes<AppState> {
    Routes::new().api(any_of(&[Right::ReadStudents, Right::ReadOwnRecord]), routes!(show))
}

/// Read a student
///
/// With `include=courses`, the courses of the student are in the answer, which then has no `ETag`: that is the version of
/// the student alone.
#[utoipa::path(
    get,
    path = "/api/v1/students/{student_id}",
    operation_id = "get_student",
    tag = "students",
    params(ShowQuery)
)]
async fn show(
    app: App,
    id: PathParams<StudentId>,
    cached: IfNoneMatch,
    Query(query): Query<ShowQuery>,
) -> Result<Current<ShownStudent>, Refused<(StudentNotFound,)>> {
    let id = id.into_result()?;
    let student = find(&app.viewer, id).await?.ok_or(Refusal::StudentNotFound(id))?;
    let courses = match query.include {
        None => None,
        Some(Included::Courses) => {
            Some(courses_of(&app.viewer, id).read(&app.viewer, &Page::all()).await?.rows)
        }
    };
    Ok(Current(ShownStudent { student, courses }, cached))
}

/// A student, with the courses if they are wanted.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": 4, "name": "Zoë Martin", "email": "zoe@example.edu", "number": "0042817"}))]
pub struct ShownStudent {
    /// The student.
    #[serde(flatten)]
    student: Student,
    /// The courses in order of enrollment; only with `include=courses`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    courses: Option<Vec<Course>>,
}

impl Resource for ShownStudent {
    const VERSIONED: bool = true;

    fn version(&self) -> Option<Version> {
        self.courses.is_none().then(|| Version::from_record(&self.student))
    }
}

/// The query of a student.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct ShowQuery {
    /// What to add to the answer.
    #[param(inline)]
    include: Option<Included>,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Included {
    /// The courses of the student.
    Courses,
}

impl Parameters for ShowQuery {
    const KNOWN: &'static [&'static str] = &["include"];
}
