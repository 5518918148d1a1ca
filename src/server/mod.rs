//! Startup and shutdown of a school: its database, its Registrar and the state of its handlers.

pub mod router;

use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, bail};
use tokio::sync::Notify;

use crate::access::keys::school_key;
use crate::access::sign_in::SignIn;
use crate::access::{Access, Ways};
use crate::adoption::{self, MigrateOptions, Report};
use crate::clock::Clock;
use crate::config::{Front, PublicUrl};
use crate::db::migrate::{self, SchemaState};
use crate::db::{Db, DbError, Location, Standbys, Writer};
use crate::disclosures::Disclosures;
use crate::events::feed::Feed;
use crate::events::follower::Follower;
use crate::http::cookies::Cookie;
use crate::http::etags::EtagKey;
use crate::http::paging::LinkBase;
use crate::imports::Imports;
use crate::lists::{Direction, Limit, Page};
use crate::mapping::{self, SchoolTables};
use crate::metrics::Metrics;
use crate::registrar::{Registrar, sweeper};
use crate::registration::{Board, store as registration};
use crate::roll::Roll;
use crate::seat_changes::SeatChanges;
use crate::state::{AppState, Services};
use crate::students::store as students;
use crate::viewer::Viewer;

/// A running school.
#[derive(Debug)]
pub struct School {
    /// The state of handlers.
    pub app: AppState,
    /// The database, for commands of the command line.
    pub db: Db,
    /// The thread of the Registrar; `None` if the school is only read.
    writing: Option<JoinHandle<()>>,
    /// Tasks that hold connections.
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// What a school is made of, whether it is written to or only read.
struct Parts {
    db: Db,
    registrar: Registrar,
    tables: SchoolTables,
    clock: Clock,
    /// Notified after each commit of this process.
    news: Arc<Notify>,
}

impl School {
    /// Migrates the database at `location` (creating a file that does not exist) and starts its Registrar.
    ///
    /// # Errors
    /// If the database cannot be opened, migrated or written to; the message is for the operator.
    pub async fn open(
        location: &Location,
        clock: Clock,
        public_url: Option<PublicUrl>,
    ) -> anyhow::Result<Self> {
        let (front, options) = (Front { public_url, tls: false }, MigrateOptions::default());
        Self::open_with(location, clock, front, Metrics::default(), &options, Ways::default()).await
    }

    /// [`School::open`] with the given metrics and ways in, and options for a database that matricula has not migrated yet.
    ///
    /// # Errors
    /// As [`School::open`].
    pub async fn open_with(
        location: &Location,
        clock: Clock,
        front: Front,
        metrics: Metrics,
        options: &MigrateOptions,
        ways: Ways,
    ) -> anyhow::Result<Self> {
        let Report { found, tables, .. } = adoption::migrate_with(location, &clock, options).await?;
        for line in found {
            tracing::info!("migrated: {line}");
        }
        let views = tables.views();
        let (news, others_wrote) = (Arc::default(), Arc::default());
        let writer = Writer::open_with_views(location, &views)
            .with_context(|| format!("cannot write to {location}"))?;
        // After the writer, so that readers of a new file open its WAL now, not at their first read, when it may be
        // gone.
        let db = Db::open_with_views(location, &views).with_context(|| format!("cannot open {location}"))?;
        mapping::verify(&db).await.with_context(|| format!("cannot read {location}"))?;
        let (registrar, writing) = Registrar::start(
            writer,
            tables.clone(),
            clock.clone(),
            metrics.clone(),
            Arc::clone(&news),
            Arc::clone(&others_wrote),
        )
        .await
        .with_context(|| format!("cannot write to {location}"))?;
        let sweeping = sweeper::start(db.clone(), registrar.clone(), clock.clone(), others_wrote);
        let parts = Parts { db, registrar, tables, clock, news };
        let mut school = Self::start(parts, location, front, metrics, ways).await?;
        school.writing = Some(writing);
        school.tasks.push(sweeping);
        Ok(school)
    }

