//! The text of a derivation, as `.drv` files hold it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Derivation, Output};
use crate::pure::hash::{Algorithm, Format, Hash};
use crate::pure::store_path::{Method, StoreDir, StorePath, StorePathError};

impl Derivation {
    /// Writes the derivation as its `.drv` file.
    pub fn to_aterm(&self, store: &StoreDir, name: &str) -> Result<Vec<u8>, StorePathError> {
        let inputs = self
            .input_derivations
            .iter()
            .map(|(path, o)| (store.print(path), o));
        self.write(store, name, false, inputs)
    }

    /// Writes it with its inputs' hashes for their paths and, if `mask`, without the paths of its
    /// own outputs.
    pub(super) fn masked_aterm(
        &self,
        store: &StoreDir,
        name: &str,
        mask: bool,
        inputs: &BTreeMap<String, BTreeSet<String>>,
    ) -> Result<Vec<u8>, StorePathError> {
        self.write(
            store,
            name,
            mask,
            inputs.iter().map(|(hash, o)| (hash.clone(), o)),
        )
    }

    fn write<'a>(
        &self,
        store: &StoreDir,
        name: &str,
        mask: bool,
        inputs: impl Iterator<Item = (String, &'a BTreeSet<String>)>,
    ) -> Result<Vec<u8>, StorePathError> {
        let mut out = Vec::from("Derive([");
        for (index, (output, kind)) in self.outputs.iter().enumerate() {
            let output = output.as_str();
            comma(&mut out, index);
            let path = kind.path(store, name, output)?.filter(|_| !mask);
            let path = path.map(|path| store.print(&path)).unwrap_or_default();
            let (algorithm, hash) = hash_fields(kind);
            tuple(
                &mut out,
                [output, path.as_str(), &algorithm, &hash].map(str::as_bytes),
            );
        }
        out.extend_from_slice(b"],[");
        for (index, (input, outputs)) in inputs.enumerate() {
            comma(&mut out, index);
            out.push(b'(');
            string(&mut out, input.as_bytes());
            out.push(b',');
            list(&mut out, outputs.iter().map(String::as_bytes));
            out.push(b')');
        }
        out.extend_from_slice(b"],");
        let sources: Vec<String> = self.input_sources.iter().map(|p| store.print(p)).collect();
        list(&mut out, sources.iter().map(String::as_bytes));
        out.push(b',');
        string(&mut out, &self.platform);
        out.push(b',');
        string(&mut out, &self.builder);
        out.push(b',');
        list(&mut out, self.arguments.iter().map(Vec::as_slice));
        out.extend_from_slice(b",[");
        for (index, (key, value)) in self.environment.iter().enumerate() {
            comma(&mut out, index);
            let own = mask && self.outputs.keys().any(|output| output.as_bytes() == key);
            tuple(&mut out, [key, if own { b"" } else { value.as_slice() }]);
        }
        out.extend_from_slice(b"])");
        Ok(out)
    }

    /// Reads a `.drv` file; `name` is its store object's, without `.drv`.
    pub fn from_aterm(text: &[u8], store: &StoreDir) -> Result<Self, ParseError> {
        let mut reader = Reader { text, at: 0 };
        let derivation = reader.derivation(store)?;
        if reader.at == text.len() {
            Ok(derivation)
        } else {
            Err(reader.error("the end"))
        }
    }
}

fn hash_fields(output: &Output) -> (String, String) {
    let method =
        |method: &Method, algorithm: Algorithm| format!("{}{}", method.prefix(), algorithm.name());
    match output {
        Output::InputAddressed(_) | Output::Deferred => Default::default(),
        Output::Fixed { method: how, hash } => {
            (method(how, hash.algorithm()), hash.format(Format::Base16))
        }
        Output::Floating {
            method: how,
            algorithm,
        } => (method(how, *algorithm), String::new()),
    }
}

fn comma(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
}

fn tuple<const N: usize>(out: &mut Vec<u8>, fields: [&[u8]; N]) {
    out.push(b'(');
    for (index, field) in fields.into_iter().enumerate() {
        comma(out, index);
        string(out, field);
    }
    out.push(b')');
}

fn list<'a>(out: &mut Vec<u8>, items: impl Iterator<Item = &'a [u8]>) {
    out.push(b'[');
    for (index, item) in items.enumerate() {
        comma(out, index);
        string(out, item);
    }
    out.push(b']');
}

