//! The whole benchmark on a tiny school, without the peers, which only `cargo xtask bench` installs.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn everything_is_measured_and_reported_and_not_measured_again() {
    let bench = Path::new(env!("CARGO_BIN_EXE_bench"));
    assert!(
        bench.with_file_name("matricula").exists(),
        "matricula is not built: run the tests with --workspace"
    );
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let output =
            Command::new(bench).args(["--rehearsal", "--folder"]).arg(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let printed = run();
    assert!(printed.contains("[2/"), "{printed}");
    let results = fs::read_to_string(folder.path().join("RESULTS.md")).unwrap();
    for part in [
        "| R1 : hello |",
        "| W2 : W1 |",
        "| matricula on PostgreSQL |",
        "| SQLite | 400 |",
        "| an idle listener, KiB |",
        "| two single letters |",
        "| an import, its refused rows |",
        "| clients next to an import: 99th percentile, ms |",
    ] {
        let line = results.lines().find(|line| line.starts_with(part)).unwrap_or_else(|| panic!("no {part}"));
        assert!(!line.contains("| – |"), "{line}");
    }
    let plot = fs::read_to_string(folder.path().join("results.svg")).unwrap();
    assert_eq!(plot.matches("<rect").count(), 2 + 2 * 4, "{plot}");

    // The second run finds all measurements in the journal and only writes the report.
    assert!(!run().contains("[2/"));
    assert_eq!(
        fs::read_to_string(folder.path().join("RESULTS.md")).unwrap().lines().count(),
        results.lines().count()
    );
}
