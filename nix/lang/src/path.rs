//! Paths as the language sees them: absolute, without `.`, `..` or doubled slashes.

use std::path::Path;

/// `path` seen from `base`, normalised by text alone, as Nix does it.
pub(crate) fn absolute(path: &str, base: &Path) -> String {
    if path.starts_with('/') {
        normalise(path)
    } else {
        normalise(&format!("{}/{path}", base.display()))
    }
}

/// Normalises an absolute path by text alone.
pub(crate) fn normalise(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let len = parts.iter().map(|part| part.len() + 1).sum::<usize>();
    let mut normal = String::with_capacity(len.max(1));
    for part in &parts {
        normal.push('/');
        normal.push_str(part);
    }
    if normal.is_empty() {
        normal.push('/');
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_by_text() {
        assert_eq!(absolute("./a/../b//c/.", Path::new("/x/y")), "/x/y/b/c");
        assert_eq!(absolute("../../../..", Path::new("/x")), "/");
        assert_eq!(absolute("/a/./b", Path::new("/x")), "/a/b");
    }
}
