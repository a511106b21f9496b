//! Functions: pure, and to be called without a configuration.

use std::collections::BTreeSet;
use std::sync::Arc;

use nixops4_core::diagnostic::{Diagnostic, Diagnostics};
use nixops4_core::provider::{Failure, FunctionParameter, FunctionSignature};
use nixops4_core::value::Value as Input;
use nixops4_core::{AttrPath, Step};
use nixops4_proto::tfplugin::v6;

use super::fault;
use super::outputs::to_output;
use super::session::Session;
use crate::check::{convert, nearest};
use crate::convert::{from_wire, to_wire};
use crate::cty::Type;
use crate::schema::Kind;

const CALL: &str = "CallFunction";

/// The names of all functions: those in the schema, and those told when the provider is asked.
pub(super) async fn names(session: &Session) -> Result<BTreeSet<String>, Failure> {
    let schemas = session.schemas().await?;
    let further = session.functions().await;
    let names = schemas.names(Kind::Function).map(str::to_owned);
    Ok(names.chain(further.keys().cloned()).collect())
}

/// Describes a function.
pub(super) async fn describe(
    session: &Session,
    name: &str,
) -> Result<Arc<FunctionSignature>, Failure> {
    let function = find(session, name).await?;
    let description = match function.description.is_empty() {
        true => function.summary,
        false => function.description,
    };
    Ok(Arc::new(FunctionSignature {
        description,
        parameters: function.parameters.into_iter().map(parameter).collect(),
        variadic: function.variadic_parameter.map(parameter),
    }))
}

fn parameter(message: v6::function::Parameter) -> FunctionParameter {
    FunctionParameter {
        name: message.name,
        description: message.description,
        allow_null: message.allow_null_value,
        allow_unknown: message.allow_unknown_values,
    }
}

/// Calls a function.
pub(super) async fn call(
    session: &Session,
    name: &str,
    arguments: &[Input],
) -> Result<Input, Failure> {
    let function = find(session, name).await?;
    let parameters = parameters(session, name, &function, arguments.len())?;
    let mut complaints = Diagnostics::default();
    let mut encoded = Vec::with_capacity(arguments.len());
    for (index, (parameter, argument)) in parameters.iter().zip(arguments).enumerate() {
        let named = named(&function, parameter, index);
        match parameter.encode(session, &named, argument) {
            Ok(argument) => encoded.push(argument),
            Err(Failure::Diagnostics(diagnostics)) => {
                complaints.extend(about_argument(name, index, named.0.len(), diagnostics));
            }
            Err(failure) => return Err(failure),
        }
    }
    if complaints.has_errors() {
        return Err(complaints.into());
    }
    for argument in arguments {
        session.secrets().learn(argument);
    }
    let request = v6::call_function::Request {
        name: name.to_owned(),
        arguments: encoded,
    };
    let answer = session.client().await?.call_function(request).await;
    let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
    if let Some(mut error) = answer.error {
        error.text = session.secrets().hide(error.text);
        return Err(complaint(name, &parameters, error).into());
    }
    let returns = function.r#return.unwrap_or_default().r#type;
    let returns = session.type_of(name, "what it returns", &returns)?;
    let broken = |what: String| session.error(CALL, format!("{name}: {what}"));
    let value = from_wire(&returns, answer.result.as_ref()).map_err(|error| {
        broken(format!(
            "its answer is not of the type it declares: {error}"
        ))
    })?;
    if !value.is_wholly_known() && arguments.iter().all(Input::is_wholly_known) {
        let text = format!("the function {name} returned something unknown for known arguments");
        return Err(fault(text).into());
    }
    let output = to_output(&returns, &value)
        .map_err(|error| broken(format!("its answer cannot be used: {error}")))?;
    Ok(output)
}

/// One parameter with its type; a variadic one stands for each of its arguments.
struct Parameter<'a> {
    message: &'a v6::function::Parameter,
    ty: Type,
}

