//! `cargo xtask package`: builds the program for release, its manual, the list of its components, and the package.

use std::fs;
use std::io::Write;

use anyhow::{Context as _, Result};
use xtask::package::Package;

use crate::components::{components, version_of_sqlite};
use crate::shell::Shell;

/// Where everything is built.
const FOLDER: &str = "target/package";
/// The target whose programs need no library of the machine.
const STATIC: &str = "x86_64-unknown-linux-musl";

/// What to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The Debian package, as it is released.
    Release,
    /// The same of the program that the tests use, to try the package out: it is large, and names folders of this machine.
    Dev,
    /// The program alone, for any Linux: it needs no library.
    Static,
}

/// Builds it, and prints its path and its hash.
pub(crate) fn run(kind: Kind, shell: &Shell, out: &mut impl Write) -> Result<()> {
    fs::create_dir_all(shell.root.join(FOLDER))?;
    let result = match kind {
        Kind::Release => package(shell, "release")?,
        Kind::Dev => package(shell, "debug")?,
        Kind::Static => static_program(shell)?,
    };
    Ok(write!(out, "{}", shell.read(&format!("sha256sum {result}"))?)?)
}

fn package(shell: &Shell, profile: &str) -> Result<String> {
    let folder = shell.root.join(FOLDER);
    let build = "cargo build --locked --bin matricula --example manual";
    if profile == "release" {
        shell.run_with(&reproducible(shell), &format!("{build} --release"))?;
    } else {
        shell.run_with(&[built_here(shell)], build)?;
    }
    shell.run(&format!("target/{profile}/examples/manual {FOLDER}/manual"))?;
    // Without the platform, it would list what programs for other systems contain.
    let machine = shell.read("rustc -vV")?;
    let platform = machine.lines().find_map(|line| line.strip_prefix("host: "));
    let platform = platform.context("rustc names its platform")?;
    let metadata = format!("cargo metadata --locked --format-version 1 --filter-platform {platform}");
    let metadata = serde_json::from_str(&shell.read(&metadata)?)?;
    let list = folder.join("components.cdx.json");
    fs::write(&list, components(&metadata, &version_of_sqlite(&metadata)?)?)?;
    let time = shell.read("git -c safe.directory=* log -1 --format=%ct")?;
    let package = Package {
        repository: &shell.root,
        program: &shell.root.join("target").join(profile).join("matricula"),
        manual: &folder.join("manual"),
        components: Some(&list),
        version: env!("CARGO_PKG_VERSION"),
        time: time.trim().parse().context("git reports the time of the last commit")?,
        is_quick: profile != "release",
    };
    let package = package.build(&folder.join("root"), &folder)?;
    let name = package.file_name().and_then(|name| name.to_str()).context("a package has a name")?;
    Ok(format!("{FOLDER}/{name}"))
}

fn static_program(shell: &Shell) -> Result<String> {
    let mut variables = reproducible(shell);
    variables.push(("CC_x86_64_unknown_linux_musl", "musl-gcc".to_owned()));
    let build = format!("cargo build --locked --release --target {STATIC} --bin matricula");
    shell.run_with(&variables, &build).context(
        "it needs the target and a C compiler for it: rustup target add x86_64-unknown-linux-musl, and Debian's musl-tools",
    )?;
    let program = format!("{FOLDER}/matricula-{}-x86_64-linux", env!("CARGO_PKG_VERSION"));
    fs::copy(shell.root.join(format!("target/{STATIC}/release/matricula")), shell.root.join(&program))?;
    Ok(program)
}

/// Variables for the compilers that keep the machine's folders and the time (mimalloc's C uses `__TIME__`) out of the
/// program, so that two people can build the same one.
fn reproducible(shell: &Shell) -> Vec<(&'static str, String)> {
    let folders = [(shell.root.display(), "/matricula"), (shell.cargo_home.display(), "/cargo")];
    let flags =
        |flag: &str| folders.iter().map(|(from, to)| format!("{flag}{from}={to}")).collect::<Vec<_>>();
    vec![
        ("CARGO_ENCODED_RUSTFLAGS", flags("--remap-path-prefix=").join("\u{1f}")),
        ("CFLAGS", flags("-ffile-prefix-map=").join(" ")),
        ("SOURCE_DATE_EPOCH", "0".to_owned()),
        built_here(shell),
    ]
}

/// Makes Cargo build where the package takes the program from, whatever folder a variable of the user names.
fn built_here(shell: &Shell) -> (&'static str, String) {
    ("CARGO_TARGET_DIR", shell.root.join("target").display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine on which Cargo builds at once.
    fn machine(test: &str) -> Shell {
        let shell = Shell::rehearsal(
            test,
            &[("cargo", "echo \"$CFLAGS at $SOURCE_DATE_EPOCH\" >> flags"), ("sha256sum", "echo hash")],
        );
        fs::create_dir_all(shell.root.join(format!("target/{STATIC}/release"))).unwrap();
        fs::write(shell.root.join(format!("target/{STATIC}/release/matricula")), "program").unwrap();
        shell
    }

    #[test]
    fn the_static_program_needs_no_library_and_names_no_folder_and_no_time() {
        let (shell, mut out) = (machine("static"), Vec::new());
        run(Kind::Static, &shell, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "hash\n");
        let version = env!("CARGO_PKG_VERSION");
        assert!(shell.root.join(format!("{FOLDER}/matricula-{version}-x86_64-linux")).exists());
        assert!(shell.log().contains("--release --target x86_64-unknown-linux-musl"));
        let flags = fs::read_to_string(shell.root.join("flags")).unwrap();
        assert!(flags.contains(&format!("-ffile-prefix-map={}=/matricula", shell.root.display())), "{flags}");
        assert!(flags.ends_with(" at 0\n"), "{flags}");
    }
}
