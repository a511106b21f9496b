//! Flakes that the program brings along, whatever a lock file says: its own modules belong to it,
//! and those of another version would not.

use crate::reference::FlakeRef;

/// The name of the flake that stands for a reference.
pub(crate) fn shipped_flake(reference: &FlakeRef) -> Option<&'static str> {
    let input = &reference.input;
    let text = |name: &str| input.text(name).unwrap_or_default();
    let is_own = match input.kind() {
        "github" => text("owner") == "nixops4" && text("repo") == "nixops4",
        "git" => {
            let url = text("url").trim_end_matches('/').trim_end_matches(".git");
            url == "https://github.com/nixops4/nixops4"
                || url == "ssh://git@github.com/nixops4/nixops4"
        }
        "indirect" => text("id") == "nixops4",
        _ => false,
    };
    is_own.then_some("nixops4")
}
