//! The texts of all records, sorted, to be searched by their words.

use std::sync::OnceLock;

use crate::db::DbError;
use crate::lists::{Rank, Searchable, Texts};
use crate::text::{collation, folded};

/// Separates texts. Nobody can search for it.
const SEPARATOR: char = '\u{1f}';

/// The texts of all records in two buffers, and the positions of each record's texts. There is no allocation per record.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// For each record its three folded texts, each followed by a separator.
    pub(super) folded: String,
    /// Where the first two folded texts of each record end.
    pub(super) middles: Vec<[u32; 2]>,
    /// Where each record's folded texts end and the next record's begin.
    pub(super) ends: Vec<u32>,
    /// The texts by which lists are sorted, as they are written, unless that is how they are folded.
    written: String,
    /// Where the two written texts of each record end.
    written_ends: Vec<[u32; 2]>,
    /// The letters of each record: see [`letters`].
    pub(super) letters: Vec<u64>,
    pub(super) ids: Vec<i64>,
    /// Whether the record is still there.
    pub(super) alive: Vec<bool>,
    /// The existing records in the order of their ids.
    by_id: Vec<u32>,
    /// The same in the order of each text that lists are sorted by, once somebody asks for it: it takes longer than all
    /// the rest.
    by_text: [OnceLock<Vec<u32>>; 2],
}

/// The texts by which a list can be sorted, besides the id.
const TEXTS_TO_SORT_BY: [usize; 2] = [0, 1];

impl Index {
    /// The text by which pages sort what a search finds.
    pub(super) const BY_NAME: usize = 0;

    #[cfg(test)]
    pub(super) fn new(records: &[Texts]) -> Result<Self, DbError> {
        let mut index = Self::default();
        for record in records {
            index.push(record)?;
        }
        index.finish();
        Ok(index)
    }

    /// Appends a record to an index that is being made, in any order; [`Index::finish`] ends it.
    pub(super) fn push(&mut self, record: &impl Searchable) -> Result<(), DbError> {
        self.append(record).map(|_| ())
    }

    /// Ends what [`Index::push`] began.
    pub(super) fn finish(&mut self) {
        self.folded.shrink_to_fit();
        self.written.shrink_to_fit();
        self.middles.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.written_ends.shrink_to_fit();
        self.letters.shrink_to_fit();
        self.ids.shrink_to_fit();
        self.alive.shrink_to_fit();
        self.by_id = (0..).take(self.ids.len()).collect();
        let ids = &self.ids;
        self.by_id.sort_unstable_by_key(|number| ids[*number as usize]);
    }

    /// The number of existing records.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether a list in the order of this text is ready.
    pub(super) fn is_sorted(&self, text: usize) -> bool {
        self.by_text[text].get().is_some()
    }

    /// Whether much of it is about records that are gone.
    pub(super) fn is_worn(&self) -> bool {
        self.ids.len() - self.len() > 1_000 + self.ids.len() / 4
    }

    /// All existing records in the order of a text.
    fn sorted(&self, text: usize) -> Vec<u32> {
        // Keys of the collation are compared much faster than texts. The first bytes, stored next to each entry, settle
        // most comparisons without a cache miss.
        let (mut keys, mut ends) = (Vec::new(), Vec::with_capacity(self.by_id.len()));
        for number in &self.by_id {
            collation::write_key(self.written(text, *number), &mut keys);
            ends.push(keys.len());
        }
        let key = |place: usize| &keys[place.checked_sub(1).map_or(0, |before| ends[before])..ends[place]];
        let mut order: Vec<_> = (0..self.by_id.len()).map(|place| (first_bytes(key(place)), place)).collect();
        order.sort_unstable_by(|(first, one), (other_first, other)| {
            first.cmp(other_first).then_with(|| key(*one).cmp(key(*other))).then_with(|| {
                let written = |place: usize| self.written(text, self.by_id[place]);
                // Places are in the order of ids.
                written(*one).cmp(written(*other)).then_with(|| one.cmp(other))
            })
        });
        order.into_iter().map(|(_, place)| self.by_id[place]).collect()
    }

    /// Appends a record's texts without adding the record to the orders.
    fn append(&mut self, record: &impl Searchable) -> Result<u32, DbError> {
        let number = to_u32(self.ids.len())?;
        let (mut middles, mut written_ends) = ([0; 2], [0; 2]);
        let begin = self.folded.len();
        for (place, text) in record.texts().into_iter().enumerate() {
            let text = text.unwrap_or_default();
            let folded = folded(text);
            self.folded.push_str(&folded);
            if let Some(middle) = middles.get_mut(place) {
                *middle = to_u32(self.folded.len())?;
                if folded != text {
                    self.written.push_str(text);
                }
                written_ends[place] = to_u32(self.written.len())?;
            }
            self.folded.push(SEPARATOR);
        }
        self.ends.push(to_u32(self.folded.len())?);
        self.letters.push(letters(&self.folded[begin..]));
        self.middles.push(middles);
        self.written_ends.push(written_ends);
        self.ids.push(record.id());
        self.alive.push(true);
        Ok(number)
    }

