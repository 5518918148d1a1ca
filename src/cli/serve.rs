use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::waiting::when_available;
use crate::access::proxy::TrustedProxy;
use crate::access::sign_on::Providers;
use crate::access::sign_on::settings::SignOnSettings;
use crate::access::{self, Ways};
use crate::adoption::MigrateOptions;
use crate::clock::Clock;
use crate::config::{Front, ServeArgs, TlsArgs, check_exposure, check_front, is_loopback};
use crate::count::counted;
use crate::http::limits::RequestLimits;
use crate::http::server::{self, Bounds, Server};
use crate::http::tls::{CertificateFiles, RELOAD_INTERVAL, Tls};
use crate::logging::{self, LogOutput};
use crate::metrics::Metrics;
use crate::schools::{Schools, SchoolsOptions};
use crate::server::School;
use crate::server::router;
use crate::traces::Traces;

/// How long accepted changes may take to commit after the last request has ended.
const LAST_COMMITS_TIMEOUT: Duration = Duration::from_secs(20);

/// Serves until SIGTERM or SIGINT, then finishes the accepted requests and stops.
///
/// # Errors
/// If a setting is not usable, the address is not available, or the database cannot be opened.
pub(super) async fn run(args: ServeArgs, clock: Clock, out: &mut dyn Write) -> anyhow::Result<()> {
    let log = logging::init(&args.log.log, args.log.log_format)?;
    let served = serve(args, clock, out, &log).await;
    log.finish().await;
    served
}

/// The ways in that the settings name.
fn ways(args: &ServeArgs) -> anyhow::Result<Ways> {
    let providers = args.sign_on.as_deref().map(SignOnSettings::read).transpose()?;
    let providers = Providers::new(providers.unwrap_or_default())?;
    Ok(Ways { providers, proxy: proxy(args)? })
}

/// The proxy that signs people in. One that is trusted with traces only signs in nobody.
fn proxy(args: &ServeArgs) -> anyhow::Result<Option<TrustedProxy>> {
    if args.otlp_endpoint.is_some() && args.trust_user_header.is_none() {
        return Ok(None);
    }
    Ok(TrustedProxy::new(args.trust_user_header.clone(), args.trusted_proxy.clone())?)
}

fn has_ways(ways: &Ways) -> bool {
    !ways.providers.is_empty() || ways.proxy.is_some()
}

/// The files of the server's own certificate, if there is one.
///
/// # Errors
/// If only one of the two is set.
pub(super) fn certificate_files(args: &TlsArgs) -> anyhow::Result<Option<CertificateFiles>> {
    match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => {
            Ok(Some(CertificateFiles { certificate: certificate.clone(), key: key.clone() }))
        }
        (None, None) => Ok(None),
        (Some(_), None) => bail!("--tls-cert needs the private key of the certificate: --tls-key"),
        (None, Some(_)) => bail!("--tls-key needs the certificate of the private key: --tls-cert"),
    }
}

async fn serve(args: ServeArgs, clock: Clock, out: &mut dyn Write, log: &LogOutput) -> anyhow::Result<()> {
    let addresses = server::resolve(&args.listen).await?;
    let metrics = Metrics::with_log_dropped(log.dropped()).with_traces(traces(&args)?);
    let traces = metrics.traces.clone();
    let served = match args.schools.clone() {
        Some(path) => serve_schools(args, &path, &addresses, metrics, clock, out, log).await,
        None => serve_school(args, &addresses, metrics, clock, out, log).await,
    };
    traces.close().await;
    served
}

/// The traces, which are off without a collector.
fn traces(args: &ServeArgs) -> anyhow::Result<Traces> {
    let Some(collector) = &args.otlp_endpoint else { return Ok(Traces::default()) };
    Ok(Traces::start(collector.as_str(), args.trusted_proxy.clone())?)
}

