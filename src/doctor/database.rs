//! The database: whether it opens, its schema, its role, and how safe a commit is.

use super::clocks::clocks;
use super::disk::disk;
use super::finding::Finding;
use crate::clock::Clock;
use crate::db::migrate::{HistoryError, SchemaState};
use crate::db::{DbError, Location, ServerState, Standbys, migrate};
use crate::mapping;
use crate::registrar::rights_missing;

/// Checks a database. What cannot be read is one finding, and the checks that need it are left out.
pub async fn database(location: &Location, clock: &Clock) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Location::File(path) = location {
        if !path.exists() {
            let detail = format!("{location} does not exist");
            return vec![Finding::wrong(
                "database",
                detail,
                "name the database; `matricula migrate` creates a new one",
            )];
        }
        findings.extend(disk(path));
    }
    if let Err(error) = opened(location, clock, &mut findings).await {
        let advice = "see \"serve does not start\" in docs/operate/troubleshooting.md";
        findings.push(Finding::wrong("database", format!("{location} cannot be used: {error}"), advice));
    }
    findings
}

async fn opened(location: &Location, clock: &Clock, findings: &mut Vec<Finding>) -> Result<(), DbError> {
    let (db, _) = mapping::open_db(location).await?;
    if let Some(server) = db.server_state().await? {
        findings.extend(safety(&server));
        findings.push(standbys(&server.standbys));
    }
    let detail = match migrate::schema_state(&db).await {
        Ok(SchemaState::Current) => None,
        Ok(SchemaState::None | SchemaState::Older) => {
            Some(format!("the schema of {location} is not the one of this program"))
        }
        Err(HistoryError::Db(error)) => return Err(error),
        Err(error) => Some(format!("the schema of {location} is not the one of this program: {error}")),
    };
    if let Some(detail) = detail {
        let advice = "run `matricula migrate`, or the version of matricula that migrated it";
        findings.push(Finding::wrong("migrations", detail, advice));
        return Ok(());
    }
    findings.push(Finding::ok("migrations", format!("{location} has the schema of this program")));
    findings.extend(clocks(&db, clock).await?);
    if matches!(location, Location::Server(_)) {
        let missing = rights_missing(location).await?;
        findings.push(if missing.is_empty() {
            Finding::ok("role", "it has every right that `serve` needs")
        } else {
            let missing = missing.join(", ");
            Finding::wrong(
                "role",
                format!("it has no right to {missing}"),
                format!("grant {missing} to the role"),
            )
        });
    }
    Ok(())
}

/// The settings on which the safety of a commit depends, and the power of the role.
fn safety(server: &ServerState) -> Vec<Finding> {
    let unsafe_settings: Vec<_> = server.unsafe_settings.iter().map(String::as_str).collect();
    let safety = if unsafe_settings.is_empty() {
        Finding::ok("safety", "the server flushes each commit to its disk")
    } else {
        let settings = unsafe_settings.join(" and ");
        Finding::wrong(
            "safety",
            format!("{settings}: a power cut can lose what was confirmed, or damage the database"),
            "set them to on in postgresql.conf",
        )
    };
    let power = if server.is_superuser {
        Finding::wrong(
            "role",
            format!(
                "{} is a superuser, so a fault of the program could do anything to the whole server",
                server.role
            ),
            "use a role of its own: see docs/operate/postgresql.md",
        )
    } else {
        Finding::ok("role", format!("{} is no superuser", server.role))
    };
    vec![safety, power]
}

fn standbys(standbys: &Standbys) -> Finding {
    match standbys {
        Standbys::None => Finding::ok("standbys", "there are none"),
        Standbys::Confirming(_) => Finding::ok("standbys", "one has to confirm each change"),
        Standbys::Unconfirmed(_) => Finding::wrong(
            "standbys",
            standbys.to_string(),
            "set synchronous_standby_names: see \"A standby that loses nothing\" in docs/operate/scaling.md",
        ),
    }
}
