use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type};

use crate::db::Arg;

type BoxError = Box<dyn Error + Sync + Send>;

/// Arguments are sent as text, and the server parses them as the type it expects: in an adopted database a key may be
/// an `integer` where ours are `bigint`, and a text a `varchar` or an enumeration.
impl ToSql for Arg {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        match self {
            Self::Int(Some(value)) => out.extend_from_slice(value.to_string().as_bytes()),
            Self::Text(Some(value)) => out.extend_from_slice(value.as_bytes()),
            Self::Int(None) | Self::Text(None) => return Ok(IsNull::Yes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    fn to_sql_checked(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        self.to_sql(kind, out)
    }
}
