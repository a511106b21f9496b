//! `derivationStrict`, and `derivation` around it.

use std::{collections::BTreeMap, collections::BTreeSet, rc::Rc};

use super::{Builtin, Table};
use crate::{
    error::{Doing, ErrorKind, EvalError},
    eval::{Coercion, Eval, StringBuilder},
    evaluator::Evaluator,
    position::Span,
    pure::{
        derivation::{Derivation, Output},
        hash::{Algorithm, Hash},
        store_path::{self, Method, StorePath, StorePathError},
    },
    store::Known,
    symbol::known,
    value::{Attr, Attrs, Context, ContextElement, Str, Value},
};

pub(super) const TABLE: &Table = &[
    Builtin::new("derivationStrict", 1, 1, derivation_strict),
    Builtin::new("placeholder", 1, 1, placeholder),
];

/// `derivation` in terms of `derivationStrict`: the same attributes, and for each output a set
/// that stands for it.
const DERIVATION: &str = r#"
given@{ outputs ? [ "out" ], ... }:
let
  built = derivationStrict given;
  shared = given // builtins.listToAttrs each // {
    all = map (output: output.value) each;
    drvAttrs = given;
  };
  each = map (name: {
    inherit name;
    value = shared // {
      outPath = built.${name};
      drvPath = built.drvPath;
      type = "derivation";
      outputName = name;
    };
  }) outputs;
in
(builtins.head each).value
"#;

/// The value of `derivation`.
pub(super) fn derivation(evaluator: &mut Evaluator, _: &Value) -> Eval {
    evaluator.eval_str(DERIVATION, "derivation", "/".as_ref())
}

impl From<StorePathError> for EvalError {
    fn from(error: StorePathError) -> Self {
        EvalError::new(ErrorKind::Value, error.to_string())
    }
}

fn placeholder(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let output = evaluator.plain_string(&args[0])?;
    Ok(Value::string(store_path::placeholder(&output.to_text())))
}

fn invalid(message: impl Into<String>) -> EvalError {
    EvalError::new(ErrorKind::Value, message)
}

fn derivation_strict(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let attrs = evaluator.attrs_of(&args[0])?;
    let Some(name) = evaluator.attr(&attrs, known::NAME) else {
        return Err(invalid("required attribute 'name' missing"));
    };
    let name = evaluator.plain_string(&name)?.to_text().into_owned();
    build(evaluator, &attrs, &name).map_err(|error| {
        let note = format!("while evaluating derivation '{name}'");
        error.frame(Span::NONE, Doing::Note(note.into()))
    })
}

fn build(evaluator: &mut Evaluator, attrs: &Attrs, name: &str) -> Eval {
    store_path::check_name(name).map_err(|error| {
        invalid(format!(
            "invalid derivation name: {error}. Please pass a different 'name'."
        ))
    })?;
    let mut request = Request::new(evaluator, attrs)?;
    request.read(evaluator, attrs)?;
    request.add_inputs(evaluator)?;
    request.check(name)?;
    request.set_content_addresses()?;
    let Request {
        mut derivation,
        outputs,
        ..
    } = request;
    if derivation.outputs.is_empty() {
        evaluator.load_inputs(&derivation)?;
        let store = &evaluator.store;
        derivation.fill_input_addressed(&store.dir, name, &outputs, |input| store.modulo(input))?;
    } else {
        derivation.fill_content_addressed(&evaluator.store.dir, name)?;
    }
    let path = derivation.path(&evaluator.store.dir, name)?;
    let result = result(evaluator, &path, &derivation, name)?;
    let modulo = evaluator.modulo_hash(&derivation, name)?;
    evaluator
        .store
        .add_derivation(path, Known { derivation, modulo });
    Ok(result)
}

