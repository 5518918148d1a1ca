//! Many sets of parameters as one statement over arrays, which costs the server a third of the work.

use std::ops::RangeInclusive;

use tokio_postgres::Statement;
use tokio_postgres::types::{ToSql, Type};

use crate::db::{Arg, Insert};

/// With fewer sets there is nothing to gain.
pub(super) const MIN_SETS: usize = 4;

/// A parameter of a packed statement.
pub(super) type Array<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// The statement that reads for each set of parameters what `select` reads for one, in any order. Its last column is
/// the number of the set, from 1. `None` if it has no parameters, or parameters that cannot be sent as arrays.
pub(super) fn select(select: &str, statement: &Statement) -> Option<String> {
    let (rows, places) = given_rows(statement)?;
    // From the last to the first: `$1` is also a prefix of `$10`.
    let each = places
        .rev()
        .fold(select.to_owned(), |sql, place| sql.replace(&format!("${place}"), &format!("given.p{place}")));
    Some(format!("select asked.*, given.place from {rows} cross join lateral ({each}) as asked"))
}

/// The statement that inserts a row for each set of parameters; `None` as in [`select`].
pub(super) fn insert(insert: &Insert, statement: &Statement) -> Option<String> {
    let (rows, places) = given_rows(statement)?;
    let values: Vec<_> = places.map(|place| format!("given.p{place}")).collect();
    Some(insert.rows_of(&values.join(", "), &rows))
}

/// The sets of parameters as rows of columns `given.p1`, `given.p2`, ... and `given.place`; and the places of the
/// parameters.
fn given_rows(statement: &Statement) -> Option<(String, RangeInclusive<usize>)> {
    let places = 1..=statement.params().len();
    if places.is_empty() {
        return None;
    }
    let kinds: Option<Vec<_>> = statement.params().iter().map(array_type).collect();
    let arrays = kinds?.into_iter().zip(1..).map(|(kind, place)| format!("${place}::{kind}"));
    let names: Vec<_> = places.clone().map(|place| format!("p{place}")).collect();
    let rows = format!(
        "unnest({}) with ordinality as given ({}, place)",
        arrays.collect::<Vec<_>>().join(", "),
        names.join(", "),
    );
    Some((rows, places))
}

/// The sets transposed: an array for each parameter. `None` if a value does not have its parameter's type.
pub(super) fn arrays<'a>(sets: &'a [Vec<Arg>], statement: &Statement) -> Option<Vec<Array<'a>>> {
    let array = |(place, kind): (usize, &Type)| -> Option<Array<'a>> {
        let column = sets.iter().map(|set| set.get(place));
        Some(match array_type(kind)? {
            INTEGERS => Box::new(column.map(integer).collect::<Result<Vec<_>, _>>().ok()?),
            _ => Box::new(column.map(text).collect::<Result<Vec<_>, _>>().ok()?),
        })
    };
    statement.params().iter().enumerate().map(array).collect()
}

const INTEGERS: &str = "int8[]";
const TEXTS: &str = "text[]";

fn array_type(kind: &Type) -> Option<&'static str> {
    match *kind {
        Type::INT2 | Type::INT4 | Type::INT8 => Some(INTEGERS),
        Type::TEXT | Type::VARCHAR => Some(TEXTS),
        _ => None,
    }
}

struct WrongType;

fn integer(arg: Option<&Arg>) -> Result<Option<i64>, WrongType> {
    if let Some(Arg::Int(value)) = arg { Ok(*value) } else { Err(WrongType) }
}

fn text(arg: Option<&Arg>) -> Result<Option<&str>, WrongType> {
    if let Some(Arg::Text(value)) = arg { Ok(value.as_deref()) } else { Err(WrongType) }
}
