//! Strings of bytes, and the store paths they refer to.

use std::{
    borrow::{Borrow, Cow},
    collections::BTreeSet,
    fmt,
    hash::{Hash, Hasher},
    rc::Rc,
};

use crate::heap::Slice;

/// What a string refers to in the store.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ContextElement {
    /// A store path.
    Opaque(Rc<str>),
    /// A derivation with everything it needs (`drvPath`).
    Deep(Rc<str>),
    /// One output of a derivation.
    Built {
        /// The derivation's store path.
        derivation: Rc<str>,
        /// The output's name.
        output: Rc<str>,
    },
}

/// The context of a string: never empty where there is one.
pub type Context = BTreeSet<ContextElement>;

/// An immutable string of bytes with an optional context, one word wide.
///
/// Bytes, not characters, because Nix's own strings are: `substring` may cut anywhere.
#[derive(Clone)]
pub struct Str(pub(super) Slice<Option<Rc<Context>>, u8>);

impl Str {
    /// The longest string there is.
    pub(crate) const MAX_LEN: usize = u32::MAX as usize;

    /// A string without context.
    pub fn new(bytes: impl AsRef<[u8]>) -> Str {
        Str(Slice::from_slice(None, bytes.as_ref()))
    }

    /// A string with this context.
    pub fn with_context(bytes: impl AsRef<[u8]>, context: Context) -> Str {
        let context = if context.is_empty() {
            None
        } else {
            Some(Rc::new(context))
        };
        Str(Slice::from_slice(context, bytes.as_ref()))
    }

    /// A string with a context that is shared already.
    pub(crate) fn with_shared_context(bytes: &[u8], context: Option<Rc<Context>>) -> Str {
        Str(Slice::from_slice(context, bytes))
    }

    /// The same text without context; free where there is none.
    pub fn without_context(&self) -> Str {
        if self.context().is_none() {
            self.clone()
        } else {
            Str::new(self.as_bytes())
        }
    }

    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, with what is not UTF-8 replaced.
    pub fn to_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// The context, if any.
    #[inline]
    pub fn context(&self) -> Option<&Rc<Context>> {
        self.0.head().as_ref()
    }
}

impl PartialEq for Str {
    /// Compares the text only.
    fn eq(&self, other: &Str) -> bool {
        self.0.ptr_eq(&other.0) || self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Str {}

impl Hash for Str {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl Borrow<[u8]> for Str {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Str {
        Str::new(text)
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_text())
    }
}
