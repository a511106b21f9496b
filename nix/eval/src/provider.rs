//! The provider instances that components declare.

use nixops4_lang::{EvalError, Value};
use nixops4_proto::evaluator::{ListProviders, ProvidersListed, UntoldProvider};
use nixops4_proto::path::MemberPath;

use crate::error::WireError;
use crate::session::Session;

impl Session {
    /// The instances that a component and those below it declare.
    pub fn providers(&mut self, ask: &ListProviders) -> Result<ProvidersListed, WireError> {
        let component = self.component_at(&ask.path)?;
        let mut listed = ProvidersListed::default();
        let mut stack = vec![(ask.path.clone(), Ok(component))];
        while let Some((member, component)) = stack.pop() {
            let told = component.and_then(|component| {
                self.declared(&member, &component, &mut listed)?;
                self.below(&member, &component)
            });
            match told {
                Ok(below) => stack.extend(below.into_iter().rev()),
                Err(error) => {
                    let untold = self.untold(&member, None, &error);
                    listed.untold.push(untold);
                }
            }
        }
        Ok(listed)
    }

    fn declared(
        &mut self,
        member: &MemberPath,
        component: &Value,
        listed: &mut ProvidersListed,
    ) -> Result<(), EvalError> {
        let set = self.evaluator.select(component, "providerInstances")?;
        for name in self.names(&set)? {
            let described = match self.evaluator.select(&set, &name) {
                Ok(instance) => self
                    .provider(&format!("{member}#{name}"), &instance)
                    .map_err(|failure| failure.error),
                Err(error) => Err(error),
            };
            match described {
                Ok(instance) => listed.providers.push(instance),
                Err(error) => {
                    let untold = self.untold(member, Some(name), &error);
                    listed.untold.push(untold);
                }
            }
        }
        Ok(())
    }

    fn untold(
        &self,
        member: &MemberPath,
        name: Option<String>,
        error: &EvalError,
    ) -> UntoldProvider {
        UntoldProvider {
            member: member.clone(),
            name,
            error: (!error.is_suspended()).then(|| *self.error(error)),
        }
    }
}
