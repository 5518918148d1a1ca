//! The kinds of problems that belong to registration, and the problem for each [`Refusal`].

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::clock::Stamp;
use crate::http::conditional::etag;
use crate::http::echo::excerpt;
use crate::http::extract::FromPath;
use crate::http::invalid::invalid;
use crate::http::members::{count, id, list_of, ordinal, record, sent_id, text, time, time_or_null};
use crate::http::problem::{
    self, IdempotencyAnswerNotKept, IdempotencyKeyInUse, IdempotencyKeyReused, Kind, Problem, ProblemKind,
    ReadOnlyServer, kinds,
};
use crate::imports::ImportError;
use crate::imports::report::{self, RefusedFile};
use crate::registrar::{
    AccountId, CourseId, Enrollment, Hold, Limits, MAX_GROUP_OPENINGS, MAX_ID, Outcome, Refusal, StudentId,
    Version,
};
use crate::shares::QuotaError;

kinds! {
    StudentNotFound = "student-not-found", 404, Signature, "There is no such student",
        "No student has the id in `student_id`. The student may have been deleted.",
        student_id: sent_id = 4, "The id that no student has; as it was sent if it is not a number.";
    CourseNotFound = "course-not-found", 404, Signature, "There is no such course",
        "No course has the id in `course_id`. The course may have been deleted. Nothing was changed.",
        course_id: sent_id = 7, "The id that no course has; as it was sent if it is not a number.";
    EnrollmentNotFound = "enrollment-not-found", 404, Signature, "The student is not enrolled in the course",
        "The student is not enrolled in this course (any more). If the student is on its waitlist, `waitlisted` has the place.",
        student_id: id = 4, "The student.",
        course_id: id = 7, "The course.",
        waitlisted: record::<PlaceInLine> [optional] = {"position": 3, "joined_at": "2026-09-01T08:00:00.000Z"}, "The student’s place on the waitlist of the course, if there is one.";
    AlreadyEnrolled = "already-enrolled", 409, Signature, "The student is already enrolled in the course",
        "A student can enroll in a course only once. `enrollment` is the existing enrollment, `url` its address. To enroll a student only if not already enrolled, use PUT on that address.",
        enrollment: record::<Enrollment> = {"id": 1, "student_id": 4, "course_id": 7, "enrolled_at": "2026-09-01T08:00:00.000Z"}, "The enrollment.",
        url: text = "/api/v1/students/4/courses/7", "Its address.";
    AlreadyWaitlisted = "already-waitlisted", 409, Signature, "The student is already on the waitlist of the course",
        "A student can be on the waitlist of a course only once. `position` is the place on the waitlist, 1 is next; DELETE on `url` gives the place up.",
        position: ordinal = 3, "The place on the waitlist; 1 is next.",
        url: text = "/api/v1/students/4/courses/7", "The address to delete to give the place up.";
    CourseFull = "course-full", 409, Signature, "The course is full",
        "All seats are taken, and the course has no waitlist that still moves up, or the request did not want to wait. `capacity` is the number of seats, `enrolled` the number of students. Nothing was changed.",
        course_id: id = 7, "The course.",
        capacity: count = 30, "The number of its seats.",
        enrolled: count = 30, "The number of students who have one.";
    WaitlistFull = "waitlist-full", 409, Signature, "The waitlist is full",
        "All seats are taken, and all places on the waitlist, too: `waitlist_capacity` is their number. Nothing was changed.",
        course_id: id = 7, "The course.",
        waitlist_capacity: count = 10, "The number of places on its waitlist.";
    RegistrationNotOpen = "registration-not-open", 409, Signature, "Registration is not open yet",
        "Students can enroll from `opens_at` on. Nothing was changed.",
        course_id: id = 7, "The course.",
        opens_at: time = "2026-09-01T08:00:00.000Z", "When registration opens for this student.",
        closes_at: time_or_null = "2026-09-15T22:00:00.000Z", "When registration closes; null if it stays open.";
    RegistrationClosed = "registration-closed", 409, Signature, "Registration is closed",
        "Students could enroll until `closes_at`. Nothing was changed.",
        course_id: id = 7, "The course.",
        opens_at: time_or_null = "2026-09-01T08:00:00.000Z", "When registration opened; null if it was always open.",
        closes_at: time = "2026-09-15T22:00:00.000Z", "When registration closed.";
    StudentOnHold = "student-on-hold", 409, Signature, "The student is on hold",
        "Until every hold in `holds` is released, the student does not enroll, joins no waitlist, and is passed over when seats come free. Each has its `reason`. Enrollments stay, and the place in line too. Nothing was changed.",
        student_id: id = 4, "The student.",
        holds: list_of::<Hold> = [{"id": 48213, "student_id": 4, "reason": "Library fees: 12 euros are open. Ask at the library.", "placed_at": "2026-09-01T08:00:00.000Z"}], "The holds.";
    CourseLimitReached = "course-limit-reached", 409, Signature, "The student has as many courses as they may have",
        "`courses` is the number of the student’s enrollments and places on waitlists, `course_limit` the most they may have. Swapping one course for another is possible. Nothing was changed.",
        student_id: id = 4, "The student.",
        course_limit: count = 5, "The most courses that the student may have.",
        courses: count = 5, "The enrollments and places on waitlists that the student has.";
    HoldNotFound = "hold-not-found", 404, Signature, "There is no such hold",
        "The student has no hold with the id in `hold_id` (any more). Nothing was changed.",
        student_id: id = 4, "The student.",
        hold_id: sent_id = 48213, "The id that no hold of the student has; as it was sent if it is not a number.";
    GroupNotFound = "group-not-found", 404, Signature, "There is no such group",
        "No group has the name in `group`, which counts exactly as it is written. Nothing was changed.",
        group: text = "seniors", "The name that no group has.";
    NotInGroup = "not-in-group", 404, Signature, "The student is not in the group",
        "The student in `student_id` is not a member of the group in `group` (any more). Nothing was changed.",
        group: text = "seniors", "The group.",
        student_id: id = 4, "The student.";
    DropDeadlinePassed = "drop-deadline-passed", 409, Signature, "The deadline for drops has passed",
        "Students could drop the course until `drop_until`. Staff can drop them with an override, which has a reason. Nothing was changed.",
        course_id: id = 7, "The course.",
        drop_until: time = "2026-09-22T22:00:00.000Z", "The deadline.";
    NothingToRestore = "nothing-to-restore", 409, Signature, "There is nothing to restore",
        "The student has the seat or the place on the waitlist already, or never had one in this course. Nothing was changed.",
        student_id: id = 4, "The student.",
        course_id: id = 7, "The course.";
    OverrideNeedsReason = "override-needs-reason", 400, Signature, "An override needs a reason",
        "Staff can enroll a student although the course is full or its registration is not open, and drop one after the deadline, if `override` has a `reason`, which is kept in the log. Nothing was changed.",
        pointer: text = "/override/reason", "A JSON pointer (RFC 6901) to the place for the reason in the body.";
    HasEnrollments = "has-enrollments", 409, Signature, "There are still enrollments",
        "A student who still has courses, or a course that still has students, is not deleted by accident. Drop the enrollments first, or repeat the request with `?drop=true`, which drops them in the same transaction.",
        enrolled: count = 2, "The number of enrollments.",
        waitlisted: count = 0, "The number of places on waitlists.";
    NumberTaken = "number-taken", 409, Signature, "Another record has this number or code",
        "The number of a student and the code of a course are unique, compared exactly as they are written. `url` is the record that has it. Nothing was changed.",
        url: text = "/api/v1/students/4", "The address of the record that has it.";
    PlanChanged = "plan-changed", 409, Signature, "The data have changed since the plan was made",
        "An import, and a change of the seats of many courses, does exactly what its plan says. What it was based on is different now: make a new plan. Nothing was changed.";
    ImportNotFound = "import-not-found", 404, Signature, "There is no such import",
        "No import has this id. Imports are kept for 30 days, for a day if nothing was done with them.";
    FilesRefused = "files-refused", 422, Signature, "The files are refused",
        "A file is not a table, is damaged, or contradicts itself or another file; `files` gives the reason for each refused file. Nothing was kept and nothing was changed.",
        files: list_of::<RefusedFile> = [{"name": "students.csv", "code": "damaged", "line": 12, "detail": "a quote is not closed", "columns": [], "ignored": []}], "The refused files, and why.";
    ImportState = "import-state", 409, Signature, "The status of the import does not allow this",
        "The `status` decides: `planned` and `stopped` imports can be applied, `applied` and `stopped` ones undone. Nothing was changed.";
    SeatChangeNotFound = "seat-change-not-found", 404, Signature, "There is no such change",
        "No change of the seats of many courses has this id. Changes are kept for 30 days, for a day if they were not carried out.";
    SeatChangeState = "seat-change-state", 409, Signature, "The status of the change does not allow this",
        "The `status` decides: `planned` and `stopped` changes can be applied, `applied` and `stopped` ones undone. Nothing was changed.";
    ImportWouldRemove = "import-would-remove", 409, Signature, "Many records would vanish",
        "More than five and more than a tenth of the students, courses or enrollments would vanish, or `confirm` has another number. Look at the rows with `status=vanishing`, then repeat the request with `confirm`. Nothing was changed.",
        confirm: ordinal = 31, "The number of records that would vanish, to send as `confirm`.";
    RowRefused = "row-refused", 409, Signature, "The database refused the row",
        "The tables students and courses may belong to another program, whose constraints apply: a unique address, a required column that matricula does not know, a check, a trigger, a reference from another table. The detail names the constraint. Nothing was changed.";
    ReadOnlyField = "read-only-field", 409, Signature, "The field cannot be written",
        "The table belongs to another program, and the database computes this field. `pointer` names it. Nothing was changed.",
        pointer: text = "/email", "A JSON pointer (RFC 6901) to the field in the body.";
    TokenNotFound = "token-not-found", 404, Signature, "There is no such token",
        "No token has this id, or it has been revoked already.";
    AccountNotFound = "account-not-found", 404, Signature, "There is no such account",
        "No account has this id.";
    NotAnInstructor = "not-an-instructor", 409, Signature, "The account is not an instructor",
        "Only an account that has the role instructor and is not disabled can be assigned to a course. Nothing was changed.",
        account_id: id = 17, "The account.";
    InstructorNotFound = "instructor-not-found", 404, Signature, "The account is not an instructor of the course",
        "The account in `account_id` is not assigned to the course in `course_id` (any more). Nothing was changed.",
        course_id: id = 7, "The course.",
        account_id: id = 17, "The account.";
    FirstNotAdmin = "first-not-admin", 409, Signature, "The first one has to be an admin’s",
        "The first token or account closes the school. If it could not create others, nobody could. Nothing was changed.";
    RoleConflict = "role-conflict", 409, Signature, "The role does not fit the account",
        "An account with the role `student` belongs to a student of the school, and no other account does. Disable the account, and create another one with the new role. Nothing was changed.";
    LinkEnded = "link-ended", 410, Unrouted, "The link does not work any more",
        "A link to set a password works once, and for a day. Ask an admin for a new one.";
    ProviderUnavailable = "provider-unavailable", 502, Unrouted, "The other site cannot be reached",
        "Signing in happens at another site of your school, which does not answer as it should. Try again later, or sign in with a password if you have one.";
    SignOnFailed = "sign-on-failed", 403, Unrouted, "You are not signed in",
        "Signing in happens at another site of your school. It did not say who you are, or this browser was not the one that went there. Begin again on the page to sign in.";
    NoAccountHere = "no-account", 403, Unrouted, "No account here is yours",
        "You have signed in at another site of your school, but no account here could be found that is yours. Tell the registrar’s office what the page says.";
    AddressTaken = "address-taken", 409, Signature, "Another account has this address",
        "People sign in with their e-mail address, so each account needs one of its own. Nothing was changed.";
    NoPassword = "no-password", 409, Unrouted, "The account has no password",
        "Its owner signs in at a provider of the school. An admin can give out a link with which the owner sets a password. Nothing was changed.";
    LastAdmin = "last-admin", 409, Signature, "Nobody could grant rights any more",
        "This is the only admin who can sign in. Make somebody else an admin first. Nothing was changed.";
    Stale = "stale", 412, Signature, "It has changed since you read it",
        "The If-Match header names an old version; the current one is in `etag`. Read it again, then decide. Nothing was changed.",
        etag: text = "\"9c1185a5c5e9fc54\"", "The present `ETag`.";
}

