//! A JSON body before its fields are read: the members of its object, without nested values, which no draft needs and
//! which take many times the memory of their text.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A JSON value. The members of an object are a list, so that duplicates can be detected.
pub(super) enum Document {
    /// The first members, and the number of extra members.
    Object(Vec<(String, Value)>, usize),
    Other,
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor { max: MAX_MEMBERS })
    }
}

/// A [`Document`] with fewer members, for an array of thousands of objects.
struct Short(Document);

impl<'de> Deserialize<'de> for Short {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor { max: MAX_MEMBERS_IN_ARRAY }).map(Self)
    }
}

/// Members of an object that are stored; extra ones are only counted. No draft has as many.
const MAX_MEMBERS: usize = 1000;

/// The same for each object in an array.
const MAX_MEMBERS_IN_ARRAY: usize = 20;

struct DocumentVisitor {
    /// Members that are stored.
    max: usize,
}

macro_rules! other {
    ($($visit:ident($($value:ty)?))*) => {
        $(fn $visit<E>(self $(, _: $value)?) -> Result<Document, E> { Ok(Document::Other) })*
    };
}

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut members = Vec::new();
        while members.len() < self.max {
            let Some((name, Flat(value))) = map.next_entry()? else {
                return Ok(Document::Object(members, 0));
            };
            members.push((name, value));
        }
        let mut extra = 0;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            extra += 1;
        }
        Ok(Document::Object(members, extra))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Document, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Document::Other)
    }

    other! { visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str) visit_unit() }
}

/// Reads an array of documents; `None` if the value is not an array.
pub(super) struct DocumentsVisitor {
    /// Documents that are allowed. One more is stored, which shows that there are too many.
    pub(super) max: usize,
}

macro_rules! none {
    ($($visit:ident($($value:ty)?))*) => {
        $(fn $visit<E>(self $(, _: $value)?) -> Result<Self::Value, E> { Ok(None) })*
    };
}

impl<'de> Visitor<'de> for DocumentsVisitor {
    type Value = Option<Vec<Document>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut documents = Vec::new();
        while documents.len() <= self.max {
            let Some(Short(document)) = seq.next_element()? else { return Ok(Some(documents)) };
            documents.push(document);
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Some(documents))
    }

    none! { visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str) visit_unit() }
}

/// The value of a member. The contents of an array or an object are discarded: no draft takes one.
struct Flat(Value);

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlatVisitor).map(Self)
    }
}

struct FlatVisitor;

macro_rules! value {
    ($($visit:ident($value:ty))*) => {
        $(fn $visit<E>(self, value: $value) -> Result<Value, E> { Ok(value.into()) })*
    };
}

impl<'de> Visitor<'de> for FlatVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object(serde_json::Map::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Array(Vec::new()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    value! { visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str) visit_string(String) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_are_discarded() {
        let body = r#"{"a":[[1,2],{"b":3}],"c":{"d":[1]},"e":"f","g":-1,"h":1.5,"i":true,"j":null}"#;
        let Document::Object(members, 0) = serde_json::from_str(body).unwrap() else { panic!("{body}") };
        let read: Value = members.into_iter().collect::<serde_json::Map<_, _>>().into();
        let flat = r#"{"a":[],"c":{},"e":"f","g":-1,"h":1.5,"i":true,"j":null}"#;
        assert_eq!(read, serde_json::from_str::<Value>(flat).unwrap());
        assert!(serde_json::from_str::<Document>(r#"{"a":[1,}"#).is_err());
    }
}
