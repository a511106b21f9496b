//! Resources and their providers: settings, inputs, configurations.

use nixops4_lang::{EvalError, Evaluator, Taint, Value};
use nixops4_proto::evaluator::{
    Lifecycle, Mode, ProviderInstance, ProviderProgram, ProviderSettings, RateLimit, Resource,
    Timeouts,
};
use nixops4_proto::path::{AttrPath, MemberPath, OutputRef};
use nixops4_proto::tree::Tree;
use serde_json::Value as Json;

use crate::error::{self, WireError};
use crate::outputs::Outputs;
use crate::read;
use crate::session::{ComponentError, Session};
use crate::tree::{Encoder, Refs};
use crate::walk::Described;

impl Session {
    /// A resource without its inputs, and its provider instance.
    pub(crate) fn resource(
        &mut self,
        component: &Value,
        existence: Taint,
        refs: &mut Refs,
    ) -> Described<(Resource, Value)> {
        let ((resource, type_name, mode), kind) = self.part("type", |evaluator| {
            let resource = evaluator.select(component, "resource")?;
            let type_name = evaluator.select(&resource, "type")?;
            let type_name = evaluator.string_of(&type_name)?;
            let mode = evaluator.select(&resource, "mode")?;
            Ok((resource, type_name, evaluator.string_of(&mode)?))
        })?;
        let ((instance, provider), chosen) = self.part("provider", |evaluator| {
            let instance = evaluator.select(&resource, "instance")?;
            let id = instance_id(evaluator, &instance)?;
            Ok((instance, id))
        })?;
        let (state, stored) = self.state(component)?;
        let outputs = self.outputs.clone();
        let (mut described, settings) =
            self.part("type", |evaluator| settings(evaluator, &outputs, &resource))?;
        let (identity, named) = self.part("type", |evaluator| {
            let identity = evaluator.select(&resource, "importIdentity")?;
            match evaluator.force_deep(&identity)? {
                Value::Null => Ok(None),
                identity => Ok(Some(identity)),
            }
        })?;
        if let Some(identity) = identity {
            let tree = self.tree(&identity, refs);
            described.import_identity = Some(self.part("type", |_| tree)?.0);
        }
        let taint = [existence, kind, chosen, stored, settings, named]
            .into_iter()
            .reduce(|a, b| self.evaluator.taint_union(a, b))
            .unwrap_or(Taint::NONE);
        described.provider = provider;
        described.type_name = type_name;
        described.mode = match mode.as_str() {
            "data" => Mode::Data,
            "ephemeral" => Mode::Ephemeral,
            "stateStore" => Mode::StateStore,
            _ => Mode::Managed,
        };
        described.state = state;
        described.from = refs.of(&self.evaluator, &self.outputs, taint);
        Ok((described, instance))
    }

    /// Adds the inputs, or why they cannot be evaluated.
    pub(crate) fn inputs(&mut self, component: &Value, resource: &mut Resource, refs: &mut Refs) {
        let inputs = self
            .evaluator
            .select(component, "resource")
            .and_then(|resource| self.evaluator.select(&resource, "inputs"))
            .and_then(|inputs| self.tree(&inputs, refs));
        match inputs {
            Ok(inputs) => resource.inputs = Some(inputs),
            Err(error) => resource.inputs_error = Some(*self.error(&error)),
        }
    }

    pub(crate) fn tree(&mut self, value: &Value, refs: &mut Refs) -> Result<Tree, EvalError> {
        let mut encoder = Encoder {
            evaluator: &mut self.evaluator,
            outputs: &self.outputs,
            refs,
        };
        encoder.tree(value)
    }

    /// A provider instance with its configuration.
    pub(crate) fn provider(&mut self, id: &str, instance: &Value) -> Described<ProviderInstance> {
        let ((program, settings, config, position), _) = self.part("provider", |evaluator| {
            let places = evaluator.select(instance, "places")?;
            let position = read::first_position(evaluator, &places).ok().flatten();
            let config = evaluator.select(instance, "config")?;
            let settings = provider_settings(evaluator, instance)?;
            Ok((program(evaluator, instance)?, settings, config, position))
        })?;
        let mut refs = Refs::default();
        let (config, _) = {
            let tree = self.tree(&config, &mut refs);
            self.part("provider", |_| tree)?
        };
        let empty = matches!(&config.0, Json::Object(fields) if fields.is_empty());
        Ok(ProviderInstance {
            id: id.to_owned(),
            program,
            config: if empty { Tree(Json::Null) } else { config },
            refs: refs.into_list(),
            settings,
            position,
        })
    }