impl Parameter<'_> {
    fn encode(
        &self,
        session: &Session,
        path: &AttrPath,
        argument: &Input,
    ) -> Result<v6::DynamicValue, Failure> {
        if argument.is_null() && !self.message.allow_null_value {
            let text = format!("{path} must not be null");
            return Err(Diagnostic::error(text).at(path.clone()).into());
        }
        let value = convert(path.clone(), &self.ty, argument)?;
        to_wire(&self.ty, &value).map_err(|error| {
            let text = format!("cannot encode the argument {}: {error}", self.message.name);
            Failure::Provider(session.error(CALL, text))
        })
    }
}

/// The parameter of each argument.
fn parameters<'a>(
    session: &Session,
    name: &str,
    function: &'a v6::Function,
    count: usize,
) -> Result<Vec<Parameter<'a>>, Failure> {
    let given = function.parameters.len();
    if count < given || (count > given && function.variadic_parameter.is_none()) {
        let text = format!("{name}: it takes {given} arguments, not {count}");
        return Err(Diagnostic::error(text).into());
    }
    let variadic = function.variadic_parameter.iter().cycle();
    let all = function.parameters.iter().chain(variadic).take(count);
    all.map(|message| {
        let ty = session.type_of(name, &message.name, &message.r#type)?;
        Ok(Parameter { message, ty })
    })
    .collect()
}

/// What an argument is called in messages: `texts`, or `numbers[2]` of a variadic parameter.
fn named(function: &v6::Function, parameter: &Parameter<'_>, index: usize) -> AttrPath {
    let path = AttrPath(vec![Step::Name(parameter.message.name.clone())]);
    match index.checked_sub(function.parameters.len()) {
        Some(further) => path.child(further),
        None => path,
    }
}

/// Complaints about an argument, whose name takes up `steps` steps of their paths.
fn about_argument(
    function: &str,
    index: usize,
    steps: usize,
    mut diagnostics: Diagnostics,
) -> Diagnostics {
    for diagnostic in &mut diagnostics.0 {
        diagnostic.summary = format!("{function}: {}", diagnostic.summary);
        let path = diagnostic.path.take().unwrap_or_default();
        let inside = path.0.into_iter().skip(steps);
        diagnostic.path = Some(AttrPath(
            std::iter::once(index.into()).chain(inside).collect(),
        ));
    }
    diagnostics
}

/// What the function itself complains of.
fn complaint(name: &str, parameters: &[Parameter<'_>], error: v6::FunctionError) -> Diagnostic {
    let text = error.text.trim();
    let argument = error.function_argument;
    let argument = argument.and_then(|index| usize::try_from(index).ok());
    match argument.and_then(|index| Some((index, parameters.get(index)?))) {
        Some((index, parameter)) => {
            let parameter = &parameter.message.name;
            let text = format!("{name}: the argument {parameter}: {text}");
            Diagnostic::error(text).at(AttrPath(vec![index.into()]))
        }
        None => Diagnostic::error(format!("{name}: {text}")),
    }
}

/// A function as its provider describes it: in the schema, or when it is asked for functions.
async fn find(session: &Session, name: &str) -> Result<v6::Function, Failure> {
    let schemas = session.schemas().await?;
    let read = schemas.image().read::<v6::Function>(Kind::Function, name);
    let read = read.map_err(|error| session.error("GetProviderSchema", error.to_string()))?;
    if let Some(function) = read {
        return Ok(function);
    }
    let further = session.functions().await;
    if let Some(function) = further.get(name) {
        return Ok(function.clone());
    }
    let names = schemas.names(Kind::Function);
    let names = names.chain(further.keys().map(String::as_str));
    let text = format!("provider {} has no function \"{name}\"", session.name());
    let diagnostic = Diagnostic::error(text);
    Err(match nearest(name, names) {
        Some(near) => diagnostic.hint(format!("did you mean \"{near}\"?")),
        None => diagnostic,
    }
    .into())
}
