use std::io::Write;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Clock;
use crate::config::{ServeArgs, check_exposure, is_loopback};
use crate::http::limits::Limits;
use crate::http::server::{self, Bounds, Server};
use crate::logging::{self, LogOutput};
use crate::metrics::Metrics;
use crate::server::School;
use crate::server::router;

/// How long the Registrar may take to carry out what it has accepted, once the last request has ended.
const LAST_COMMITS: Duration = Duration::from_secs(20);

/// Serves until SIGTERM or SIGINT, then answers what it has accepted and stops.
pub(super) async fn run(args: ServeArgs, clock: Clock, out: &mut dyn Write) -> anyhow::Result<()> {
    let log = logging::init(&args.log.log, args.log.log_format)?;
    let served = serve(args, clock, out, &log).await;
    log.finish().await;
    served
}

async fn serve(args: ServeArgs, clock: Clock, out: &mut dyn Write, log: &LogOutput) -> anyhow::Result<()> {
    let addresses = server::resolve(&args.listen).await?;
    check_exposure(&addresses, args.allow_unauthenticated, args.public_url.as_ref())?;
    let bounds = Bounds { share: args.client_share, ..Bounds::default() };
    let server = Server::bind(&addresses).await?.with_bounds(bounds);
    let address = server.local_addr();
    let loopback = is_loopback(&address);
    if !loopback {
        tracing::warn!(%address, "serving other machines without authentication: whoever reaches this address can read and change everything");
    }
    let limits = Limits {
        loopback,
        public_url: args.public_url.clone(),
        cors_origins: args.cors_origin,
        ..Limits::default()
    };
    let metrics = Metrics::with(log.dropped());
    let school = School::open_counted(&args.database.database, clock, args.public_url, metrics).await?;
    let router = router::router(school.app.clone(), &limits);
    // Whoever reads that it listens may stop it.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    writeln!(out, "matricula listens on http://{address} (API reference: http://{address}/docs/)")?;
    out.flush()?;

    let feed = school.app.feed.clone();
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: answering what was accepted");
        feed.close();
    };
    let serving = async {
        server.serve(router, stop).await;
        if tokio::time::timeout(LAST_COMMITS, school.close()).await.is_err() {
            tracing::error!("stopped before every accepted change was carried out: the database is held up");
        }
    };
    tokio::select! {
        () = serving => {}
        () = log.gather() => {}
    }
    tracing::info!("stopped");
    Ok(())
}
