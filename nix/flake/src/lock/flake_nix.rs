//! `flake.nix`, as far as locking needs it: its inputs. They must be literals, so that reading them
//! evaluates nothing, and this evaluator has no world to look at anyway.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use nixops4_lang::{
    Attrs, EvalError, Evaluator, Location, NoHost, Options, Origin, SourceAttr, SourceAttrs, Value,
};

use super::{InputPath, parse_input_path};
use crate::{
    error::FlakeError,
    reference::{FlakeRef, ParseOptions, parse},
};

/// Inputs by name.
pub type FlakeInputs = BTreeMap<String, FlakeInput>;

/// What `flake.nix` says of an input.
#[derive(Clone, Debug)]
pub struct FlakeInput {
    /// Where it is.
    pub reference: Option<FlakeRef>,
    /// Whether it is a flake, not just a tree.
    pub is_flake: bool,
    /// What it is the same as, by the way from the root of the lock.
    pub follows: Option<InputPath>,
    /// What its own inputs are instead.
    pub overrides: FlakeInputs,
    /// Where that was written, if it was.
    pub place: Option<Location>,
}

impl FlakeInput {
    /// An input that is a flake somewhere.
    pub fn at(reference: FlakeRef) -> FlakeInput {
        FlakeInput {
            reference: Some(reference),
            is_flake: true,
            follows: None,
            overrides: FlakeInputs::new(),
            place: None,
        }
    }
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct FlakeText {
    pub(crate) inputs: FlakeInputs,
    /// What the flake says of how it is to be fetched itself.
    pub(crate) self_attrs: SourceAttrs,
}

/// Reads the `flake.nix` at `path`; `shown` names the flake, and `prefix` is the way to it.
pub(crate) fn read(path: &Path, shown: &str, prefix: &[String]) -> Result<FlakeText, FlakeError> {
    let failed = FlakeError::io("cannot read", path);
    if path.is_dir() {
        let message = format!("'flake.nix' of '{shown}' is a directory");
        return Err(FlakeError::BadFlake(message));
    }
    let bytes = fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            FlakeError::BadFlake(format!("'{shown}' does not contain a 'flake.nix'"))
        }
        _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            FlakeError::BadFlake(format!(
                "'flake.nix' of '{shown}' is a symbolic link that leads to itself"
            ))
        }
        _ => failed(error),
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| FlakeError::BadFlake(format!("'flake.nix' of '{shown}' is not UTF-8 text")))?;
    let mut reader = Reader {
        evaluator: Evaluator::new(Box::new(NoHost), Options::default()),
        base: PathBuf::from("/flake"),
        shown: shown.to_owned(),
        prefix: prefix.to_vec(),
    };
    reader.read(&text)
}

struct Reader {
    evaluator: Evaluator,
    base: PathBuf,
    shown: String,
    prefix: InputPath,
}

impl Reader {
    fn bad(&self, message: impl std::fmt::Display) -> FlakeError {
        FlakeError::BadFlake(format!("'flake.nix' of '{}': {message}", self.shown))
    }

    fn failed(&self, error: EvalError) -> FlakeError {
        let place = self.evaluator.locate(error.span());
        let place = place.map(|at| self.in_file(at));
        self.bad(error).at(place.as_ref())
    }

    /// What is wrong with the attribute `name`.
    fn bad_attr(&self, attrs: &Attrs, name: &str, message: impl std::fmt::Display) -> FlakeError {
        self.bad(message).at(self.place(attrs, name).as_ref())
    }

    /// Where an attribute was written.
    fn place(&self, attrs: &Attrs, name: &str) -> Option<Location> {
        let place = self.evaluator.attr_position(attrs, name)?;
        Some(self.in_file(place))
    }

    /// The text has the name that its user knows.
    fn in_file(&self, mut place: Location) -> Location {
        place.origin = Origin::File(PathBuf::from(format!("{}/flake.nix", self.shown)));
        place
    }

    fn literal(&mut self, attrs: &Attrs, name: &str, value: &Value) -> Result<Value, FlakeError> {
        let forced = self.evaluator.force_literal(value);
        forced.map_err(|error| self.bad_attr(attrs, name, format!("'{name}': {error}")))
    }

    fn attrs(&mut self, attrs: &Attrs, name: &str, value: &Value) -> Result<Attrs, FlakeError> {
        match self.literal(attrs, name, value)? {
            Value::Attrs(inner) => Ok(inner),
            other => Err(self.wrong(attrs, name, "a set", &other)),
        }
    }