/// A text is not that of a derivation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("derivation: expected {expected} at byte {at}")]
pub struct ParseError {
    expected: &'static str,
    at: usize,
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn error(&self, expected: &'static str) -> ParseError {
        ParseError {
            expected,
            at: self.at,
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.text[self.at..].starts_with(token.as_bytes());
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn expect(&mut self, token: &'static str) -> Result<(), ParseError> {
        if self.eat(token) {
            Ok(())
        } else {
            Err(self.error(token))
        }
    }

    fn bytes(&mut self) -> Result<Vec<u8>, ParseError> {
        self.expect("\"")?;
        let mut value = Vec::new();
        loop {
            let byte = *self.text.get(self.at).ok_or_else(|| self.error("\""))?;
            self.at += 1;
            value.push(match byte {
                b'"' => return Ok(value),
                b'\\' => {
                    let escaped = *self.text.get(self.at).ok_or_else(|| self.error("\""))?;
                    self.at += 1;
                    match escaped {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        other => other,
                    }
                }
                other => other,
            });
        }
    }

    fn text(&mut self) -> Result<String, ParseError> {
        let at = self.at;
        String::from_utf8(self.bytes()?).map_err(|_| ParseError {
            expected: "UTF-8",
            at,
        })
    }

    fn items<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        self.expect("[")?;
        let mut items = Vec::new();
        while !self.eat("]") {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn path(&mut self, store: &StoreDir) -> Result<StorePath, ParseError> {
        let at = self.at;
        let text = self.text()?;
        store.parse(&text).map_err(|_| ParseError {
            expected: "a store path",
            at,
        })
    }

    fn derivation(&mut self, store: &StoreDir) -> Result<Derivation, ParseError> {
        self.expect("Derive(")?;
        let outputs = self
            .items(|reader| reader.output(store))?
            .into_iter()
            .collect();
        self.expect(",")?;
        let inputs = self.items(|reader| {
            reader.expect("(")?;
            let path = reader.path(store)?;
            reader.expect(",")?;
            let outputs = reader.items(Self::text)?.into_iter().collect();
            reader.expect(")")?;
            Ok((path, outputs))
        })?;
        self.expect(",")?;
        let sources = self.items(|reader| reader.path(store))?;
        self.expect(",")?;
        let platform = self.bytes()?;
        self.expect(",")?;
        let builder = self.bytes()?;
        self.expect(",")?;
        let arguments = self.items(Self::bytes)?;
        self.expect(",")?;
        let environment = self.items(|reader| {
            reader.expect("(")?;
            let key = reader.bytes()?;
            reader.expect(",")?;
            let value = reader.bytes()?;
            reader.expect(")")?;
            Ok((key, value))
        })?;
        self.expect(")")?;
        Ok(Derivation {
            outputs,
            input_derivations: inputs.into_iter().collect(),
            input_sources: sources.into_iter().collect(),
            platform,
            builder,
            arguments,
            environment: environment.into_iter().collect(),
        })
    }

    fn output(&mut self, store: &StoreDir) -> Result<(String, Output), ParseError> {
        self.expect("(")?;
        let name = self.text()?;
        self.expect(",")?;
        let at = self.at;
        let path = self.text()?;
        self.expect(",")?;
        let algorithm = self.text()?;
        self.expect(",")?;
        let hash = self.text()?;
        self.expect(")")?;
        let output = output(store, &path, &algorithm, &hash);
        Ok((
            name,
            output.ok_or(ParseError {
                expected: "an output",
                at,
            })?,
        ))
    }
}

fn output(store: &StoreDir, path: &str, algorithm: &str, hash: &str) -> Option<Output> {
    if algorithm.is_empty() {
        return Some(match path {
            "" => Output::Deferred,
            path => Output::InputAddressed(store.parse(path).ok()?),
        });
    }
    let methods = [Method::Recursive, Method::Text, Method::Flat];
    let (method, algorithm) = methods
        .into_iter()
        .find_map(|method| Some((method, algorithm.strip_prefix(method.prefix())?)))?;
    let algorithm = Algorithm::parse(algorithm).ok()?;
    Some(match hash {
        "" => Output::Floating { method, algorithm },
        hash => Output::Fixed {
            method,
            hash: Hash::parse_any(hash, Some(algorithm)).ok()?,
        },
    })
}
