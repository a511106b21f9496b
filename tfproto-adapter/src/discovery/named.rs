//! A package that the deployment names by its path: built by Nix, or unpacked by hand.

use std::path::{Path, PathBuf};

use super::locate::{LocateError, Located, Origin};
use super::mirror::{self, Package};
use super::package::{check_executable, find_executable};
use super::{Constraints, Environment, ProviderSource, SourceSpec, Version};

/// Where packages of nixpkgs have a mirror that holds one provider.
const IN_NIXPKGS: &str = "libexec/terraform-providers";

/// Finds the plugin in a package: in a mirror inside of it, or its executable itself.
///
/// No hash is checked against a lock file: the path says what is meant, and a store path says it to
/// the last bit.
pub fn in_package(
    path: &Path,
    source: Option<SourceSpec>,
    constraints: &Constraints,
    environment: &Environment,
) -> Result<Located, LocateError> {
    let unfit = |problem: String| LocateError::Unfit {
        path: path.to_owned(),
        problem,
    };
    if !path.exists() {
        return Err(unfit(
            "it does not exist; if it is a store path, it has not been built".to_owned(),
        ));
    }
    let root = path.join(IN_NIXPKGS);
    if root.is_dir() {
        return in_mirror(&root, source, constraints, environment).map_err(unfit);
    }
    let executable = executable_in(path, source.as_ref()).map_err(unfit)?;
    Ok(Located {
        source: match source {
            Some(source) => first(&source),
            None => first(&of_executable(&executable).map_err(unfit)?),
        },
        version: None,
        package_dir: executable.parent().unwrap_or(path).to_owned(),
        executable,
        origin: Origin::Package(path.to_owned()),
        warnings: Vec::new(),
    })
}

fn first(source: &SourceSpec) -> ProviderSource {
    // There is always one.
    source.candidates().remove(0)
}