async fn serve_school(
    args: ServeArgs,
    addresses: &[SocketAddr],
    metrics: Metrics,
    clock: Clock,
    out: &mut dyn Write,
    log: &LogOutput,
) -> anyhow::Result<()> {
    let database = &args.database.database;
    let has_ways = has_ways(&ways(&args)?);
    let tls = tls(&args, &metrics)?;
    let front = Front { public_url: args.public_url.clone(), tls: tls.is_some() };
    check_front(&front)?;
    // Somebody else decides who comes here, so it is no trial on one's own machine.
    let is_open = !addresses.iter().all(is_loopback)
        && when_available(database, async || {
            access::is_open(database).await.with_context(|| format!("cannot read {database}"))
        })
        .await?;
    let is_open = is_open && !has_ways;
    check_exposure(addresses, args.allow_unauthenticated || !is_open, args.public_url.as_ref())?;
    let server = bind(&args, addresses).await?.with_tls(tls);
    let address = server.local_addr();
    let loopback = is_loopback(&address);
    if is_open {
        tracing::warn!(%address, "serving other machines without authentication: everyone who can reach this address can read and change everything");
    }
    if !loopback && args.public_url.as_ref().is_some_and(|url| url.as_str().starts_with("http://")) {
        tracing::warn!(%address, "people reach this server without TLS: passwords and sessions can be read on the way");
    }
    let limits = RequestLimits {
        loopback,
        public_url: args.public_url.clone(),
        tls: front.tls,
        cors_origins: args.cors_origin.clone(),
        ..RequestLimits::default()
    };
    let options = MigrateOptions { new_school: args.new_school, ..MigrateOptions::default() };
    let scheme = if front.tls { "https" } else { "http" };
    let school = when_available(database, async || {
        let (clock, front, metrics) = (clock.clone(), front.clone(), metrics.clone());
        if args.read_only {
            return School::open_read_only(database, clock, front, metrics, ways(&args)?).await;
        }
        School::open_with(database, clock, front, metrics, &options, ways(&args)?).await
    })
    .await?;
    if has_ways || (!loopback && !args.allow_unauthenticated) {
        school.app.access.stay_closed();
    }
    school.go_on().await;
    school.app.prepare_searches();
    let router = router::router(school.app.clone(), &limits);
    // Before the line is printed: a program that reads it may send the signal at once.
    let signals = Signals::handle()?;
    match &args.public_url {
        Some(url) => writeln!(
            out,
            "matricula listens on {scheme}://{address} for {url} (API reference: {url}/docs/)",
            url = url.as_str()
        )?,
        None => {
            writeln!(
                out,
                "matricula listens on {scheme}://{address} (API reference: {scheme}://{address}/docs/)"
            )?;
        }
    }
    out.flush()?;

    let feed = school.app.feed.clone();
    let serving = async {
        server.serve(router, signals.stop(move || feed.close())).await;
        if tokio::time::timeout(LAST_COMMITS_TIMEOUT, school.close()).await.is_err() {
            tracing::error!("stopped before all accepted changes were committed: the database is blocked");
        }
    };
    finish(serving, log).await;
    Ok(())
}

/// Serves many schools, each at the host of its own address. Nobody gets into a school without an account or a token: their
/// addresses are public, even if a proxy reaches this server on loopback.
async fn serve_schools(
    args: ServeArgs,
    path: &Path,
    addresses: &[SocketAddr],
    metrics: Metrics,
    clock: Clock,
    out: &mut dyn Write,
    log: &LogOutput,
) -> anyhow::Result<()> {
    let tls = tls(&args, &metrics)?;
    let has_tls = tls.is_some();
    let server = bind(&args, addresses).await?.with_tls(tls);
    let address = server.local_addr();
    let options = SchoolsOptions {
        clock,
        limits: RequestLimits {
            loopback: false,
            tls: has_tls,
            cors_origins: args.cors_origin.clone(),
            ..RequestLimits::default()
        },
        metrics,
        proxy: proxy(&args)?,
        stay_closed: !args.allow_unauthenticated,
        read_only: args.read_only,
        log_dropped: log.dropped(),
    };
    if args.allow_unauthenticated {
        tracing::warn!(%address, "everyone who can reach this address can read and change everything in schools without accounts and tokens");
    }
    let schools = Schools::read(path.to_owned(), options)?;
    let scheme = if has_tls { "https" } else { "http" };
    let signals = Signals::handle()?;
    writeln!(out, "matricula listens on {scheme}://{address} for {}", counted(schools.count(), "school"))?;
    out.flush()?;

    let looking_after = tokio::spawn(schools.clone().look_after());
    let streams = schools.clone();
    let serving = async {
        server.serve(schools.router(), signals.stop(move || streams.end_streams())).await;
        looking_after.abort();
        schools.close().await;
    };
    finish(serving, log).await;
    Ok(())
}

/// The server's own certificate, if there is one.
fn tls(args: &ServeArgs, metrics: &Metrics) -> anyhow::Result<Option<Tls>> {
    let files = certificate_files(&args.tls)?;
    files.map(|files| Tls::open(files, RELOAD_INTERVAL, metrics)).transpose().map_err(Into::into)
}

async fn bind(args: &ServeArgs, addresses: &[SocketAddr]) -> anyhow::Result<Server> {
    let bounds = Bounds { share: args.client_share, ..Bounds::default() };
    Ok(Server::bind(addresses).await?.with_bounds(bounds))
}

/// The signals that stop the server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn handle() -> anyhow::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt })
    }

    /// Waits for one of them, and ends the streams, which would never end by themselves.
    async fn stop(mut self, end_streams: impl FnOnce()) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        tracing::info!("stopping: finishing accepted requests");
        end_streams();
    }
}

/// Serves to the end, and writes the log output meanwhile.
async fn finish(serving: impl Future<Output = ()>, log: &LogOutput) {
    tokio::select! {
        () = serving => {}
        () = log.gather() => {}
    }
    tracing::info!("stopped");
}
