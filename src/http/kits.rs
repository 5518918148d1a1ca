//! How admin kits for React ask for a list: the query parameters of json-server.

use std::str::FromStr;

use serde::Deserialize;
use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::extract::from_text;
use super::invalid::invalid;
use super::paging::PageQuery;
use super::problem::Problem;
use crate::lists::{Direction, Page, WrongWindow};
use crate::registrar::MAX_ID;

/// The parameters of json-server that every list of records takes; `_sort` is a parameter of each list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct KitQuery {
    /// The place of the first row, from 0, as admin kits ask for a page. `limit` is faster for long lists.
    #[serde(rename = "_start", deserialize_with = "from_text")]
    #[param(inline)]
    start: Option<Place>,
    /// The place after the last row, at most 10,000 after `_start`.
    #[serde(rename = "_end", deserialize_with = "from_text")]
    #[param(inline)]
    end: Option<Place>,
    /// The same as `order`.
    #[serde(rename = "_order", deserialize_with = "from_text")]
    #[param(inline)]
    order: Option<KitDirection>,
    /// Only rows with this id; repeat it for several.
    #[serde(rename = "id", deserialize_with = "ids")]
    #[param(value_type = Vec<i64>, inline, required = false)]
    ids: Vec<i64>,
}

impl KitQuery {
    /// Those that may be given more than once.
    pub const REPEATED: &'static [&'static str] = &["id"];

    /// The ids, in ascending order, each once; `None` for all.
    #[must_use]
    pub fn ids(&self) -> Option<Vec<i64>> {
        let mut ids = self.ids.clone();
        ids.sort_unstable();
        ids.dedup();
        (!ids.is_empty()).then_some(ids)
    }

    /// The direction of the list.
    ///
    /// # Errors
    /// If it is given twice.
    pub fn direction(&self, order: Option<Direction>) -> Result<Direction, Problem> {
        one_of("_order", "order", self.order.map(|KitDirection(direction)| direction), order)
    }

    /// The page that is asked for, of a list in `order`.
    ///
    /// # Errors
    /// If it is given in two ways, is none, or the cursor is of another list or order.
    pub fn page(&self, page: PageQuery, order: &str) -> Result<Page, Problem> {
        let refused =
            |parameter, detail| Err(invalid(vec![json!({"parameter": parameter, "detail": detail})]));
        match (&self.start, &self.end) {
            (None, None) => Ok(page.of_list(order)?),
            _ if !page.is_complete() => refused("_end", "is not allowed together with `limit` or `after`"),
            (Some(_), None) => refused("_start", "needs `_end`, the place after the last row"),
            (start, Some(end)) => {
                let from = start.as_ref().map_or(0, |start| start.0);
                Page::window(from, end.0)
                    .or_else(|WrongWindow| refused("_end", "must be larger than `_start`, by at most 10,000"))
            }
        }
    }
}

/// The one of two parameters with the same meaning that is given; the default if neither is.
///
/// # Errors
/// If both are.
pub fn one_of<T: Default>(
    of_kit: &str,
    ours: &str,
    kit_value: Option<T>,
    our_value: Option<T>,
) -> Result<T, Problem> {
    if kit_value.is_some() && our_value.is_some() {
        let detail = format!("means the same as `{ours}`: send one of them");
        return Err(invalid(vec![json!({"parameter": of_kit, "detail": detail})]));
    }
    Ok(kit_value.or(our_value).unwrap_or_default())
}

/// A place in a list, from 0.
#[derive(Debug, ToSchema)]
#[schema(minimum = 0, maximum = 1_000_000_000)]
struct Place(usize);

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let place = digits.then(|| text.parse().ok()).flatten().filter(|place| *place <= 1_000_000_000);
        place.map(Self).ok_or("must be a whole number from 0 to 1,000,000,000")
    }
}

/// A direction as kits write it: some in capitals.
#[derive(Clone, Copy, Debug)]
struct KitDirection(Direction);

impl FromStr for KitDirection {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "asc" | "ASC" => Ok(Self(Direction::Asc)),
            "desc" | "DESC" => Ok(Self(Direction::Desc)),
            _ => Err("must be `asc` or `desc`"),
        }
    }
}

impl ToSchema for KitDirection {}

impl PartialSchema for KitDirection {
    fn schema() -> RefOr<Schema> {
        // Not a list of values: generated clients make names of them that differ in case only.
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^(asc|desc|ASC|DESC)$")).into()
    }
}

fn ids<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<i64>, D::Error> {
    let texts = <Vec<String> as Deserialize>::deserialize(deserializer)?;
    let id = |text: &String| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let id = digits.then(|| text.parse().ok()).flatten().filter(|id| (1..=MAX_ID).contains(id));
        id.ok_or_else(|| serde::de::Error::custom("must be an id, a whole number from 1"))
    };
    texts.iter().map(id).collect()
}
