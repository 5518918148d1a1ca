//! The shared state of all handlers.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

use crate::access::sign_in::SignIn;
use crate::access::{Access, Ways};
use crate::clock::{Clock, Stamp};
use crate::db::Db;
use crate::disclosures::{Disclosures, Reading, Recorder, StudentList};
use crate::events::Filter;
use crate::events::feed::Feed;
use crate::http::cookies::Cookie;
use crate::http::etags::EtagKey;
use crate::http::fields::UnwritableFields;
use crate::http::paging::LinkBase;
use crate::imports::Imports;
use crate::mapping::{RecordTable, SchoolTables};
use crate::metrics::Metrics;
use crate::registrar::{Course, CourseId, Identity, Record, Registrar, Student};
use crate::registration::Board;
use crate::roll::Roll;
use crate::seat_changes::SeatChanges;
use crate::shares::Client;
use crate::viewer::Viewer;

/// The state of the router. Handlers receive an [`App`] made from it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    db: Db,
    services: Arc<Services>,
}

/// What a handler receives: the services, and the database as the caller may see it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// Reads from the database what the caller may see, within this client's share.
    pub viewer: Viewer,
    /// Who sent the request.
    pub identity: Identity,
    /// The client that sent the request.
    pub client: Option<Client>,
    services: Arc<Services>,
}

/// The services that all requests share.
#[derive(Debug)]
pub struct Services {
    /// Finds out who asks.
    pub access: Access,
    /// Signs people in.
    pub sign_in: SignIn,
    /// Carries out all changes.
    pub registrar: Registrar,
    /// Streams new entries of the event log.
    pub feed: Feed,
    /// The live view of how full each course is.
    pub board: Board,
    /// The list of all students, for searches.
    pub students: Roll<Student>,
    /// The list of all courses, for searches.
    pub courses: Roll<Course>,
    /// Plans imports, carries them out and undoes them.
    pub imports: Imports,
    /// Plans changes of the seats of many courses, carries them out and undoes them.
    pub seat_changes: SeatChanges,
    /// Records which lists of students programs read.
    pub disclosures: Disclosures,
    /// The clock.
    pub clock: Clock,
    /// The metrics.
    pub metrics: Metrics,
    /// The tables of the students and courses.
    pub tables: SchoolTables,
    /// The cookie of sessions.
    pub session_cookie: Cookie,
    /// The cookie of people who are at a provider.
    pub sign_on_cookie: Cookie,
    /// Ways in that the operator has set up.
    pub ways: Ways,
    /// The key of entity tags.
    pub etag_key: EtagKey,
    /// The start of links to this server.
    pub public_url: LinkBase,
}

impl AppState {
    /// The state with these services.
    #[must_use]
    pub fn new(db: Db, services: Services) -> Self {
        Self { db, services: Arc::new(services) }
    }

    /// Begins to read what searches need, for a school that is served.
    pub fn prepare_searches(&self) {
        self.students.prepare();
        self.courses.prepare();
    }

    /// The fields of students and courses that cannot be written.
    #[must_use]
    pub fn unwritable_fields(&self) -> UnwritableFields {
        let fields = unwritable::<Student>(&self.tables.students);
        UnwritableFields(fields.chain(unwritable::<Course>(&self.tables.courses)).collect())
    }
}

fn unwritable<R: Record>(table: &RecordTable) -> impl Iterator<Item = (&'static str, &'static str)> {
    let fields = R::FIELDS.iter().filter(|field| !table.can_write(field.name));
    fields.map(|field| (R::NAME, field.name))
}

impl App {
    /// Records how many students a list shows, if the caller is a program that sees all of them.
    #[must_use]
    pub fn discloses_students(&self) -> Recorder {
        if self.viewer.sees_students() { self.discloses_everybody() } else { self.disclosures.recorder(None) }
    }

    /// If the caller is a program, records how many rows of a file with data of all students are sent.
    #[must_use]
    pub fn discloses_everybody(&self) -> Recorder {
        let reading = Reading::by(&self.identity.actor, StudentList::Students, None, None, None);
        self.disclosures.recorder(reading)
    }

    /// Records how many students a roster shows, if the caller is a program. `as_of` is the time that it is for.
    #[must_use]
    pub fn discloses_roster(&self, id: CourseId, as_of: Option<&Stamp>) -> Recorder {
        let actor = &self.identity.actor;
        self.disclosures.recorder(Reading::by(actor, StudentList::Roster, Some(id), None, as_of.cloned()))
    }

    /// Records how many students a waitlist shows, if the caller is a program.
    #[must_use]
    pub fn discloses_waitlist(&self, id: CourseId) -> Recorder {
        let actor = &self.identity.actor;
        self.disclosures.recorder(Reading::by(actor, StudentList::Waitlist, Some(id), None, None))
    }

    /// Records how many events about students are sent, if the caller is a program.
    #[must_use]
    pub fn discloses_events(&self, filter: &Filter) -> Recorder {
        let (actor, Filter { student_id, course_id, .. }) = (&self.identity.actor, filter);
        self.disclosures.recorder(Reading::by(actor, StudentList::Events, *course_id, *student_id, None))
    }
}

impl Deref for App {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.services
    }
}

impl Deref for AppState {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.services
    }
}

/// For the caller that the gate has found; for nobody if the request has not passed it.
impl FromRequestParts<AppState> for App {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let client = parts.extensions.get::<Client>().copied();
        let identity = parts.extensions.get::<Identity>().cloned().unwrap_or(Identity::NOBODY);
        let viewer = Viewer::new(&state.db, client, &identity);
        Ok(Self { viewer, identity, client, services: Arc::clone(&state.services) })
    }
}

impl FromRef<AppState> for Db {
    fn from_ref(app: &AppState) -> Self {
        app.db.clone()
    }
}

impl FromRef<AppState> for Registrar {
    fn from_ref(app: &AppState) -> Self {
        app.registrar.clone()
    }
}

impl FromRef<AppState> for Metrics {
    fn from_ref(app: &AppState) -> Self {
        app.metrics.clone()
    }
}

impl FromRef<AppState> for LinkBase {
    fn from_ref(app: &AppState) -> Self {
        app.public_url.clone()
    }
}
