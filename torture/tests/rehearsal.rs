//! Every part on a small scale. `cargo xtask test torture` runs them for two minutes.
#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn matricula() -> PathBuf {
    let matricula = Path::new(env!("CARGO_BIN_EXE_torture")).with_file_name("matricula");
    assert!(matricula.exists(), "matricula is not built: run the tests with --workspace");
    matricula
}

fn torture(folder: &Path, flags: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_torture"));
    command.arg("--folder").arg(folder).args(flags).output().unwrap()
}

fn printed(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it)).concat()
}

#[test]
fn every_part_passes_on_both_engines_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let output = torture(folder.path(), &["--rounds", "3", "--clients", "8", "--seed", "7"]);
        assert!(output.status.success(), "{}", printed(&output));
        let mut lines: Vec<String> = printed(&output).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let _ = matricula();
    let lines = run();
    assert_eq!(lines.len(), 10, "{lines:#?}");
    for line in [
        "kills on SQLite: 3 kills",
        "kills on PostgreSQL: 3 kills",
        "power-loss on SQLite: 3 power cuts",
        "operations on SQLite: 3 operations",
        "cuts on PostgreSQL: ",
        "full-disk on SQLite: full 3 times",
        "histories on PostgreSQL: ",
    ] {
        assert!(lines.iter().any(|it| it.starts_with(line)), "no `{line}`: {lines:#?}");
    }
    // Nothing is left to do: the figures are those of the first run.
    let figures = |lines: &[String]| -> Vec<String> {
        lines
            .iter()
            .filter(|it| !it.starts_with("operations"))
            .map(|it| it.split(" (seed 7").next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(figures(&run()), figures(&lines));
}

#[test]
fn a_program_that_loses_what_it_confirmed_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    let forgetful = folder.path().join("matricula");
    // Every start but the first two finds the database as it was before.
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = serve ]; then for file in \"$3\" \"$3-wal\"; do\n\
         if [ -e \"$file.then\" ]; then cp \"$file.then\" \"$file\"; rm -f \"$3-shm\"\n\
         elif [ -e \"$file\" ]; then cp \"$file\" \"$file.then\"; fi; done; fi\nexec {} \"$@\"\n",
        matricula().display()
    );
    fs::write(&forgetful, script).unwrap();
    fs::set_permissions(&forgetful, fs::Permissions::from_mode(0o755)).unwrap();
    let flags = ["kills", "--engine", "sqlite", "--rounds", "20", "--matricula", forgetful.to_str().unwrap()];
    let output = torture(&folder.path().join("run"), &flags);
    let printed = printed(&output);
    assert!(!output.status.success(), "{printed}");
    assert!(printed.contains("it is lost") && printed.contains("seed"), "{printed}");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = torture(folder.path(), &["--matricula", "/no/such/matricula"]);
    assert!(!output.status.success());
    assert!(printed(&output).contains("there is no /no/such/matricula"), "{}", printed(&output));
}

#[test]
#[ignore = "takes two minutes: cargo xtask test torture"]
fn every_part_holds_for_two_minutes() {
    // The program looks for it in the same folder.
    matricula();
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_torture"));
    let status = command.arg("--folder").arg(folder.path()).args(["--seconds", "15"]).status().unwrap();
    assert!(status.success(), "see above");
}
