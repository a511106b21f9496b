//! Functions of providers: from the text that `functions.nix` makes of a call to the answer.

use std::collections::HashMap;
use std::rc::Rc;

use anyhow::{Result, anyhow};
use nixops4_lang::{ExternalKind, ExternalValue, ForeignError, ForeignFunctions, Marks};
use nixops4_proto::evaluator::ProviderProgram;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::failure::{self, Failure};
use super::providers::Identity;
use crate::functions::{Functions, NamedProvider};
use crate::outputs;
use crate::wire::Wire;

/// From the functions of `helper.nix` and a provider to the provider's functions.
const FUNCTIONS: &str = include_str!("functions.nix");

/// The text of a function from a provider to its functions.
pub fn text() -> String {
    format!("({FUNCTIONS}) ({})", super::interpreter::HELPER)
}

/// What is asked: how many arguments a function takes, or what it comes to with those it is given.
#[derive(Deserialize)]
struct Request {
    instance: Option<Identity>,
    named: Option<NamedProvider>,
    name: String,
    arguments: Option<Vec<Json>>,
}

/// Asks `nixops4`, the same only once.
pub struct Calls {
    functions: Functions,
    /// How many arguments functions take, by provider and name.
    arities: HashMap<(String, String), usize>,
}

impl Calls {
    /// Asks over `wire`.
    pub fn new(wire: Rc<Wire>) -> Calls {
        Calls {
            functions: Functions::new(wire),
            arities: HashMap::new(),
        }
    }

    /// The answer as text in JSON, and how it is marked.
    pub fn answer(&mut self, request: &str) -> Result<(String, Marks)> {
        let request: Request = serde_json::from_str(request)?;
        let owner = match (request.instance, request.named) {
            (Some(identity), _) => {
                let named = identity.named().map_err(Failure::into_wire);
                named.map_err(|error| anyhow!(error.message))?
            }
            (None, Some(named)) => named.identity().map_err(|message| anyhow!(message))?,
            (None, None) => return Err(anyhow!("a function has no provider")),
        };
        let owner = serde_json::to_string::<(String, ProviderProgram)>(&owner)?;
        let Some(arguments) = request.arguments else {
            let arity = self.arity(owner, request.name)?;
            return Ok((arity.to_string(), Marks::NONE));
        };
        let arguments = arguments.iter().map(plain).collect::<Result<_, _>>();
        let arguments = arguments.map_err(|message: String| anyhow!(message))?;
        let result = self.functions.call(&owner, &request.name, arguments);
        let result = result.map_err(|error| in_words(&error))?;
        let mut marks = Marks::NONE;
        let value = json(&result, &mut marks)?;
        Ok((value.to_string(), marks))
    }

    fn arity(&mut self, owner: String, name: String) -> Result<usize> {
        let key = (owner, name);
        if let Some(arity) = self.arities.get(&key) {
            return Ok(*arity);
        }
        let signature = self.functions.describe(&key.0, &key.1);
        let signature = signature.map_err(|error| in_words(&error))?;
        let arity = signature.parameters.len() + usize::from(signature.variadic.is_some());
        self.arities.insert(key, arity);
        Ok(arity)
    }
}

fn in_words(error: &ForeignError) -> anyhow::Error {
    anyhow!(failure::with_hints(&error.message, &error.hints))
}

/// A value that Nix has turned into JSON: nothing in it is a node of the protocol.
fn plain(json: &Json) -> Result<ExternalValue, String> {
    stacker::maybe_grow(64 * 1024, 4 * 1024 * 1024, || match json {
        Json::Array(items) => {
            let items = items.iter().map(plain).collect::<Result<_, _>>()?;
            Ok(ExternalKind::List(items).into())
        }
        Json::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, field)| Ok((name.clone(), plain(field)?)));
            Ok(ExternalValue::attrs(
                fields.collect::<Result<Vec<_>, String>>()?,
            ))
        }
        leaf => outputs::external(leaf),
    })
}

/// A result for Nix to read, and the marks of everything in it.
fn json(value: &ExternalValue, marks: &mut Marks) -> Result<Json> {
    stacker::maybe_grow(64 * 1024, 4 * 1024 * 1024, || {
        *marks = marks.union(value.marks);
        Ok(match &value.kind {
            ExternalKind::Unknown => return Err(anyhow!("the result of a function is not known")),
            ExternalKind::Null => Json::Null,
            ExternalKind::Bool(value) => Json::Bool(*value),
            ExternalKind::Int(value) => (*value).into(),
            ExternalKind::Float(value) => (*value).into(),
            ExternalKind::String(text) => Json::String(text.clone()),
            ExternalKind::List(items) => {
                let items = items.iter().map(|item| json(item, marks));
                Json::Array(items.collect::<Result<_>>()?)
            }
            ExternalKind::Attrs(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, field)| Ok((name.clone(), json(field, marks)?)));
                Json::Object(fields.collect::<Result<Map<_, _>>>()?)
            }
        })
    })
}
