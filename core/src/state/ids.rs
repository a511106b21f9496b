//! Names that the state gives: [`IntentId`] and [`DeposedKey`].

use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// Names an intent; never used again, by this run or any other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntentId(String);

/// Names an object of a resource that was replaced and is still to be deleted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeposedKey(String);

macro_rules! text {
    ($name:ident) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
text!(IntentId);
text!(DeposedKey);

impl DeposedKey {
    /// A key that is as good as certainly in use nowhere.
    pub fn random() -> Self {
        Self(format!("{:08x}", random() as u32))
    }
}

/// A number that nobody else draws; not for secrets.
///
/// The standard library seeds each [`RandomState`] differently, from the operating system's random
/// numbers, and process and time are mixed in, which spares a dependency.
pub(crate) fn random() -> u64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map(|time| time.as_nanos());
    RandomState::new().hash_one((std::process::id(), now.ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_eight_hexadecimal_digits_and_differ() {
        let (a, b) = (DeposedKey::random(), DeposedKey::random());
        assert_eq!(a.as_str().len(), 8);
        assert!(a.as_str().bytes().all(|b| b.is_ascii_hexdigit()));
        assert_ne!(a, b);
    }
}
