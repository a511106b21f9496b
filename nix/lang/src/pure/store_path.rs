//! The names that Nix gives to store objects, computed from what they hold.

use std::collections::BTreeSet;
use std::fmt;

use super::hash::{Algorithm, Format, Hash, nix32};

/// Characters of a store path's hash part.
const HASH_LENGTH: usize = 32;

/// The longest name a store object can have.
const MAX_NAME: usize = 211;

/// Why something is not the name of a store object, in Nix's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorePathError {
    /// No room for the hash and a name.
    #[error("'{0}' is too short to be a valid store path")]
    TooShort(String),
    /// Not in the store's folder.
    #[error("path '{0}' is not in the Nix store")]
    NotInStore(String),
    /// The hash part is not Nix's base 32.
    #[error("path '{path}' is not a valid store path: illegal base-32 character '{character}'")]
    BadHash {
        /// The whole base name.
        path: String,
        /// The first wrong character.
        character: char,
    },
    /// The name part breaks the rules.
    #[error("path '{path}' is not a valid store path: {problem}")]
    BadName {
        /// The whole base name.
        path: String,
        /// Which rule.
        problem: NameError,
    },
}

/// Why a store object cannot have a name, in Nix's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty.
    #[error("name must not be empty")]
    Empty,
    /// It is too long.
    #[error("name '{0}' must be no longer than 211 characters")]
    TooLong(String),
    /// It is `.` or `..`.
    #[error("name '{0}' is not valid")]
    Dots(String),
    /// It begins with `.-` or `..-`.
    #[error("name '{0}' is not valid: first dash-separated component must not be '{1}'")]
    DotsDash(String, &'static str),
    /// It has a character outside `0-9a-zA-Z+-._?=`.
    #[error("name '{0}' contains illegal character '{1}'")]
    Character(String, char),
}

/// Checks the name of a store object.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let own = || name.to_owned();
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "+-._?=".contains(*c);
    match name {
        "" => Err(NameError::Empty),
        _ if name.len() > MAX_NAME => Err(NameError::TooLong(own())),
        "." | ".." => Err(NameError::Dots(own())),
        _ if name.starts_with(".-") => Err(NameError::DotsDash(own(), ".")),
        _ if name.starts_with("..-") => Err(NameError::DotsDash(own(), "..")),
        _ => match name.chars().find(|c| !allowed(c)) {
            Some(bad) => Err(NameError::Character(own(), bad)),
            None => Ok(()),
        },
    }
}

/// A store object's base name: 32 characters of hash, a dash and a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath(Box<str>);

impl StorePath {
    /// Checks a base name.
    pub fn from_base_name(text: &str) -> Result<Self, StorePathError> {
        if text.len() < HASH_LENGTH + 1 {
            return Err(StorePathError::TooShort(text.into()));
        }
        let wrong =
            |c: &char| !c.is_ascii_alphanumeric() || "eotu".contains(*c) || c.is_uppercase();
        let hash = text.char_indices().take_while(|(at, _)| *at < HASH_LENGTH);
        if let Some(character) = hash.map(|(_, c)| c).find(wrong) {
            return Err(StorePathError::BadHash {
                path: text.into(),
                character,
            });
        }
        let path = || text.to_owned();
        // A character of several bytes in place of the dash is as wrong in the name.
        let name = text.get(HASH_LENGTH + 1..);
        let name = name.unwrap_or(&text[HASH_LENGTH..]);
        check_name(name).map_err(|problem| StorePathError::BadName {
            path: path(),
            problem,
        })?;
        Ok(Self(text.into()))
    }

    /// The base name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part that is computed.
    pub fn hash_part(&self) -> &str {
        &self.0[..HASH_LENGTH]
    }

    /// The part that was given.
    pub fn name(&self) -> &str {
        &self.0[HASH_LENGTH + 1..]
    }

    /// Whether it is the name of a derivation.
    pub fn is_derivation(&self) -> bool {
        self.0.ends_with(".drv")
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the hash of a fixed output is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Of the file's bytes.
    Flat,
    /// Of the NAR serialization.
    Recursive,
    /// Of a text with its references.
    Text,
}

impl Method {
    /// What stands before the algorithm's name in derivations and fingerprints.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Flat => "",
            Self::Recursive => "r:",
            Self::Text => "text:",
        }
    }
}

/// The folder all store objects are in; part of their names' hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreDir(String);

impl Default for StoreDir {
    fn default() -> Self {
        Self("/nix/store".into())
    }
}