    fn wrong(&self, attrs: &Attrs, name: &str, expected: &str, found: &Value) -> FlakeError {
        let found = found.described_type();
        self.bad_attr(
            attrs,
            name,
            format!("'{name}': expected {expected} but got {found}"),
        )
    }

    /// The attributes with their names, in order.
    fn sorted(&self, attrs: &Attrs) -> Vec<(String, Value)> {
        let sorted = self.evaluator.sorted_attrs(attrs).into_iter();
        sorted
            .map(|attr| (self.evaluator.symbol_name(attr.name), attr.value.clone()))
            .collect()
    }

    fn read(&mut self, text: &str) -> Result<FlakeText, FlakeError> {
        let base = self.base.clone();
        let root = self.evaluator.thunk_str(text, "flake.nix", &base);
        let root = root.and_then(|root| self.evaluator.force_literal(&root));
        let attrs = match root {
            Ok(Value::Attrs(attrs)) => attrs,
            Ok(_) => return Err(self.bad("it must be an attribute set")),
            Err(error) => return Err(self.failed(error)),
        };
        let mut flake = FlakeText::default();
        let mut outputs = None;
        for (name, value) in self.sorted(&attrs) {
            match name.as_str() {
                "description" => match self.literal(&attrs, &name, &value)? {
                    Value::String(_) => {}
                    other => return Err(self.wrong(&attrs, &name, "a string", &other)),
                },
                "inputs" => {
                    let inputs = self.attrs(&attrs, &name, &value)?;
                    flake.inputs = self.inputs(&inputs, Some(&mut flake.self_attrs))?;
                }
                "outputs" => outputs = Some(self.literal(&attrs, &name, &value)?),
                "nixConfig" => drop(self.attrs(&attrs, &name, &value)?),
                _ => {
                    let message = format!("unsupported attribute '{name}'");
                    return Err(self.bad_attr(&attrs, &name, message));
                }
            }
        }
        let Some(outputs) = outputs else {
            return Err(self.bad("it lacks the attribute 'outputs'"));
        };
        if !outputs.is_function() {
            return Err(self.wrong(&attrs, "outputs", "a function", &outputs));
        }
        for (name, place) in self.arguments(&outputs)? {
            let undeclared = || FlakeInput {
                place,
                ..FlakeInput::at(FlakeRef::indirect(&name))
            };
            flake.inputs.entry(name.clone()).or_insert_with(undeclared);
        }
        Ok(flake)
    }

    /// The arguments of `outputs` that are inputs, with where they were written.
    fn arguments(
        &mut self,
        outputs: &Value,
    ) -> Result<Vec<(String, Option<Location>)>, FlakeError> {
        let text = "builtins.functionArgs";
        let arguments = self
            .evaluator
            .eval_str(text, "flake.nix", Path::new("/"))
            .and_then(|function| self.evaluator.call(&function, outputs.clone()))
            .and_then(|arguments| self.evaluator.attrs_of(&arguments))
            .map_err(|error| self.failed(error))?;
        let names = self.sorted(&arguments).into_iter().map(|(name, _)| name);
        let names = names.filter(|name| name != "self");
        let placed = names.map(|name| {
            let place = self.place(&arguments, &name);
            (name, place)
        });
        Ok(placed.collect())
    }

    fn inputs(
        &mut self,
        attrs: &Attrs,
        mut self_attrs: Option<&mut SourceAttrs>,
    ) -> Result<FlakeInputs, FlakeError> {
        let mut inputs = FlakeInputs::new();
        for (name, value) in self.sorted(attrs) {
            if name != "self" {
                let place = self.place(attrs, &name);
                let input = self
                    .attrs(attrs, &name, &value)
                    .and_then(|input| self.input(&input, place.clone()));
                let input = input.map_err(|error| {
                    let doing = format!("while reading the flake input '{name}'");
                    error.doing(doing).at(place.as_ref())
                })?;
                inputs.insert(name, input);
                continue;
            }
            let Some(self_attrs) = self_attrs.as_deref_mut() else {
                let message = "'self' input attribute not allowed";
                return Err(self.bad_attr(attrs, &name, message));
            };
            let own = self.attrs(attrs, &name, &value)?;
            for (name, value) in self.sorted(&own) {
                let value = self.source_attr(&own, &name, &value)?;
                self_attrs.insert(name, value);
            }
        }
        Ok(inputs)
    }

