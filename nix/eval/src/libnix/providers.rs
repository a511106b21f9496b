//! Provider instances: those that resources use, and those that components declare.

use nix_bindings_expr::value::Value;
use nixops4_proto::evaluator::{
    ListProviders, ProviderInstance, ProviderProgram, ProviderSettings, ProvidersListed, StepPath,
    UntoldProvider,
};
use nixops4_proto::path::MemberPath;
use nixops4_proto::tree::Tree;
use serde::Deserialize;
use serde_json::Value as Json;

use super::Libnix;
use super::components::{PathForm, find, is_resource, member_names};
use super::failure::Failure;
use super::interpreter::Nix;
use super::tree::Node;
use crate::error::{self, WireError};
use crate::tree::Refs;

/// How to come to an instance in any instantiation.
#[derive(Clone, Debug)]
pub(super) enum InstanceAt {
    /// The one that a resource uses.
    Resource(MemberPath),
    /// The one that a step of an operation uses.
    Step(StepPath),
    /// The one declared at a component under a name.
    Declared(MemberPath, String),
}

/// What `helper.nix` says of an instance.
#[derive(Deserialize)]
pub(super) struct Identity {
    name: Option<String>,
    path: PathForm,
    pub(super) program: ProviderProgram,
}

impl Identity {
    /// What names the instance: where it is declared, or the program that a resource brings. And
    /// that program.
    pub(super) fn named(self) -> Result<(String, ProviderProgram), Failure> {
        if let Some(name) = &self.name {
            return Ok((format!("{}#{name}", self.path.path()?), self.program));
        }
        let name = match &self.program {
            ProviderProgram::Stdio { executable, args } => {
                let words = std::iter::once(executable).chain(args);
                let words: Vec<&str> = words.map(String::as_str).collect();
                format!("stdio:{}", words.join(" "))
            }
            ProviderProgram::Tfplugin { executable, .. } => {
                format!("tfplugin:{}", executable.as_deref().unwrap_or_default())
            }
            ProviderProgram::Local {} => "local:".to_owned(),
        };
        Ok((name, self.program))
    }
}

/// What names an instance.
pub(super) fn instance_id(nix: &mut Nix, instance: &Value) -> Result<String, Failure> {
    let identity: Identity = nix.ask("instance", &[], instance)?;
    identity.named().map(|(id, _)| id)
}

impl InstanceAt {
    /// The instance.
    pub fn find(&self, nix: &mut Nix, root: &Value) -> Result<Value, Failure> {
        match self {
            InstanceAt::Resource(path) => {
                let component = find(nix, root, path)?;
                let resource = nix.select(&component, "resource")?;
                nix.select(&resource, "instance")
            }
            InstanceAt::Step(step) => {
                let value = super::operations::step(nix, root, step)?;
                nix.select(&value, "instance")
            }
            InstanceAt::Declared(path, name) => {
                let component = find(nix, root, path)?;
                let declared = nix.select(&component, "providerInstances")?;
                match nix.select_opt(&declared, name)? {
                    Some(instance) => Ok(instance),
                    None => Err(missing(&format!("{path}#{name}")).into()),
                }
            }
        }
    }
}

fn missing(id: &str) -> WireError {
    error::plain("missingProvider", format!("there is no provider `{id}`"))
}

impl Libnix {
    /// How to come to the instance with an id: one that a walk came across, or one declared where the
    /// id says.
    pub(super) fn instance(&self, id: &str) -> Result<InstanceAt, WireError> {
        if let Some(at) = self.instances.get(id) {
            return Ok(at.clone());
        }
        let (path, name) = id.rsplit_once('#').ok_or_else(|| missing(id))?;
        let path = path.parse().map_err(|_| missing(id))?;
        Ok(InstanceAt::Declared(path, name.to_owned()))
    }

    /// A provider instance with its configuration, in an instantiation of its own: what a resource
    /// reads is not said of its provider.
    pub(super) fn provider(
        &mut self,
        id: &str,
        at: &InstanceAt,
    ) -> Result<ProviderInstance, Failure> {
        let (seen, log) = self.fresh(|nix, root| {
            let instance = at.find(nix, root)?;
            let identity: Identity = nix.ask("instance", &[], &instance)?;
            let settings: ProviderSettings = nix.ask("providerSettings", &[], &instance)?;
            if settings.concurrency == Some(0) {
                return Err(error::plain("value", "0 is out of range").into());
            }
            let config = match nix.select(&instance, "config") {
                Ok(config) => nix.node(&config)?,
                Err(Failure::Waits(outputs)) => Node::Unknown(outputs),
                Err(failure) => return Err(failure),
            };
            let log = nix.shared.log();
            let places = nix.select(&instance, "places")?;
            Ok((
                identity.program,
                settings,
                config,
                log,
                nix.position(&places),
            ))
        });
        drop(log);
        let (program, settings, config, log, position) = seen?;
        let mut refs = Refs::default();
        let is_empty = matches!(&config, Node::Attrs(nodes) if nodes.is_empty());
        let config = match is_empty {
            true => Tree(Json::Null),
            false => config.finish(&log, &mut refs),
        };
        Ok(ProviderInstance {
            id: id.to_owned(),
            program,
            config,
            refs: refs.into_list(),
            settings,
            position,
        })
    }

    /// The instances that a component and those below it declare.
    pub(super) fn list_providers(
        &mut self,
        ask: &ListProviders,
    ) -> Result<ProvidersListed, WireError> {
        let mut listed = ProvidersListed::default();
        let mut stack = vec![ask.path.clone()];
        while let Some(member) = stack.pop() {
            let (seen, _) = self.fresh(|nix, root| {
                let component = find(nix, root, &member)?;
                let declared = nix.select(&component, "providerInstances")?;
                let declared = nix.names(&declared)?;
                Ok((declared, below(nix, &component)?))
            });
            match seen {
                Ok((declared, below)) => {
                    for name in declared {
                        self.list_one(&member, name, &mut listed);
                    }
                    stack.extend(below.into_iter().rev().map(|name| member.child(name)));
                }
                Err(Failure::NoMember(error)) => return Err(error),
                Err(failure) => listed.untold.push(UntoldProvider {
                    member,
                    name: None,
                    error: failure.into_error(),
                }),
            }
        }
        Ok(listed)
    }

    fn list_one(&mut self, member: &MemberPath, name: String, listed: &mut ProvidersListed) {
        let at = InstanceAt::Declared(member.clone(), name.clone());
        match self.provider(&format!("{member}#{name}"), &at) {
            Ok(instance) => listed.providers.push(instance),
            Err(failure) => listed.untold.push(UntoldProvider {
                member: member.clone(),
                name: Some(name),
                error: failure.into_error(),
            }),
        }
    }
}

/// The names of the members of a component; of a resource there are none.
pub(super) fn below(nix: &mut Nix, component: &Value) -> Result<Vec<String>, Failure> {
    match is_resource(nix, component)? {
        true => Ok(Vec::new()),
        false => member_names(nix, component),
    }
}