impl StoreDir {
    /// A store at another place, without a slash at its end.
    pub fn new(folder: impl Into<String>) -> Self {
        Self(folder.into())
    }

    /// The folder.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The full path of a store object.
    pub fn print(&self, path: &StorePath) -> String {
        format!("{}/{path}", self.0)
    }

    /// Reads the full path of a store object, with nothing behind its name.
    pub fn parse(&self, text: &str) -> Result<StorePath, StorePathError> {
        let inside = text
            .strip_prefix(&self.0)
            .and_then(|rest| rest.strip_prefix('/'));
        match inside {
            Some(base) if !base.contains('/') => StorePath::from_base_name(base),
            _ => Err(StorePathError::NotInStore(text.into())),
        }
    }

    /// Splits a path into its store object and what follows inside that.
    pub fn split<'a>(&self, text: &'a str) -> Result<(StorePath, &'a str), StorePathError> {
        let inside = text
            .strip_prefix(&self.0)
            .and_then(|rest| rest.strip_prefix('/'));
        let inside = inside.ok_or_else(|| StorePathError::NotInStore(text.into()))?;
        let end = inside.find('/').unwrap_or(inside.len());
        Ok((StorePath::from_base_name(&inside[..end])?, &inside[end..]))
    }

    /// The name of a text that refers to other store objects, such as a derivation.
    pub fn text(
        &self,
        name: &str,
        content: &[u8],
        references: &BTreeSet<StorePath>,
    ) -> Result<StorePath, StorePathError> {
        let kind = self.with_references("text", references);
        self.make(&kind, &Algorithm::Sha256.hash(content), name)
    }

    /// The name of an object known by the hash of its content.
    pub fn fixed(
        &self,
        name: &str,
        method: Method,
        hash: &Hash,
        references: &BTreeSet<StorePath>,
    ) -> Result<StorePath, StorePathError> {
        match (method, hash.algorithm()) {
            (Method::Text, _) => self.make(&self.with_references("text", references), hash, name),
            (Method::Recursive, Algorithm::Sha256) => {
                self.make(&self.with_references("source", references), hash, name)
            }
            _ => {
                let content = hash.format_with_algorithm(Format::Base16);
                let text = format!("fixed:out:{}{content}:", method.prefix());
                self.make("output:out", &Algorithm::Sha256.hash(text.as_bytes()), name)
            }
        }
    }

    /// The name of an input-addressed output; `hash` is that of the derivation modulo its fixed
    /// outputs.
    pub fn output(
        &self,
        output: &str,
        hash: &Hash,
        derivation_name: &str,
    ) -> Result<StorePath, StorePathError> {
        self.make(
            &format!("output:{output}"),
            hash,
            &output_path_name(derivation_name, output),
        )
    }

    fn with_references(&self, kind: &str, references: &BTreeSet<StorePath>) -> String {
        let mut text = kind.to_owned();
        for path in references {
            text.push(':');
            text.push_str(&self.print(path));
        }
        text
    }

    fn make(&self, kind: &str, hash: &Hash, name: &str) -> Result<StorePath, StorePathError> {
        let content = hash.format_with_algorithm(Format::Base16);
        let fingerprint = format!("{kind}:{content}:{}:{name}", self.0);
        let digest = Algorithm::Sha256.hash(fingerprint.as_bytes());
        StorePath::from_base_name(&format!("{}-{name}", nix32(&fold(digest.bytes()))))
    }
}

/// A hash made shorter: 20 bytes, the others laid over them.
fn fold(bytes: &[u8]) -> [u8; 20] {
    let mut folded = [0; 20];
    for (index, byte) in bytes.iter().enumerate() {
        folded[index % 20] ^= byte;
    }
    folded
}

/// The name of a derivation's output: that of the derivation, and of the output unless it is
/// `out`.
pub fn output_path_name(derivation: &str, output: &str) -> String {
    if output == "out" {
        derivation.to_owned()
    } else {
        format!("{derivation}-{output}")
    }
}

/// What stands for an output's path inside its own derivation while the path is not known.
pub fn placeholder(output: &str) -> String {
    let text = format!("nix-output:{output}");
    format!(
        "/{}",
        nix32(Algorithm::Sha256.hash(text.as_bytes()).bytes())
    )
}