/// The provider of a mirror that has one, or the one that is asked for.
fn in_mirror(
    root: &Path,
    source: Option<SourceSpec>,
    constraints: &Constraints,
    environment: &Environment,
) -> Result<Located, String> {
    let mut there = providers(root);
    if let Some(source) = &source {
        let wanted = source.candidates();
        there.retain(|found| wanted.contains(found));
    }
    let names = || {
        providers(root)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let found = match there.as_slice() {
        [found] => found.clone(),
        [] => return Err(format!("it has {}", names().join(", "))),
        _ => {
            return Err(format!(
                "it has {}: `source` says which",
                names().join(", ")
            ));
        }
    };
    let platform = environment.platform();
    let listing = mirror::list(root, &found, platform).map_err(|error| error.to_string())?;
    let mut packages = listing.unwrap_or_default().packages;
    let Some(version) = constraints.newest(packages.keys()).cloned() else {
        let versions: Vec<_> = packages.keys().map(ToString::to_string).collect();
        return Err(match versions.is_empty() {
            true => format!("it has nothing for {platform}"),
            false => format!("it has version {}", versions.join(", ")),
        });
    };
    let Some(Package::Directory(package_dir)) = packages.remove(&version) else {
        return Err(format!("its version {version} is packed"));
    };
    located(root, found, version, package_dir)
}

fn located(
    root: &Path,
    source: ProviderSource,
    version: Version,
    package_dir: PathBuf,
) -> Result<Located, String> {
    let executable =
        find_executable(&package_dir, source.kind()).map_err(|error| error.to_string())?;
    Ok(Located {
        source,
        version: Some(version),
        executable,
        package_dir,
        origin: Origin::Package(root.to_owned()),
        warnings: Vec::new(),
    })
}

/// The full addresses that a mirror has directories for.
fn providers(root: &Path) -> Vec<ProviderSource> {
    let mut found = Vec::new();
    for host in names(root) {
        for namespace in names(&root.join(&host)) {
            for kind in names(&root.join(&host).join(&namespace)) {
                let spec = SourceSpec::parse(&format!("{host}/{namespace}/{kind}"));
                found.extend(spec.ok().map(|spec| first(&spec)));
            }
        }
    }
    found
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// An executable, given itself or in a directory or its `bin`.
fn executable_in(path: &Path, source: Option<&SourceSpec>) -> Result<PathBuf, String> {
    if path.is_file() {
        check_executable(path).map_err(|error| error.to_string())?;
        return Ok(path.to_owned());
    }
    let prefix = match source {
        Some(source) => format!("{PROGRAM}{}", source.kind()),
        None => PROGRAM.to_owned(),
    };
    let fits = |name: &&String| {
        let rest = name.strip_prefix(&prefix);
        rest.is_some_and(|rest| source.is_none() || rest.is_empty() || rest.starts_with(['_', '.']))
    };
    for dir in [path.to_owned(), path.join("bin")] {
        let names = names(&dir);
        let mut fitting = names.iter().filter(fits);
        if let Some(name) = fitting.next() {
            if let Some(other) = fitting.next() {
                return Err(format!(
                    "it has {name} and {other}: `executable` says which"
                ));
            }
            let path = dir.join(name);
            check_executable(&path).map_err(|error| error.to_string())?;
            return Ok(path);
        }
    }
    Err(format!(
        "it has neither {IN_NIXPKGS} nor an executable named {prefix}…"
    ))
}

const PROGRAM: &str = "terraform-provider-";

/// The provider that an executable is named after.
fn of_executable(path: &Path) -> Result<SourceSpec, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kind = name.strip_prefix(PROGRAM).unwrap_or(&name);
    let kind = kind.split(['_', '.']).next().unwrap_or_default();
    SourceSpec::parse(kind).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn package(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        for name in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            std::fs::write(&path, "#!").expect("a file");
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&path, mode).expect("a mode");
        }
        dir
    }

    fn find(dir: &tempfile::TempDir, source: &str, version: &str) -> String {
        let spec = (!source.is_empty()).then(|| SourceSpec::parse(source).expect("a source"));
        let constraints = Constraints::parse(version).expect("constraints");
        let environment = Environment::new([], "/nowhere")
            .with_platform(super::super::Platform::new("linux", "amd64"));
        let found = in_package(dir.path(), spec, &constraints, &environment);
        let text = match found {
            Ok(found) => format!("{} {}", found.source, found.executable.display()),
            Err(error) => error.to_string(),
        };
        text.replace(&dir.path().display().to_string(), "~")
    }

    const AWS: &str = "libexec/terraform-providers/registry.terraform.io/hashicorp/aws/5.1.0/\
                       linux_amd64/terraform-provider-aws_v5.1.0";

    #[test]
    fn packages_of_nixpkgs_hold_a_mirror() {
        let dir = package(&[AWS]);
        let found = format!("registry.terraform.io/hashicorp/aws ~/{AWS}");
        assert_eq!(find(&dir, "", ""), found);
        assert_eq!(find(&dir, "hashicorp/aws", "~> 5.0"), found);
        assert_eq!(
            find(&dir, "", "~> 4.0"),
            "the package ~ will not do: it has version 5.1.0"
        );
        assert_eq!(
            find(&dir, "acme/x", ""),
            "the package ~ will not do: it has registry.terraform.io/hashicorp/aws"
        );
        let both = package(&[AWS, &AWS.replace("aws", "gcp")]);
        assert!(find(&both, "", "").ends_with("hashicorp/gcp: `source` says which"));
        assert_eq!(find(&both, "aws", ""), found);
    }

    #[test]
    fn other_packages_hold_an_executable() {
        let dir = package(&["bin/terraform-provider-x_v1"]);
        let found = "registry.opentofu.org/hashicorp/x ~/bin/terraform-provider-x_v1";
        assert_eq!(find(&dir, "", ""), found);
        assert!(
            find(&package(&["README"]), "", "").contains("neither libexec/terraform-providers")
        );
        let dir = package(&[]);
        let gone = dir.path().join("gone");
        let environment = Environment::new([], "/nowhere");
        let error = in_package(&gone, None, &Constraints::default(), &environment);
        let error = error.expect_err("an error").to_string();
        assert!(
            error.ends_with("if it is a store path, it has not been built"),
            "{error}"
        );
    }
}