    /// Removes the records with these ids, as far as they are in the index, and adds these records; a record that has
    /// changed is in both.
    pub(super) fn update(&mut self, ids: &[i64], records: &[impl Searchable]) -> Result<(), DbError> {
        let mut removed: Vec<_> = ids.iter().filter_map(|id| self.find(*id)).collect();
        removed.sort_unstable();
        removed.dedup();
        let added = records.iter().map(|record| self.append(record)).collect::<Result<Vec<_>, _>>()?;
        // Both from the orders as they are: places are found by them.
        let by_id = self.updated_order(None, &removed, &added);
        let by_text = TEXTS_TO_SORT_BY.map(|text| {
            let order = self.is_sorted(text).then(|| self.updated_order(Some(text), &removed, &added));
            order.map_or_else(OnceLock::new, OnceLock::from)
        });
        (self.by_id, self.by_text) = (by_id, by_text);
        for number in removed {
            self.alive[number as usize] = false;
        }
        Ok(())
    }

    /// An order without some of its records and with some others. What is between them is copied as it is.
    fn updated_order(&self, sort: Option<usize>, removed: &[u32], added: &[u32]) -> Vec<u32> {
        let mut added = added.to_vec();
        added
            .sort_unstable_by(|one, other| self.rank(sort, *one).compare_ascending(&self.rank(sort, *other)));
        let added = added.into_iter().map(|number| (self.place_of(sort, number), Some(number)));
        let removed = removed.iter().map(|number| (self.place_of(sort, *number), None));
        let mut edits: Vec<_> = added.chain(removed).collect();
        // What is added at a place comes before what is removed there; the sort keeps the order of what is added.
        edits.sort_by_key(|(place, number)| (*place, number.is_none()));
        let order = self.order(sort);
        let (mut updated, mut copied) = (Vec::with_capacity(order.len() + edits.len()), 0);
        for (place, number) in edits {
            updated.extend_from_slice(&order[copied..place]);
            copied = if number.is_none() { place + 1 } else { place };
            updated.extend(number);
        }
        updated.extend_from_slice(&order[copied..]);
        updated
    }

    pub(super) fn find(&self, id: i64) -> Option<u32> {
        let order = self.order(None);
        let at = order.partition_point(|number| self.ids[*number as usize] < id);
        order.get(at).copied().filter(|number| self.ids[*number as usize] == id)
    }

    /// The largest id; `None` without records.
    pub(super) fn last_id(&self) -> Option<i64> {
        self.order(None).last().map(|number| self.ids[*number as usize])
    }

    /// The existing records in this order.
    pub(super) fn order(&self, sort: Option<usize>) -> &[u32] {
        sort.map_or(&self.by_id, |text| self.by_text[text].get_or_init(|| self.sorted(text)))
    }

    /// Where a record is in an order, or belongs.
    fn place_of(&self, sort: Option<usize>, number: u32) -> usize {
        let rank = self.rank(sort, number);
        self.partition_point(sort, |other| other.compare_ascending(&rank).is_lt())
    }

    /// Partition point: entries before the first that does not satisfy the predicate.
    pub(super) fn partition_point(&self, sort: Option<usize>, is_before: impl Fn(Rank<'_>) -> bool) -> usize {
        self.order(sort).partition_point(|number| is_before(self.rank(sort, *number)))
    }

    /// Where a record stands, if it is not exactly what was typed.
    pub(super) fn rank(&self, sort: Option<usize>, number: u32) -> Rank<'_> {
        let text = sort.map_or("", |sort| self.written(sort, number));
        Rank { is_exact: false, text, position: self.ids[number as usize] }
    }

    /// A text that lists are sorted by, as it is written.
    fn written(&self, place: usize, number: u32) -> &str {
        let one = number as usize;
        let begin = match place.checked_sub(1) {
            Some(before) => self.written_ends[one][before],
            None => one.checked_sub(1).map_or(0, |before| self.written_ends[before][1]),
        };
        let written = &self.written[begin as usize..self.written_ends[one][place] as usize];
        if written.is_empty() { self.folded(place, number) } else { written }
    }

    /// A folded text.
    pub(super) fn folded(&self, place: usize, number: u32) -> &str {
        let one = number as usize;
        let begin = match place.checked_sub(1) {
            Some(before) => self.middles[one][before] as usize + 1,
            None => self.begin(one),
        };
        let end = self.middles[one].get(place).map_or(self.ends[one] as usize - 1, |end| *end as usize);
        &self.folded[begin..end]
    }

    /// Where the folded texts of a record begin.
    pub(super) fn begin(&self, one: usize) -> usize {
        one.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }

    /// Whether a record is as the index has it.
    pub(super) fn is_same(&self, number: u32, record: &Texts) -> bool {
        let [one, second, external_id] = record.texts().map(Option::unwrap_or_default);
        self.written(0, number) == one
            && self.written(1, number) == second
            && self.folded(2, number) == folded(external_id)
    }
}

/// The set of the letters of a folded text, as bits: each of a to z and 0 to 9 has its own, all others share the rest. A text
/// has the letters of everything that occurs in it.
pub(super) fn letters(folded: &str) -> u64 {
    folded.bytes().fold(0, |letters, byte| letters | 1 << place_of_letter(byte))
}

/// Whether a text is a single letter that has a bit of its own in [`letters`].
pub(super) fn is_plain_letter(text: &str) -> bool {
    matches!(text.as_bytes(), [b'a'..=b'z' | b'0'..=b'9'])
}

fn place_of_letter(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => byte - b'a',
        b'0'..=b'9' => byte - b'0' + 26,
        _ => 36 + byte % 28,
    }
}

/// The first bytes of a key as a number in the same order; different keys may have the same one.
fn first_bytes(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    for (to, byte) in bytes.iter_mut().zip(key) {
        *to = *byte;
    }
    u128::from_be_bytes(bytes)
}

fn to_u32(number: usize) -> Result<u32, DbError> {
    u32::try_from(number).map_err(|_| DbError::Engine("the names of all records exceed 4 GiB".to_owned()))
}
