//! A JSON body before its fields are read: the members of its object, without nested values except short arrays and
//! objects of scalars, since few drafts need others and they take many times the memory of their text.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::echo::excerpt;

/// A JSON value. The members of an object are a list, so that duplicates can be detected.
pub(super) enum Document {
    /// The first members, and the number of extra members.
    Object(Vec<(String, Value)>, usize),
    Other,
}

impl Document {
    /// Reads a body. `deeper` items of arrays and objects in the objects of its members are stored; 0 for most drafts.
    pub(super) fn read(body: &[u8], deeper: usize) -> Result<Self, serde_json::Error> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let items = Items { max: MAX_ITEMS, deeper };
        let document = json.deserialize_any(DocumentVisitor { max: MAX_MEMBERS, items })?;
        json.end().map(|()| document)
    }
}

/// A [`Document`] with fewer members, for an array of thousands of objects.
struct Short(Document);

impl<'de> Deserialize<'de> for Short {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(DocumentVisitor {
                max: MAX_MEMBERS_IN_ARRAY,
                items: Items { max: MAX_ITEMS_IN_ARRAY, deeper: 0 },
            })
            .map(Self)
    }
}

/// Members of an object that are stored; extra ones are only counted. No draft has as many.
const MAX_MEMBERS: usize = 1000;

/// The same for each object in an array.
const MAX_MEMBERS_IN_ARRAY: usize = 20;

/// Members of an object in a member of it that are stored: an override has one, and one more shows that there are too many.
const MAX_ITEMS_IN_ARRAY: usize = 2;

/// Items of an array, or members of an object, in a member that are stored; one more shows that there are too many.
pub(super) const MAX_ITEMS: usize = 33;

struct DocumentVisitor {
    /// Members that are stored.
    max: usize,
    items: Items,
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
            let Some(name) = map.next_key()? else { return Ok(Document::Object(members, 0)) };
            members.push((name, map.next_value_seed(self.items)?));
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

/// Reads the value of a member: of an array, the first items; of an object, the first members, which must have different
/// names.
#[derive(Clone, Copy)]
struct Items {
    /// Items that are stored.
    max: usize,
    /// Items of items that are stored; 0 if only scalar ones are.
    deeper: usize,
}

impl Items {
    fn of_item(self) -> Self {
        Self { max: self.deeper, deeper: 0 }
    }
}

impl<'de> DeserializeSeed<'de> for Items {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

macro_rules! value {
    ($($visit:ident($value:ty))*) => {
        $(fn $visit<E>(self, value: $value) -> Result<Value, E> { Ok(value.into()) })*
    };
}

impl<'de> Visitor<'de> for Items {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = serde_json::Map::new();
        while members.len() < self.max {
            let Some(name) = map.next_key::<String>()? else { return Ok(Value::Object(members)) };
            let value = map.next_value_seed(self.of_item())?;
            if let Some(name) = members.insert(name.clone(), value).map(|_| name) {
                return Err(A::Error::custom(format!("`{}` is given more than once", excerpt(&name))));
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while items.len() < self.max {
            let Some(item) = seq.next_element_seed(self.of_item())? else { return Ok(Value::Array(items)) };
            items.push(item);
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Array(items))
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
    fn deeply_nested_values_are_discarded() {
        let body = r#"{"a":[[1,2],{"b":3},4,"five"],"c":{"d":[1],"k":"l"},"e":"f","g":-1,"h":1.5,"i":true,"j":null}"#;
        let read = |deeper| -> Value {
            let document = Document::read(body.as_bytes(), deeper).unwrap();
            let Document::Object(members, 0) = document else { panic!("{body}") };
            members.into_iter().collect::<serde_json::Map<_, _>>().into()
        };
        let flat = r#"{"a":[[],{},4,"five"],"c":{"d":[],"k":"l"},"e":"f","g":-1,"h":1.5,"i":true,"j":null}"#;
        assert_eq!(read(0), serde_json::from_str::<Value>(flat).unwrap());
        let deeper = flat.replace("[[],{}", "[[1],{\"b\":3}").replace("\"d\":[]", "\"d\":[1]");
        assert_eq!(read(1), serde_json::from_str::<Value>(&deeper).unwrap());
        for wrong in [r#"{"a":[1,}"#, r#"{"a":{"b":1,"b":2}}"#, "{} {}"] {
            assert!(Document::read(wrong.as_bytes(), 0).is_err(), "{wrong}");
        }
    }
}
