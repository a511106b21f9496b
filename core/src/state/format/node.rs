//! [`Node`]: a JSON value of which only what is asked for is taken apart.
//!
//! Most of a log is values that are added as a whole, and of which no later event touches the
//! inside, or that are removed again: they stay the text that they are.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value as Json;
use serde_json::value::RawValue;

/// A JSON value in a text.
#[derive(Clone, Debug)]
pub(in crate::state) enum Node<'a> {
    /// Its text, not taken apart. Scalars never are.
    Text(&'a str),
    Object(BTreeMap<String, Node<'a>>),
    List(Vec<Node<'a>>),
}

impl Default for Node<'_> {
    fn default() -> Self {
        Self::Text("null")
    }
}

impl<'a> From<&'a RawValue> for Node<'a> {
    fn from(value: &'a RawValue) -> Self {
        Self::Text(value.get())
    }
}

impl<'a> Node<'a> {
    /// Takes a container apart, by one level.
    pub fn open(&mut self) -> &mut Self {
        if let Self::Text(text) = *self {
            // What does not parse is no container, and stays what it is.
            if text.starts_with('{') {
                let parts = serde_json::from_str::<BTreeMap<String, &'a RawValue>>(text);
                if let Ok(parts) = parts {
                    let parts = parts.into_iter().map(|(name, part)| (name, part.into()));
                    *self = Self::Object(parts.collect());
                }
            } else if text.starts_with('[')
                && let Ok(parts) = serde_json::from_str::<Vec<&'a RawValue>>(text)
            {
                *self = Self::List(parts.into_iter().map(Node::from).collect());
            }
        }
        self
    }

    /// The attributes, if it is an object.
    pub fn object(&mut self) -> Option<&mut BTreeMap<String, Node<'a>>> {
        match self.open() {
            Self::Object(map) => Some(map),
            _ => None,
        }
    }

    /// The same, for good.
    pub fn into_object(mut self) -> Option<BTreeMap<String, Node<'a>>> {
        self.open();
        match self {
            Self::Object(map) => Some(map),
            _ => None,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Text("null"))
    }

    /// Its text.
    pub fn text(&self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            _ => {
                let mut text = String::new();
                self.write(&mut text);
                Cow::Owned(text)
            }
        }
    }

    /// As JSON; `null` if it is not JSON.
    pub fn to_json(&self) -> Json {
        serde_json::from_str(&self.text()).unwrap_or_default()
    }

    /// How long its text is.
    pub fn len(&self) -> usize {
        let separators = |count: usize| count.saturating_sub(1) + 2;
        match self {
            Self::Text(text) => text.len(),
            Self::List(parts) => {
                separators(parts.len()) + parts.iter().map(Self::len).sum::<usize>()
            }
            Self::Object(parts) => {
                let name = |name: &String| Json::from(name.as_str()).to_string().len();
                let part = |(key, part): (&String, &Self)| name(key) + 1 + part.len();
                separators(parts.len()) + parts.iter().map(part).sum::<usize>()
            }
        }
    }

    /// Appends its text.
    pub fn write(&self, text: &mut String) {
        match self {
            Self::Text(part) => text.push_str(part),
            Self::List(parts) => {
                text.push('[');
                for (index, part) in parts.iter().enumerate() {
                    text.push_str(if index > 0 { "," } else { "" });
                    part.write(text);
                }
                text.push(']');
            }
            Self::Object(parts) => {
                text.push('{');
                for (index, (name, part)) in parts.iter().enumerate() {
                    text.push_str(if index > 0 { "," } else { "" });
                    text.push_str(&Json::from(name.as_str()).to_string());
                    text.push(':');
                    part.write(text);
                }
                text.push('}');
            }
        }
    }
}
