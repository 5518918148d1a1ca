//! Whether the clocks are right: the machine's, the database's, and the time of the last event.

use std::process::Command;
use std::time::Duration;

use jiff::SignedDuration;

use super::finding::Finding;
use crate::audit::ahead;
use crate::clock::Clock;
use crate::db::{Db, DbError};

/// How far two clocks may be apart: with NTP, it is milliseconds.
const TOLERATED: SignedDuration = SignedDuration::from_secs(2);
/// How far the log may be ahead of the clock: the clock may have been corrected a little.
const TOLERATED_LEAD: Duration = Duration::from_secs(1);

/// Checks the clocks.
///
/// # Errors
/// If the database cannot be read.
pub(super) async fn clocks(db: &Db, clock: &Clock) -> Result<Vec<Finding>, DbError> {
    let mut findings = vec![synchronized()];
    let before = clock.now();
    if let Some(database) = db.time().await? {
        let after = clock.now();
        let middle = before + after.duration_since(before) / 2;
        findings.push(match database.instant() {
            Some(database) => apart(database.duration_since(middle).abs()),
            None => Finding::unknown("clock", "the database's time cannot be read"),
        });
    }
    let ahead = ahead(db, clock).await?;
    findings.push(if ahead > TOLERATED_LEAD {
        let detail = format!("the last event is {} s ahead of the clock", ahead.as_secs());
        Finding::wrong("log", detail, "see \"A wrong clock\" in docs/operate/monitoring.md")
    } else {
        Finding::ok("log", "the last event is not ahead of the clock")
    });
    Ok(findings)
}

fn apart(apart: SignedDuration) -> Finding {
    let detail = format!("this machine's clock and the database's are {} ms apart", apart.as_millis());
    if apart > TOLERATED {
        Finding::wrong("clock", detail, "let NTP set the clocks of both machines")
    } else {
        Finding::ok("clock", detail)
    }
}

/// Whether NTP sets the clock of this machine, as systemd reports it.
fn synchronized() -> Finding {
    let mut asked = Command::new("timedatectl");
    let output = asked.args(["show", "--property=NTPSynchronized", "--value"]).output();
    let answer = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    match answer.as_deref().map(<[u8]>::trim_ascii) {
        Some(b"yes") => Finding::ok("clock", "NTP sets the clock of this machine"),
        Some(b"no") => {
            Finding::wrong("clock", "nothing sets the clock of this machine", "timedatectl set-ntp true")
        }
        _ => Finding::unknown("clock", "systemd does not say whether NTP sets the clock of this machine"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::State;

    #[test]
    fn clocks_that_are_apart_are_wrong() {
        assert_eq!(apart(SignedDuration::from_millis(12)).state, State::Ok);
        let wrong = apart(SignedDuration::from_secs(90));
        assert_eq!(wrong.detail, "this machine's clock and the database's are 90000 ms apart");
        assert_eq!(wrong.state, State::Wrong);
    }
}
