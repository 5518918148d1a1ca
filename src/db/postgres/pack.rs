//! Many sets of parameters as one statement over arrays, which costs the server a third of the work.

use tokio_postgres::Statement;
use tokio_postgres::types::{ToSql, Type};

use crate::db::Arg;

/// With fewer sets there is nothing to gain.
pub(super) const MIN_SETS: usize = 4;

/// A parameter of a packed statement.
pub(super) type Array<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// The statement that does for each set of parameters what `sql` does for one; `None` unless it is a read without an
/// order, or an insert of parameters only. A packed read has the number of the set, from 1, as its last column.
pub(super) fn packed(sql: &str, statement: &Statement) -> Option<String> {
    if statement.params().is_empty() {
        return None;
    }
    let kinds: Option<Vec<_>> = statement.params().iter().map(array_type).collect();
    let arrays = kinds?.into_iter().zip(1..).map(|(kind, place)| format!("${place}::{kind}"));
    let rows = format!(
        "unnest({}) with ordinality as given ({}, place)",
        arrays.collect::<Vec<_>>().join(", "),
        (1..=statement.params().len()).map(|place| format!("p{place}")).collect::<Vec<_>>().join(", "),
    );
    // From the last to the first: `$1` is also a prefix of `$10`.
    let each = (1..=statement.params().len())
        .rev()
        .fold(sql.to_owned(), |sql, place| sql.replace(&format!("${place}"), &format!("given.p{place}")));
    if each.starts_with("select ") && !each.contains(" order by ") {
        return Some(format!("select asked.*, given.place from {rows} cross join lateral ({each}) as asked"));
    }
    let (into, values) = each.split_once(" values (")?;
    let values = values.strip_suffix(')').filter(|values| !values.contains(['(', ')']))?;
    into.starts_with("insert into ").then(|| format!("{into} select {values} from {rows}"))
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
