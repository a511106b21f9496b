//! What core has to know of a plugin's types.

use nixops4_core::AttrPath;
use nixops4_core::provider::{Mode, ResourceType};

use crate::schema::{Block, Nesting};

/// Describes a type by its schema.
pub(super) fn describe(mode: Mode, name: &str, block: &Block) -> ResourceType {
    let sensitive_inputs = sensitive_inputs(block);
    ResourceType {
        name: name.to_owned(),
        require_state: mode == Mode::Managed,
        state_handler: mode == Mode::StateStore,
        outputs: Some(
            block
                .fields()
                .iter()
                .map(|field| field.name.to_string())
                .collect(),
        ),
        sensitive_inputs,
        write_only_inputs: write_only_inputs(block),
        ..ResourceType::default()
    }
}

/// Where a schema says that secrets are. What must not be stored is one: events and logs may be.
pub(super) fn sensitive_inputs(block: &Block) -> Vec<AttrPath> {
    let mut found = Vec::new();
    sensitive(block, &AttrPath::root(), &mut found);
    found
}

/// Collects where secrets are. Inside of lists, sets and maps there is no path for every element,
/// so the whole counts as secret.
fn sensitive(block: &Block, path: &AttrPath, found: &mut Vec<AttrPath>) {
    for field in block.fields() {
        let here = path.child(&*field.name);
        if field
            .attribute()
            .is_some_and(|attribute| attribute.sensitive || attribute.write_only)
        {
            found.push(here);
            continue;
        }
        let Some((nesting, inner)) = field.nested() else {
            continue;
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

/// Where a schema says that nothing is stored.
fn write_only_inputs(block: &Block) -> Vec<AttrPath> {
    let mut found = Vec::new();
    write_only(block, &AttrPath::root(), &mut found);
    found
}

fn write_only(block: &Block, path: &AttrPath, found: &mut Vec<AttrPath>) {
    for field in block.fields() {
        let here = path.child(&*field.name);
        if field
            .attribute()
            .is_some_and(|attribute| attribute.write_only)
        {
            found.push(here);
            continue;
        }
        let Some((nesting, inner)) = field.nested() else {
            continue;
        };
        let inside = match nesting {
            Nesting::Map => here.child(ResourceType::ANY_KEY),
            _ => here,
        };
        write_only(inner, &inside, found);
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
        let mut unkept = optional(Type::String);
        unkept.write_only = true;
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
            attr("unkept", unkept),
        ]);
        let described = describe(Mode::Managed, "t", &b);
        let paths: Vec<_> = described
            .sensitive_inputs
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(paths, ["many", "one.word", "token", "unkept"]);
        assert!(described.require_state && !describe(Mode::Data, "t", &b).require_state);
        assert_eq!(described.outputs.map(|outputs| outputs.len()), Some(5));
    }
}
