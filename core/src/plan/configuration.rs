//! What a provider was last configured with, completed for those who need it again.

use crate::diagnostic::Diagnostic;
use crate::value::{Kind, Value};
use crate::{AttrPath, Step};

/// A configuration as it is remembered, with what was left out taken from that of now, as far as it
/// is known; or else the leaves that are missing.
pub(super) fn completed(remembered: &Value, now: Option<&Value>) -> Result<Value, Vec<AttrPath>> {
    let mut missing = Vec::new();
    let value = complete(remembered, now, &mut AttrPath::root(), &mut missing);
    match missing.is_empty() {
        true => Ok(value),
        false => Err(missing),
    }
}

fn complete(
    remembered: &Value,
    now: Option<&Value>,
    path: &mut AttrPath,
    missing: &mut Vec<AttrPath>,
) -> Value {
    let mut inner = |step: Step, remembered: &Value| {
        let now = now.and_then(|now| now.get(&AttrPath(vec![step.clone()])));
        path.0.push(step);
        let value = complete(remembered, now, path, missing);
        path.0.pop();
        value
    };
    let kind = match &remembered.kind {
        Kind::Unknown => match now.filter(|now| now.is_wholly_known()) {
            Some(now) => return now.clone(),
            None => {
                missing.push(path.clone());
                Kind::Unknown
            }
        },
        Kind::Attrs(attrs) => {
            let attrs = attrs.iter();
            let attrs =
                attrs.map(|(name, value)| (name.clone(), inner(name.as_str().into(), value)));
            Kind::Attrs(attrs.collect())
        }
        Kind::List(elements) => {
            let elements = elements.iter().enumerate();
            Kind::List(
                elements
                    .map(|(index, value)| inner(index.into(), value))
                    .collect(),
            )
        }
        scalar => scalar.clone(),
    };
    Value {
        kind,
        ..remembered.clone()
    }
}

/// Says which leaves are missing.
pub(super) fn incomplete(provider: &str, missing: &[AttrPath]) -> Diagnostic {
    let missing: Vec<_> = missing.iter().map(named).collect();
    let text = format!(
        "the provider `{provider}` that made it cannot be configured again: {} of its \
         configuration is secret, so it is not stored, and the deployment does not tell it",
        missing.join(", ")
    );
    let hint = "put the provider back into the deployment until this is deleted";
    Diagnostic::error(text).hint(hint)
}

fn named(path: &AttrPath) -> String {
    match path.0.is_empty() {
        true => "all".to_owned(),
        false => path.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown() -> Value {
        Value::unknown().sensitive()
    }

    #[test]
    fn what_was_left_out_is_taken_from_the_deployment() {
        let inner = Value::attrs([("key", unknown()), ("user", "u".into())]);
        let remembered = Value::attrs([("region", "eu".into()), ("login", inner)]);
        let login = Value::attrs([("key", Value::from("k").sensitive())]);
        let now = Value::attrs([("region", Value::unknown()), ("login", login)]);
        let config = completed(&remembered, Some(&now)).expect("complete");
        let expected = serde_json::json!({ "region": "eu", "login": { "key": "k", "user": "u" } });
        assert_eq!(config.to_plain_json(), expected);
        let key = AttrPath(vec!["login".into(), "key".into()]);
        assert!(config.get(&key).expect("a key").marks.sensitive);
    }

    #[test]
    fn what_is_missing_is_named() {
        let elements = Value::list([unknown(), Value::from("a")]);
        let remembered = Value::attrs([("keys", elements), ("token", unknown())]);
        let now = Value::attrs([("token", Value::unknown())]);
        let missing = completed(&remembered, Some(&now)).expect_err("incomplete");
        let said = incomplete("#p", &missing).summary;
        assert!(
            said.contains("keys[0], token of its configuration"),
            "{said}"
        );
        assert!(completed(&unknown(), None).is_err());
    }
}
