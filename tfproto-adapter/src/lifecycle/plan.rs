//! Whether a plan respects what the user wrote.

use super::{Violation, same};
use crate::cty::{Path, Step, Value};
use crate::schema::{Attribute, Block, FieldKind, Nested, NestedBlock, Nesting, elements};

/// What a planned state does that a provider must not do: decide what the user has decided.
pub fn plan_violations(
    block: &Block,
    prior: &Value,
    config: &Value,
    planned: &Value,
) -> Vec<Violation> {
    let mut checker = Checker {
        path: Path::root(),
        found: Vec::new(),
    };
    checker.block(block, prior, config, planned);
    checker.found
}

struct Checker {
    path: Path,
    found: Vec<Violation>,
}

const ABSENT: &Value = &Value::Null;

impl Checker {
    fn report(&mut self, rule: &'static str) {
        self.found.push(Violation {
            path: self.path.clone(),
            rule,
        });
    }

    fn within(&mut self, step: Option<Step>, inner: impl FnOnce(&mut Self)) {
        let length = self.path.0.len();
        self.path.0.extend(step);
        inner(self);
        self.path.0.truncate(length);
    }

    fn block(&mut self, block: &Block, prior: &Value, config: &Value, planned: &Value) {
        match (config.is_null(), planned.is_null()) {
            (true, true) => return,
            (true, false) => return self.report("planned although it is not configured"),
            (false, true) => return self.report("configured, but planned to be absent"),
            (false, false) => {}
        }
        let (Some(planned), Some(config)) = (planned.as_object(), config.as_object()) else {
            if planned.is_unknown() && !config.is_unknown() {
                self.report("planned as a whole unknown");
            }
            return;
        };
        let priors = prior.as_object();
        for ((field, planned), config) in block.zip(planned).zip(config.values()) {
            let prior = priors
                .and_then(|object| object.get(&field.name))
                .unwrap_or(ABSENT);
            self.within(Some(field.step()), |this| match &field.kind {
                FieldKind::Attribute(attribute) => {
                    this.attribute(attribute, prior, config, planned);
                }
                FieldKind::Block(nested) => this.blocks(nested, prior, config, planned),
            });
        }
    }

    fn attribute(&mut self, attribute: &Attribute, prior: &Value, config: &Value, planned: &Value) {
        let kept = !prior.is_null() && !config.is_null() && same(planned, prior);
        let decided_by_provider = attribute.computed && (!attribute.optional || config.is_null());
        if kept || decided_by_provider || same(planned, config) {
            return;
        }
        match (config.is_null(), planned.is_null()) {
            (true, _) => self.report("planned a value although none is configured"),
            (false, true) if attribute.write_only => {}
            (false, true) => self.report("configured, but planned to be null"),
            (false, false) => match &attribute.nested {
                Some(nested) if !config.is_unknown() => self.nested(nested, prior, config, planned),
                _ => self.report("planned as neither the configured nor the prior value"),
            },
        }
    }

    fn nested(&mut self, nested: &Nested, prior: &Value, config: &Value, planned: &Value) {
        if planned.is_unknown() {
            return self.report("planned as a whole unknown");
        }
        if nested.nesting == Nesting::Set {
            let ((low, high), (least, most)) = (set_size(config), set_size(planned));
            if least > high || most < low {
                self.report("planned with another number of elements than configured");
            }
            return;
        }
        self.pairs(
            nested.nesting,
            prior,
            config,
            planned,
            |this, prior, config, planned| match (config.is_unknown(), planned.is_unknown()) {
                (true, true) => {}
                _ => this.block(&nested.object, prior, config, planned),
            },
        );
    }

    fn blocks(&mut self, nested: &NestedBlock, prior: &Value, config: &Value, planned: &Value) {
        if config.is_unknown() {
            if !planned.is_unknown() {
                self.report("planned although the number of blocks is not known yet");
            }
            return;
        }
        match nested.nesting {
            Nesting::Single | Nesting::Group => {
                self.block(&nested.block, prior, config, planned);
            }
            _ if planned.is_unknown() => self.report("the blocks are planned as unknown"),
            _ if planned.is_null() => self.report("the blocks are planned to be null"),
            Nesting::Set => {
                for element in planned.as_elements().unwrap_or_default() {
                    if element.is_unknown() {
                        self.report("a block is planned as a whole unknown");
                    }
                }
            }
            Nesting::List | Nesting::Map => {
                self.pairs(
                    nested.nesting,
                    prior,
                    config,
                    planned,
                    |this, prior, config, planned| {
                        this.block(&nested.block, prior, config, planned);
                    },
                );
            }
        }
    }

    /// Compares the elements of both sides, which must be the same ones.
    fn pairs(
        &mut self,
        nesting: Nesting,
        prior: &Value,
        config: &Value,
        planned: &Value,
        mut check: impl FnMut(&mut Self, &Value, &Value, &Value),
    ) {
        let (wanted, found) = (elements(nesting, config), elements(nesting, planned));
        let steps = |elements: &[(Option<Step>, &Value)]| {
            elements
                .iter()
                .map(|(step, _)| step.clone())
                .collect::<Vec<_>>()
        };
        if steps(&wanted) != steps(&found) {
            return self.report("planned with other elements than configured");
        }
        for ((step, config), (_, planned)) in wanted.into_iter().zip(found) {
            let prior = match &step {
                Some(step) => prior.step(step).unwrap_or(ABSENT),
                None => prior,
            };
            self.within(step, |this| check(this, prior, config, planned));
        }
    }
}

/// The fewest and the most elements a set can turn out to have.
fn set_size(value: &Value) -> (usize, usize) {
    let elements = value.as_elements().unwrap_or_default();
    let known = elements
        .iter()
        .filter(|element| element.is_wholly_known())
        .count();
    (known.max(elements.len().min(1)), elements.len())
}
