//! Planning: inputs with unknown leaves in, outputs with unknown leaves out.

use nixops4_proto::native::{PlanAction, Planned};
use nixops4_proto::path::AttrPath;
use nixops4_proto::tree::{ATTRS, KNOWN, NODE_KEY, Tree, UNKNOWN};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

/// Inputs of which some leaves may be unknown.
///
/// `None` where not even their names are known.
#[derive(Clone, Debug, Default)]
pub struct PlanInputs(Option<Map<String, Json>>);

/// One input.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// It is not set.
    NotSet,
    /// It, or something in it, is not known yet.
    Unknown,
    /// Its value.
    Known(Json),
}

impl Field {
    /// The text, if it is a known string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Known(value) => value.as_str(),
            _ => None,
        }
    }
}

impl PlanInputs {
    pub(super) fn new(tree: Tree) -> Self {
        match strip(tree.0) {
            Json::Object(map) if map.get(NODE_KEY).is_some_and(|kind| kind == UNKNOWN) => {
                Self(None)
            }
            Json::Object(map) => Self(Some(map)),
            _ => Self(Some(Map::new())),
        }
    }

    /// The input `name`.
    pub fn get(&self, name: &str) -> Field {
        let Some(map) = &self.0 else {
            return Field::Unknown;
        };
        match map.get(name) {
            None | Some(Json::Null) => Field::NotSet,
            Some(tree) => match known(tree) {
                Some(value) => Field::Known(value),
                None => Field::Unknown,
            },
        }
    }

    /// Whether the input `name` is known to be `value`; `null` stands for "not set".
    pub fn same(&self, name: &str, value: &impl Serialize) -> bool {
        let value = serde_json::to_value(value).unwrap_or_default();
        match self.get(name) {
            Field::NotSet => value.is_null(),
            Field::Unknown => false,
            Field::Known(known) => known == value,
        }
    }
}

/// A tree without the marks around its outermost node.
fn strip(tree: Json) -> Json {
    match tree {
        Json::Object(mut map) if map.get(NODE_KEY).is_some_and(|kind| kind != UNKNOWN) => {
            map.remove("value").map(strip).unwrap_or_default()
        }
        other => other,
    }
}

/// The value of a tree, if nothing in it is unknown.
fn known(tree: &Json) -> Option<Json> {
    Some(match tree {
        Json::Array(elements) => Json::Array(elements.iter().map(known).collect::<Option<_>>()?),
        Json::Object(map) => match map.get(NODE_KEY).and_then(Json::as_str) {
            None => attrs(map)?,
            Some(KNOWN) => known(map.get("value")?)?,
            Some(ATTRS) => attrs(map.get("value")?.as_object()?)?,
            Some(_) => return None,
        },
        scalar => scalar.clone(),
    })
}

fn attrs(map: &Map<String, Json>) -> Option<Json> {
    let entries = map
        .iter()
        .map(|(name, value)| Some((name.clone(), known(value)?)));
    entries.collect::<Option<_>>().map(Json::Object)
}

/// A known value as a tree: only an object with the special key has to be written differently.
fn tree(value: &Json) -> Json {
    match value {
        Json::Array(elements) => elements.iter().map(tree).collect(),
        Json::Object(map) => {
            let attrs: Map<_, _> = map.iter().map(|(k, v)| (k.clone(), tree(v))).collect();
            match map.contains_key(NODE_KEY) {
                true => json!({ NODE_KEY: ATTRS, "value": attrs }),
                false => Json::Object(attrs),
            }
        }
        scalar => scalar.clone(),
    }
}

/// What has to be done, and the outputs as they will be.
#[derive(Debug)]
pub struct Plan(pub(super) Planned);

impl Plan {
    /// Something has to be done.
    pub fn new(action: PlanAction) -> Self {
        Self(Planned {
            action,
            outputs: None,
            replace_paths: Vec::new(),
            plan_private: None,
            deferred: None,
        })
    }

    /// An output that is known already. Outputs that are not named are left out of the plan, so
    /// once one is named, name all.
    pub fn output(self, name: &str, value: &impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or_default();
        self.put(name, tree(&value))
    }

    /// An output that only doing it tells.
    pub fn unknown(self, name: &str) -> Self {
        self.put(name, json!({ NODE_KEY: UNKNOWN }))
    }

    fn put(mut self, name: &str, value: Json) -> Self {
        let outputs = self.0.outputs.get_or_insert_with(|| Tree(json!({})));
        outputs.0[name] = value;
        self
    }

    /// An input that makes another object necessary.
    pub fn replaced_by(mut self, input: &str) -> Self {
        self.0.action = PlanAction::Replace;
        self.0.replace_paths.push(AttrPath::root().child(input));
        self
    }

    /// What is to be handed back when the plan is carried out.
    pub fn private(mut self, private: Json) -> Self {
        self.0.plan_private = Some(private);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_known_wholly_or_not() {
        let inputs = PlanInputs::new(Tree(
            json!({ "$": "known", "marks": ["sensitive"], "value": {
                "a": { "$": "known", "value": ["x"], "marks": ["sensitive"] },
                "b": { "inner": [{ "$": "unknown" }] },
                "c": null,
                "d": { "$": "attrs", "value": { "$": 1 } },
            }}),
        ));
        assert_eq!(inputs.get("a"), Field::Known(json!(["x"])));
        assert_eq!(inputs.get("b"), Field::Unknown);
        assert_eq!(inputs.get("c"), Field::NotSet);
        assert_eq!(inputs.get("d"), Field::Known(json!({ "$": 1 })));
        assert!(inputs.same("a", &["x"]) && inputs.same("c", &None::<u8>));
        assert!(!inputs.same("b", &0) && !inputs.same("e", &0));
        let nothing = PlanInputs::new(Tree(json!({ "$": "unknown" })));
        assert_eq!(nothing.get("a"), Field::Unknown);
    }

    #[test]
    fn outputs_are_known_or_not_one_by_one() {
        let plan = Plan::new(PlanAction::Update)
            .output("odd", &json!({ "$": "x" }))
            .unknown("id");
        assert_eq!(
            plan.0.outputs.expect("outputs").0,
            json!({ "odd": { "$": "attrs", "value": { "$": "x" } }, "id": { "$": "unknown" } })
        );
    }
}