/// What stands for an output's path in other derivations while the path is not known.
pub fn downstream_placeholder(derivation: &StorePath, output: &str) -> String {
    let name = derivation.name();
    let name = output_path_name(name.strip_suffix(".drv").unwrap_or(name), output);
    let text = format!("nix-upstream-output:{}:{name}", derivation.hash_part());
    format!(
        "/{}",
        nix32(Algorithm::Sha256.hash(text.as_bytes()).bytes())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(path: Result<StorePath, StorePathError>) -> String {
        path.unwrap().to_string()
    }

    #[test]
    fn names_are_those_that_nix_computes() {
        let store = StoreDir::default();
        let none = BTreeSet::new();
        let a = store.text("a", b"b", &none);
        assert_eq!(base(a), "g76zcpqc540lrc8i6g7xy6ip0npn2hnp-a");
        let zz = store.text("z", b"zz", &none).unwrap();
        let text = format!("text {}", store.print(&zz));
        let q = store.text("q", text.as_bytes(), &BTreeSet::from([zz]));
        assert_eq!(base(q), "00l8kdf81rhx5l8nif94pxfl5dkf43pr-q");
        let sha256 = Algorithm::Sha256.hash(b"test");
        let flat = store.fixed("x", Method::Flat, &sha256, &none);
        assert_eq!(base(flat), "1z8rqdazqf7vyxypyqsfpy6am1p3fny1-x");
        let recursive = store.fixed("x", Method::Recursive, &sha256, &none);
        assert_eq!(base(recursive), "49ap419z92njncc2vflsp52qniw7r5f7-x");
        let sha1 = Algorithm::Sha1.hash(b"abc");
        let recursive = store.fixed("x", Method::Recursive, &sha1, &none);
        assert_eq!(base(recursive), "mxm5h60qjq2b5z19bkj9phyyc3zkaxgs-x");
    }

    #[test]
    fn characters_of_several_bytes_are_refused_wherever_they_are() {
        let hash = "g76zcpqc540lrc8i6g7xy6ip0npn2hnp";
        for (text, place) in [
            (format!("é{}-a", &hash[2..]), "the hash"),
            (format!("{}é-a", &hash[..31]), "the end of the hash"),
            (format!("{hash}éa"), "the dash"),
            (format!("{hash}-é"), "the name"),
        ] {
            let refused = StorePath::from_base_name(&text).unwrap_err();
            assert!(refused.to_string().contains('é'), "{place}: {refused}");
        }
    }

    #[test]
    fn placeholders_are_those_of_nix() {
        assert_eq!(
            placeholder("out"),
            "/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9"
        );
        assert_eq!(
            placeholder("lib"),
            "/0sra2y18lr3h6j58qjm0w46yv36h1wjmilb09n8aimdpivdymscx"
        );
        let drv = StorePath::from_base_name("0yamnsxcnl7wd64wxnf2whnmsn1zvd6l-x.drv").unwrap();
        let lib = "/1p806md64h4pclyxkcv46p5pghl43b6fa6l1nj1hlkl2yz7rd5m8";
        let out = "/0kaapmi79caycgfbmv8c1lzb8ckx57xlpzsnc819p4jg438c2iph";
        assert_eq!(downstream_placeholder(&drv, "lib"), lib);
        assert_eq!(downstream_placeholder(&drv, "out"), out);
    }

    #[test]
    fn paths_split_into_object_and_rest() {
        let store = StoreDir::default();
        let path = "/nix/store/g76zcpqc540lrc8i6g7xy6ip0npn2hnp-a";
        let (object, rest) = store
            .split(&format!("{path}/b/c"))
            .map(|(p, r)| (p, r.to_owned()))
            .unwrap();
        assert_eq!((object.name(), rest.as_str()), ("a", "/b/c"));
        assert_eq!(store.print(&store.parse(path).unwrap()), path);
        assert!(store.parse(&format!("{path}/b")).is_err());
        assert_eq!(
            store.parse("/nix/store/foo").unwrap_err().to_string(),
            "'foo' is too short to be a valid store path"
        );
        assert!(store.parse("/etc/passwd").is_err());
    }

    #[test]
    fn bad_names_are_explained() {
        let problem = |name: &str| check_name(name).unwrap_err().to_string();
        assert_eq!(problem(""), "name must not be empty");
        assert_eq!(problem(".."), "name '..' is not valid");
        assert_eq!(
            problem(".-a"),
            "name '.-a' is not valid: first dash-separated component must not be '.'"
        );
        assert_eq!(problem("a b"), "name 'a b' contains illegal character ' '");
        assert!(check_name(".a").is_ok());
        assert!(check_name(&"a".repeat(211)).is_ok());
        assert!(check_name(&"a".repeat(212)).is_err());
    }
}
