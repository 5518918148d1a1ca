//! The XML of a workbook's parts, looked at before the library reads it. The library keeps styles once for each format that
//! names them, targets once for each sheet, and the whole text of an element: few bytes of a file could take all memory.
//!
//! Elements begin and end here exactly where they do in the library, also in XML that is not well-formed. Where it is not
//! certain what the library makes of it, the part is refused.

use std::mem;

use memchr::memmem;
use memchr::{memchr, memchr3_iter};

use super::archive::MAX_ENTRIES;
use super::refusals::FileRefusal;

/// The most bytes of a tag, and of a text that is between tags. A spreadsheet has at most 32,767 characters in a cell.
const MAX_TEXT_BYTES: usize = 1 << 20;
/// The most bytes of a relationship: its target is a path.
const MAX_PATH_BYTES: usize = 32 << 10;
/// The most formats, fonts, relationships, ... of a workbook. Spreadsheets have at most 65,490 formats.
const MAX_RECORDS: usize = 100_000;
/// The most texts of a workbook.
const MAX_TEXTS: usize = 5_000_000;
/// The most bytes of the names of fonts and of number formats, counted again for each format.
const MAX_NAMES_BYTES: usize = 64 << 20;
/// More than a spreadsheet has: about ten.
const MAX_DEPTH: usize = 100;

/// What of a part has been seen.
#[derive(Debug, Default)]
pub(super) struct Markup {
    /// The beginning of a tag or text that has not ended.
    pending: Vec<u8>,
    depth: usize,
    /// The names of the open elements from the first whose text the library keeps.
    held: Vec<Vec<u8>>,
    /// How many bytes of text the first of them has so far.
    held_bytes: usize,
    sheets: usize,
    texts: usize,
    formats: usize,
    others: usize,
    longest_name: usize,
}

impl Markup {
    /// Looks at the next bytes of a part.
    ///
    /// # Errors
    /// No spreadsheet program writes this.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), FileRefusal> {
        let mut pending = mem::take(&mut self.pending);
        pending.extend_from_slice(bytes);
        let mut at = 0;
        while let Some((start, end)) = next_tag(&pending[at..])? {
            let (text, tag) = (&pending[at..at + start], &pending[at + start..at + end]);
            self.hold(text.len())?;
            self.tag(tag)?;
            at += end;
        }
        pending.drain(..at);
        self.pending = pending;
        ensure(self.pending.len() <= MAX_TEXT_BYTES)
    }

    fn tag(&mut self, tag: &[u8]) -> Result<(), FileRefusal> {
        ensure(tag.len() <= MAX_TEXT_BYTES)?;
        match tag[1] {
            // Perhaps CDATA, which is text.
            b'!' => self.hold(tag.len()),
            b'?' => Ok(()),
            b'/' => {
                self.depth = self.depth.saturating_sub(1);
                if self.held.last().is_some_and(|held| held == tag[2..tag.len() - 1].trim_ascii_end()) {
                    self.held.pop();
                }
                Ok(())
            }
            _ => self.start(tag),
        }
    }

    fn start(&mut self, tag: &[u8]) -> Result<(), FileRefusal> {
        let content = &tag[1..tag.len() - 1];
        let (content, is_empty) =
            content.strip_suffix(b"/").map_or((content, false), |content| (content, true));
        let name = content.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        let local = memchr(b':', name).map_or(name, |colon| &name[colon + 1..]);
        self.count(local, tag)?;
        if !is_empty {
            self.depth += 1;
            ensure(self.depth <= MAX_DEPTH)?;
            if [&b"si"[..], b"is", b"v", b"t", b"f", b"definedName"].contains(&local) {
                if self.held.is_empty() {
                    self.held_bytes = 0;
                }
                ensure(self.held.len() < MAX_DEPTH)?;
                self.held.push(name.to_vec());
            }
        }
        Ok(())
    }

    fn count(&mut self, name: &[u8], tag: &[u8]) -> Result<(), FileRefusal> {
        let (count, most) = match name {
            b"sheet" => (&mut self.sheets, MAX_ENTRIES),
            b"si" => (&mut self.texts, MAX_TEXTS),
            b"xf" => (&mut self.formats, MAX_RECORDS),
            b"font" | b"fill" | b"border" => (&mut self.others, 3 * MAX_RECORDS),
            b"numFmt" | b"name" => {
                self.longest_name = self.longest_name.max(tag.len());
                (&mut self.others, 3 * MAX_RECORDS)
            }
            b"Relationship" => {
                ensure(tag.len() <= MAX_PATH_BYTES)?;
                (&mut self.others, 3 * MAX_RECORDS)
            }
            b"sst" => return ensure(counts_of_texts(tag).all(|count| count <= MAX_TEXTS)),
            _ => return Ok(()),
        };
        *count += 1;
        ensure(*count <= most && self.formats.saturating_mul(self.longest_name) <= MAX_NAMES_BYTES)
    }

    /// Counts what the library keeps of a text.
    fn hold(&mut self, bytes: usize) -> Result<(), FileRefusal> {
        if self.held.is_empty() {
            return Ok(());
        }
        self.held_bytes += bytes;
        if self.held_bytes > MAX_TEXT_BYTES {
            return Err(FileRefusal::too_large(
                "The bytes of a text in a workbook are",
                MAX_TEXT_BYTES as u64,
            ));
        }
        Ok(())
    }
}

fn ensure(is_so: bool) -> Result<(), FileRefusal> {
    if is_so { Ok(()) } else { Err(FileRefusal::damaged_workbook()) }
}

