//! Cuts the power: what was confirmed is on a disk that has lost what was not flushed, and the rest is no corruption.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;

use super::{Run, grouped};
use crate::disk::{self, Change, Disk, Trace};
use crate::host;
use crate::load::Heard;
use crate::request::Shape;
use crate::school::School;

/// Recordings per school; each begins on the disk that the last power cut has left.
const RECORDINGS: u64 = 6;
/// Power cuts per recording.
const CUTS: usize = 40;
/// Power cuts per school on a disk that ignores flushes; more if none of them was caught.
const CONTROLS: usize = 4;
/// So many may keep all that was confirmed, by chance, before the control has failed.
const MAX_CONTROLS: usize = 40;

/// The folders of a run.
struct Folders {
    /// What the server writes to while it is recorded.
    disk: PathBuf,
    trace: PathBuf,
    /// A disk after the power cut.
    image: PathBuf,
    /// Its copy, which is opened.
    opened: PathBuf,
}

/// A school that has lost its power, perhaps several times.
struct Survivor {
    school: School,
    /// What was confirmed before the last power cut.
    confirmed: Vec<Heard>,
    chance: Rng,
}

/// Cuts the power until the target is reached or the time is over.
pub(super) async fn run(run: &mut Run) -> Result<String> {
    let library = disk::library(&run.folder)?;
    let at = |name: &str| run.folder.join(name);
    let folders = Folders { disk: at("disk"), trace: at("trace"), image: at("image"), opened: at("opened") };
    while run.goes_on(run.progress.get("cuts")) {
        one_school(run, &folders, &library).await?;
    }
    let [cuts, confirmed, caught, controls] =
        ["cuts", "confirmed", "caught", "controls"].map(|it| grouped(run.progress.get(it)));
    Ok(format!(
        "{cuts} power cuts during {confirmed} confirmed changes, 0 lost, 0 corrupt; \
         with flushes ignored, {caught} of {controls} were caught"
    ))
}

async fn one_school(run: &mut Run, folders: &Folders, library: &std::path::Path) -> Result<()> {
    run.progress.add(&[("schools", 1)])?;
    let seed = run.seed + run.progress.get("schools");
    let school = School::new(seed, Shape::BUSY);
    disk::write_files(&folders.disk, &BTreeMap::new())?;
    let database = host::file(&folders.disk).display().to_string();
    let server = run.serve(&database).await?;
    school.set_up(server.address).await?;
    server.kill()?;
    let mut survivor = Survivor { school, confirmed: Vec::new(), chance: Rng::with_seed(seed) };
    for recording in 0..RECORDINGS {
        if !run.goes_on(run.progress.get("cuts")) {
            break;
        }
        let before = disk::files(&folders.disk)?;
        let (trace, heard) = record(run, &mut survivor, folders, library).await?;
        run.progress.add(&[("recordings", 1), ("confirmed", changes(&heard))])?;
        if recording == 0 {
            let disk = Disk::new(before.clone()).ignoring_flushes();
            control(run, &mut survivor, folders, (disk, &trace, &heard)).await?;
        }
        cut(run, &mut survivor, folders, (Disk::new(before), &trace, &heard)).await?;
    }
    Ok(())
}

fn changes(heard: &[Heard]) -> u64 {
    heard.iter().filter(|it| it.outcome.status < 300).count() as u64
}

/// Runs the server on the disk under clients, kills it, and returns what was done to the disk, and what was answered.
async fn record(
    run: &Run,
    survivor: &mut Survivor,
    folders: &Folders,
    library: &std::path::Path,
) -> Result<(Trace, Vec<Heard>)> {
    fs::write(&folders.trace, "")?;
    let program = run.program.with([
        ("LD_PRELOAD", library.to_owned()),
        ("TORTURE_FOLDER", folders.disk.clone()),
        ("TORTURE_TRACE", folders.trace.clone()),
    ]);
    let database = host::file(&folders.disk).display().to_string();
    let server = program.serve(&database, &run.errors()).await?;
    let load = survivor.school.load(&[server.address], u64::MAX)?.traced(File::open(&folders.trace)?);
    let running = load.start(run.clients);
    let pause = Duration::from_millis(survivor.chance.u64(50..600));
    tokio::time::sleep(pause).await;
    server.kill()?;
    let sent = running.finish().await?;
    // Requests without an answer are not sent again: the next disk may not have them.
    survivor.school.next = sent.next;
    Ok((Trace::read(&folders.trace)?, sent.heard))
}

