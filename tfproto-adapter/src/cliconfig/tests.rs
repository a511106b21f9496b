//! CLI configurations in both syntaxes mean what they say.

use std::ffi::OsString;

use super::*;

struct Home(tempfile::TempDir);

impl Home {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            std::fs::write(path, text).expect("a file");
        }
        Self(dir)
    }

    fn load_with(&self, variables: &[(&str, &str)]) -> Result<CliConfig, CliConfigError> {
        let mut all = vec![(OsString::from("HOME"), self.0.path().as_os_str().to_owned())];
        all.extend(
            variables
                .iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
        CliConfig::load(&Environment::new(all, self.0.path()))
    }

    fn load(&self) -> CliConfig {
        self.load_with(&[]).expect("a configuration")
    }

    fn error(text: &str) -> String {
        let home = Self::new(&[(".tofurc", text)]);
        let error = home.load_with(&[]).expect_err("an error").to_string();
        error.replace(&format!("{}/", home.0.path().display()), "")
    }
}

fn source(text: &str) -> ProviderSource {
    SourceSpec::parse(text)
        .expect("a source")
        .candidates()
        .remove(0)
}

const INSTALLATION: &str = r#"
provider_installation {
  dev_overrides {
    "acme/dev" = "build"
  }
  filesystem_mirror {
    path    = "/mirror"
    include = ["acme/*", "example.com/*/*"]
    exclude = ["acme/secret"]
  }
  network_mirror { url = "https://mirror.example.com/" }
  oci_mirror { repository_template = "example.com/x/${type}" }
  direct { exclude = ["*/*/*"] }
}
"#;

#[test]
fn methods_keep_their_order_and_patterns() {
    let home = Home::new(&[(".tofurc", INSTALLATION)]);
    let installation = home.load().installation.expect("an installation");
    let kinds: Vec<_> = installation
        .methods
        .iter()
        .map(|method| method.kind.clone())
        .collect();
    assert_eq!(
        kinds,
        [
            MethodKind::FilesystemMirror("/mirror".into()),
            MethodKind::NetworkMirror("https://mirror.example.com/".into()),
            MethodKind::OciMirror("example.com/x/${type}".into()),
            MethodKind::Direct,
        ]
    );
    let mirror = &installation.methods[0];
    for (text, covered) in [
        ("acme/x", true),
        ("registry.terraform.io/acme/x", true),
        ("example.com/a/b", true),
        ("other.example/acme/x", false),
        ("acme/secret", false),
    ] {
        assert_eq!(mirror.covers(&source(text)), covered, "{text}");
    }
    assert!(!installation.methods[3].covers(&source("acme/x")));
    let dev = installation
        .dev_overrides
        .get(&source("registry.terraform.io/acme/dev"));
    assert_eq!(dev, Some(&home.0.path().join("build")));
}

#[test]
fn tofurc_wins_over_terraformrc_and_directories_are_merged() {
    let home = Home::new(&[
        (".tofurc", "plugin_cache_dir = \"/tofu\""),
        (".terraformrc", "plugin_cache_dir = \"/terraform\""),
        (
            ".terraform.d/b.tfrc.json",
            r#"{"provider_installation": {"direct": [{}]}}"#,
        ),
        (".terraform.d/ignored.txt", "!"),
    ]);
    let config = home.load();
    assert_eq!(config.plugin_cache_dir, Some("/tofu".into()));
    assert_eq!(
        config.installation.expect("an installation").methods.len(),
        1
    );
    assert_eq!(config.files.len(), 2);
}

#[test]
fn the_variable_replaces_all_files() {
    let home = Home::new(&[
        (".tofurc", "nonsense"),
        ("own.rc", "plugin_cache_dir = \"/own\""),
    ]);
    let config = home
        .load_with(&[("TF_CLI_CONFIG_FILE", "own.rc")])
        .expect("a configuration");
    assert_eq!(config.plugin_cache_dir, Some("/own".into()));
    let missing = home
        .load_with(&[("TF_CLI_CONFIG_FILE", "none.rc")])
        .expect("a configuration");
    assert!(missing.installation.is_none());
    assert!(missing.warnings[0].ends_with("none.rc does not exist"));
    let folder = home
        .load_with(&[("TF_CLI_CONFIG_FILE", "/")])
        .expect("a configuration");
    assert!(folder.warnings[0].ends_with("configuration / is not a file"));
}

