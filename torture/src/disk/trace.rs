//! The trace of a disk: every change of a file, in order.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// A file was opened; `is_new` if that has made it.
    Opened {
        file: u64,
        name: String,
        is_new: bool,
    },
    Written {
        file: u64,
        offset: usize,
        data: Vec<u8>,
    },
    /// The length was set.
    Cut {
        file: u64,
        length: usize,
    },
    Flushed {
        file: u64,
    },
    Unlinked {
        name: String,
    },
    FolderFlushed,
}

/// The changes, each with the length of the trace after it.
#[derive(Debug)]
pub(crate) struct Trace(pub(crate) Vec<(u64, Change)>);

/// Bytes of `struct entry` in `shim/disk.c`.
const HEAD: usize = 32;

impl Trace {
    /// Reads a trace.
    ///
    /// # Errors
    /// If it is damaged, or has a call that the disk does not know.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Self::parse(&std::fs::read(path).with_context(|| path.display().to_string())?)
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let (mut changes, mut at) = (Vec::new(), 0);
        // A server that was killed may have left half of its last entry.
        while let Some(head) = bytes.get(at..at + HEAD) {
            let small = |from: usize| head[from..from + 4].try_into().map(u32::from_le_bytes);
            let large = |from: usize| head[from..from + 8].try_into().map(u64::from_le_bytes);
            let (kind, created, file) = (small(0)?, small(4)?, large(8)?);
            let (offset, length) = (usize::try_from(large(16)?)?, usize::try_from(large(24)?)?);
            let Some(data) = bytes.get(at + HEAD..at + HEAD + length) else { break };
            at += HEAD + length;
            let text = || Ok::<_, anyhow::Error>(std::str::from_utf8(data)?.to_owned());
            let change = match kind {
                1 => Change::Opened { file, name: text()?, is_new: created != 0 },
                2 => Change::Written { file, offset, data: data.to_vec() },
                3 => Change::Cut { file, length: offset },
                4 => Change::Flushed { file },
                5 => Change::Unlinked { name: text()? },
                6 => Change::FolderFlushed,
                7 => bail!("the disk does not know the call {}", text()?),
                other => bail!("the trace is damaged: an entry {other}"),
            };
            changes.push((u64::try_from(at)?, change));
        }
        ensure!(!changes.is_empty(), "the trace is empty: the library was not loaded");
        Ok(Self(changes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: u32, file: u64, offset: u64, data: &[u8]) -> Vec<u8> {
        let length = data.len() as u64;
        let numbers = [file, offset, length].map(u64::to_le_bytes).concat();
        [&kind.to_le_bytes()[..], &1_u32.to_le_bytes(), &numbers, data].concat()
    }

    #[test]
    fn a_trace_is_read_up_to_an_entry_that_was_cut() {
        let bytes = [entry(1, 7, 0, b"school.db"), entry(2, 7, 3, b"ab"), entry(4, 7, 0, b"")].concat();
        let trace = Trace::parse(&[&bytes[..], &entry(2, 7, 5, b"cd")[..33]].concat()).unwrap();
        let name = "school.db".to_owned();
        let expected = [
            (41, Change::Opened { file: 7, name, is_new: true }),
            (75, Change::Written { file: 7, offset: 3, data: b"ab".to_vec() }),
            (107, Change::Flushed { file: 7 }),
        ];
        assert_eq!(trace.0, expected);
    }

    #[test]
    fn a_call_that_the_disk_does_not_know_is_named() {
        let error = Trace::parse(&entry(7, 0, 0, b"rename")).unwrap_err().to_string();
        assert_eq!(error, "the disk does not know the call rename");
        assert!(Trace::parse(b"").is_err());
    }
}
