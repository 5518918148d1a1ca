//! The Debian package: where each file goes, and what `dpkg-deb` is told. It needs no other tool.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// What a package is made of.
#[derive(Clone, Copy, Debug)]
pub struct Package<'a> {
    /// The repository.
    pub repository: &'a Path,
    /// The program.
    pub program: &'a Path,
    /// The folder with the manual pages and the completions.
    pub manual: &'a Path,
    /// The list of everything that is compiled in (SBOM), if there is one.
    pub components: Option<&'a Path>,
    /// The version of the package.
    pub version: &'a str,
    /// The time of all files, in seconds since 1970: the same sources make the same package.
    pub time: u64,
    /// Whether to compress quickly instead of well.
    pub is_quick: bool,
}

const PROGRAM: u32 = 0o755;
const DATA: u32 = 0o644;

/// What the program has to find on the machine. The service brings its user with sysusers.d.
const DEPENDS: &str = "libc6 (>= 2.36), libgcc-s1, systemd | systemd-standalone-sysusers, mawk | awk";
const DESCRIPTION: &str = "course-registration server\n \
    It records which students take which courses, in tables of SQLite or PostgreSQL\n \
    that are already there or in new ones: with an API, web pages and a command line.";

impl Package<'_> {
    /// Lays out the files in `root` and makes the package in `folder`. Returns the path of the package.
    ///
    /// # Errors
    /// If a file is missing, or `dpkg-deb` fails.
    pub fn build(&self, root: &Path, folder: &Path) -> Result<PathBuf> {
        if root.exists() {
            fs::remove_dir_all(root)?;
        }
        self.lay_out(root)?;
        let architecture = read("dpkg", &["--print-architecture"])?;
        self.add_control(root, architecture.trim())?;
        fs::create_dir_all(folder)?;
        let package = folder.join(format!("matricula_{}_{}.deb", self.version, architecture.trim()));
        let mut command = Command::new("dpkg-deb");
        command.env("SOURCE_DATE_EPOCH", self.time.to_string()).arg("--root-owner-group");
        if self.is_quick {
            command.args(["-Zgzip", "-z1"]);
        }
        let output = command.arg("--build").args([root, &package]).output().context("cannot run dpkg-deb")?;
        ensure!(output.status.success(), "dpkg-deb: {}", String::from_utf8_lossy(&output.stderr));
        Ok(package)
    }

    /// Copies every file to where it will be.
    fn lay_out(&self, root: &Path) -> Result<()> {
        let packaging = self.repository.join("packaging");
        copy(self.program, &root.join("usr/bin/matricula"), PROGRAM)?;
        for unit in files(&packaging.join("systemd"))? {
            copy(&unit, &root.join("usr/lib/systemd/system").join(name(&unit)), DATA)?;
        }
        copy(&packaging.join("sysusers.conf"), &root.join("usr/lib/sysusers.d/matricula.conf"), DATA)?;
        copy(&packaging.join("matricula.toml"), &root.join("etc/matricula/matricula.toml"), DATA)?;
        for page in files(&self.manual.join("man"))? {
            let target = root.join("usr/share/man/man1").join(name(&page));
            copy(&page, &target, DATA)?;
            let path = target.to_str().context("the path is no text")?;
            read("gzip", &["--no-name", "--best", "--force", path])?;
        }
        let completions = self.manual.join("completions");
        for (from, to) in [
            ("matricula.bash", "usr/share/bash-completion/completions/matricula"),
            ("_matricula", "usr/share/zsh/vendor-completions/_matricula"),
            ("matricula.fish", "usr/share/fish/vendor_completions.d/matricula.fish"),
        ] {
            copy(&completions.join(from), &root.join(to), DATA)?;
        }
        let documents = root.join("usr/share/doc/matricula");
        copy(&self.repository.join("LICENSE"), &documents.join("copyright"), DATA)?;
        for license in ["LICENSE-APACHE", "LICENSE-MIT"] {
            copy(&self.repository.join(license), &documents.join(license), DATA)?;
        }
        copy(&self.repository.join("CHANGELOG.md"), &documents.join("CHANGELOG.md"), DATA)?;
        if let Some(components) = self.components {
            copy(components, &documents.join("components.cdx.json"), DATA)?;
        }
        Ok(())
    }

    /// Writes what `dpkg` reads: the description, the scripts, and which files are settings.
    fn add_control(&self, root: &Path, architecture: &str) -> Result<()> {
        let control = root.join("DEBIAN");
        fs::create_dir_all(&control)?;
        let size = size(root)?.div_ceil(1024);
        let mut text = String::new();
        write!(
            text,
            "Package: matricula\nVersion: {}\nArchitecture: {architecture}\nMaintainer: The matricula project \
             <matricula@localhost>\nInstalled-Size: {size}\nDepends: {DEPENDS}\nSection: education\nPriority: optional\n\
             Description: {DESCRIPTION}\n",
            self.version
        )?;
        fs::write(control.join("control"), text)?;
        fs::write(control.join("conffiles"), "/etc/matricula/matricula.toml\n")?;
        for script in files(&self.repository.join("packaging/debian"))? {
            copy(&script, &control.join(name(&script)), PROGRAM)?;
        }
        for file in ["control", "conffiles"] {
            fs::set_permissions(control.join(file), fs::Permissions::from_mode(DATA))?;
        }
        for folder in folders(root)? {
            fs::set_permissions(folder, fs::Permissions::from_mode(PROGRAM))?;
        }
        Ok(())
    }
}

fn copy(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let folder = to.parent().context("a file is in a folder")?;
    fs::create_dir_all(folder)?;
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(fs::set_permissions(to, fs::Permissions::from_mode(mode))?)
}

fn name(path: &Path) -> &Path {
    path.file_name().map_or(path, Path::new)
}

/// The files of a folder, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.is_file());
    files.sort_unstable();
    Ok(files)
}

/// A folder and all folders below it.
fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(folders(&path)?);
        }
    }
    Ok(found)
}

/// The bytes of all files below a folder.
fn size(root: &Path) -> Result<u64> {
    let mut size = 0;
    for folder in folders(root)? {
        for file in files(&folder)? {
            size += fs::metadata(file)?.len();
        }
    }
    Ok(size)
}

/// The output of a program, which must succeed.
fn read(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
