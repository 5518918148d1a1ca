//! What a JSON body is before its fields are read: its members as they stand, and no more of it than a draft can need. A
//! value inside a value takes many times the memory of its text.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A JSON text that keeps an object's members as they stand, so that one that is there twice is seen.
pub(super) enum Document {
    /// The first members, and how many more there are.
    Object(Vec<(String, Value)>, usize),
    Other,
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor { most: MEMBERS })
    }
}

/// The same of an object in an array, of which there may be thousands.
struct Short(Document);

impl<'de> Deserialize<'de> for Short {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor { most: MEMBERS_OF_MANY }).map(Self)
    }
}

/// Members that are kept of an object; no draft has as many, and more are only counted.
const MEMBERS: usize = 1000;

/// The same of each of many objects.
const MEMBERS_OF_MANY: usize = 20;

struct DocumentVisitor {
    /// Members that are kept.
    most: usize,
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
        while members.len() < self.most {
            let Some((name, Flat(value))) = map.next_entry()? else {
                return Ok(Document::Object(members, 0));
            };
            members.push((name, value));
        }
        let mut further = 0;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            further += 1;
        }
        Ok(Document::Object(members, further))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Document, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Document::Other)
    }

    other! { visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str) visit_unit() }
}

/// An array of documents, as far as they are kept; nothing where it is no array.
pub(super) struct DocumentsVisitor {
    /// Documents that are kept; one more says that there are too many.
    pub(super) most: usize,
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
        while documents.len() <= self.most {
            let Some(Short(document)) = seq.next_element()? else { return Ok(Some(documents)) };
            documents.push(document);
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Some(documents))
    }

    none! { visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str) visit_unit() }
}

/// A value of a member. What is in an array or an object is read and forgotten: no draft takes one.
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
    fn nothing_inside_a_value_is_kept() {
        let body = r#"{"a":[[1,2],{"b":3}],"c":{"d":[1]},"e":"f","g":-1,"h":1.5,"i":true,"j":null}"#;
        let Document::Object(members, 0) = serde_json::from_str(body).unwrap() else { panic!("{body}") };
        let kept: Value = members.into_iter().collect::<serde_json::Map<_, _>>().into();
        let flat = r#"{"a":[],"c":{},"e":"f","g":-1,"h":1.5,"i":true,"j":null}"#;
        assert_eq!(kept, serde_json::from_str::<Value>(flat).unwrap());
        assert!(serde_json::from_str::<Document>(r#"{"a":[1,}"#).is_err());
    }
}
