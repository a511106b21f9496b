//! From a place in a provider's value to the input that is responsible for it.

use nixops4_core::value::{Kind, Value as Input};
use nixops4_core::{AttrPath, Step as InputStep};

use crate::cty::{Path, Step};

/// The path of the deepest input on the way to a place in the value made from the inputs.
///
/// Blocks may be written more loosely than the provider sees them: one alone stands for a list of
/// one, and nulls in a list are passed over.
pub fn to_input_path(inputs: &Input, place: &Path) -> AttrPath {
    let mut path = AttrPath::root();
    let mut current = inputs;
    for step in &place.0 {
        let next = match (&current.kind, step) {
            (Kind::Attrs(attrs), Step::Attribute(name) | Step::Key(name)) => attrs
                .get(&**name)
                .map(|input| (Some(InputStep::Name(name.to_string())), input)),
            (Kind::Attrs(_), Step::Index(0)) => Some((None, current)),
            (Kind::List(elements), Step::Index(index)) => {
                let mut written = elements
                    .iter()
                    .enumerate()
                    .filter(|(_, input)| !input.is_null());
                written
                    .nth(*index)
                    .map(|(index, input)| (Some(index.into()), input))
            }
            _ => None,
        };
        let Some((step, input)) = next else { break };
        path.0.extend(step);
        current = input;
    }
    // The first name is worth keeping even where it is not set: "required, but not set".
    if let ([], Some(Step::Attribute(name))) = (&path.0[..], place.0.first()) {
        path.0.push(InputStep::Name(name.to_string()));
    }
    path
}
