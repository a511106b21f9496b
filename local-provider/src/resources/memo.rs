//! `memo`: a value that stays what it was when the resource was created.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::sdk::{
    About, Action, Context, Error, Field, Made, New, Operation, Plan, PlanInputs, ResourceType,
    State,
};

/// A value that stays what it was when the resource was created.
#[derive(Debug)]
pub struct Memo;

/// Inputs of [`Memo`].
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// The value; later changes of it have no effect.
    #[serde(default)]
    initialize_with: Json,
}

/// Outputs of [`Memo`].
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outputs {
    /// The value that it was created with.
    #[serde(default)]
    #[schemars(extend("stable" = true, "derivedFrom" = ["initialize_with"]))]
    value: Json,
}

impl ResourceType for Memo {
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn about(&self) -> About {
        About::new(
            "memo",
            "A value that stays what it was when the resource was created",
        )
        .require_state()
        .can(&[Operation::Plan, Operation::Update, Operation::Delete])
    }

    fn plan(
        &self,
        _: &Context,
        prior: Option<State<Self>>,
        inputs: &PlanInputs,
    ) -> Result<Plan, Error> {
        Ok(match (prior, inputs.get("initialize_with")) {
            (Some(prior), _) => Plan::new(Action::Noop).output("value", &prior.outputs.value),
            (None, Field::Unknown) => Plan::new(Action::Create).unknown("value"),
            (None, Field::Known(value)) => Plan::new(Action::Create).output("value", &value),
            (None, Field::NotSet) => Plan::new(Action::Create).output("value", &Json::Null),
        })
    }

    fn create(&self, _: &Context, new: New<Self>) -> Result<Made<Outputs>, Error> {
        if !new.stateful {
            return Err(Error::new(
                "a memo without state would be forgotten at once",
            ));
        }
        let value = new.inputs.initialize_with;
        Ok(Outputs { value }.into())
    }

    fn update(
        &self,
        _: &Context,
        state: State<Self>,
        _: New<Self>,
    ) -> Result<Made<Outputs>, Error> {
        Ok(state.outputs.into())
    }

    fn delete(&self, _: &Context, _: State<Self>) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::provider;

    #[test]
    fn the_first_value_stays() {
        let ask = |method, params| provider().ask(method, params).0.expect(method);
        let created = ask(
            "create",
            json!({ "type": "memo", "inputs": { "initialize_with": [1] }, "stateful": true }),
        );
        assert_eq!(created, json!({ "outputs": { "value": [1] } }));
        let state = json!({ "inputs": { "initialize_with": [1] }, "outputs": { "value": [1] } });
        let planned = ask(
            "plan",
            json!({ "type": "memo", "prior": state, "inputs": { "initialize_with": 2 }, "stateful": true }),
        );
        assert_eq!(
            planned,
            json!({ "action": "noop", "outputs": { "value": [1] } })
        );
        let planned = ask(
            "plan",
            json!({ "type": "memo", "inputs": { "initialize_with": { "$": "unknown" } }, "stateful": true }),
        );
        assert_eq!(
            planned,
            json!({ "action": "create", "outputs": { "value": { "$": "unknown" } } })
        );
    }

    #[test]
    fn it_needs_state() {
        let (result, _) = provider().ask(
            "create",
            json!({ "type": "memo", "inputs": {}, "stateful": false }),
        );
        let error = result.expect_err("refused").complaint.message;
        assert_eq!(error, "a memo without state would be forgotten at once");
    }
}
