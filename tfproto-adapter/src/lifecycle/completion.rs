//! Whether what came of a plan is what was planned.

use super::Violation;
use crate::cty::{Bound, Number, Path, Refinements, Step, Value};
use crate::schema::{Block, FieldKind, NestedBlock, Nesting};

/// Where an actual value contradicts the planned one: whatever was planned as known must be so,
/// whatever was unknown may be anything within what was said of it.
pub fn completion_violations(block: &Block, planned: &Value, actual: &Value) -> Vec<Violation> {
    let mut checker = Checker {
        path: Path::root(),
        found: Vec::new(),
    };
    checker.block(block, planned, actual);
    checker.found
}

struct Checker {
    path: Path,
    found: Vec<Violation>,
}

impl Checker {
    fn report(&mut self, rule: &'static str) {
        self.found.push(Violation {
            path: self.path.clone(),
            rule,
        });
    }

    fn within(&mut self, step: Step, inner: impl FnOnce(&mut Self)) {
        self.path.0.push(step);
        inner(self);
        self.path.0.pop();
    }

    fn block(&mut self, block: &Block, planned: &Value, actual: &Value) {
        if planned.is_unknown() {
            return;
        }
        if !self.same_presence(planned, actual) || planned.is_null() {
            return;
        }
        let (Some(planned), Some(actual)) = (planned.as_object(), actual.as_object()) else {
            return self.report("was planned as known, and is unknown");
        };
        for ((field, planned), actual) in block.zip(planned).zip(actual.values()) {
            self.within(field.step(), |this| match &field.kind {
                FieldKind::Attribute(_) => this.value(planned, actual),
                FieldKind::Block(nested) => this.blocks(nested, planned, actual),
            });
        }
    }

    fn same_presence(&mut self, planned: &Value, actual: &Value) -> bool {
        match (planned.is_null(), actual.is_null()) {
            (true, false) => self.report("was planned to be absent, and is present"),
            (false, true) => self.report("was planned to be present, and is absent"),
            _ => return true,
        }
        false
    }

    fn blocks(&mut self, nested: &NestedBlock, planned: &Value, actual: &Value) {
        match (nested.nesting, planned.concrete(), actual.concrete()) {
            (_, Value::Unknown(_), _) => {}
            (Nesting::Single | Nesting::Group, planned, actual) => {
                self.block(&nested.block, planned, actual);
            }
            (Nesting::List, Value::List(planned), Value::List(actual)) => {
                if planned.len() != actual.len() {
                    return self.report("the number of blocks is not the planned one");
                }
                for (index, (planned, actual)) in planned.iter().zip(actual).enumerate() {
                    let check = |this: &mut Self| this.block(&nested.block, planned, actual);
                    self.within(Step::Index(index), check);
                }
            }
            (Nesting::Map, Value::Map(planned), Value::Map(actual)) => {
                if !planned.keys().eq(actual.keys()) {
                    return self.report("the keys of the blocks are not the planned ones");
                }
                for ((key, planned), actual) in planned.iter().zip(actual.values()) {
                    let check = |this: &mut Self| this.block(&nested.block, planned, actual);
                    self.within(Step::Key(key.as_str().into()), check);
                }
            }
            (Nesting::Set, Value::Set(planned), Value::Set(actual)) => {
                self.sets(planned.as_slice(), actual.as_slice(), &|planned, actual| {
                    completion_violations(&nested.block, planned, actual).is_empty()
                });
            }
            (_, planned, actual) => {
                if self.same_presence(planned, actual) && !planned.is_null() {
                    self.report("was planned as known, and is unknown");
                }
            }
        }
    }

    fn value(&mut self, planned: &Value, actual: &Value) {
        let (planned, actual) = (planned.concrete(), actual.concrete());
        if let Value::Unknown(refinements) = planned {
            if let Some(refinements) = refinements
                && !within_range(refinements, actual)
            {
                self.report("is outside the range that was planned");
            }
            return;
        }
        if !self.same_presence(planned, actual) {
            return;
        }
        match (planned, actual) {
            (_, Value::Unknown(_)) => self.report("was planned as known, and is unknown"),
            (Value::Object(planned), Value::Object(actual)) => {
                for (name, planned) in planned.iter() {
                    let step = Step::Attribute(name.clone());
                    match actual.get(name) {
                        Some(actual) => self.within(step, |this| this.value(planned, actual)),
                        None => self.report("is not of the planned type"),
                    }
                }
            }
            (Value::List(planned), Value::List(actual))
            | (Value::Tuple(planned), Value::Tuple(actual)) => {
                if planned.len() != actual.len() {
                    return self.report("the number of elements is not the planned one");
                }
                for (index, (planned, actual)) in planned.iter().zip(actual).enumerate() {
                    self.within(Step::Index(index), |this| this.value(planned, actual));
                }
            }
            (Value::Map(planned), Value::Map(actual)) => {
                if !planned.keys().eq(actual.keys()) {
                    return self.report("the keys are not the planned ones");
                }
                for ((key, planned), actual) in planned.iter().zip(actual.values()) {
                    let step = Step::Key(key.as_str().into());
                    self.within(step, |this| this.value(planned, actual));
                }
            }
            (Value::Set(planned), Value::Set(actual)) => {
                self.sets(planned.as_slice(), actual.as_slice(), &|planned, actual| {
                    let mut inner = Self {
                        path: Path::root(),
                        found: Vec::new(),
                    };
                    inner.value(planned, actual);
                    inner.found.is_empty()
                });
            }
            (planned, actual) if planned == actual => {}
            _ => self.report("is not the planned value"),
        }
    }

    fn sets(&mut self, planned: &[Value], actual: &[Value], fits: &dyn Fn(&Value, &Value) -> bool) {
        if actual.len() > planned.len() {
            return self.report("the set has more elements than planned");
        }
        if planned == actual {
            return;
        }
        let all_planned_found = planned
            .iter()
            .all(|planned| actual.iter().any(|actual| fits(planned, actual)));
        let all_actual_planned = actual
            .iter()
            .all(|actual| planned.iter().any(|planned| fits(planned, actual)));
        if !all_planned_found {
            self.report("a planned element is missing from the set");
        } else if !all_actual_planned {
            self.report("the set has an element that was not planned");
        }
    }
}

/// Whether a value is within what was said of an unknown one.
fn within_range(refinements: &Refinements, actual: &Value) -> bool {
    let Refinements {
        not_null,
        prefix,
        lower,
        upper,
        min_length,
        max_length,
    } = refinements;
    let length = match actual {
        Value::Unknown(_) => return true,
        Value::Null => return !not_null,
        Value::Map(map) => Some(map.len() as u64),
        value => value.as_elements().map(|elements| elements.len() as u64),
    };
    let starts = |text: &str| {
        prefix
            .as_deref()
            .is_none_or(|prefix| text.starts_with(prefix))
    };
    let above = |bound: &Bound, number: &Number| {
        bound.number < *number || (bound.inclusive && bound.number == *number)
    };
    let below = |bound: &Bound, number: &Number| {
        bound.number > *number || (bound.inclusive && bound.number == *number)
    };
    let between = |number: &Number| {
        lower.as_ref().is_none_or(|bound| above(bound, number))
            && upper.as_ref().is_none_or(|bound| below(bound, number))
    };
    actual.as_str().is_none_or(starts)
        && actual.as_number().is_none_or(between)
        && length.is_none_or(|length| {
            min_length.is_none_or(|min| length >= min) && max_length.is_none_or(|max| length <= max)
        })
}
