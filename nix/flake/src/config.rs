//! Settings from the environment and from Nix's own configuration files, of which the few are read
//! that are about fetching.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    cache::Cache,
    fetch::{FetchSettings, Sources, Warn},
    http::Http,
    registry::Registries,
};

/// The registry for everybody, unless the configuration names another.
const GLOBAL_REGISTRY: &str = "https://channels.nixos.org/flake-registry.json";

/// Where things are, and how to fetch.
#[derive(Clone, Debug)]
pub struct Config {
    /// The cache's directory.
    pub cache: PathBuf,
    /// The registries' files.
    pub registries: Registries,
    /// How to fetch.
    pub fetch: FetchSettings,
}

impl Config {
    /// Reads the configuration; `env` looks up environment variables.
    pub fn read(env: impl Fn(&str) -> Option<String>) -> Config {
        let path = |name: &str| {
            env(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let home = path("HOME");
        let in_home = |variable: &str, usual: &str| {
            path(variable).or_else(|| home.as_ref().map(|home| home.join(usual)))
        };
        let user = in_home("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("nix"));
        let system = path("NIX_CONF_DIR").unwrap_or_else(|| "/etc/nix".into());
        let mut config = Config {
            cache: in_home("XDG_CACHE_HOME", ".cache")
                .unwrap_or_else(std::env::temp_dir)
                .join("nixops4/sources"),
            registries: Registries {
                user: user.as_ref().map(|dir| dir.join("registry.json")),
                system: Some(system.join("registry.json")),
                global: Some(GLOBAL_REGISTRY.into()),
                ..Registries::default()
            },
            fetch: FetchSettings::default(),
        };
        let mut read = |path: &Path| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            config.take(&text);
        };
        read(&system.join("nix.conf"));
        if let Some(user) = &user {
            read(&user.join("nix.conf"));
        }
        config.take(&env("NIX_CONFIG").unwrap_or_default());
        config
    }

    fn take(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            let (name, value) = (name.trim(), value.trim());
            match name {
                "flake-registry" => {
                    let value = Some(value.to_owned()).filter(|value| !value.is_empty());
                    self.registries.global = value;
                }
                "access-tokens" => self.fetch.access_tokens = tokens(value),
                "extra-access-tokens" => self.fetch.access_tokens.extend(tokens(value)),
                "tarball-ttl" => {
                    if let Ok(seconds) = value.parse() {
                        self.fetch.fresh = Duration::from_secs(seconds);
                    }
                }
                "warn-dirty" => self.fetch.warn_dirty = value != "false",
                _ => {}
            }
        }
    }

    /// What fetches with this configuration.
    pub fn sources(self, http: Box<dyn Http>, warn: Warn) -> Sources {
        let cache = Cache::new(self.cache);
        Sources::new(self.fetch, cache, self.registries, http, warn)
    }
}

fn tokens(text: &str) -> HashMap<String, String> {
    let pairs = text
        .split_whitespace()
        .filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(host, token)| (host.to_owned(), token.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_files_have_the_last_word() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::create_dir_all(at("user/nix")).unwrap();
        let system = "tarball-ttl = 5\naccess-tokens = a.org=1 # all\n";
        std::fs::write(at("nix.conf"), system).unwrap();
        std::fs::write(at("user/nix/nix.conf"), "extra-access-tokens = b.org=2\n").unwrap();
        let config = Config::read(|name| match name {
            "NIX_CONF_DIR" => Some(folder.path().display().to_string()),
            "XDG_CONFIG_HOME" => Some(at("user")),
            "NIX_CONFIG" => Some("flake-registry =\nwarn-dirty = false".into()),
            _ => None,
        });
        assert_eq!(config.fetch.fresh, Duration::from_secs(5));
        assert_eq!(config.fetch.access_tokens.len(), 2);
        assert_eq!(config.registries.global, None);
        assert!(!config.fetch.warn_dirty);
        assert_eq!(
            config.registries.user,
            Some(PathBuf::from(at("user/nix/registry.json")))
        );
    }
}