    /// One provider instance again.
    pub fn describe_provider(&mut self, id: &str) -> Result<ProviderInstance, WireError> {
        let instance = self.instance(id)?;
        self.provider(id, &instance)
            .map_err(|failure| self.error(&failure.error))
    }

    /// The instance with an id: one that a walk came across, or one declared where the id says.
    pub(crate) fn instance(&mut self, id: &str) -> Result<Value, WireError> {
        if let Some(instance) = self.instances.get(id) {
            return Ok(instance.clone());
        }
        let unknown = || error::plain("missingProvider", format!("there is no provider `{id}`"));
        let (path, name) = id.rsplit_once('#').ok_or_else(unknown)?;
        let path: MemberPath = path.parse().map_err(|_| unknown())?;
        let component = self.component(&path).map_err(|error| match error {
            ComponentError::Eval(error) => self.error(&error),
            ComponentError::Wire(error) => error,
        })?;
        let declared = self
            .evaluator
            .select(&component, "providerInstances")
            .and_then(|instances| self.evaluator.select_opt(&instances, name))
            .map_err(|error| self.error(&error))?;
        declared.ok_or_else(unknown)
    }
}

/// What names an instance: where it is declared, or the program that a resource brings.
pub(crate) fn instance_id(
    evaluator: &mut Evaluator,
    instance: &Value,
) -> Result<String, EvalError> {
    if let Some(name) = read::optional_field(evaluator, instance, "name")? {
        let path = evaluator.select(instance, "path")?;
        let path = read::member_path(evaluator, &path)?;
        return Ok(format!("{path}#{name}"));
    }
    Ok(match program(evaluator, instance)? {
        ProviderProgram::Stdio { executable, args } => {
            let mut words = vec![executable];
            words.extend(args);
            format!("stdio:{}", words.join(" "))
        }
        ProviderProgram::Tfplugin { executable, .. } => {
            format!("tfplugin:{}", executable.unwrap_or_default())
        }
        ProviderProgram::Local {} => "local:".to_owned(),
    })
}

pub(crate) fn program(
    evaluator: &mut Evaluator,
    instance: &Value,
) -> Result<ProviderProgram, EvalError> {
    let program = evaluator.select(instance, "program")?;
    let kind = evaluator.select(&program, "kind")?;
    let kind = evaluator.string_of(&kind)?;
    Ok(match kind.as_str() {
        "local" => ProviderProgram::Local {},
        "tfplugin" => ProviderProgram::Tfplugin {
            executable: read::optional_field(evaluator, &program, "executable")?,
            source: read::optional_field(evaluator, &program, "source")?,
            version: read::optional_field(evaluator, &program, "version")?,
        },
        _ => {
            let executable = evaluator.select(&program, "executable")?;
            let args = evaluator.select(&program, "args")?;
            ProviderProgram::Stdio {
                executable: evaluator.string_of(&executable)?,
                args: read::strings(evaluator, &args)?,
            }
        }
    })
}

/// How an instance is to be used; of a program that a resource brings nothing is said.
fn provider_settings(
    evaluator: &mut Evaluator,
    instance: &Value,
) -> Result<ProviderSettings, EvalError> {
    let Some(limits) = evaluator.select_opt(instance, "limits")? else {
        return Ok(ProviderSettings::default());
    };
    let concurrency = evaluator.select(&limits, "concurrency")?;
    let concurrency = match evaluator.force(&concurrency)? {
        Value::Null => None,
        value => Some(read::count(evaluator, &value)?),
    };
    let rate = evaluator.select(&limits, "rateLimit")?;
    let rate_limit = match evaluator.force(&rate)? {
        Value::Null => None,
        rate => {
            let calls = evaluator.select(&rate, "calls")?;
            let per_seconds = evaluator.select(&rate, "perSeconds")?;
            Some(RateLimit {
                calls: read::count(evaluator, &calls)?,
                per_seconds: read::number(evaluator, &per_seconds)?,
            })
        }
    };
    let timeouts = evaluator.select(&limits, "timeouts")?;
    let mut seconds = |name: &str| {
        let value = evaluator.select(&timeouts, name)?;
        match evaluator.force(&value)? {
            Value::Null => Ok(None),
            value => read::number(evaluator, &value).map(Some),
        }
    };
    let timeouts = Timeouts {
        start: seconds("start")?,
        plan: seconds("plan")?,
        apply: seconds("apply")?,
    };
    let meta = evaluator.select(instance, "meta")?;
    let meta = match evaluator.force(&meta)? {
        Value::Null => None,
        text => serde_json::from_str(&evaluator.string_of(&text)?).ok(),
    };
    Ok(ProviderSettings {
        concurrency,
        rate_limit,
        timeouts,
        meta,
    })
}

