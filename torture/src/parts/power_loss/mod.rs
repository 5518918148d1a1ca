//! Cuts the power: what was confirmed is on a disk that has lost what was not flushed, and the rest is no corruption.

mod opening;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use tokio::task::JoinSet;

use super::{Run, grouped};
use crate::disk::{self, Change, Disk, Trace};
use crate::host;
use crate::load::Heard;
use crate::program::Program;
use crate::request::Shape;
use crate::school::School;
use opening::Opening;

/// Recordings per school; each begins on the disk that the last power cut has left.
const RECORDINGS: u64 = 6;
/// Power cuts per recording.
const CUTS: usize = 40;
/// Power cuts while the database is created.
const CUTS_AT_CREATION: usize = 8;
/// Power cuts per school on a disk that ignores flushes; more if none of them was caught.
const CONTROLS: usize = 4;
/// So many may keep all that was confirmed, by chance, before the control has failed.
const MAX_CONTROLS: usize = 40;
/// Disks that are opened at a time: a server that starts waits more than it computes.
const AT_A_TIME: usize = 4;

/// The folders of a run.
struct Folders {
    /// What the server writes to while it is recorded.
    disk: PathBuf,
    trace: PathBuf,
    /// Disks after a power cut.
    images: Vec<PathBuf>,
}

/// A school that has lost its power, perhaps several times.
struct Survivor {
    school: School,
    /// What was confirmed before the last power cut.
    confirmed: Vec<Heard>,
    chance: Rng,
}

/// What was done to a disk, and what was answered in the meantime.
struct Recording {
    before: BTreeMap<String, Vec<u8>>,
    trace: Trace,
    heard: Vec<Heard>,
}

/// Cuts the power until the target is reached or the time is over.
pub(super) async fn run(run: &mut Run) -> Result<String> {
    let library = disk::library(&run.folder)?;
    let at = |name: &str| run.folder.join(name);
    let images = (0..AT_A_TIME).map(|number| at(&format!("image-{number}"))).collect();
    let folders = Folders { disk: at("disk"), trace: at("trace"), images };
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

async fn one_school(run: &mut Run, folders: &Folders, library: &Path) -> Result<()> {
    run.progress.add(&[("schools", 1)])?;
    let seed = run.seed + run.progress.get("schools");
    let school = School::new(seed, Shape::BUSY);
    let mut survivor = Survivor { school, confirmed: Vec::new(), chance: Rng::with_seed(seed) };
    disk::write_files(&folders.disk, &BTreeMap::new())?;
    let server = run.serve(&host::file(&folders.disk).display().to_string()).await?;
    survivor.school.set_up(server.address).await?;
    server.kill()?;
    for number in 0..RECORDINGS {
        if !run.goes_on(run.progress.get("cuts")) {
            break;
        }
        let recording = record(run, &mut survivor, folders, library).await?;
        let confirmed = recording.heard.iter().filter(|it| it.outcome.status < 300).count() as u64;
        run.progress.add(&[("recordings", 1), ("confirmed", confirmed)])?;
        if number == 0 {
            control(run, &mut survivor, &recording).await?;
        }
        cut(run, &mut survivor, folders, &recording, CUTS).await?;
        if number == 0 && run.goes_on(run.progress.get("cuts")) {
            cut_creation(run, folders, library, seed).await?;
        }
    }
    Ok(())
}

/// The program on a disk that is recorded.
fn recorded(run: &Run, folders: &Folders, library: &Path) -> Result<Program> {
    fs::write(&folders.trace, "")?;
    Ok(run.program.with([
        ("LD_PRELOAD", library.to_owned()),
        ("TORTURE_FOLDER", folders.disk.clone()),
        ("TORTURE_TRACE", folders.trace.clone()),
    ]))
}

/// Cuts the power while a server creates its database.
async fn cut_creation(run: &mut Run, folders: &Folders, library: &Path, seed: u64) -> Result<()> {
    let at = |name: &str| run.folder.join(name);
    let folders =
        Folders { disk: at("creation"), trace: at("creation.trace"), images: folders.images.clone() };
    disk::write_files(&folders.disk, &BTreeMap::new())?;
    let database = host::file(&folders.disk).display().to_string();
    recorded(run, &folders, library)?.serve(&database, &run.errors()).await?.kill()?;
    let trace = Trace::read(&folders.trace)?;
    let recording = Recording { before: BTreeMap::new(), trace, heard: Vec::new() };
    let school = School::new(seed, Shape::BUSY);
    let mut survivor = Survivor { school, confirmed: Vec::new(), chance: Rng::with_seed(!seed) };
    cut(run, &mut survivor, &folders, &recording, CUTS_AT_CREATION).await
}

/// Runs the server on the disk under clients, and kills it.
async fn record(run: &Run, survivor: &mut Survivor, folders: &Folders, library: &Path) -> Result<Recording> {
    let before = disk::files(&folders.disk)?;
    let database = host::file(&folders.disk).display().to_string();
    let server = recorded(run, folders, library)?.serve(&database, &run.errors()).await?;
    let load = survivor.school.load(&[server.address], u64::MAX)?.traced(File::open(&folders.trace)?);
    let running = load.start(run.clients);
    running.answers(survivor.chance.usize(50..2_000), Duration::from_secs(5)).await;
    server.kill()?;
    let sent = running.finish().await?;
    // Requests without an answer are not sent again: the next disk may not have them.
    survivor.school.next = sent.next;
    Ok(Recording { before, trace: Trace::read(&folders.trace)?, heard: sent.heard })
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

/// A disk that goes through a recording.
struct Replayed<'a> {
    disk: Disk,
    recording: &'a Recording,
    done: usize,
}

impl<'a> Replayed<'a> {
    fn new(recording: &'a Recording) -> Self {
        Self { disk: Disk::new(recording.before.clone()), recording, done: 0 }
    }

    /// Makes the changes up to a point. Returns what was confirmed by then: the trace was not longer when the answer
    /// had come.
    fn advance(&mut self, point: usize) -> Result<impl Iterator<Item = Heard> + use<'a>> {
        let changes = &self.recording.trace.0;
        for (_, change) in &changes[self.done..point] {
            self.disk.apply(change)?;
        }
        self.done = point;
        let position = point.checked_sub(1).map_or(0, |last| changes[last].0);
        Ok(self.recording.heard.iter().filter(move |it| it.position <= position).copied())
    }
}

