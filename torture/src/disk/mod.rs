//! A disk that loses its power, or is full: `shim/disk.c`, loaded into the server, sees every call that changes a file.

mod image;
mod room;
mod trace;

pub(crate) use image::Disk;
pub(crate) use room::Room;
pub(crate) use trace::{Change, Trace};

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The source of the library: compiled in, so that the program runs anywhere that has a C compiler.
const SOURCE: &str = include_str!("../../shim/disk.c");

/// Compiles the library into this folder, and returns its path.
///
/// # Errors
/// If there is no C compiler.
pub(crate) fn library(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let (source, library) = (folder.join("disk.c"), folder.join("disk.so"));
    fs::write(&source, SOURCE)?;
    let output = Command::new("cc")
        .args(["-O2", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .args(["-ldl", "-lpthread"])
        .output()
        .context("cannot run cc")?;
    ensure!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
    Ok(library)
}

/// The files of a folder, by name, except the index in shared memory, which is never read after a crash.
///
/// # Errors
/// If one cannot be read.
pub(crate) fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with("-shm") {
            files.insert(name, fs::read(entry.path())?);
        }
    }
    Ok(files)
}

/// Makes a folder that has these files and no others.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn write_files(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    for (name, content) in files {
        fs::write(folder.join(name), content)?;
    }
    Ok(())
}