/// Everything about a resource that is neither its type nor its inputs.
fn settings(
    evaluator: &mut Evaluator,
    outputs: &Outputs,
    resource: &Value,
) -> Result<Resource, EvalError> {
    let field = |evaluator: &mut Evaluator, name: &str| evaluator.select(resource, name);
    let formerly = field(evaluator, "formerly")?;
    let depends_on = field(evaluator, "dependsOn")?;
    let require_state = field(evaluator, "requireState")?;
    let skeleton = field(evaluator, "outputsSkeleton")?;
    let lifecycle = field(evaluator, "lifecycle")?;
    Ok(Resource {
        formerly: read::member_paths(evaluator, &formerly)?,
        depends_on: read::member_paths(evaluator, &depends_on)?,
        require_state: evaluator.bool_of(&require_state)?,
        outputs_skeleton: output_names(evaluator, &skeleton)?,
        lifecycle: read_lifecycle(evaluator, outputs, &lifecycle)?,
        import_id: read::optional_field(evaluator, resource, "importId")?,
        ..Resource::default()
    })
}

/// A list of names, or a set that has them.
fn output_names(
    evaluator: &mut Evaluator,
    value: &Value,
) -> Result<Option<Vec<String>>, EvalError> {
    match evaluator.force(value)? {
        Value::Null => Ok(None),
        Value::Attrs(attrs) => Ok(Some(
            evaluator
                .sorted_attrs(&attrs)
                .into_iter()
                .map(|attr| evaluator.symbol_name(attr.name))
                .collect(),
        )),
        value => read::strings(evaluator, &value).map(Some),
    }
}

fn read_lifecycle(
    evaluator: &mut Evaluator,
    outputs: &Outputs,
    value: &Value,
) -> Result<Lifecycle, EvalError> {
    let flag = |evaluator: &mut Evaluator, name: &str| {
        let value = evaluator.select(value, name)?;
        evaluator.bool_of(&value)
    };
    let mut lifecycle = Lifecycle {
        create_before_destroy: flag(evaluator, "createBeforeDestroy")?,
        prevent_destroy: flag(evaluator, "preventDestroy")?,
        ..Lifecycle::default()
    };
    let ignored = evaluator.select(value, "ignoreChanges")?;
    match evaluator.force(&ignored)? {
        Value::List(list) => {
            for item in list.iter() {
                let path = read::attr_path(evaluator, item)?;
                lifecycle.ignore_changes.push(path);
            }
        }
        _ => lifecycle.ignore_all_changes = true,
    }
    let triggers = evaluator.select(value, "replaceTriggeredBy")?;
    for trigger in evaluator.list_of(&triggers)?.iter() {
        let refs = read_trigger(evaluator, outputs, trigger)?;
        lifecycle.replace_triggered_by.extend(refs);
    }
    Ok(lifecycle)
}

/// A member, its path as text, or a value: then what triggers is every output it depends on.
fn read_trigger(
    evaluator: &mut Evaluator,
    outputs: &Outputs,
    trigger: &Value,
) -> Result<Vec<OutputRef>, EvalError> {
    if let Some(member) = evaluator.select_opt(trigger, "member")? {
        return Ok(vec![OutputRef {
            member: read::member_path(evaluator, &member)?,
            path: AttrPath::root(),
        }]);
    }
    let value = evaluator.select(trigger, "value")?;
    let (result, taint) = evaluator.with_taint(|evaluator| evaluator.force_deep(&value));
    let taint = match result {
        Ok(Value::String(_)) if taint == Taint::NONE => {
            return Ok(vec![OutputRef {
                member: read::member_path(evaluator, &value)?,
                path: AttrPath::root(),
            }]);
        }
        Ok(_) => taint,
        Err(error) if error.is_suspended() => evaluator.taint_union(taint, error.awaited()),
        Err(error) => return Err(error),
    };
    Ok(outputs.refs(evaluator, taint))
}
