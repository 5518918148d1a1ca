//! Damaged files: the readers neither panic nor need much memory, whatever is in a file. `cargo xtask fuzz` runs it for
//! longer.

use std::fs;
use std::time::{Duration, Instant};

use matricula::files::reading::{Options, Source};

use super::check::read_and_check;
use super::formats::{archive, unpacked};
use super::{files, folder, spreadsheets};

/// The most memory of the process that reads.
const MAX_MEMORY: u64 = 1 << 30;

/// Files to begin with, of one reader.
fn corpus(reader: &str) -> Vec<Vec<Source>> {
    let source = |name: &str, bytes: Vec<u8>| Source { name: name.to_owned(), bytes };
    let cases = fs::read_dir(folder("01").parent().unwrap()).unwrap();
    let names = cases.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let sets: Vec<_> = names.filter(|name| name != "README.md").map(|name| files(&name)).collect();
    match reader {
        "csv" => sets,
        "xlsx" => spreadsheets::samples().into_iter().map(|bytes| vec![source("a.xlsx", bytes)]).collect(),
        "zip" => {
            let zipped = |set: Vec<Source>| {
                let entries: Vec<_> = set.iter().map(|file| (&*file.name, &*file.bytes)).collect();
                vec![source("a.zip", archive(&entries))]
            };
            sets.into_iter().map(zipped).collect()
        }
        other => panic!("no reader {other}"),
    }
}

/// Changes some bytes: what matters to a parser, parts of other files, and noise.
fn mutate(random: &mut fastrand::Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    const PARTS: &[&[u8]] = &[
        b"\"",
        b"\"\"",
        b",",
        b";",
        b"\t",
        b"\r",
        b"\n",
        b"\r\n",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"=",
        b"sep=|\n",
        b"\xc3",
        b"id",
        b"user_id",
        b"course1",
        b"[1]",
        b"#",
        b"add,student,7,C1\n",
        b"1.2E+9",
        b"\xff\xff\xff\xff",
        b"PK\x03\x04",
        b"PK\x01\x02",
        b"PK\x05\x06",
        b"<row r=\"4000000000\">",
        b"<c r=\"XFD9\" t=\"s\"><v>9</v></c>",
        b"]]>",
        b"&amp;",
        b"<!--",
    ];
    for _ in 0..random.usize(1..6) {
        let at = random.usize(0..=bytes.len());
        let end = (at + random.usize(0..24)).min(bytes.len());
        match random.u8(0..6) {
            0 => drop(bytes.splice(at..at, random.choice(PARTS).unwrap().iter().copied())),
            1 => drop(bytes.drain(at..end)),
            2 => bytes[at..end].iter_mut().for_each(|byte| *byte = random.u8(..)),
            3 => bytes[at..end].iter_mut().take(1).for_each(|byte| *byte ^= 1 << random.u8(0..8)),
            4 => {
                let again = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, again.repeat(random.usize(1..20))));
            }
            _ => {
                let start = random.usize(0..=other.len());
                let length = random.usize(0..200).min(other.len() - start);
                drop(bytes.splice(at..end, other[start..start + length].iter().copied()));
            }
        }
    }
}

/// Changes the files in an archive, which is whole again afterwards.
fn mutate_within(random: &mut fastrand::Rng, bytes: &[u8]) -> Vec<u8> {
    let mut entries = unpacked(bytes);
    for _ in 0..random.usize(1..3) {
        let other = random.choice(&entries).unwrap().1.clone();
        let at = random.usize(0..entries.len());
        mutate(random, &mut entries[at].1, &other);
    }
    let entries: Vec<_> = entries.iter().map(|(name, bytes)| (&**name, &**bytes)).collect();
    archive(&entries)
}

/// The largest memory that this process has had.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Reads damaged files of a reader until the time is over, the same ones for the same seed. Returns how many.
fn reads_damaged_files(reader: &str, seed: u64, time: Duration, most: usize) -> usize {
    let corpus = corpus(reader);
    let mut random = fastrand::Rng::with_seed(seed);
    let start = Instant::now();
    let mut count = 0;
    while count < most && start.elapsed() < time {
        let mut set = random.choice(&corpus).unwrap().clone();
        let other = random.choice(&corpus).unwrap();
        for file in &mut set {
            let other = &random.choice(other).unwrap().bytes;
            if reader != "csv" && random.bool() {
                file.bytes = mutate_within(&mut random, &file.bytes);
            } else {
                mutate(&mut random, &mut file.bytes, other);
            }
        }
        read_and_check(&set, &Options::default());
        count += 1;
    }
    let peak = peak_memory();
    #[expect(clippy::print_stdout, reason = "says how far it has come")]
    {
        println!("{reader}: {count} damaged files, peak memory {} MB", peak >> 20);
    }
    assert!(peak < MAX_MEMORY, "{peak} bytes");
    count
}

/// Some hundred files for each reader; `cargo xtask fuzz` sets for how long instead.
#[test]
fn damaged_files_are_read_or_refused() {
    let seconds = std::env::var("MATRICULA_FUZZ_SECONDS").ok().map(|seconds| seconds.parse().unwrap());
    for reader in ["csv", "xlsx", "zip"] {
        match seconds {
            Some(seconds) => _ = reads_damaged_files(reader, 2, Duration::from_secs(seconds), usize::MAX),
            None => assert_eq!(reads_damaged_files(reader, 1, Duration::MAX, 300), 300),
        }
    }
    for set in ["csv", "xlsx", "zip"].into_iter().flat_map(corpus) {
        read_and_check(&set, &Options::default());
    }
}
