//! Changes of markup that keep it well-formed more often than changes of bytes do.

use libfuzzer_sys::fuzzer_mutate;

/// Values that matter to somebody who computes with them.
const VALUES: &str = "0 -1 1 4294967295 4294967296 18446744073709551615 1e308 NaN A0 A1048577 XFE1 D6:A1 A1:XFD1048576 \
    s str inlineStr b d e n true #N/A 2026-03-05T00:00:00";

/// A mutation for `fuzz_mutator!`: an element or an attribute in one of two cases, otherwise bytes.
pub fn mutate_markup(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = Random(u64::from(seed) << 1 | 1);
    let changed = if random.below(2) == 0 { changed(&data[..size], &mut random) } else { None };
    match changed {
        Some(changed) if changed.len() <= max_size => {
            data[..changed.len()].copy_from_slice(&changed);
            changed.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
}

fn changed(data: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let (start, end) = element(data, random)?;
    let part = &data[start..end];
    let (before, after) = (&data[..start], &data[end..]);
    Some(match random.below(4) {
        0 => [before, after].concat(),
        1 => [before, &part.repeat(2 + random.below(6)), after].concat(),
        2 => {
            let (other, other_end) = element(data, random)?;
            [before, &data[other..other_end], after].concat()
        }
        _ => {
            let (from, to) = value(data, start, random)?;
            let value = VALUES.split(' ').nth(random.below(24)).unwrap_or_default();
            [&data[..from], value.as_bytes(), &data[to..]].concat()
        }
    })
}

/// An element: to its end tag if that is there, otherwise its start tag.
fn element(data: &[u8], random: &mut Random) -> Option<(usize, usize)> {
    let near = random.below(data.len().max(1));
    let start = near + data.get(near..)?.iter().position(|byte| *byte == b'<')?;
    let tag = start + data[start..].iter().position(|byte| *byte == b'>')? + 1;
    let name: Vec<u8> = data[start + 1..tag].iter().copied().take_while(u8::is_ascii_alphanumeric).collect();
    let closing = [b"</", &*name, b">"].concat();
    let end = data[tag..].windows(closing.len()).position(|window| window == closing);
    let is_empty = data[..tag].ends_with(b"/>") || name.is_empty();
    Some((start, end.filter(|_| !is_empty).map_or(tag, |end| tag + end + closing.len())))
}

/// The value of an attribute or the text after a tag.
fn value(data: &[u8], start: usize, random: &mut Random) -> Option<(usize, usize)> {
    let (open, close) = if random.below(4) == 0 { (b'>', b'<') } else { (b'"', b'"') };
    let mut from = start;
    for _ in 0..=random.below(3) * if open == close { 2 } else { 1 } {
        from += data[from..].iter().position(|byte| *byte == open)? + 1;
    }
    Some((from, from + data[from..].iter().position(|byte| *byte == close)?))
}

/// Random numbers of a seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % end
    }
}
