//! Places in lists, as clients carry them from one page to the next.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::registrar::MAX_ID;

/// A place in a list: the last row of a page, and what is known of the list, so that no page has to find it out again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Which order the list is in; a cursor is good for that order only.
    pub order: String,
    /// What the list is sorted by, when that is not the id.
    pub text: Option<String>,
    /// The last key of the order.
    pub id: i64,
    /// Rows that matched when the list began; `None` where they were not counted. A client can write any number here: it is
    /// told to that client and used for nothing else.
    pub total: Option<i64>,
}

/// The order of a list whose cursors are plain numbers, and whose total is a parameter of its own.
pub const PLAIN: &str = "";

impl Cursor {
    /// As text for `after=`.
    #[must_use]
    pub fn encode(&self) -> String {
        if self.order == PLAIN {
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
    fn a_cursor_comes_back_as_it_was() {
        for (text, total) in [(None, None), (Some("zoë"), Some(0)), (None, Some(MAX_ID))] {
            let cursor = Cursor { order: "a".to_owned(), text: text.map(str::to_owned), id: 7, total };
            assert_eq!(cursor.encode().parse(), Ok(cursor));
        }
    }

    #[test]
    fn a_cursor_without_a_total_is_from_an_earlier_version_and_good() {
        let earlier = BASE64.encode(r#"["a",null,7]"#);
        assert_eq!(earlier.parse(), Ok(Cursor { order: "a".to_owned(), id: 7, ..Cursor::default() }));
    }

    #[test]
    fn a_total_that_no_list_has_is_refused() {
        for total in ["-1", "9007199254740992", "1.5", "\"1\"", "1e99", "99999999999999999999"] {
            let forged = BASE64.encode(format!(r#"["a",null,7,{total}]"#));
            assert!(forged.parse::<Cursor>().is_err(), "{total}");
        }
    }
}
