//! What a string's context is made of: the store objects that its text refers to.

use std::fmt;

use super::store_path::{StorePath, StorePathError};

/// One element of a string context.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContextElement {
    /// A store object itself, written as its path.
    Opaque(StorePath),
    /// A derivation with everything it takes to build it, written `=path`.
    DrvDeep(StorePath),
    /// One output of a derivation, written `!output!path`.
    Built {
        /// The derivation.
        drv: StorePath,
        /// The name of the output.
        output: String,
    },
}

impl ContextElement {
    /// Reads an encoded element. The paths are base names, without the store's folder.
    pub fn parse(text: &str) -> Result<Self, StorePathError> {
        if let Some(drv) = text.strip_prefix('=') {
            return Ok(Self::DrvDeep(StorePath::from_base_name(drv)?));
        }
        match text.strip_prefix('!').and_then(|rest| rest.split_once('!')) {
            Some((output, drv)) => Ok(Self::Built {
                drv: StorePath::from_base_name(drv)?,
                output: output.into(),
            }),
            None => Ok(Self::Opaque(StorePath::from_base_name(text)?)),
        }
    }

    /// The store object that stands in the element.
    pub fn path(&self) -> &StorePath {
        match self {
            Self::Opaque(path) | Self::DrvDeep(path) | Self::Built { drv: path, .. } => path,
        }
    }
}

impl fmt::Display for ContextElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opaque(path) => write!(f, "{path}"),
            Self::DrvDeep(drv) => write!(f, "={drv}"),
            Self::Built { drv, output } => write!(f, "!{output}!{drv}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let path = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-x";
        for text in [
            path.to_owned(),
            format!("={path}.drv"),
            format!("!bin!{path}.drv"),
        ] {
            let element = ContextElement::parse(&text).unwrap();
            assert_eq!(element.to_string(), text);
            assert!(element.path().to_string().starts_with(path));
        }
        assert!(ContextElement::parse("!x").is_err());
        assert!(ContextElement::parse("=").is_err());
    }
}
