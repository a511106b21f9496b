//! The names that flake references are made of.

/// Whether this can name a flake or an input.
pub fn is_flake_id(text: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(rest)
}

/// Whether this is a commit's hash, written out.
pub fn is_revision(text: &str) -> bool {
    text.len() == 40 && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// Whether this can be a branch or tag in a URL's path.
pub(super) fn is_plain_ref(text: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || "_./@+-".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '@') && text.chars().all(rest)
}

/// Whether Git allows a branch or tag of that name.
pub fn is_ref_name(text: &str) -> bool {
    let bad = |c: char| c.is_control() || c.is_whitespace() || ":?^~[\\*".contains(c);
    !text.is_empty()
        && text != "@"
        && !text.starts_with(['.', '/', '-'])
        && !text.ends_with(['.', '/'])
        && !text.chars().any(bad)
        && ["//", "/.", "..", ".lock/", "@{"]
            .iter()
            .all(|part| !text.contains(part))
        && !text.ends_with(".lock")
}
