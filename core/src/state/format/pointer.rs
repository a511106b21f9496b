//! JSON Pointers (RFC 6901): where things are in the document, and how to get there.

use crate::MemberPath;

/// Appends a name to a pointer.
pub(super) fn push(pointer: &mut String, name: &str) {
    pointer.push('/');
    for c in name.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

/// The names in a pointer; `None` if it is none.
pub(super) fn names(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let names = pointer.strip_prefix('/')?.split('/');
    let unescape = |name: &str| match name.contains('~') {
        true => name.replace("~1", "/").replace("~0", "~"),
        false => name.to_owned(),
    };
    Some(names.map(unescape).collect())
}

/// Where a composite is; the root is at `""`.
pub(super) fn composite(path: &MemberPath) -> String {
    let mut pointer = String::new();
    for name in path.names() {
        pointer.push_str("/deployments");
        push(&mut pointer, name);
    }
    pointer
}

/// Where a resource is.
pub(in crate::state) fn resource(path: &MemberPath) -> String {
    let mut pointer = composite(&path.parent().unwrap_or_default());
    pointer.push_str("/resources");
    push(&mut pointer, path.name().unwrap_or_default());
    pointer
}

/// Where an intent is.
pub(in crate::state) fn intent(id: &str) -> String {
    let mut pointer = "/intents".to_owned();
    push(&mut pointer, id);
    pointer
}