/// The set that `derivationStrict` gives: the paths, each with its context.
fn result(
    evaluator: &mut Evaluator,
    path: &StorePath,
    derivation: &Derivation,
    name: &str,
) -> Eval {
    let full: Rc<str> = evaluator.store.dir.print(path).into();
    let deep = Context::from([ContextElement::Deep(full.clone())]);
    let mut fields = vec![(
        "drvPath".to_owned(),
        Value::String(Str::with_context(&*full, deep)),
    )];
    for (output, kind) in &derivation.outputs {
        let known = kind.path(&evaluator.store.dir, name, output)?;
        let text = match known {
            Some(path) => evaluator.store.dir.print(&path),
            None => store_path::downstream_placeholder(path, output),
        };
        let element = ContextElement::Built {
            derivation: full.clone(),
            output: output.as_str().into(),
        };
        let value = Value::String(Str::with_context(text, Context::from([element])));
        fields.push((output.clone(), value));
    }
    Ok(evaluator.make_attrs(fields))
}

/// A derivation in the making.
struct Request {
    derivation: Derivation,
    outputs: Vec<String>,
    context: Context,
    /// With `__structuredAttrs`, the attributes as JSON, by name.
    json: Option<BTreeMap<Vec<u8>, Str>>,
    ignore_nulls: bool,
    content_addressed: bool,
    hash: Option<String>,
    algorithm: Option<Algorithm>,
    method: Option<Method>,
}

impl Request {
    fn new(evaluator: &mut Evaluator, attrs: &Attrs) -> Eval<Request> {
        let mut flag = |name| match evaluator.attr(attrs, name) {
            Some(value) => evaluator.bool_of(&value),
            None => Ok(false),
        };
        let json = flag(known::STRUCTURED_ATTRS)?.then(BTreeMap::new);
        let ignore_nulls = flag(known::IGNORE_NULLS)?;
        Ok(Request {
            derivation: Derivation::default(),
            outputs: vec!["out".into()],
            context: Context::new(),
            json,
            ignore_nulls,
            content_addressed: false,
            hash: None,
            algorithm: None,
            method: None,
        })
    }

    /// Reads all attributes, in the order of their names, and goes on after a suspension to learn
    /// all that is awaited.
    fn read(&mut self, evaluator: &mut Evaluator, attrs: &Attrs) -> Eval<()> {
        let sorted: Vec<Attr> = evaluator.sorted_attrs(attrs).into_iter().cloned().collect();
        let mut awaiting = None;
        for attr in sorted {
            let outcome = self
                .attribute(evaluator, &attr)
                .map_err(|error| error.frame(Span::at(attr.pos), Doing::Attribute(attr.name)));
            evaluator.collect(outcome, &mut awaiting)?;
        }
        awaiting.map_or(Ok(()), Err)?;
        if let Some(json) = self.json.take() {
            let mut out = String::from("{").into_bytes();
            for (index, (key, value)) in json.iter().enumerate() {
                let separator = if index > 0 { "," } else { "" };
                out.extend_from_slice(separator.as_bytes());
                out.extend_from_slice(key);
                out.push(b':');
                out.extend_from_slice(value.as_bytes());
            }
            out.push(b'}');
            self.derivation.environment.insert(b"__json".to_vec(), out);
        }
        Ok(())
    }

    fn attribute(&mut self, evaluator: &mut Evaluator, attr: &Attr) -> Eval<()> {
        if attr.name == known::IGNORE_NULLS {
            return Ok(());
        }
        let value = evaluator.force(&attr.value)?;
        if self.ignore_nulls && matches!(value, Value::Null) {
            return Ok(());
        }
        match attr.name {
            known::CONTENT_ADDRESSED if evaluator.bool_of(&value)? => {
                self.content_addressed = true;
                Ok(())
            }
            known::IMPURE if evaluator.bool_of(&value)? => Err(invalid(
                "impure derivations are an experimental feature of Nix",
            )),
            known::ARGS => self.arguments(evaluator, &value),
            _ if self.json.is_some() => self.structured(evaluator, attr, &value),
            _ => self.variable(evaluator, attr, &value),
        }
    }

