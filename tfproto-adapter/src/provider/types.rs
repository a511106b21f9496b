//! What core has to know of a plugin's types.

use nixops4_core::AttrPath;
use nixops4_core::provider::{Mode, ResourceType};

use crate::schema::{Block, FieldKind, Nesting};

/// Describes a type by its schema.
pub(super) fn describe(mode: Mode, name: &str, block: &Block) -> ResourceType {
    let mut sensitive_inputs = Vec::new();
    sensitive(block, &AttrPath::root(), &mut sensitive_inputs);
    ResourceType {
        name: name.to_owned(),
        require_state: mode == Mode::Managed,
        outputs: Some(
            block
                .fields()
                .iter()
                .map(|field| field.name.to_string())
                .collect(),
        ),
        sensitive_inputs,
        ..ResourceType::default()
    }
}

/// Collects where secrets are. Inside of lists, sets and maps there is no path for every element,
/// so the whole counts as secret.
fn sensitive(block: &Block, path: &AttrPath, found: &mut Vec<AttrPath>) {
    for field in block.fields() {
        let here = path.child(&*field.name);
        let (nesting, inner) = match &field.kind {
            FieldKind::Attribute(attribute) if attribute.sensitive => {
                found.push(here);
                continue;
            }
            FieldKind::Attribute(attribute) => match &attribute.nested {
                Some(nested) => (nested.nesting, &nested.object),
                None => continue,
            },
            FieldKind::Block(nested) => (nested.nesting, &nested.block),
        };
        let mut inside = Vec::new();
        sensitive(inner, &here, &mut inside);
        match nesting {
            Nesting::Single | Nesting::Group => found.append(&mut inside),
            _ if inside.is_empty() => {}
            _ => found.push(here),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cty::Type;
    use crate::schema::testing::{attr, block, blocks, optional};

    #[test]
    fn secrets_are_found_wherever_they_are() {
        let mut secret = optional(Type::String);
        secret.sensitive = true;
        let inner = || {
            block([
                attr("user", optional(Type::String)),
                attr("word", secret.clone()),
            ])
        };
        let b = block([
            blocks("many", Nesting::List, inner(), 0, 0),
            blocks("one", Nesting::Single, inner(), 0, 0),
            attr("open", optional(Type::String)),
            attr("token", secret.clone()),
        ]);
        let described = describe(Mode::Managed, "t", &b);
        let paths: Vec<_> = described
            .sensitive_inputs
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(paths, ["many", "one.word", "token"]);
        assert!(described.require_state && !describe(Mode::Data, "t", &b).require_state);
        assert_eq!(described.outputs.map(|outputs| outputs.len()), Some(4));
    }
}
