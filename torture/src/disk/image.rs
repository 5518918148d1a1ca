//! What is on a disk that has lost its power: all that was flushed, and by chance some of the rest.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result};
use fastrand::Rng;

use super::trace::Change;

/// What a disk writes whole, if at all; a sector may also be half of each.
const SECTOR: usize = 512;

/// A change of a file that was not flushed.
#[derive(Debug, Clone)]
enum Pending {
    Written { offset: usize, data: Vec<u8> },
    Cut { length: usize },
}

/// A change of the folder that was not flushed.
#[derive(Debug, Clone)]
enum Renaming {
    Created { name: String, file: usize },
    Unlinked { name: String },
}

#[derive(Debug, Default)]
struct File {
    flushed: Vec<u8>,
    pending: Vec<Pending>,
}

/// How much of what was not flushed an image keeps.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Nothing,
    Everything,
    /// Writes up to one of them, in order.
    UpTo(usize),
    /// Each write with this chance.
    Writes(f64),
    /// Each sector with this chance; some are half new.
    Sectors(f64),
}

/// A disk with a power cut ahead.
#[derive(Debug)]
pub(crate) struct Disk {
    files: Vec<File>,
    /// The file that an inode is now.
    inodes: HashMap<u64, usize>,
    /// The files that programs see.
    names: BTreeMap<String, usize>,
    flushed_names: BTreeMap<String, usize>,
    pending_names: Vec<Renaming>,
    /// Flushes do nothing, as with `synchronous=off`.
    ignores_flushes: bool,
}

impl Disk {
    /// A disk on which these files are safe.
    pub(crate) fn new(files: BTreeMap<String, Vec<u8>>) -> Self {
        let names: BTreeMap<String, usize> = files.keys().cloned().zip(0..).collect();
        let files = files.into_values().map(|flushed| File { flushed, pending: Vec::new() }).collect();
        let flushed_names = names.clone();
        Self {
            files,
            inodes: HashMap::new(),
            names,
            flushed_names,
            pending_names: Vec::new(),
            ignores_flushes: false,
        }
    }

    /// The same disk, on which flushes do nothing.
    pub(crate) fn ignoring_flushes(self) -> Self {
        Self { ignores_flushes: true, ..self }
    }