    fn text(&mut self, evaluator: &mut Evaluator, value: &Value) -> Eval<Vec<u8>> {
        let how = Coercion {
            more: true,
            copy: true,
        };
        let text = evaluator.coerce(value, how)?;
        self.take_context(&text);
        Ok(text.as_bytes().to_vec())
    }

    fn take_context(&mut self, text: &Str) {
        self.context.extend(
            text.context()
                .into_iter()
                .flat_map(|context| context.iter().cloned()),
        );
    }

    fn arguments(&mut self, evaluator: &mut Evaluator, value: &Value) -> Eval<()> {
        let mut awaiting = None;
        for item in evaluator.list_of(value)?.iter() {
            let outcome = self
                .text(evaluator, item)
                .map(|text| self.derivation.arguments.push(text));
            evaluator.collect(outcome, &mut awaiting)?;
        }
        awaiting.map_or(Ok(()), Err)
    }

    /// An attribute that the builder finds in its environment.
    fn variable(&mut self, evaluator: &mut Evaluator, attr: &Attr, value: &Value) -> Eval<()> {
        let text = self.text(evaluator, value)?;
        let string = || String::from_utf8_lossy(&text).into_owned();
        match attr.name {
            known::BUILDER => self.derivation.builder.clone_from(&text),
            known::SYSTEM => self.derivation.platform.clone_from(&text),
            known::OUTPUT_HASH => self.hash = Some(string()),
            known::OUTPUT_HASH_ALGO => self.algorithm = Algorithm::parse(&string()).ok(),
            known::OUTPUT_HASH_MODE => self.set_method(&string())?,
            known::OUTPUTS => {
                self.set_outputs(
                    string()
                        .split_ascii_whitespace()
                        .map(str::to_owned)
                        .collect(),
                )?;
            }
            _ => {}
        }
        let name = evaluator.symbols.name(attr.name).as_bytes().to_vec();
        self.derivation.environment.insert(name, text);
        Ok(())
    }