    fn input(&mut self, attrs: &Attrs, place: Option<Location>) -> Result<FlakeInput, FlakeError> {
        let mut source = SourceAttrs::new();
        let mut url = None;
        let mut input = FlakeInput {
            reference: None,
            is_flake: true,
            follows: None,
            overrides: FlakeInputs::new(),
            place,
        };
        for (name, value) in self.sorted(attrs) {
            match name.as_str() {
                "url" => url = Some(self.url(attrs, &value)?),
                "flake" => match self.literal(attrs, &name, &value)? {
                    Value::Bool(flag) => input.is_flake = flag,
                    other => return Err(self.wrong(attrs, &name, "a Boolean", &other)),
                },
                "inputs" => {
                    let inner = self.attrs(attrs, &name, &value)?;
                    input.overrides = self.inputs(&inner, None)?;
                }
                "follows" => match self.literal(attrs, &name, &value)? {
                    Value::String(text) => {
                        let path = parse_input_path(&text.to_text())
                            .map_err(|error| error.at(self.place(attrs, &name).as_ref()))?;
                        input.follows = Some(self.prefix.iter().cloned().chain(path).collect());
                    }
                    other => return Err(self.wrong(attrs, &name, "a string", &other)),
                },
                _ => drop(source.insert(name.clone(), self.source_attr(attrs, &name, &value)?)),
            }
        }
        // What says where it is, says best what is wrong with that.
        let telling = ["url", "follows", "type"].iter();
        let telling = telling.filter_map(|name| self.place(attrs, name)).next();
        input.place = telling.or(input.place);
        input.reference = self
            .reference(attrs, source, url, input.is_flake)
            .map_err(|error| error.at(input.place.as_ref()))?;
        match input.reference.is_some() && input.follows.is_some() {
            true => {
                let message = "flake input has both a flake reference and a follows attribute";
                Err(self.bad_attr(attrs, "follows", message))
            }
            false => Ok(input),
        }
    }

    fn reference(
        &self,
        attrs: &Attrs,
        mut source: SourceAttrs,
        url: Option<String>,
        is_flake: bool,
    ) -> Result<Option<FlakeRef>, FlakeError> {
        if source.contains_key("type") {
            source.extend(url.map(|url| ("url".to_owned(), url.into())));
            return FlakeRef::from_attrs(source).map(Some);
        }
        if let Some(name) = source.keys().next() {
            let message = format!("unexpected flake input attribute '{name}'");
            return Err(self.bad_attr(attrs, name, message));
        }
        let options = ParseOptions {
            is_flake,
            keep_relative: true,
            ..ParseOptions::PLAIN
        };
        url.map(|url| parse(&url, options)).transpose()
    }

    fn url(&mut self, attrs: &Attrs, value: &Value) -> Result<String, FlakeError> {
        match self.literal(attrs, "url", value)? {
            Value::String(text) => Ok(text.to_text().into_owned()),
            Value::Path(path) => {
                let path = path.to_text().into_owned();
                match Path::new(&path).strip_prefix(&self.base) {
                    Ok(inside) if inside.as_os_str().is_empty() => Ok("path:.".into()),
                    Ok(inside) => Ok(format!("path:{}", inside.display())),
                    Err(_) => {
                        let message = format!(
                            "the input '{path}' must be in the same source tree as the flake"
                        );
                        Err(self.bad_attr(attrs, "url", message))
                    }
                }
            }
            other => Err(self.wrong(attrs, "url", "a string or a path", &other)),
        }
    }

    fn source_attr(
        &mut self,
        attrs: &Attrs,
        name: &str,
        value: &Value,
    ) -> Result<SourceAttr, FlakeError> {
        match self.literal(attrs, name, value)? {
            Value::String(text) => Ok(SourceAttr::Text(text.to_text().into_owned())),
            Value::Bool(flag) => Ok(SourceAttr::Bool(flag)),
            Value::Int(number) if number >= 0 => Ok(SourceAttr::Int(number.unsigned_abs())),
            Value::Int(number) => {
                let message =
                    format!("negative value given for flake input attribute {name}: {number}");
                Err(self.bad_attr(attrs, name, message))
            }
            other => {
                let found = other.described_type();
                let message = format!(
                    "flake input attribute '{name}' is {found} while a string, Boolean, or \
                     integer is expected"
                );
                Err(self.bad_attr(attrs, name, message))
            }
        }
    }
}