/// All kinds of problems that this server returns.
pub fn all() -> impl Iterator<Item = &'static Kind> {
    problem::KINDS.iter().chain(KINDS).copied()
}

/// A place on the waitlist of a course, in a problem about it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaceInLine {
    /// 1 is next.
    #[schema(minimum = 1)]
    position: i64,
    /// When the student joined the waitlist: RFC 3339, UTC, milliseconds.
    joined_at: Stamp,
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        let detail = error.to_string();
        match error {
            ImportError::Unreadable(reading) => {
                Self::new::<FilesRefused>(detail).with("files", report::refused_files(&reading))
            }
            ImportError::NotFound(_) => Self::new::<ImportNotFound>(detail),
            ImportError::WrongState(_) => Self::new::<ImportState>(detail),
            ImportError::PlanChanged => Self::new::<PlanChanged>(detail),
            ImportError::WouldRemove(_, number) => {
                Self::new::<ImportWouldRemove>(detail).with("confirm", number)
            }
            ImportError::Full(QuotaError::Exhausted) => {
                Self::overloaded("Other files are being read. Nothing was kept; try again.")
            }
            ImportError::Full(QuotaError::ClientShare) => Self::rate_limited(
                "Your other files are still being read. Wait for one of them; nothing was kept.",
            ),
            ImportError::KeyReused => Self::new::<IdempotencyKeyReused>(detail),
            ImportError::Refused(refusal) => refusal.into(),
        }
    }
}

