//! The Nix code that ships inside this program: `nix/lib` and `nix/modules`.

use std::path::Path;

use nixops4_lang::Evaluator;

/// Where evaluated text sees the files; no real path begins so.
pub const ROOT: &str = "/«nixops4»";

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        /// Name below [`ROOT`] and text of every file.
        const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../", $name)))),*];
    };
}

files![
    "lib/asserts.nix",
    "lib/attrsets.nix",
    "lib/cli.nix",
    "lib/collect.nix",
    "lib/customisation.nix",
    "lib/debug.nix",
    "lib/default.nix",
    "lib/errors.nix",
    "lib/filesystem.nix",
    "lib/fixed-points.nix",
    "lib/generators.nix",
    "lib/lists.nix",
    "lib/merge.nix",
    "lib/meta.nix",
    "lib/modules.nix",
    "lib/options.nix",
    "lib/properties.nix",
    "lib/sources.nix",
    "lib/strings.nix",
    "lib/tree.nix",
    "lib/trivial.nix",
    "lib/type-kit.nix",
    "lib/types-compound.nix",
    "lib/types-modules.nix",
    "lib/types-simple.nix",
    "lib/types.nix",
    "lib/versions.nix",
    "modules/component.nix",
    "modules/default.nix",
    "modules/flake-module.nix",
    "modules/locate.nix",
    "modules/open-inputs.nix",
    "modules/operations.nix",
    "modules/outputs.nix",
    "modules/provider-local.nix",
    "modules/provider.nix",
    "modules/providers.nix",
    "modules/resource-type.nix",
    "modules/root.nix",
];

/// Makes the files visible to evaluated text.
pub fn mount(evaluator: &mut Evaluator) {
    evaluator.embed_files(Path::new(ROOT), FILES.iter().copied());
}

/// Writes the files to a folder, for an engine that reads files only from there. The folder is named
/// after what is in it, and is kept.
#[cfg(feature = "libnix")]
pub fn unpack() -> std::io::Result<std::path::PathBuf> {
    use std::hash::{DefaultHasher, Hash, Hasher};

    let mut hasher = DefaultHasher::new();
    FILES.hash(&mut hasher);
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(std::path::PathBuf::from)
        .or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    let parent = cache.join("nixops4").join("library");
    let folder = parent.join(format!(
        "{}-{:016x}",
        env!("CARGO_PKG_VERSION"),
        hasher.finish()
    ));
    if folder.is_dir() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&parent)?;
    let made = tempfile::tempdir_in(&parent)?;
    for (name, text) in FILES {
        let file = made.path().join(name);
        if let Some(dir) = file.parent() {
            std::fs::create_dir_all(dir)?;
        }
        std::fs::write(file, text)?;
    }
    match std::fs::rename(made.path(), &folder) {
        // Another process was faster.
        Err(_) if folder.is_dir() => Ok(folder),
        Err(error) => Err(error),
        Ok(()) => {
            // Nothing is left to be removed under the old name.
            let _ = made.keep();
            Ok(folder)
        }
    }
}

/// How messages write a path: without the slash that keeps the library apart from real files.
pub fn display(path: &Path) -> String {
    let text = path.display().to_string();
    match is_library(path) {
        true => text.trim_start_matches('/').to_owned(),
        false => text,
    }
}

/// Whether a file is one of ours.
pub fn is_library(path: &Path) -> bool {
    path.starts_with(ROOT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_is_shipped() {
        let nix = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut found = BTreeSet::new();
        for folder in ["lib", "modules"] {
            for entry in std::fs::read_dir(nix.join(folder)).expect("folder") {
                let name = entry.expect("entry").file_name();
                let name = name.to_string_lossy();
                if name.ends_with(".nix") {
                    found.insert(format!("{folder}/{name}"));
                }
            }
        }
        let shipped: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(shipped, found);
    }
}
