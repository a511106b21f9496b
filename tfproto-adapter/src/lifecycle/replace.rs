//! Which of the attributes that force a replacement really change.

use super::same;
use crate::cty::{Path, Step, Value};
use crate::schema::{Block, FieldKind};

/// A provider named a place that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it says that {0} forces a replacement, but there is no such attribute")]
pub struct InvalidReplacePath(pub Path);

/// The places that force a replacement and change, or may change.
pub fn kept_replacements(
    block: &Block,
    prior: &Value,
    planned: &Value,
    paths: impl IntoIterator<Item = Path>,
) -> Result<Vec<Path>, InvalidReplacePath> {
    if prior.is_null() {
        return Ok(Vec::new());
    }
    let mut kept = Vec::new();
    for path in paths {
        let changes = match (prior.at(&path), planned.at(&path)) {
            (None, None) => return Err(InvalidReplacePath(path)),
            (Some(before), Some(after)) => !after.is_wholly_known() || !same(before, after),
            _ => true,
        };
        if changes || is_write_only(block, &path) {
            kept.push(path);
        }
    }
    Ok(kept)
}

/// Values that are never stored cannot be compared.
fn is_write_only(block: &Block, path: &Path) -> bool {
    let mut block = block;
    for step in &path.0 {
        let Step::Attribute(name) = step else {
            continue;
        };
        match block.field(name).map(|field| &field.kind) {
            Some(FieldKind::Block(nested)) => block = &nested.block,
            Some(FieldKind::Attribute(attribute)) if attribute.write_only => return true,
            Some(FieldKind::Attribute(attribute)) => match &attribute.nested {
                Some(nested) => block = &nested.object,
                None => return false,
            },
            None => return false,
        }
    }
    false
}
