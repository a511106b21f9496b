//! Reads plain JSON text into a [`Value`] at once, without a tree of JSON in between.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::value::{Kind, Number, Value};

/// A value without marks and provenance.
#[derive(Debug, Default)]
pub(super) struct Plain(pub Value);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlainVisitor)
    }
}

struct PlainVisitor;

impl<'de> Visitor<'de> for PlainVisitor {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Plain, E> {
        Ok(Plain::default())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Plain, E> {
        Ok(Plain(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Plain, E> {
        Ok(Plain(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Plain, E> {
        number(&value.to_string())
    }

    fn visit_str<E>(self, text: &str) -> Result<Plain, E> {
        Ok(Plain(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Plain, A::Error> {
        let mut list = Vec::new();
        while let Some(Plain(value)) = elements.next_element()? {
            list.push(value);
        }
        Ok(Plain(Kind::List(list).into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Plain, A::Error> {
        let mut attrs = BTreeMap::new();
        while let Some(name) = entries.next_key::<String>()? {
            if attrs.is_empty() && Some(&name) == NUMBER_KEY.as_ref() {
                return number(&entries.next_value::<String>()?);
            }
            let Plain(value) = entries.next_value()?;
            attrs.insert(name, value);
        }
        Ok(Plain(Kind::Attrs(attrs).into()))
    }
}

fn number<E: Error>(text: &str) -> Result<Plain, E> {
    let number = Number::parse(text)
        .ok_or_else(|| E::custom(format!("the number {text} is out of range")))?;
    Ok(Plain(Kind::Number(number).into()))
}

/// With numbers of any size, serde_json hands a number that is not a small integer over as a map
/// with one entry, whose key it does not tell: it is asked for it.
static NUMBER_KEY: LazyLock<Option<String>> =
    LazyLock::new(|| serde_json::from_str("0.5").ok().map(|KeyOfNumber(key)| key));

struct KeyOfNumber(String);

impl<'de> Deserialize<'de> for KeyOfNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = KeyOfNumber;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number as a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<KeyOfNumber, A::Error> {
                let key = entries.next_key()?.unwrap_or_default();
                entries.next_value::<String>()?;
                Ok(KeyOfNumber(key))
            }
        }

        deserializer.deserialize_any(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_the_json_in_it_would_be() {
        let text = r#"{"n":[0,-7,1.50,1e3,18446744073709551616],"s":"a\n\u00e9","o":{"":null},"b":[true,[],{}]}"#;
        let Plain(value) = serde_json::from_str(text).expect("a value");
        let json = serde_json::from_str(text).expect("json");
        assert_eq!(Value::from_plain_json(&json), Ok(value));
        assert!(NUMBER_KEY.is_some());
        let error = serde_json::from_str::<Plain>("[1e999999]").expect_err("too large");
        assert!(
            error
                .to_string()
                .starts_with("the number 1e+999999 is out of range"),
            "{error}"
        );
    }
}
