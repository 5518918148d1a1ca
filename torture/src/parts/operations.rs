//! Many operations without any fault: no seat is sold twice. And the control: a service that sells one is caught.

use anyhow::{Result, bail, ensure};

use super::{Run, grouped};
use crate::oversell::Oversold;
use crate::request::Shape;
use crate::school::School;
use crate::verify::Breach;

/// Operations per school.
const PER_SCHOOL: u64 = 250_000;
/// Operations between two comparisons with the log.
const PER_VERIFICATION: u64 = 2_000;
/// Operations within which the control must be caught.
const CONTROL: u64 = 20_000;

/// Sends operations until the target is reached or the time is over.
pub(super) async fn run(run: &mut Run) -> Result<String> {
    let caught = control(run.seed, run.clients).await?;
    while run.goes_on(run.progress.get("operations")) {
        one_school(run).await?;
    }
    let [operations, confirmed] = ["operations", "confirmed"].map(|it| grouped(run.progress.get(it)));
    Ok(format!(
        "{operations} operations, {confirmed} changes confirmed, 0 oversold; \
         a service that reads and then writes was caught after {caught} operations"
    ))
}

async fn one_school(run: &mut Run) -> Result<()> {
    let home = run.folder.join("school");
    run.progress.add(&[("schools", 1)])?;
    let seed = run.seed + run.progress.get("schools");
    let database = run.host.create(&home).await?;
    let mut school = School::new(seed, Shape::BUSY);
    let server = run.serve(&database).await?;
    school.set_up(server.address).await?;
    while school.next < PER_SCHOOL && run.goes_on(run.progress.get("operations")) {
        let (before, confirmed) = (school.next, school.confirmed);
        let left = run.target - run.progress.get("operations");
        let running = school.load(&[server.address], left.min(PER_VERIFICATION))?.start(run.clients);
        let sent = running.finish().await?;
        ensure!(sent.silent.is_empty(), "{} operations were not answered", sent.silent.len());
        school.note(sent)?;
        school.verify(server.address).await?;
        let news = [("operations", school.next - before), ("confirmed", school.confirmed - confirmed)];
        run.progress.add(&news)?;
    }
    school.compare_lists(server.address).await?;
    server.kill()?;
    run.check(&database).await
}

/// The same operations against a service that is wrong. Returns after how many it was caught.
async fn control(seed: u64, clients: usize) -> Result<u64> {
    let service = Oversold::start(Shape::BUSY).await?;
    let mut school = School::new(seed, Shape::BUSY);
    school.set_up(service.address).await?;
    while school.next < CONTROL {
        let sent = school.load(&[service.address], 500)?.start(clients).finish().await?;
        school.note(sent)?;
        match school.verify(service.address).await {
            Ok(()) => {}
            Err(error) if matches!(error.downcast_ref(), Some(Breach::Oversold { .. })) => {
                return Ok(school.next);
            }
            Err(error) => return Err(error.context("the control broke another promise than it should")),
        }
    }
    bail!("the control sold no seat twice in {CONTROL} operations, or was not caught")
}
