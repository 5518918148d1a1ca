//! Kills the server at random moments, while it starts too; on PostgreSQL also the database's processes.

use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;

use super::{Run, grouped};
use crate::host::Engine;
use crate::request::Shape;
use crate::school::School;

/// Kills per school: a log that is short is verified often.
const PER_SCHOOL: u64 = 25;

/// Kills until the target is reached or the time is over.
pub(super) async fn run(run: &mut Run) -> Result<String> {
    while run.goes_on(run.progress.get("kills")) {
        one_school(run).await?;
    }
    let [kills, confirmed, silent] = ["kills", "confirmed", "silent"].map(|it| grouped(run.progress.get(it)));
    Ok(format!("{kills} kills, {confirmed} confirmed, {silent} without an answer, 0 lost, 0 oversold"))
}

/// A school from its first student until it was killed often enough.
async fn one_school(run: &mut Run) -> Result<()> {
    let home = run.folder.join("school");
    let interrupted = if home.join("record").exists() { run.host.existing(&home) } else { None };
    let (database, mut school) = if let Some(database) = interrupted {
        let seed = run.seed + run.progress.get("schools");
        (database, School::recorded(seed, Shape::BUSY, &home)?)
    } else {
        let database = run.host.create(&home).await?;
        std::fs::create_dir_all(&home)?;
        School::forget(&home)?;
        run.progress.add(&[("schools", 1)])?;
        let seed = run.seed + run.progress.get("schools");
        let server = run.serve(&database).await?;
        School::new(seed, Shape::BUSY).set_up(server.address).await?;
        server.kill()?;
        // The record begins with a school that is complete.
        (database, School::recorded(seed, Shape::BUSY, &home)?)
    };
    let mut chance = Rng::with_seed(school.seed ^ school.next);
    let mut kills = 0;
    while kills < PER_SCHOOL && run.goes_on(run.progress.get("kills")) {
        let (confirmed, silent) = (school.confirmed, school.silent);
        let more = one_round(run, &mut school, &database, &mut chance).await?;
        kills += more;
        let news = [
            ("kills", more),
            ("confirmed", school.confirmed - confirmed),
            ("silent", school.silent - silent),
        ];
        run.progress.add(&news)?;
    }
    let server = run.serve(&database).await?;
    school.verify(server.address).await?;
    school.compare_lists(server.address).await?;
    server.kill()?;
    run.check(&database).await?;
    // Only a school that is right to the end makes room for the next.
    if kills >= PER_SCHOOL && matches!(run.host.engine(), Engine::Sqlite) {
        std::fs::remove_dir_all(&home)?;
    }
    Ok(())
}

/// Starts the servers, lets the clients loose, and kills. Returns how often it has killed.
async fn one_round(run: &mut Run, school: &mut School, database: &str, chance: &mut Rng) -> Result<u64> {
    let mut kills = 0;
    if chance.u8(0..6) == 0 {
        let starting = run.program.spawn(database, &run.errors())?;
        tokio::time::sleep(Duration::from_micros(chance.u64(0..60_000))).await;
        starting.kill()?;
        kills += 1;
    }
    let first = run.serve(database).await?;
    let second =
        if run.host.engine() == Engine::Postgresql { Some(run.serve(database).await?) } else { None };
    school.verify(first.address).await?;
    let addresses: Vec<_> =
        [Some(&first), second.as_ref()].into_iter().flatten().map(|it| it.address).collect();
    let running = school.load(&addresses, u64::MAX)?.start(run.clients);
    // Only a server at work can lose something.
    running.answers(1, Duration::from_secs(10)).await;
    // A short time or a long one, rather than always about half of the longest.
    tokio::time::sleep(Duration::from_millis(1 << chance.u32(2..9)).mul_f64(1.0 + chance.f64())).await;
    let sent = match (second, chance.u8(0..4)) {
        (None, _) => {
            first.kill()?;
            running.finish().await?
        }
        (Some(second), 0..2) => {
            first.kill()?;
            tokio::time::sleep(Duration::from_millis(chance.u64(1..200))).await;
            let sent = running.stop().await?;
            second.kill()?;
            sent
        }
        (Some(second), what) => {
            if what == 2 {
                run.host.kill_backend(chance)?;
            } else {
                run.host.kill_postmaster().await?;
            }
            tokio::time::sleep(Duration::from_millis(chance.u64(1..400))).await;
            let sent = running.stop().await?;
            // Servers that have lost their database find it again.
            for server in [first, second] {
                server.kill()?;
            }
            sent
        }
    };
    school.note(sent)?;
    run.host.recovered().await?;
    run.check(database).await?;
    Ok(kills + 1)
}
