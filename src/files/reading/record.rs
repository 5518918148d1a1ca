//! One row of a file, as it is read: a buffer that every row of the file uses again.

/// What a spreadsheet says about a cell that its text does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellKind {
    /// Text, and every cell of a delimited file.
    Text,
    /// A number whose text is what the spreadsheet shows.
    Number,
    /// A number that the spreadsheet may show otherwise: with its own format, or with more digits than it keeps.
    UnsureNumber,
    /// A day or a time.
    Date,
}

/// What is wrong with a row before its cells mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowFault {
    /// Text after the closing quote of a cell.
    TextAfterQuote,
    /// A NUL character.
    Nul,
}

/// The most bytes of a row: more than a thousand columns have.
pub(super) const MAX_ROW_BYTES: usize = 1 << 20;

/// One row.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// The physical line on which the row begins, from 1.
    pub(super) line: u32,
    /// What is wrong with it.
    pub(super) fault: Option<RowFault>,
    text: String,
    /// The end of each cell in `text`.
    ends: Vec<usize>,
    /// Empty if all cells are text.
    kinds: Vec<CellKind>,
}

impl Record {
    /// Makes it an empty row that begins on this line.
    pub(super) fn begin(&mut self, line: u32) {
        self.line = line;
        self.fault = None;
        self.text.clear();
        self.ends.clear();
        self.kinds.clear();
    }

    /// Adds text to the cell that is being read.
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Ends the cell that is being read.
    pub(super) fn end_cell(&mut self) {
        self.ends.push(self.text.len());
    }

    /// Adds a whole cell at a column, after empty cells where there is a gap.
    pub(super) fn put(&mut self, column: usize, text: &str, kind: CellKind) {
        while self.ends.len() < column {
            self.end_cell();
            self.kinds.push(CellKind::Text);
        }
        self.push(text);
        self.end_cell();
        self.kinds.push(kind);
    }

    /// Looks for characters that no row may have.
    pub(super) fn check(&mut self) {
        if memchr::memchr(0, self.text.as_bytes()).is_some() {
            self.fault = Some(RowFault::Nul);
        }
    }

    /// How many cells the row has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many bytes of text the row has.
    pub(super) fn size(&self) -> usize {
        self.text.len()
    }

    /// A cell without the blanks around it; empty if the row is shorter.
    pub(super) fn cell(&self, column: usize) -> &str {
        let Some(&end) = self.ends.get(column) else { return "" };
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text[start..end].trim()
    }

    /// Whether a cell has any text, perhaps only blanks.
    pub(super) fn has_text(&self, column: usize) -> bool {
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.ends.get(column).is_some_and(|end| start < *end)
    }

    /// What a spreadsheet says about a cell.
    pub(super) fn kind(&self, column: usize) -> CellKind {
        self.kinds.get(column).copied().unwrap_or(CellKind::Text)
    }

    /// Whether the row is from a delimited text, not from a workbook.
    pub(super) fn is_delimited(&self) -> bool {
        self.kinds.is_empty()
    }

    /// All cells without the blanks around them.
    pub(super) fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|column| self.cell(column))
    }

    /// Whether the row has nothing but blanks.
    pub(super) fn is_blank(&self) -> bool {
        self.fault.is_none() && self.text.trim().is_empty()
    }
}