/// Cuts the power at many points of a recording. The last disk is the one that the next recording begins with.
async fn cut(
    run: &mut Run,
    survivor: &mut Survivor,
    folders: &Folders,
    recording: &Recording,
    count: usize,
) -> Result<()> {
    let before = std::mem::take(&mut survivor.confirmed);
    let mut replayed = Replayed::new(recording);
    for points in points(&recording.trace, count, &mut survivor.chance).chunks(AT_A_TIME) {
        let left = usize::try_from(run.target - run.progress.get("cuts"))?;
        if !run.goes_on(run.progress.get("cuts")) {
            break;
        }
        let mut openings = JoinSet::new();
        for (point, folder) in points.iter().take(left).zip(&folders.images) {
            let now = replayed.advance(*point)?;
            let expected: Vec<Heard> = before.iter().copied().chain(now).collect();
            let image = replayed.disk.image(&mut survivor.chance);
            survivor.confirmed.clone_from(&expected);
            disk::write_files(&folders.disk, &image)?;
            // `check` does not make a database that is not there yet.
            let checks_first = !recording.before.is_empty() && survivor.chance.bool();
            let places = (folder.as_path(), run.errors());
            let opening =
                Opening::new(run, &survivor.school, (places.0, &places.1), image, expected, checks_first)?;
            let message = format!("the power was cut after change {point}: {}", folder.display());
            openings.spawn(async move { opening.verify().await.context(message) });
        }
        while let Some(ended) = openings.join_next().await {
            ended??;
            run.progress.add(&[("cuts", 1)])?;
        }
    }
    Ok(())
}

/// Power cuts on a disk that ignores flushes must be caught.
async fn control(run: &mut Run, survivor: &mut Survivor, recording: &Recording) -> Result<()> {
    let mut replayed = Replayed::new(recording);
    replayed.disk = replayed.disk.ignoring_flushes();
    let mut caught = 0;
    for (number, point) in
        points(&recording.trace, MAX_CONTROLS, &mut survivor.chance).into_iter().enumerate()
    {
        // Once one was caught, a few points of the rest are enough.
        if caught > 0 && number % (MAX_CONTROLS / CONTROLS) != 0 {
            continue;
        }
        let expected = survivor.confirmed.iter().copied().chain(replayed.advance(point)?).collect();
        let image = replayed.disk.image(&mut survivor.chance);
        let places = (run.folder.join("control"), run.folder.join("control.log"));
        let opening =
            Opening::new(run, &survivor.school, (&places.0, &places.1), image, expected, number % 2 == 0)?;
        let is_caught = opening.verify().await.is_err();
        caught += u64::from(is_caught);
        run.progress.add(&[("controls", 1), ("caught", u64::from(is_caught))])?;
    }
    ensure!(caught > 0, "none of {MAX_CONTROLS} power cuts was caught on a disk that ignores flushes");
    Ok(())
}
