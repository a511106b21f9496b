//! Functions of providers, as the language calls them: `nixops4` is asked.

use std::collections::HashMap;
use std::rc::Rc;

use nixops4_lang::{
    ErrorKind, EvalError, Evaluator, ExternalKind, ExternalValue, ForeignError, ForeignFunctions,
    Parameter, Signature, Value,
};
use nixops4_proto::evaluator::ProviderProgram;
use nixops4_proto::functions::{
    Answer, Call, FunctionCall, FunctionError, FunctionName, FunctionParameter,
};
use nixops4_proto::tree::{ATTRS, NODE_KEY, Tree, UNKNOWN};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::wire::Wire;
use crate::{outputs, read, resource};

/// The built-in that gives a function of a provider, by the provider and its name.
pub const BUILTIN: &str = "providerFunction";

/// Registers [`BUILTIN`]. The provider is an instance as modules make them, or a set that names a
/// program: `{ source = "hashicorp/aws"; }`, `{ executable = "./provider"; }`.
pub fn install(evaluator: &mut Evaluator) {
    evaluator.register_builtin(BUILTIN, 2, |evaluator, args| {
        let name = evaluator.string_of(&args[1])?;
        let (provider, program) = provider(evaluator, &args[0])?;
        let owner = serde_json::to_string(&(provider, program))
            .map_err(|error| EvalError::new(ErrorKind::Host, error.to_string()))?;
        evaluator.foreign_function(&owner, &name)
    });
}

/// The name of a provider and how its program is found.
fn provider(
    evaluator: &mut Evaluator,
    value: &Value,
) -> Result<(String, ProviderProgram), EvalError> {
    if evaluator.select_opt(value, "program")?.is_some() {
        let id = resource::instance_id(evaluator, value)?;
        return Ok((id, resource::program(evaluator, value)?));
    }
    let named = NamedProvider {
        executable: read::optional_field(evaluator, value, "executable")?,
        source: read::optional_field(evaluator, value, "source")?,
        version: read::optional_field(evaluator, value, "version")?,
        args: match evaluator.select_opt(value, "args")? {
            Some(args) => read::strings(evaluator, &args)?,
            None => Vec::new(),
        },
    };
    let identity = named.identity();
    identity.map_err(|message| EvalError::new(ErrorKind::Value, message))
}

/// A provider that no component declares.
#[derive(Debug, Deserialize)]
pub struct NamedProvider {
    pub executable: Option<String>,
    pub source: Option<String>,
    pub version: Option<String>,
    pub args: Vec<String>,
}

impl NamedProvider {
    /// Its name and how its program is found.
    pub fn identity(self) -> Result<(String, ProviderProgram), &'static str> {
        let NamedProvider {
            executable,
            source,
            version,
            args,
        } = self;
        let Some(name) = source.clone().or_else(|| executable.clone()) else {
            return Err("a provider is named by its `source' or its `executable'");
        };
        let is_plugin = source.is_some()
            || name
                .rsplit('/')
                .next()
                .is_some_and(|file| file.starts_with("terraform-provider-"));
        let program = match (is_plugin, executable) {
            (false, Some(executable)) => ProviderProgram::Stdio { executable, args },
            (_, executable) => ProviderProgram::Tfplugin {
                executable,
                source,
                version,
            },
        };
        Ok((name, program))
    }
}

/// Asks `nixops4`, the same only once.
pub struct Functions {
    wire: Rc<Wire>,
    /// By provider, function and arguments.
    called: HashMap<String, Result<ExternalValue, ForeignError>>,
}

impl Functions {
    /// Asks over `wire`.
    pub fn new(wire: Rc<Wire>) -> Self {
        Functions {
            wire,
            called: HashMap::new(),
        }
    }
}

impl ForeignFunctions for Functions {
    fn describe(&mut self, owner: &str, name: &str) -> Result<Signature, ForeignError> {
        let call = Call::Describe(function(owner, name)?);
        match self.wire.call(&call).map_err(plain)? {
            Answer::Signature(signature) => Ok(Signature {
                parameters: signature.parameters.into_iter().map(parameter).collect(),
                variadic: signature.variadic.map(parameter),
            }),
            Answer::Error(error) => Err(foreign(error)),
            Answer::Value(_) => Err(plain("a value where a signature was asked for")),
        }
    }

    fn call(
        &mut self,
        owner: &str,
        name: &str,
        arguments: Vec<ExternalValue>,
    ) -> Result<ExternalValue, ForeignError> {
        let mut trees = Vec::with_capacity(arguments.len());
        for (index, argument) in arguments.iter().enumerate() {
            let tree = tree(argument).map_err(|message| ForeignError {
                argument: Some(index),
                ..plain(message)
            })?;
            trees.push(Tree(tree));
        }
        let call = FunctionCall {
            function: function(owner, name)?,
            arguments: trees,
        };
        let key = serde_json::to_string(&call).map_err(|error| plain(error.to_string()))?;
        if let Some(called) = self.called.get(&key) {
            return called.clone();
        }
        let called = match self.wire.call(&Call::Call(call)).map_err(plain)? {
            Answer::Value(tree) => outputs::external(&tree.0).map_err(plain),
            Answer::Error(error) => Err(foreign(error)),
            Answer::Signature(_) => Err(plain("a signature where a value was asked for")),
        };
        self.called.insert(key, called.clone());
        called
    }
}

fn function(owner: &str, name: &str) -> Result<FunctionName, ForeignError> {
    let (provider, program) =
        serde_json::from_str(owner).map_err(|error| plain(error.to_string()))?;
    Ok(FunctionName {
        provider,
        program,
        name: name.to_owned(),
    })
}

fn parameter(parameter: FunctionParameter) -> Parameter {
    Parameter {
        name: parameter.name,
        description: parameter.description,
        allow_unknown: parameter.allow_unknown,
    }
}

fn plain(message: impl Into<String>) -> ForeignError {
    ForeignError {
        message: message.into(),
        ..ForeignError::default()
    }
}

fn foreign(error: FunctionError) -> ForeignError {
    ForeignError {
        message: error.message,
        hints: error.hints,
        argument: error.argument.and_then(|index| usize::try_from(index).ok()),
    }
}

/// An argument as a tree of the protocol.
fn tree(value: &ExternalValue) -> Result<Json, String> {
    stacker::maybe_grow(64 * 1024, 4 * 1024 * 1024, || match &value.kind {
        ExternalKind::Unknown => Ok(json!({ NODE_KEY: UNKNOWN })),
        ExternalKind::Null => Ok(Json::Null),
        ExternalKind::Bool(bool) => Ok(Json::Bool(*bool)),
        ExternalKind::Int(int) => Ok((*int).into()),
        ExternalKind::Float(float) => serde_json::Number::from_f64(*float)
            .map(Json::Number)
            .ok_or_else(|| format!("{float} cannot be an argument")),
        ExternalKind::String(text) => Ok(Json::String(text.clone())),
        ExternalKind::List(items) => {
            let items = items.iter().map(tree).collect::<Result<_, _>>()?;
            Ok(Json::Array(items))
        }
        ExternalKind::Attrs(fields) => {
            let fields = fields
                .iter()
                .map(|(name, field)| Ok((name.clone(), tree(field)?)))
                .collect::<Result<Map<_, _>, String>>()?;
            Ok(match fields.contains_key(NODE_KEY) {
                true => json!({ NODE_KEY: ATTRS, "value": fields }),
                false => Json::Object(fields),
            })
        }
    })
}
