//! The whole benchmark on a school of a class, without the peers, whose programs only a run of it installs.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn all_of_it_is_measured_told_and_not_measured_again() {
    let bench = Path::new(env!("CARGO_BIN_EXE_bench"));
    assert!(
        bench.with_file_name("matricula").exists(),
        "the tests of the service build it: cargo test --workspace"
    );
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let told = Command::new(bench).args(["--rehearsal", "--folder"]).arg(folder.path()).output().unwrap();
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        String::from_utf8(told.stdout).unwrap()
    };
    let told = run();
    assert!(told.contains("[2/"), "{told}");
    let results = fs::read_to_string(folder.path().join("RESULTS.md")).unwrap();
    for part in [
        "| R1 : hello |",
        "| W2 : W1 |",
        "| matricula on PostgreSQL |",
        "| SQLite | 400 |",
        "| an idle listener, KiB |",
    ] {
        let line = results.lines().find(|line| line.starts_with(part)).unwrap_or_else(|| panic!("no {part}"));
        assert!(!line.contains("| – |"), "{line}");
    }
    let plot = fs::read_to_string(folder.path().join("results.svg")).unwrap();
    assert_eq!(plot.matches("<rect").count(), 2 + 2 * 4, "{plot}");

    // A run that goes on where everything is measured has nothing to do but to tell.
    assert!(!run().contains("[2/"));
    assert_eq!(
        fs::read_to_string(folder.path().join("RESULTS.md")).unwrap().lines().count(),
        results.lines().count()
    );
}