impl From<Outcome<Refusal>> for Problem {
    fn from(Outcome { answer, replayed }: Outcome<Refusal>) -> Self {
        Self::from(answer).with_replayed(replayed)
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
                    let waitlisted = PlaceInLine { position: place.position, joined_at: place.joined_at };
                    problem.with("waitlisted", json!(waitlisted))
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
                window::<RegistrationNotOpen>(detail, course_id, &limits)
            }
            Refusal::OnHold { student_id, holds } => Self::new::<StudentOnHold>(detail)
                .with("student_id", student_id.0)
                .with("holds", json!(holds)),
            Refusal::CourseLimitReached { student_id, course_limit, courses } => {
                Self::new::<CourseLimitReached>(detail)
                    .with("student_id", student_id.0)
                    .with("course_limit", course_limit)
                    .with("courses", courses)
            }
            Refusal::HoldNotFound { student_id, hold_id } => {
                Self::new::<HoldNotFound>(detail).with("student_id", student_id.0).with("hold_id", hold_id)
            }
            Refusal::GroupNotFound(group) => Self::new::<GroupNotFound>(detail).with("group", json!(group)),
            Refusal::NotInGroup { group, student_id } => {
                Self::new::<NotInGroup>(detail).with("group", json!(group)).with("student_id", student_id.0)
            }
            Refusal::EndsBeforeOpening(fields) => ends_before_opening(fields),
            Refusal::TooManyGroupOpenings => too_many_group_openings(),
            Refusal::DropDeadlinePassed { course_id, drop_until } => Self::new::<DropDeadlinePassed>(detail)
                .with("course_id", course_id.0)
                .with("drop_until", json!(drop_until)),
            Refusal::NothingToRestore { student_id, course_id } => Self::new::<NothingToRestore>(detail)
                .with("student_id", student_id.0)
                .with("course_id", course_id.0),
            Refusal::RegistrationClosed { course_id, limits } => {
                window::<RegistrationClosed>(detail, course_id, &limits)
            }
            Refusal::AlreadyEnrolled(enrollment) => {
                let url = url(enrollment.student_id, enrollment.course_id);
                Self::new::<AlreadyEnrolled>(detail).with("enrollment", json!(enrollment)).with("url", url)
            }
            Refusal::HasEnrollments { enrolled, waitlisted } => {
                Self::new::<HasEnrollments>(detail).with("enrolled", enrolled).with("waitlisted", waitlisted)
            }
            Refusal::OverrideNeedsReason => {
                Self::new::<OverrideNeedsReason>(detail).with("pointer", "/override/reason")
            }
            Refusal::PlanChanged => Self::new::<PlanChanged>(detail),
            Refusal::ImportTaken => Self::new::<ImportState>(detail),
            Refusal::SeatChangeTaken => Self::new::<SeatChangeState>(detail),
            Refusal::Stale(version) => stale(detail, version, None),
            Refusal::StaleCourse { version, seats } => stale(detail, version, seats),
            Refusal::NumberTaken(id) => taken(detail, format!("/api/v1/students/{id}")),
            Refusal::CodeTaken(id) => taken(detail, format!("/api/v1/courses/{id}")),
            Refusal::RowRefused(_) => Self::new::<RowRefused>(detail),
            Refusal::ReadOnlyField(field) | Refusal::AbsentField(field) => {
                Self::new::<ReadOnlyField>(detail).with("pointer", format!("/{field}"))
            }
            Refusal::TokenNotFound(_) => Self::new::<TokenNotFound>(detail),
            Refusal::AccountNotFound(_) => Self::new::<AccountNotFound>(detail),
            Refusal::NotAnInstructor(id) => Self::new::<NotAnInstructor>(detail).with("account_id", id),
            Refusal::InstructorNotFound { course_id, account_id } => Self::new::<InstructorNotFound>(detail)
                .with("course_id", course_id.0)
                .with("account_id", account_id),
            Refusal::LinkEnded => Self::new::<LinkEnded>(detail),
            Refusal::NoAccount(_) => Self::new::<NoAccountHere>(detail),
            Refusal::AddressTaken => Self::new::<AddressTaken>(detail),
            Refusal::NoPassword => Self::new::<NoPassword>(detail),
            Refusal::LastAdmin => Self::new::<LastAdmin>(detail),
            Refusal::Unauthorized => Self::unauthorized(detail),
            Refusal::FirstNotAdmin => Self::new::<FirstNotAdmin>(detail),
            Refusal::AlreadyExpired => {
                invalid(vec![json!({"pointer": "/expires_at", "detail": "must be in the future"})])
            }
            Refusal::StudentMissing | Refusal::OnlyStudents => Self::new::<RoleConflict>(detail),
            Refusal::Forbidden => Self::forbidden(detail),
            Refusal::AnswerNotKept => Self::new::<IdempotencyAnswerNotKept>(detail),
            Refusal::KeyInUse => Self::new::<IdempotencyKeyInUse>(detail),
            Refusal::KeyReused => Self::new::<IdempotencyKeyReused>(detail),
            Refusal::Overloaded | Refusal::Stopping => Self::overloaded(detail),
            Refusal::ReadOnlyServer => Self::new::<ReadOnlyServer>(detail),
            Refusal::Engine(error) => error.into(),
        }
    }
}

