//! Exports: students, courses, enrollments and waitlists as files, for people, for other systems, and for
//! `matricula import`.
//!
//! Rows are read and written as a stream in constant memory. What is in a file is in [`tables`], for each kind of rows, and
//! in [`archives`] for the sets of other systems.

pub mod api;
mod archives;
mod opener;
mod own_ids;
mod store;
mod stream;
pub mod tables;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use self::archives::{Canvas, OneRoster};
pub use self::opener::Opener;
pub use self::stream::{ExportError, RowStream, Seen};
use self::stream::{day_of, streamed};
use self::tables::{
    COURSES, ENROLLMENTS, GROUPED_STUDENTS, ROSTER, STUDENTS, Table, TableSink, WAITLIST, WAITLISTS,
};
use crate::clock::Stamp;
use crate::courses::store as courses;
use crate::db::DbError;
use crate::enrollments::store as enrollments;
use crate::files::writing::TableFormat;
use crate::lists::{Direction, ListPart, Page};
use crate::registrar::{CourseId, Refusal, Student};
use crate::seats::store as seats;
use crate::students::store as students;
use crate::viewer::Viewer;

/// What is exported as a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// All students.
    Students,
    /// All courses.
    Courses,
    /// All enrollments, now or at a time, according to the log.
    Enrollments(Option<Stamp>),
    /// The students of a course, now or at a time.
    Roster(CourseId, Option<Stamp>),
    /// The waitlist of a course.
    Waitlist(CourseId),
    /// All waitlists.
    Waitlists,
}

/// Whose format a set of files has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Canvas SIS CSV.
    Canvas,
    /// OneRoster CSV 1.2.
    OneRoster,
}

/// A file that is sent while it is written.
pub struct ExportFile {
    /// Its name, without the ending.
    pub name: String,
    /// Its bytes. After an error it is incomplete.
    pub bytes: BoxStream<'static, Result<Bytes, ExportError>>,
}

/// Exports a table. `today` is for the name of the file.
///
/// # Errors
/// [`Refusal::CourseNotFound`], or [`Refusal::Forbidden`] for a course whose students the caller may not see, or when the
/// database cannot be read.
pub async fn table(
    viewer: &Viewer,
    what: What,
    format: TableFormat,
    today: &Stamp,
    seen: Seen,
) -> Result<ExportFile, Refusal> {
    let day = day_of(what.as_of().unwrap_or(today)).to_owned();
    let all = Page::all();
    let bytes = match &what {
        What::Students => {
            let list = students::by_id(viewer, Direction::Asc);
            written_students(viewer, rows(list.read(viewer, &all).await?), format, seen).await?
        }
        What::Courses => {
            let list = courses::by_id(Direction::Asc);
            written(viewer, rows(list.read(viewer, &all).await?), &COURSES, format, seen).await?
        }
        What::Enrollments(time) => {
            let lines = store::enrollments(viewer, time.as_ref()).await?;
            written(viewer, lines, &ENROLLMENTS, format, seen).await?
        }
        What::Roster(id, time) => {
            let list = match time {
                None => enrollments::roster_of(viewer, *id),
                Some(time) => enrollments::roster_of_at(viewer, *id, time).await?,
            };
            let part = list.read(viewer, &all).await?;
            if part.rows.is_empty() {
                enrollments::ensure_may_be_empty(viewer, *id, time.as_ref()).await?;
            }
            written(viewer, rows(part), &ROSTER, format, seen).await?
        }
        What::Waitlist(id) => {
            let part = seats::waitlist_of(viewer, *id).read(viewer, &all).await?;
            if part.rows.is_empty() {
                enrollments::ensure_may_be_empty(viewer, *id, None).await?;
            }
            written(viewer, rows(part), &WAITLIST, format, seen).await?
        }
        What::Waitlists => written(viewer, store::waitlists(viewer).await?, &WAITLISTS, format, seen).await?,
    };
    Ok(ExportFile { name: format!("{}-{day}", what.name()), bytes })
}

/// Exports the set of files of another system. `today` decides the school year.
///
/// # Errors
/// When the database cannot be read.
pub async fn archive(
    viewer: &Viewer,
    system: System,
    today: &Stamp,
    seen: Seen,
) -> Result<ExportFile, DbError> {
    let ids = store::own_ids(viewer).await?;
    let name = |system: &str| format!("{system}-{}", day_of(today));
    Ok(match system {
        System::Canvas => {
            let rows = store::canvas(viewer).await?;
            let canvas = Canvas::new(ids, store::numbers_alike(viewer).await?);
            ExportFile { name: name("canvas"), bytes: streamed(rows, canvas, seen) }
        }
        System::OneRoster => {
            let rows = store::one_roster(viewer).await?;
            let no_day = || DbError::Engine(format!("{today} is no time of a calendar"));
            let today = today.utc().ok_or_else(no_day)?.date();
            ExportFile { name: name("oneroster"), bytes: streamed(rows, OneRoster::new(ids, today), seen) }
        }
    })
}

/// Writes the rows of a list as a table.
///
/// # Errors
/// When the database cannot be read.
pub async fn written<T: Send + 'static>(
    viewer: &Viewer,
    rows: RowStream<T>,
    table: &'static Table<T>,
    format: TableFormat,
    seen: Seen,
) -> Result<BoxStream<'static, Result<Bytes, ExportError>>, DbError> {
    let ids = store::own_ids(viewer).await?;
    Ok(streamed(rows, TableSink::new(table, format, ids), seen))
}

/// Writes students, with their groups if anybody is in one: files of schools without groups have no such column.
///
/// # Errors
/// When the database cannot be read.
pub async fn written_students(
    viewer: &Viewer,
    rows: RowStream<Student>,
    format: TableFormat,
    seen: Seen,
) -> Result<BoxStream<'static, Result<Bytes, ExportError>>, DbError> {
    if !store::has_members(viewer).await? {
        return written(viewer, rows, &STUDENTS, format, seen).await;
    }
    let db = viewer.db().clone();
    let grouped = rows.then(move |rows| {
        let db = db.clone();
        async move { store::grouped(&db, rows?).await }
    });
    written(viewer, grouped.boxed(), &GROUPED_STUDENTS, format, seen).await
}

/// All rows of a list that was read without a limit.
fn rows<T: Send + 'static>(part: ListPart<T>) -> RowStream<T> {
    let first = futures_util::stream::iter([Ok(part.rows)]);
    match part.rest {
        None => first.boxed(),
        Some(rest) => first.chain(rest).boxed(),
    }
}

impl What {
    fn as_of(&self) -> Option<&Stamp> {
        match self {
            Self::Enrollments(time) | Self::Roster(_, time) => time.as_ref(),
            Self::Students | Self::Courses | Self::Waitlist(_) | Self::Waitlists => None,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Students => "students".to_owned(),
            Self::Courses => "courses".to_owned(),
            Self::Enrollments(_) => "enrollments".to_owned(),
            Self::Roster(id, _) => format!("roster-of-course-{id}"),
            Self::Waitlist(id) => format!("waitlist-of-course-{id}"),
            Self::Waitlists => "waitlists".to_owned(),
        }
    }
}
