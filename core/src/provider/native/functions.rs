//! Functions of native providers.

use std::sync::Arc;

use nixops4_proto::native::{CallFunction, FunctionSpec, ParameterSpec};

use super::NativeProvider;
use super::check::check_argument;
use super::convert::tree;
use super::link::Link;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::provider::{Failure, FunctionParameter, FunctionSignature};
use crate::suggest::did_you_mean;
use crate::value::Value;
use crate::{AttrPath, Step};

impl NativeProvider {
    pub(super) async fn signature(&self, name: &str) -> Result<Arc<FunctionSignature>, Failure> {
        let spec = self.function_spec(name).await?;
        Ok(Arc::new(FunctionSignature {
            description: spec.description.clone(),
            parameters: spec.parameters.iter().map(parameter).collect(),
            variadic: spec.variadic.as_ref().map(parameter),
        }))
    }

    async fn function_spec(&self, name: &str) -> Result<&FunctionSpec, Failure> {
        let functions = self
            .described()
            .await?
            .map(|described| &described.functions);
        if let Some(spec) = functions.and_then(|functions| functions.get(name)) {
            return Ok(spec);
        }
        let text = format!("provider {} has no function \"{name}\"", self.program.name);
        let mut diagnostic = Diagnostic::error(text);
        let names = functions.into_iter().flat_map(|functions| functions.keys());
        diagnostic.hints = Vec::from_iter(did_you_mean(name, names));
        Err(diagnostic.into())
    }

    pub(super) async fn called(&self, name: &str, arguments: &[Value]) -> Result<Value, Failure> {
        let spec = self.function_spec(name).await?;
        let found = check_arguments(name, spec, arguments);
        if found.has_errors() {
            return Err(found.into());
        }
        let Link::V1(connection) = self.link().await? else {
            return Err(self.program.error("", "it has no functions").into());
        };
        let call = CallFunction {
            name: name.to_owned(),
            arguments: arguments.iter().map(tree).collect(),
        };
        let called = self
            .call(&connection, &call)
            .await
            .map_err(|failure| match failure {
                Failure::Diagnostics(diagnostics) => {
                    Failure::Diagnostics(said(name, spec, diagnostics))
                }
                other => other,
            })?;
        Value::from_tree(&called.value.value, &[])
            .map_err(|error| self.program.error("callFunction", error.to_string()).into())
    }
}

fn parameter(spec: &ParameterSpec) -> FunctionParameter {
    FunctionParameter {
        name: spec.name.clone(),
        description: spec.description.clone(),
        allow_null: spec.allow_null,
        allow_unknown: spec.allow_unknown,
    }
}

/// What is wrong with arguments; the paths begin with their indexes.
fn check_arguments(name: &str, spec: &FunctionSpec, arguments: &[Value]) -> Diagnostics {
    let (count, given) = (spec.parameters.len(), arguments.len());
    if given < count || (given > count && spec.variadic.is_none()) {
        return Diagnostic::error(format!("{name}: it takes {count} arguments, not {given}"))
            .into();
    }
    let mut found = Diagnostics::default();
    let variadic = spec.variadic.iter().cycle();
    let parameters = spec.parameters.iter().chain(variadic);
    for (index, (parameter, argument)) in parameters.zip(arguments).enumerate() {
        let path = AttrPath(vec![index.into()]);
        if argument.is_null() && !parameter.allow_null {
            found.push(Diagnostic::error("this must not be null").at(path));
        } else {
            check_argument(&parameter.value_type, &path, argument, &mut found);
        }
    }
    said(name, spec, found)
}

/// The same, saying which function and which argument.
fn said(name: &str, spec: &FunctionSpec, mut diagnostics: Diagnostics) -> Diagnostics {
    for diagnostic in &mut diagnostics.0 {
        let argument = diagnostic
            .path
            .as_ref()
            .and_then(|path| match path.0.first() {
                Some(Step::Index(index)) => usize::try_from(*index).ok(),
                _ => None,
            });
        let parameter =
            argument.and_then(|index| spec.parameters.get(index).or(spec.variadic.as_ref()));
        let summary = &diagnostic.summary;
        diagnostic.summary = match parameter {
            Some(parameter) => format!("{name}: the argument {}: {summary}", parameter.name),
            None => format!("{name}: {summary}"),
        };
    }
    diagnostics
}