fn url(student_id: StudentId, course_id: CourseId) -> String {
    format!("/api/v1/students/{student_id}/courses/{course_id}")
}

fn ends_before_opening(fields: Vec<String>) -> Problem {
    let error = |field| json!({"pointer": format!("/{field}"), "detail": Limits::BEFORE_OPENING});
    invalid(fields.into_iter().map(error).collect())
}

fn too_many_group_openings() -> Problem {
    let error = format!("must have at most {MAX_GROUP_OPENINGS} groups, with those that it has");
    invalid(vec![json!({"pointer": "/group_opens_at", "detail": error})])
}

fn stale(detail: String, version: Version, seats: Option<Version>) -> Problem {
    Problem::new::<Stale>(detail).with("etag", etag(version, seats))
}

/// A number or code that the record at this address has.
fn taken(detail: String, url: String) -> Problem {
    Problem::new::<NumberTaken>(detail).with("url", url)
}

fn window<K: ProblemKind>(detail: String, course_id: CourseId, limits: &Limits) -> Problem {
    Problem::new::<K>(detail)
        .with("course_id", course_id.0)
        .with("opens_at", json!(limits.opens_at))
        .with("closes_at", json!(limits.closes_at))
}

impl FromPath for StudentId {
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        let text = given("student_id");
        text.parse().map_err(|_| {
            Problem::new::<StudentNotFound>("There is no such student: an id is a whole number from 1.")
                .with("student_id", excerpt(&text))
        })
    }
}

impl FromPath for CourseId {
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        let text = given("course_id");
        text.parse().map_err(|_| {
            Problem::new::<CourseNotFound>("There is no such course: an id is a whole number from 1.")
                .with("course_id", excerpt(&text))
        })
    }
}

impl FromPath for AccountId {
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        let text = given("account_id");
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let id = text.parse().ok().filter(|id| is_plain && (1..=MAX_ID).contains(id));
        id.map(Self).ok_or_else(|| Problem::new::<AccountNotFound>("There is no such account."))
    }
}

impl FromPath for (CourseId, AccountId) {
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        Ok((CourseId::read(given)?, AccountId::read(given)?))
    }
}

impl FromPath for (StudentId, CourseId) {
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        Ok((StudentId::read(given)?, CourseId::read(given)?))
    }
}