    /// Opens a database that is only read, such as a standby, which has to be migrated already.
    ///
    /// # Errors
    /// If it is a file, has another schema, or cannot be read; the message is for the operator.
    pub async fn open_read_only(
        location: &Location,
        clock: Clock,
        front: Front,
        metrics: Metrics,
        ways: Ways,
    ) -> anyhow::Result<Self> {
        if matches!(location, Location::File(_)) {
            bail!(
                "{location} is a file, and --read-only is for a PostgreSQL database: several servers share one, and \
                 some of them may only read"
            );
        }
        let (db, tables) =
            mapping::open_to_read(location).await.with_context(|| format!("cannot open {location}"))?;
        match migrate::schema_state(&db).await.with_context(|| format!("cannot use {location}"))? {
            SchemaState::Current => {}
            SchemaState::None | SchemaState::Older => bail!(
                "the schema of {location} is older than this program, and --read-only changes nothing: run `matricula \
                 migrate` on the database that is written to"
            ),
        }
        mapping::verify(&db).await.with_context(|| format!("cannot read {location}"))?;
        let registrar = Registrar::read_only(db.clone(), metrics.clone());
        let parts = Parts { db, registrar, tables, clock, news: Arc::default() };
        Self::start(parts, location, front, metrics, ways).await
    }

    async fn start(
        parts: Parts,
        location: &Location,
        front: Front,
        metrics: Metrics,
        ways: Ways,
    ) -> anyhow::Result<Self> {
        let Parts { db, registrar, tables, clock, news } = parts;
        let follower = Follower::start(db.clone(), news);
        let (access, watching) =
            Access::start(db.clone(), clock.clone(), Arc::clone(registrar.rights_changes()))
                .await
                .with_context(|| format!("cannot read {location}"))?;
        let is_secure = front.is_secure();
        let etag_key = school_key(&db, &registrar, "etag")
            .await
            .with_context(|| format!("cannot use the keys of {location}"))?;
        let sign_in = SignIn::start(db.clone(), clock.clone(), access.clone(), registrar.clone())?;
        let disclosures = Disclosures::start(registrar.clone(), clock.clone());
        let imports = Imports::new(db.clone(), registrar.clone(), tables.clone(), clock.clone());
        let board = Board::new(db.clone(), follower.clone(), clock.clone());
        let (students, courses) = (Roll::new(db.clone()), Roll::new(db.clone()));
        let seat_changes = SeatChanges::new(db.clone(), registrar.clone(), board.clone(), clock.clone());
        Ok(Self {
            db: db.clone(),
            tasks: vec![watching, students.keep(), courses.keep()],
            app: AppState::new(
                db.clone(),
                Services {
                    feed: Feed::new(db, follower),
                    board,
                    clock,
                    students,
                    courses,
                    access,
                    sign_in,
                    disclosures,
                    imports,
                    seat_changes,
                    registrar,
                    metrics,
                    tables,
                    etag_key: EtagKey::new(etag_key),
                    session_cookie: Cookie::session(is_secure),
                    sign_on_cookie: Cookie::sign_on(is_secure),
                    ways,
                    public_url: LinkBase {
                        url: front.public_url.map(|url| url.as_str().into()),
                        tls: front.tls,
                    },
                },
            ),
            writing: None,
        })
    }

    /// Goes on with imports and changes of seats that were interrupted, and warns if a failover can lose changes that
    /// were confirmed; nothing of this where the school is only read.
    pub async fn go_on(&self) {
        if self.app.registrar.is_read_only() {
            return;
        }
        match self.db.server_state().await.map(|state| state.map(|state| state.standbys)) {
            Ok(Some(standbys @ Standbys::Unconfirmed(_))) => tracing::warn!("{standbys}"),
            Ok(_) => {}
            Err(error) => tracing::warn!("it is not known whether the database has standbys: {error}"),
        }
        self.app.imports.start();
        self.app.seat_changes.start();
    }

    /// How many students and courses the school has.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn size(&self) -> Result<(i64, i64), DbError> {
        let viewer = Viewer::of_program(&self.db);
        let first = Page::first(Limit::SUGGESTIONS);
        let students = students::by_id(&viewer, Direction::Asc).read(&viewer, &first).await?;
        let (courses, _) = registration::extent(&viewer).await?;
        Ok((students.total, courses))
    }

    /// Accepts no more changes, and returns once all accepted changes are safely on disk.
    pub async fn close(self) {
        self.app.feed.close();
        // They hold connections, which have to be closed before a file can be left alone.
        for task in self.tasks {
            task.abort();
            #[expect(clippy::let_underscore_must_use, reason = "it was aborted")]
            let _ = task.await;
        }
        self.app.imports.close().await;
        self.app.seat_changes.close().await;
        self.app.sign_in.close().await;
        self.app.disclosures.close().await;
        self.app.registrar.stop();
        let Some(writing) = self.writing else { return };
        #[expect(
            clippy::let_underscore_must_use,
            reason = "a panic in it has already been answered and logged"
        )]
        let _ = tokio::task::spawn_blocking(move || writing.join()).await;
    }
}
