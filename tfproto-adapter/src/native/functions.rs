//! A plugin's functions in the words of the native protocol.

use std::collections::BTreeMap;
use std::sync::Arc;

use nixops4_core::diagnostic::Diagnosed;
use nixops4_core::provider::{Failure, FunctionParameter, FunctionSignature, Provider};
use nixops4_core::value::RefTable;
use nixops4_proto::native::{CallFunction, Called, FunctionSpec, ParameterSpec};

use super::convert;
use super::serve::Answered;
use crate::provider::TfProvider;

/// Describes all of them.
pub(super) async fn describe(
    provider: &Arc<TfProvider>,
) -> Result<BTreeMap<String, FunctionSpec>, Failure> {
    let mut described = BTreeMap::new();
    for name in provider.function_names().await? {
        let signature = provider.function(&name).await?;
        described.insert(name, spec(&signature));
    }
    Ok(described)
}

fn spec(signature: &FunctionSignature) -> FunctionSpec {
    FunctionSpec {
        description: signature.description.clone(),
        parameters: signature.parameters.iter().map(parameter).collect(),
        variadic: signature.variadic.as_ref().map(parameter),
    }
}

/// Types are left to our own check, which converts as Terraform does.
fn parameter(parameter: &FunctionParameter) -> ParameterSpec {
    ParameterSpec {
        name: parameter.name.clone(),
        description: parameter.description.clone(),
        allow_null: parameter.allow_null,
        allow_unknown: parameter.allow_unknown,
        ..ParameterSpec::default()
    }
}

/// Calls one.
pub(super) async fn call(provider: &Arc<TfProvider>, asked: &CallFunction) -> Answered<Called> {
    let arguments = asked.arguments.iter().map(convert::tree);
    let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
    let called = provider.call_function(&asked.name, &arguments).await;
    let value = called.map_err(|failure| unnamed(&asked.name, failure))?;
    let value = value.to_tree(&mut RefTable::default());
    Ok(Diagnosed::from(Called { value }))
}

/// Complaints without the names of the function and of the argument: the caller says those.
fn unnamed(name: &str, failure: Failure) -> Failure {
    let Failure::Diagnostics(mut diagnostics) = failure else {
        return failure;
    };
    for diagnostic in &mut diagnostics.0 {
        let summary = &diagnostic.summary;
        let Some(mut rest) = summary.strip_prefix(&format!("{name}: ")) else {
            continue;
        };
        if let Some((_, said)) = rest
            .strip_prefix("the argument ")
            .and_then(|rest| rest.split_once(": "))
        {
            rest = said;
        }
        diagnostic.summary = rest.to_owned();
    }
    Failure::Diagnostics(diagnostics)
}
