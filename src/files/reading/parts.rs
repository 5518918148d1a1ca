//! The bytes of a workbook as the library reads them. Each part is looked at before it is read, as often as it is read.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::rc::Rc;

use super::archive::Archive;
use super::markup::Markup;
use super::refusals::FileRefusal;

/// The most bytes of a part that is kept in memory: texts, styles, the list of sheets.
const MAX_KEPT_BYTES: u64 = 128 << 20;

/// The bytes.
pub(super) struct Parts<'a> {
    bytes: Cursor<&'a [u8]>,
    gate: Rc<RefCell<Gate<'a>>>,
}

/// Looks at the parts.
pub(super) struct Gate<'a> {
    archive: Archive<'a>,
    starts: HashMap<u64, Vec<usize>>,
    budget: &'a mut u64,
    is_open: bool,
    refusal: Option<FileRefusal>,
}

impl<'a> Parts<'a> {
    /// What is read is taken off the budget.
    ///
    /// # Errors
    /// The archive is damaged or has too many files.
    pub(super) fn new(bytes: &'a [u8], budget: &'a mut u64) -> Result<Self, FileRefusal> {
        let mut archive = Archive::open(bytes)?;
        let starts = archive.starts()?;
        let gate = Gate { archive, starts, budget, is_open: false, refusal: None };
        Ok(Self { bytes: Cursor::new(bytes), gate: Rc::new(RefCell::new(gate)) })
    }

    pub(super) fn gate(&self) -> Rc<RefCell<Gate<'a>>> {
        Rc::clone(&self.gate)
    }
}

impl Gate<'_> {
    /// Says that what is read from now on are sheets, which are not kept.
    pub(super) fn open(&mut self) {
        self.is_open = true;
    }

    /// Why a part was refused, if one was.
    pub(super) fn refusal(&self) -> Option<FileRefusal> {
        self.refusal.clone()
    }

    /// Looks at the part that begins here, if one does.
    fn enter(&mut self, at: u64) -> io::Result<()> {
        let parts = self.starts.get(&at).map(Vec::as_slice).unwrap_or_default();
        for index in parts {
            let mut markup = Markup::default();
            let mut rest = if self.is_open { *self.budget } else { MAX_KEPT_BYTES.min(*self.budget) };
            let before = rest;
            let looked = self.archive.pass(*index, &mut rest, |_, bytes| markup.take(bytes));
            *self.budget -= before - rest;
            if let Err(refusal) = looked {
                self.refusal = Some(refusal);
                return Err(io::Error::other("a part is refused"));
            }
        }
        Ok(())
    }
}

impl Read for Parts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.gate.borrow_mut().enter(self.bytes.position())?;
        self.bytes.read(buffer)
    }
}

impl Seek for Parts<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}