    /// Makes a change.
    ///
    /// # Errors
    /// If it is about a file that was never opened.
    pub(crate) fn apply(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::Opened { file, name, is_new } => {
                if *is_new {
                    let created = self.files.len();
                    self.files.push(File::default());
                    self.names.insert(name.clone(), created);
                    self.pending_names.push(Renaming::Created { name: name.clone(), file: created });
                }
                let known = *self.names.get(name).with_context(|| format!("{name} was not there"))?;
                self.inodes.insert(*file, known);
            }
            Change::Written { file, offset, data } => {
                self.file(*file)?.pending.push(Pending::Written { offset: *offset, data: data.clone() });
            }
            Change::Cut { file, length } => self.file(*file)?.pending.push(Pending::Cut { length: *length }),
            Change::Unlinked { name } => {
                self.names.remove(name);
                self.pending_names.push(Renaming::Unlinked { name: name.clone() });
            }
            Change::Flushed { .. } | Change::FolderFlushed if self.ignores_flushes => {}
            Change::Flushed { file } => {
                let file = self.file(*file)?;
                for pending in std::mem::take(&mut file.pending) {
                    apply(&mut file.flushed, &pending);
                }
            }
            Change::FolderFlushed => {
                for renaming in std::mem::take(&mut self.pending_names) {
                    rename(&mut self.flushed_names, &renaming);
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, inode: u64) -> Result<&mut File> {
        let file = *self.inodes.get(&inode).with_context(|| format!("inode {inode} was not opened"))?;
        Ok(&mut self.files[file])
    }

    /// The files after a power cut at this point.
    pub(crate) fn image(&self, chance: &mut Rng) -> BTreeMap<String, Vec<u8>> {
        let mut names = self.flushed_names.clone();
        for renaming in &self.pending_names {
            if chance.bool() {
                rename(&mut names, renaming);
            }
        }
        // Separately for each file: the log may be lost and the database kept.
        names.into_iter().map(|(name, file)| (name, self.files[file].image(chance))).collect()
    }
}

impl File {
    fn image(&self, chance: &mut Rng) -> Vec<u8> {
        let mut content = self.flushed.clone();
        let often = [0.1, 0.5, 0.9][chance.usize(0..3)];
        let mood = match chance.u8(0..10) {
            0 => Mood::Nothing,
            1 => Mood::Everything,
            2..4 => Mood::UpTo(chance.usize(0..=self.pending.len())),
            4..6 => Mood::Writes(often),
            _ => Mood::Sectors(often),
        };
        for (place, pending) in self.pending.iter().enumerate() {
            let is_kept = match mood {
                Mood::Nothing => false,
                Mood::Everything => true,
                Mood::UpTo(end) => place < end,
                Mood::Writes(often) | Mood::Sectors(often) => chance.f64() < often,
            };
            match (mood, pending) {
                (Mood::Sectors(often), Pending::Written { offset, data }) => {
                    write_some(&mut content, *offset, data, often, chance);
                }
                _ if is_kept => apply(&mut content, pending),
                // The length of a file is safe before its content, or after.
                (_, Pending::Written { offset, data }) if chance.bool() => {
                    let length = content.len().max(offset + data.len());
                    content.resize(length, 0);
                }
                _ => {}
            }
        }
        content
    }
}

/// Writes each sector with a chance; of some only the first bytes.
fn write_some(content: &mut Vec<u8>, offset: usize, data: &[u8], often: f64, chance: &mut Rng) {
    let mut begin = 0;
    while begin < data.len() {
        let end = data.len().min(begin + SECTOR - (offset + begin) % SECTOR);
        let sector = &data[begin..end];
        let kept = match chance.u8(0..16) {
            0 => chance.usize(0..=sector.len()),
            _ if chance.f64() < often => sector.len(),
            _ => 0,
        };
        if kept > 0 {
            write(content, offset + begin, &sector[..kept]);
        }
        begin = end;
    }
}

fn apply(content: &mut Vec<u8>, pending: &Pending) {
    match pending {
        Pending::Written { offset, data } => write(content, *offset, data),
        Pending::Cut { length } => content.resize(*length, 0),
    }
}

fn write(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if end > content.len() {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(data);
}

fn rename(names: &mut BTreeMap<String, usize>, renaming: &Renaming) {
    match renaming {
        Renaming::Created { name, file } => names.insert(name.clone(), *file),
        Renaming::Unlinked { name } => names.remove(name),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(changes: &[Change]) -> Disk {
        let mut disk = Disk::new(BTreeMap::from([("a".to_owned(), b"old".to_vec())]));
        disk.apply(&Change::Opened { file: 1, name: "a".to_owned(), is_new: false }).unwrap();
        for change in changes {
            disk.apply(change).unwrap();
        }
        disk
    }

    fn written(file: u64, offset: usize, data: &[u8]) -> Change {
        Change::Written { file, offset, data: data.to_vec() }
    }

    /// All images of many power cuts.
    fn images(disk: &Disk) -> Vec<BTreeMap<String, Vec<u8>>> {
        let mut chance = Rng::with_seed(1);
        let mut images: Vec<_> = (0..2_000).map(|_| disk.image(&mut chance)).collect();
        images.sort();
        images.dedup();
        images
    }

    #[test]
    fn what_was_flushed_is_there_and_the_rest_may_be() {
        let flushed = [written(1, 0, b"new"), Change::Flushed { file: 1 }];
        assert_eq!(images(&disk(&flushed)), [BTreeMap::from([("a".to_owned(), b"new".to_vec())])]);
        let contents: Vec<_> =
            images(&disk(&flushed[..1])).into_iter().map(|mut image| image.remove("a").unwrap()).collect();
        // Old, new, and some of each.
        assert_eq!(contents, [&b"ned"[..], b"new", b"nld", b"old"]);
    }

    #[test]
    fn sectors_of_one_write_are_lost_one_by_one() {
        let disk = disk(&[written(1, 0, &[1; 2 * SECTOR])]);
        let is_mixed = |image: &BTreeMap<String, Vec<u8>>| {
            let content = &image["a"];
            content.len() == 2 * SECTOR && content[0] != 1 && content[SECTOR] == 1
        };
        assert!(images(&disk).iter().any(is_mixed));
    }

    #[test]
    fn a_file_is_there_for_certain_once_its_folder_was_flushed() {
        let opened = Change::Opened { file: 2, name: "b".to_owned(), is_new: true };
        let has_b =
            |disk: &Disk| images(disk).iter().map(|image| image.contains_key("b")).collect::<Vec<_>>();
        let before = has_b(&disk(&[opened.clone(), Change::Flushed { file: 2 }]));
        assert!(before.contains(&true) && before.contains(&false));
        assert!(!has_b(&disk(&[opened.clone(), Change::FolderFlushed])).contains(&false));
        let gone = [opened, Change::FolderFlushed, Change::Unlinked { name: "b".to_owned() }];
        assert!(has_b(&disk(&gone)).contains(&true));
    }

    #[test]
    fn a_disk_that_ignores_flushes_may_lose_everything() {
        let mut disk = disk(&[]).ignoring_flushes();
        for change in [written(1, 0, b"new"), Change::Flushed { file: 1 }] {
            disk.apply(&change).unwrap();
        }
        assert!(images(&disk).contains(&BTreeMap::from([("a".to_owned(), b"old".to_vec())])));
    }
}