#[test]
fn unknown_settings_warn() {
    let config = Home::new(&[(".terraformrc", "host \"x\" { }\n\nshiny = true\n")]).load();
    assert_eq!(config.warnings.len(), 1);
    assert!(config.warnings[0].ends_with("line 3: unknown setting \"shiny\""));
}

#[test]
fn errors_name_file_and_line() {
    for (text, message) in [
        (
            "provider_installation {\n  magic {}\n}",
            "line 2: \"magic\" is not an installation method",
        ),
        (
            "provider_installation {\n  filesystem_mirror {}\n}",
            "line 2: filesystem_mirror needs \"path\"",
        ),
        (
            "provider_installation {\n  direct {}\n  dev_overrides {}\n}",
            "line 3: dev_overrides must come before the installation methods",
        ),
        (
            "provider_installation { }\nprovider_installation { }",
            "line 2: there is already a provider_installation block",
        ),
        (
            "provider_installation {\n direct { include = [\"*/aws\"] }\n}",
            "line 2: \"*/aws\": what stands right of a \"*\" must be \"*\" too",
        ),
        (
            "provider_installation {\n direct = 1\n}",
            "line 2: \"direct\" must be a block",
        ),
        (
            "plugin_cache_dir = 1",
            "line 1: \"plugin_cache_dir\" must be a string",
        ),
    ] {
        assert_eq!(Home::error(text), format!(".tofurc, {message}"));
    }
}

#[test]
fn unknown_settings_in_blocks_warn_too() {
    let text = "provider_installation {\n  direct {\n    exlude = []\n  }\n}\n\
                credentials \"x.example\" {\n  tocken = \"x\"\n}\n";
    let config = Home::new(&[(".tofurc", text)]).load();
    let ends = [
        "line 3: unknown setting \"exlude\" in direct",
        "line 7: unknown setting \"tocken\" in credentials",
    ];
    assert_eq!(config.warnings.len(), ends.len(), "{:?}", config.warnings);
    for (warning, end) in config.warnings.iter().zip(ends) {
        assert!(warning.ends_with(end), "{warning}");
    }
    let config = Home::new(&[(".tofurc", INSTALLATION)]).load();
    assert_eq!(config.warnings, Vec::<String>::new());
    let twice = "credentials_helper \"a\" {}\ncredentials_helper \"b\" {}\n";
    assert_eq!(
        Home::error(twice),
        ".tofurc, line 2: there is already a credentials_helper block"
    );
}

#[test]
fn the_cache_may_be_named_with_variables_and_must_be_there() {
    let text = "\nplugin_cache_dir = \"$HOME/${KIND}/x$UNSET\"\n\
                plugin_cache_may_break_dependency_lock_file = true\n";
    let home = Home::new(&[(".tofurc", text)]);
    let load = |variables: &[(&str, &str)]| home.load_with(variables).expect("a configuration");
    let config = load(&[("KIND", "cache")]);
    let dir = home.0.path().join("cache/x");
    assert_eq!(config.plugin_cache_dir.as_ref(), Some(&dir));
    assert!(config.cache_may_break_lock_file);
    let error = config.check_cache().expect_err("no folder").to_string();
    let shown = dir.display();
    let end = format!("/.tofurc, line 2: the plugin cache {shown} is not a folder");
    assert!(error.ends_with(&end), "{error}");
    let config = load(&[("TF_PLUGIN_CACHE_DIR", "none")]);
    let error = config.check_cache().expect_err("no folder").to_string();
    assert!(error.starts_with("TF_PLUGIN_CACHE_DIR: "), "{error}");
    std::fs::create_dir_all(&dir).expect("a folder");
    load(&[("KIND", "cache")]).check_cache().expect("a folder");
}
