//! Cursors: where the next page of a list begins.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::registrar::MAX_ID;

/// The position of the last row of a page, and the total, so that the next page need not count again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The list and its order; a cursor is valid for that order only.
    pub order: String,
    /// The sort key of the row; `None` if the list is sorted by id alone.
    pub text: Option<String>,
    /// The id of the row, which breaks ties.
    pub id: i64,
    /// The number of rows that matched when the first page was read; `None` if they were not counted. A client can
    /// forge this number, so it is only repeated to that client.
    pub total: Option<i64>,
}

/// The order of lists whose cursors are plain numbers; their total is a separate parameter.
pub const PLAIN_ORDER: &str = "";

impl Cursor {
    /// The cursor as text, for the parameter `after`.
    #[must_use]
    pub fn encode(&self) -> String {
        if self.order == PLAIN_ORDER {
            return self.id.to_string();
        }
        BASE64.encode(serde_json::json!([self.order, self.text, self.id, self.total]).to_string())
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = || {
            let json = BASE64.decode(text).ok()?;
            let with_total = serde_json::from_slice(&json).ok();
            // Cursors of earlier versions have no total.
            with_total.or_else(|| {
                let (order, text, id) = serde_json::from_slice(&json).ok()?;
                Some((order, text, id, None))
            })
        };
        let (order, text, id, total): (_, _, _, Option<i64>) =
            parts().ok_or("must be a cursor from a `Link` header of this list")?;
        if total.is_some_and(|total| !(0..=MAX_ID).contains(&total)) {
            return Err("must be a cursor from a `Link` header of this list");
        }
        Ok(Self { order, text, id, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_encoding_and_parsing() {
        for (text, total) in [(None, None), (Some("zoë"), Some(0)), (None, Some(MAX_ID))] {
            let cursor = Cursor { order: "a".to_owned(), text: text.map(str::to_owned), id: 7, total };
            assert_eq!(cursor.encode().parse(), Ok(cursor));
        }
    }

    #[test]
    fn a_cursor_of_an_earlier_version_without_a_total_is_valid() {
        let earlier = BASE64.encode(r#"["a",null,7]"#);
        assert_eq!(earlier.parse(), Ok(Cursor { order: "a".to_owned(), id: 7, ..Cursor::default() }));
    }

    #[test]
    fn a_cursor_with_an_impossible_total_is_refused() {
        for total in ["-1", "9007199254740992", "1.5", "\"1\"", "1e99", "99999999999999999999"] {
            let forged = BASE64.encode(format!(r#"["a",null,7,{total}]"#));
            assert!(forged.parse::<Cursor>().is_err(), "{total}");
        }
    }
}
