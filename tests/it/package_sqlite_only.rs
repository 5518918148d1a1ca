//! The Debian package is installed, started, upgraded and removed, in a folder of its own instead of the machine.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use xtask::package::Package;

use crate::school::{Client, Process, matricula};

#[path = "../../examples/manual.rs"]
#[expect(dead_code, reason = "the example is a program, and this test needs one function of it")]
mod manual;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A machine without anything but a package database.
struct Machine {
    folder: TempDir,
    root: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("machine");
        for name in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log", "etc"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        for name in ["var/lib/dpkg/status", "var/lib/dpkg/available", "etc/passwd", "etc/group"] {
            fs::write(root.join(name), "").unwrap();
        }
        manual::write_manual(&folder.path().join("manual")).unwrap();
        Self { folder, root }
    }

    /// Builds the package of a version.
    fn build(&self, version: &str) -> PathBuf {
        let package = Package {
            repository: repository(),
            program: Path::new(env!("CARGO_BIN_EXE_matricula")),
            manual: &self.folder.path().join("manual"),
            components: None,
            version,
            time: 1_790_000_000,
            is_quick: true,
        };
        package.build(&self.folder.path().join("files"), self.folder.path()).unwrap()
    }

    fn dpkg(&self, action: &str, what: &Path) {
        let mut command = Command::new("dpkg");
        command
            .arg(format!("--root={}", self.root.display()))
            .args(["--force-script-chrootless", "--force-depends"]);
        command.args(["--force-confold", action]).arg(what).env("LC_ALL", "C");
        succeeds(&command.output().unwrap());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o7777
    }

    /// Starts what the unit starts, with the settings that it reads; the folder of the database is on this machine.
    async fn start(&self) -> Process {
        let unit = fs::read_to_string(self.path("usr/lib/systemd/system/matricula.service")).unwrap();
        let line = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let mut words = line("ExecStart=/").split(' ');
        let mut command = matricula();
        command = {
            let mut own = Command::new(self.path(words.next().unwrap()));
            own.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            own
        };
        let config = line("Environment=MATRICULA_CONFIG=/");
        command.args(words).env("MATRICULA_CONFIG", self.path(config)).env("MATRICULA_LISTEN", "127.0.0.1:0");
        command.env("MATRICULA_DATABASE", self.path("var/lib/matricula/school.db"));
        Process::start(command).await
    }
}

fn succeeds(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn it_is_installed_started_upgraded_and_removed() {
    if !rustix::process::geteuid().is_root() {
        writeln!(std::io::stderr(), "SKIPPED: only root installs packages").unwrap();
        return;
    }
    let machine = Machine::new();
    machine.dpkg("--install", &machine.build("0.1.0"));
    let settings = machine.path("etc/matricula/matricula.toml");
    for (name, mode) in [
        ("usr/bin/matricula", 0o755),
        ("usr/lib/systemd/system/matricula.service", 0o644),
        ("etc/matricula", 0o750),
        ("etc/matricula/matricula.toml", 0o640),
        ("usr/share/man/man1/matricula.1.gz", 0o644),
        ("usr/share/man/man1/matricula-serve.1.gz", 0o644),
        ("usr/share/bash-completion/completions/matricula", 0o644),
        ("usr/share/doc/matricula/copyright", 0o644),
        ("usr/share/doc/matricula/LICENSE-MIT", 0o644),
    ] {
        assert_eq!(machine.mode(name), mode, "{name}");
    }
    let users = fs::read_to_string(machine.path("etc/passwd")).unwrap();
    let user = users.lines().find(|line| line.starts_with("matricula:")).unwrap();
    assert!(user.ends_with(":/var/lib/matricula:/usr/sbin/nologin"), "{user}");

    fs::create_dir_all(machine.path("var/lib/matricula")).unwrap();
    let server = machine.start().await;
    let client = Client::new(server.address);
    client
        .ask("POST", "/api/v1/courses")
        .json(&serde_json::json!({"name": "Algebra", "level": "graduate"}))
        .await
        .is_created();
    assert!(server.terminate().await.success());

    // What the operator has changed stays.
    let changed = format!("{}client-share = 100\n", fs::read_to_string(&settings).unwrap());
    fs::write(&settings, &changed).unwrap();
    machine.dpkg("--install", &machine.build("0.2.0"));
    assert_eq!(fs::read_to_string(&settings).unwrap(), changed);
    let server = machine.start().await;
    let courses = Client::new(server.address).ask("GET", "/api/v1/courses").await.is_ok();
    assert_eq!(courses.json()[0]["name"], "Algebra");
    assert!(server.terminate().await.success());

    machine.dpkg("--remove", Path::new("matricula"));
    assert!(!machine.path("usr/bin/matricula").exists() && settings.exists());
    machine.dpkg("--purge", Path::new("matricula"));
    assert!(!machine.path("etc/matricula").exists());
    assert!(machine.path("var/lib/matricula/school.db").exists(), "nothing else has these records");
}

#[test]
fn the_settings_of_the_package_are_valid_and_each_line_can_be_used() {
    let text = fs::read_to_string(repository().join("packaging/matricula.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // A line that is commented out is a setting, unless it is a sentence.
    let used: Vec<_> = text
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line))
        .collect();
    for text in [text.clone(), used.join("\n").replacen("listen = ", "log = 'info' #", 1)] {
        let settings = folder.path().join("matricula.toml");
        fs::write(&settings, text).unwrap();
        let output = matricula().args(["check", "--config"]).arg(&settings).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            error,
            "matricula: /var/lib/matricula/school.db: the file does not exist; `matricula migrate` creates a new one\n"
        );
    }
}

#[test]
fn the_service_is_exposed_as_little_as_it_can_be() {
    let unit = repository().join("packaging/systemd/matricula.service");
    let mut command = Command::new("systemd-analyze");
    // The threshold is in tenths: 2.0.
    let output =
        command.args(["security", "--offline=true", "--threshold=20", "--no-pager"]).arg(&unit).output();
    succeeds(&output.unwrap());
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output().unwrap();
    let complaints = String::from_utf8(verified.stderr).unwrap();
    // The program of the unit is not installed here.
    let complaints: Vec<_> = complaints
        .lines()
        .filter(|line| line.contains("matricula.service") && !line.contains("/usr/bin/matricula"))
        .collect();
    assert_eq!(complaints, [""; 0]);
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    manual::write_manual(folder.path()).unwrap();
    let page = |name: &str| fs::read_to_string(folder.path().join("man").join(name)).unwrap();
    assert!(page("matricula-serve.1").contains("MATRICULA_TLS_CERT"));
    assert!(page("matricula-token-create.1").contains("role"));
    let bash = fs::read_to_string(folder.path().join("completions/matricula.bash")).unwrap();
    assert!(bash.contains("--allow-unauthenticated") && bash.contains("doctor"));
}