    /// An attribute that the builder finds in a JSON file.
    fn structured(&mut self, evaluator: &mut Evaluator, attr: &Attr, value: &Value) -> Eval<()> {
        if attr.name == known::STRUCTURED_ATTRS {
            return Ok(());
        }
        let name = evaluator.symbols.name(attr.name).clone();
        let mut key = StringBuilder::default();
        evaluator.json_into(&Value::String(name), true, &mut key)?;
        let mut json = StringBuilder::default();
        evaluator.json_into(value, true, &mut json)?;
        let json = json.finish()?;
        self.take_context(&json);
        if let Some(fields) = &mut self.json {
            fields.insert(key.finish()?.as_bytes().to_vec(), json);
        }
        let plain = |evaluator: &mut Evaluator| {
            evaluator
                .plain_string(value)
                .map(|text| text.to_text().into_owned())
        };
        match attr.name {
            known::BUILDER => {
                let builder = evaluator.str_of(value)?;
                self.take_context(&builder);
                self.derivation.builder = builder.as_bytes().to_vec();
            }
            known::SYSTEM => self.derivation.platform = plain(evaluator)?.into_bytes(),
            known::OUTPUT_HASH => self.hash = Some(plain(evaluator)?),
            known::OUTPUT_HASH_ALGO => self.algorithm = Algorithm::parse(&plain(evaluator)?).ok(),
            known::OUTPUT_HASH_MODE => self.set_method(&plain(evaluator)?)?,
            known::OUTPUTS => {
                let mut outputs = Vec::new();
                for item in evaluator.list_of(value)?.iter() {
                    outputs.push(evaluator.plain_string(item)?.to_text().into_owned());
                }
                self.set_outputs(outputs)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn set_method(&mut self, mode: &str) -> Eval<()> {
        self.method = Some(match mode {
            "recursive" | "nar" => Method::Recursive,
            "flat" => Method::Flat,
            "text" => Method::Text,
            _ => {
                let message = format!("invalid value '{mode}' for 'outputHashMode' attribute");
                return Err(invalid(message));
            }
        });
        Ok(())
    }

    fn set_outputs(&mut self, outputs: Vec<String>) -> Eval<()> {
        let mut seen = BTreeSet::new();
        for output in &outputs {
            if !seen.insert(output) {
                return Err(invalid(format!("duplicate derivation output '{output}'")));
            }
            if output == "drvPath" {
                return Err(invalid("invalid derivation output name 'drvPath'"));
            }
        }
        if outputs.is_empty() {
            return Err(invalid("derivation cannot have an empty set of outputs"));
        }
        self.outputs = outputs;
        Ok(())
    }

    /// What the attributes' strings refer to becomes the derivation's inputs.
    fn add_inputs(&mut self, evaluator: &mut Evaluator) -> Eval<()> {
        for element in std::mem::take(&mut self.context) {
            match element {
                ContextElement::Opaque(path) => {
                    self.derivation
                        .input_sources
                        .insert(evaluator.store_path(&path)?);
                }
                ContextElement::Built { derivation, output } => {
                    let path = evaluator.store_path(&derivation)?;
                    let outputs = self.derivation.input_derivations.entry(path).or_default();
                    outputs.insert(output.to_string());
                }
                ContextElement::Deep(path) => {
                    let path = evaluator.store_path(&path)?;
                    self.add_closure(evaluator, path)?;
                }
            }
        }
        Ok(())
    }

    /// A builder that gets a `.drv` file may read all that this needs.
    fn add_closure(&mut self, evaluator: &mut Evaluator, path: StorePath) -> Eval<()> {
        let mut seen = BTreeSet::new();
        let mut todo = vec![path];
        while let Some(path) = todo.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            if path.is_derivation() {
                let known = evaluator.known_derivation(&path)?;
                let inputs = &known.derivation;
                todo.extend(inputs.input_derivations.keys().cloned());
                todo.extend(inputs.input_sources.iter().cloned());
                let outputs = self
                    .derivation
                    .input_derivations
                    .entry(path.clone())
                    .or_default();
                outputs.extend(inputs.outputs.keys().cloned());
            }
            self.derivation.input_sources.insert(path);
        }
        Ok(())
    }

    fn check(&self, name: &str) -> Eval<()> {
        let missing = |what| Err(invalid(format!("required attribute '{what}' missing")));
        if self.derivation.builder.is_empty() {
            return missing("builder");
        }
        if self.derivation.platform.is_empty() {
            return missing("system");
        }
        let only_out = self.outputs == ["out"];
        if name.ends_with(".drv") && !(self.method == Some(Method::Text) && only_out) {
            return Err(invalid(
                "derivation names are allowed to end in '.drv' only if they produce a single \
                 derivation file",
            ));
        }
        if self.hash.is_some() && !only_out {
            return Err(invalid(
                "multiple outputs are not supported in fixed-output derivations",
            ));
        }
        Ok(())
    }

    /// Says what is known of the outputs; input-addressed ones are left for later.
    fn set_content_addresses(&mut self) -> Eval<()> {
        if let Some(hash) = &self.hash {
            let hash = fixed_hash(hash, self.algorithm)?;
            let method = self.method.unwrap_or(Method::Flat);
            self.derivation
                .outputs
                .insert("out".into(), Output::Fixed { method, hash });
        } else if self.content_addressed {
            let method = self.method.unwrap_or(Method::Recursive);
            let algorithm = self.algorithm.unwrap_or(Algorithm::Sha256);
            for output in &self.outputs {
                let floating = Output::Floating { method, algorithm };
                self.derivation.outputs.insert(output.clone(), floating);
            }
        }
        Ok(())
    }
}

/// An empty hash is a way to ask what the right one is.
fn fixed_hash(text: &str, algorithm: Option<Algorithm>) -> Eval<Hash> {
    if !text.is_empty() {
        return Ok(Hash::parse_any(text, algorithm)?);
    }
    let algorithm =
        algorithm.ok_or_else(|| invalid("empty hash requires explicit hash algorithm"))?;
    Ok(Hash::zero(algorithm))
}
