//! The courses of random students (R1) in other set-ups, which take turns with the plain one.

use anyhow::{Context as _, Result, bail};
use futures_util::future::try_join_all;

use crate::client::{self, Connection, Figures};
use crate::data::{ENGINES, Engine, Tables, serve};
use crate::journal::Measured;
use crate::page_data::make_token;
use crate::process::Service;
use crate::turns::CONNECTIONS;
use crate::work::{Kind, Work, get};
use crate::{Args, Bench};

/// A set-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setup {
    /// Tables of the service, open to everybody on the machine.
    Plain,
    /// Every request has a token.
    Token,
    /// The same rows in tables of a school's own.
    Mapped,
    /// As plain, next to clients that page through long lists.
    Paged,
}

pub(crate) const SETUPS: [Setup; 4] = [Setup::Plain, Setup::Token, Setup::Mapped, Setup::Paged];

/// The lists that clients page through.
const PAGED: [&str; 4] = [
    "/api/v1/events?type=enrollment.created&limit=100",
    "/api/v1/events?type=enrollment.created&limit=100",
    "/api/v1/students?limit=50",
    "/api/v1/students?limit=50",
];

impl Setup {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Token => "with a token",
            Self::Mapped => "tables of a school's own",
            Self::Paged => "next to four clients that page",
        }
    }
}

/// Whether they are measured: in the rehearsal and in a run of everything.
pub(crate) fn is_wanted(args: &Args) -> bool {
    args.setups || !(args.is_partial() || args.is_single_part())
}

pub(crate) fn name(engine: Engine, setup: Setup) -> String {
    format!("R1 on {}, {}", engine.name(), setup.name())
}

pub(crate) fn measurements(bench: &Bench) -> usize {
    if bench.settings.has_setups { bench.settings.rounds * ENGINES.len() * SETUPS.len() } else { 0 }
}

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let rounds = if bench.settings.has_setups { bench.settings.rounds } else { 0 };
    for round in 1..=rounds {
        for engine in ENGINES {
            measure_all(bench, engine, round).await?;
        }
    }
    Ok(())
}

/// Measures all set-ups on an engine, one after the other, with the servers of all of them running.
async fn measure_all(bench: &mut Bench, engine: Engine, round: usize) -> Result<()> {
    let named = |setup| format!("{}, round {round}", name(engine, setup));
    if SETUPS.iter().all(|setup| bench.journal.has(&named(*setup))) {
        return Ok(());
    }
    let school = bench.settings.school;
    let mut started = Vec::new();
    for (owner, tables) in
        [("setup plain", Tables::Ours), ("setup token", Tables::Ours), ("setup mapped", Tables::Own)]
    {
        let owner = format!("{owner} {} {round}", engine.name());
        let database = bench.data.copy_for(&owner, engine, school, tables).await?;
        started.push(Service::start(&serve(&bench.places.matricula, &database))?);
    }
    let [plain, token, mapped] = &started[..] else { bail!("three servers") };
    let authorization = make_token(token.address).await?;
    for setup in SETUPS {
        let service = match setup {
            Setup::Plain | Setup::Paged => plain,
            Setup::Token => token,
            Setup::Mapped => mapped,
        };
        let header = if setup == Setup::Token { authorization.clone() } else { String::new() };
        let mut work = Work::with_header(school, header);
        let span = bench.settings.span;
        client::saturate(service.address, &mut work, Kind::R1, CONNECTIONS, span / 3).await?;
        let measuring = client::saturate(service.address, &mut work, Kind::R1, CONNECTIONS, span);
        let figures: Figures = if setup == Setup::Paged {
            let paging = try_join_all(PAGED.map(|list| page_through(service, list)));
            tokio::select! {
                figures = measuring => figures?,
                failed = paging => bail!("the clients that page have ended: {failed:?}"),
            }
        } else {
            measuring.await?
        };
        bench.journal.record(&named(setup), Measured::Load(figures))?;
    }
    started.into_iter().try_for_each(Service::stop)
}

/// Reads a list page by page, again and again.
async fn page_through(service: &Service, list: &str) -> Result<()> {
    let mut connection = Connection::open(service.address).await?;
    let mut path = list.to_owned();
    loop {
        connection.send(&get(&path)).await?;
        path = next_page(&connection.head())?.unwrap_or_else(|| list.to_owned());
    }
}

/// The path of the next page according to the head of an answer.
fn next_page(head: &str) -> Result<Option<String>> {
    let is_link = |line: &&str| line.to_ascii_lowercase().starts_with("link:");
    let Some(line) = head.lines().find(is_link).filter(|line| line.contains("rel=\"next\"")) else {
        return Ok(None);
    };
    let next = line.split(',').find(|link| link.contains("rel=\"next\""));
    let target = next.and_then(|link| link.split_once('<')?.1.split_once('>'));
    let (target, _) = target.with_context(|| line.to_owned())?;
    // With or without the name of the server.
    Ok(target.find("/api/").map(|path| target[path..].to_owned()))
}

#[cfg(test)]
mod tests {
    use super::next_page;

    #[test]
    fn the_next_page_is_in_the_link() {
        let head = "HTTP/1.1 200 OK\r\nlink: </api/v1/students?limit=50&after=x>; rel=\"next\"\r\n\r\n";
        assert_eq!(next_page(head).unwrap().as_deref(), Some("/api/v1/students?limit=50&after=x"));
        assert_eq!(next_page("HTTP/1.1 200 OK\r\n\r\n").unwrap(), None);
    }
}