/// Where the next tag starts and ends; `None` if its end is not there yet.
fn next_tag(bytes: &[u8]) -> Result<Option<(usize, usize)>, FileRefusal> {
    let Some(start) = memchr(b'<', bytes) else { return Ok(None) };
    let tag = &bytes[start..];
    let ends_with = |mark: &[u8], from: usize| {
        tag.get(from..).and_then(|rest| memmem::find(rest, mark)).map(|at| from + at + mark.len())
    };
    let end = match tag {
        [_, b'!', b'-', b'-', ..] => ends_with(b"-->", 4),
        [_, b'!', b'[', rest @ ..] if rest.len() >= 6 => {
            ensure(rest.starts_with(b"CDATA["))?;
            ends_with(b"]]>", 9)
        }
        [_, b'!', b'-' | b'['] | [_, b'!', b'[', ..] | [_, b'!'] | [_] => None,
        // A document type, which no spreadsheet has.
        [_, b'!', ..] => return Err(FileRefusal::damaged_workbook()),
        [_, b'?', ..] => ends_with(b"?>", 1),
        _ => end_of_element(tag),
    };
    Ok(end.map(|end| (start, start + end)))
}

/// The end of a tag: the first `>` that is in no value.
fn end_of_element(tag: &[u8]) -> Option<usize> {
    let mut quote = None;
    for at in memchr3_iter(b'>', b'"', b'\'', tag) {
        match quote {
            None if tag[at] == b'>' => return Some(at + 1),
            None => quote = Some(tag[at]),
            Some(open) if open == tag[at] => quote = None,
            Some(_) => {}
        }
    }
    None
}

/// Every `uniqueCount="..."` in a tag. The library reserves memory for as many texts.
fn counts_of_texts(tag: &[u8]) -> impl Iterator<Item = usize> {
    const NAME: &[u8] = b"uniqueCount";
    memmem::find_iter(tag, NAME).map(|at| {
        let is_between = |byte: &&u8| byte.is_ascii_whitespace() || b"=\"'+".contains(byte);
        let value = tag[at + NAME.len()..].iter().skip_while(is_between);
        let digits = value.take_while(|byte| byte.is_ascii_digit());
        digits
            .fold(0, |count: usize, digit| count.saturating_mul(10).saturating_add(usize::from(digit - b'0')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a part, whether it comes at once or byte by byte.
    fn said(part: &str) -> Result<(), &'static str> {
        let code = |result: Result<(), FileRefusal>| result.map_err(|refusal| refusal.code);
        let whole = code(Markup::default().take(part.as_bytes()));
        if part.len() < 10_000 {
            let mut markup = Markup::default();
            assert_eq!(
                code(part.as_bytes().chunks(1).try_for_each(|byte| markup.take(byte))),
                whole,
                "{part}"
            );
        }
        whole
    }

    #[test]
    fn what_spreadsheets_write_is_accepted() {
        for part in [
            "<?xml version=\"1.0\"?>\n<worksheet><!-- > --><sheetData><row r='1'><c t=\"str\"><f>A1>\"\"</f><v>a</v></c></row></sheetData></worksheet>",
            "<sst uniqueCount=\"2\"><si><t/></si><x:si><x:r><x:t><![CDATA[<si>]]></x:t></x:r></x:si></sst>",
            "<a b=\"'>\" c='\">'/>",
        ] {
            assert_eq!(said(part), Ok(()), "{part}");
        }
        let formats = "<xf numFmtId=\"164\"><alignment/></xf>".repeat(65_490);
        assert_eq!(said(&format!("<numFmt formatCode=\"{}\"/>{formats}", "0".repeat(255))), Ok(()));
    }

    #[test]
    fn a_text_in_many_pieces_is_too_large() {
        let runs = "<r><t>aaaaaaaa</t></r>".repeat(140_000);
        for open in ["<is>", "<si><t></si>", "<is><t></is>", "<v>", "<x:is>", "<definedName>"] {
            assert_eq!(said(&format!("{open}{runs}")), Err("too-large"), "{open}");
        }
        assert_eq!(said(&format!("<is></is>{runs}")), Ok(()));
        assert_eq!(said(&"<v>aaaaaaaa</v>".repeat(140_000)), Ok(()));
        assert_eq!(said(&format!("<si>{}", "<r><rPr><b/></rPr><t>a</t></r>".repeat(140_000))), Ok(()));
    }

    #[test]
    fn what_no_spreadsheet_writes_is_refused() {
        let long = "a".repeat(MAX_TEXT_BYTES + 1);
        for part in [
            long.clone(),
            format!("<row a=\"<>{long}"),
            format!("<!--{long}-->"),
            "<!DOCTYPE a>".to_owned(),
            "<![X]]>      ".to_owned(),
            "<a>".repeat(MAX_DEPTH + 1),
            "<sheet/>".repeat(MAX_ENTRIES + 1),
            "<x:xf/>".repeat(MAX_RECORDS + 1),
            format!("<Relationship Target=\"{}\"/>", "a".repeat(MAX_PATH_BYTES)),
            format!("<numFmt formatCode=\"{}\"/>{}", "a".repeat(100_000), "<xf/>".repeat(1_000)),
            "<sst uniqueCount = '99999999999999999999'>".to_owned(),
        ] {
            assert_eq!(said(&part), Err("damaged-workbook"), "{}", &part[..part.len().min(100)]);
        }
    }
}
