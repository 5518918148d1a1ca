//! Opens disks after a power cut, several at a time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::super::Run;
use crate::disk;
use crate::host;
use crate::load::Heard;
use crate::program::Program;
use crate::request::Shape;
use crate::school::School;

/// A disk after a power cut, and what must be on it.
#[derive(Debug)]
pub(super) struct Opening {
    program: Program,
    folder: PathBuf,
    errors: PathBuf,
    seed: u64,
    shape: Shape,
    /// Requests with this number and above were not sent.
    sent: u64,
    image: BTreeMap<String, Vec<u8>>,
    expected: Vec<Heard>,
    /// `check` opens the disk first, rather than the server.
    checks_first: bool,
}

impl Opening {
    /// Writes the disk into this folder, to be looked at if something is wrong with it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn new(
        run: &Run,
        school: &School,
        (folder, errors): (&Path, &Path),
        image: BTreeMap<String, Vec<u8>>,
        expected: Vec<Heard>,
        checks_first: bool,
    ) -> Result<Self> {
        disk::write_files(folder, &image)?;
        let (program, folder, errors) = (run.program.clone(), folder.to_owned(), errors.to_owned());
        let (seed, shape, sent) = (school.seed, school.shape, school.next);
        Ok(Self { program, folder, errors, seed, shape, sent, image, expected, checks_first })
    }

    /// Opens a copy of it: everything that is expected is there, and nothing that was not asked for.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) async fn verify(self) -> Result<()> {
        let copy = self.folder.join("opened");
        disk::write_files(&copy, &self.image)?;
        let database = host::file(&copy).display().to_string();
        if self.checks_first {
            self.program.check(&database).await?;
        }
        let server = self.program.serve(&database, &self.errors).await?;
        let mut school = School::new(self.seed, self.shape);
        school.verifier.sent(self.sent);
        for heard in self.expected {
            school.verifier.answered(heard.number, heard.outcome);
        }
        school.verify(server.address).await?;
        server.kill()?;
        if !self.checks_first {
            self.program.check(&database).await?;
        }
        Ok(())
    }
}