/// Points of a trace, in order: any, and as many right before and after a flush.
fn points(trace: &Trace, count: usize, chance: &mut Rng) -> Vec<usize> {
    let flushes: Vec<usize> =
        (0..trace.0.len()).filter(|place| matches!(trace.0[*place].1, Change::Flushed { .. })).collect();
    let mut points: Vec<usize> = (0..count)
        .map(|_| match chance.choice(&flushes) {
            Some(flush) if chance.bool() => (flush + chance.usize(0..2)).min(trace.0.len()),
            _ => chance.usize(0..=trace.0.len()),
        })
        .collect();
    points.sort_unstable();
    points
}

/// Cuts the power at many points of a recording. The last disk is the one that the next recording begins with.
async fn cut(
    run: &mut Run,
    survivor: &mut Survivor,
    folders: &Folders,
    (mut disk, trace, heard): (Disk, &Trace, &[Heard]),
) -> Result<()> {
    let before = std::mem::take(&mut survivor.confirmed);
    let mut done = 0;
    for point in points(trace, CUTS, &mut survivor.chance) {
        if !run.goes_on(run.progress.get("cuts")) {
            break;
        }
        let position = advance(&mut disk, trace, &mut done, point)?;
        let image = disk.image(&mut survivor.chance);
        let expected = expected(&before, heard, position);
        verify(run, survivor, folders, &image, &expected).await.with_context(|| {
            format!("the power was cut after change {point} of {}", folders.trace.display())
        })?;
        run.progress.add(&[("cuts", 1)])?;
        survivor.confirmed = expected;
        disk::write_files(&folders.disk, &image)?;
    }
    Ok(())
}

/// Makes the changes up to a point; returns the length of the trace there.
fn advance(disk: &mut Disk, trace: &Trace, done: &mut usize, point: usize) -> Result<u64> {
    for (_, change) in &trace.0[*done..point] {
        disk.apply(change)?;
    }
    *done = point;
    Ok(point.checked_sub(1).map_or(0, |last| trace.0[last].0))
}

/// What must be on the disk: what was confirmed before the last power cut, and what was confirmed before this one.
fn expected(before: &[Heard], heard: &[Heard], position: u64) -> Vec<Heard> {
    let now = heard.iter().filter(|it| it.position <= position);
    before.iter().chain(now).copied().collect()
}

/// Power cuts on a disk that ignores flushes must be caught.
async fn control(
    run: &mut Run,
    survivor: &mut Survivor,
    folders: &Folders,
    (mut disk, trace, heard): (Disk, &Trace, &[Heard]),
) -> Result<()> {
    let (mut done, mut caught) = (0, 0);
    for (number, point) in points(trace, MAX_CONTROLS, &mut survivor.chance).into_iter().enumerate() {
        // Once one was caught, a few points of the rest are enough.
        if caught > 0 && number % (MAX_CONTROLS / CONTROLS) != 0 {
            continue;
        }
        let position = advance(&mut disk, trace, &mut done, point)?;
        let image = disk.image(&mut survivor.chance);
        let expected = expected(&survivor.confirmed, heard, position);
        let is_caught = verify(run, survivor, folders, &image, &expected).await.is_err();
        caught += u64::from(is_caught);
        run.progress.add(&[("controls", 1), ("caught", u64::from(is_caught))])?;
    }
    ensure!(caught > 0, "none of {MAX_CONTROLS} power cuts was caught on a disk that ignores flushes");
    Ok(())
}

/// Opens a disk after a power cut: it has everything that is expected, and nothing that was not asked for.
async fn verify(
    run: &Run,
    survivor: &Survivor,
    folders: &Folders,
    image: &BTreeMap<String, Vec<u8>>,
    expected: &[Heard],
) -> Result<()> {
    disk::write_files(&folders.image, image)?;
    disk::write_files(&folders.opened, image)?;
    let database = host::file(&folders.opened).display().to_string();
    // Either is the first to open the disk.
    let checks_first = survivor.chance.clone().bool();
    if checks_first {
        run.check(&database).await?;
    }
    let server = run.serve(&database).await?;
    let mut school = School::new(survivor.school.seed, survivor.school.shape);
    school.verifier.sent(survivor.school.next);
    for heard in expected {
        school.verifier.answered(heard.number, heard.outcome);
    }
    school.verify(server.address).await?;
    server.kill()?;
    if !checks_first {
        run.check(&database).await?;
    }
    Ok(())
}
