//! A school that is open: its database migrated, its Registrar at work, its routes.

pub mod router;

use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context;

use crate::adoption;
use crate::clock::Clock;
use crate::config::PublicUrl;
use crate::db::{Db, Location, Writer};
use crate::events::feed::Feed;
use crate::events::follower::Follower;
use crate::http::paging::LinkBase;
use crate::metrics::Metrics;
use crate::registrar::{Registrar, sweeper};
use crate::registration::Board;
use crate::state::{App, Services};
use crate::students::Roll;

/// A school that is open.
#[derive(Debug)]
pub struct School {
    /// What handlers are given.
    pub app: App,
    writing: JoinHandle<()>,
    sweeping: tokio::task::JoinHandle<()>,
}

impl School {
    /// Migrates the database at `location` (making it if there is none) and puts its Registrar to work.
    ///
    /// # Errors
    /// What a person should read.
    pub async fn open(
        location: &Location,
        clock: Clock,
        public_url: Option<PublicUrl>,
    ) -> anyhow::Result<Self> {
        Self::open_counted(location, clock, public_url, Metrics::default()).await
    }

    /// The same, counted by these metrics.
    ///
    /// # Errors
    /// As [`School::open`].
    pub async fn open_counted(
        location: &Location,
        clock: Clock,
        public_url: Option<PublicUrl>,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        adoption::migrate(location, &clock).await?;
        let (news, others_wrote) = (Arc::default(), Arc::default());
        let writer = Writer::open(location).with_context(|| format!("cannot write to {location}"))?;
        // After the writer, so that readers of a new file open its log now, not at their first read, when it may be gone.
        let db = Db::open(location).with_context(|| format!("cannot open {location}"))?;
        let (registrar, writing) = Registrar::start(
            writer,
            clock.clone(),
            metrics.clone(),
            Arc::clone(&news),
            Arc::clone(&others_wrote),
        )
        .await
        .with_context(|| format!("cannot write to {location}"))?;
        let sweeping = sweeper::start(db.clone(), registrar.clone(), others_wrote);
        let follower = Follower::start(db.clone(), news);
        Ok(Self {
            sweeping,
            app: App::new(
                db.clone(),
                Services {
                    feed: Feed::new(db.clone(), follower.clone()),
                    board: Board::new(db.clone(), follower.clone(), clock),
                    roll: Roll::new(db, follower),
                    registrar,
                    metrics,
                    public_url: LinkBase(public_url.map(|url| url.as_str().into())),
                },
            ),
            writing,
        })
    }

    /// Takes no more changes, carries out those that it has accepted, and returns when they are on stable storage.
    pub async fn close(self) {
        self.app.feed.close();
        self.sweeping.abort();
        self.app.registrar.stop();
        let writing = self.writing;
        #[expect(
            clippy::let_underscore_must_use,
            reason = "a panic in it has been answered and reported already"
        )]
        let _ = tokio::task::spawn_blocking(move || writing.join()).await;
    }
}
