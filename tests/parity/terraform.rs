//! `terraform`, planning and applying the same configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use nixops4_tests::Sandbox;
use serde_json::Value;

/// Stands for a value that is known after apply.
pub const UNKNOWN: &str = "(known after apply)";

/// A folder with a configuration in which `terraform` is run.
pub struct Terraform<'a> {
    sandbox: &'a Sandbox,
    dir: PathBuf,
}

impl<'a> Terraform<'a> {
    /// Initialises a folder with these two files; `None` where there is no `terraform`.
    pub fn new(sandbox: &'a Sandbox, provider: &str, config: &str) -> Option<Self> {
        Command::new("terraform").arg("-version").output().ok()?;
        let dir = sandbox.path().join("hcl");
        fs::create_dir_all(&dir).expect("a folder");
        fs::write(dir.join("provider.tf.json"), provider).expect("written");
        fs::write(dir.join("main.tf.json"), config).expect("written");
        let this = Self { sandbox, dir };
        this.run(&["init"]);
        Some(this)
    }

    /// Puts another configuration in the place of the main file.
    pub fn rewrite(&self, config: &str) {
        fs::write(self.dir.join("main.tf.json"), config).expect("written");
    }

    /// The planned values of what is to be made (or read later), by address.
    pub fn plan(&self) -> BTreeMap<String, Value> {
        self.run(&["plan", "-out", "plan"]);
        let plan: Value =
            serde_json::from_str(&self.run(&["show", "-json", "plan"])).expect("JSON");
        let changes = plan["resource_changes"].as_array().expect("changes");
        let values = changes.iter().map(|change| {
            let mut after = change["change"]["after"].clone();
            mark_unknown(&mut after, &change["change"]["after_unknown"]);
            (
                change["address"].as_str().expect("an address").to_owned(),
                after,
            )
        });
        values.collect()
    }

    fn plan_file(&self) -> Value {
        self.run(&["plan", "-out", "plan"]);
        serde_json::from_str(&self.run(&["show", "-json", "plan"])).expect("JSON")
    }

    /// The addresses of what is to be changed after [`Self::apply`].
    pub fn rest(&self) -> BTreeSet<String> {
        let plan = self.plan_file();
        let changes = plan["resource_changes"].as_array().expect("changes");
        changes
            .iter()
            .filter(|change| change["change"]["actions"] != serde_json::json!(["no-op"]))
            .map(|change| change["address"].as_str().expect("an address").to_owned())
            .collect()
    }

    /// Applies that plan; the attributes of all objects, by address.
    pub fn apply(&self) -> BTreeMap<String, Value> {
        self.run(&["apply", "plan"]);
        let state: Value = serde_json::from_str(&self.run(&["show", "-json"])).expect("JSON");
        let resources = state["values"]["root_module"]["resources"].as_array();
        let values = resources.expect("resources").iter().map(|resource| {
            let address = resource["address"].as_str().expect("an address");
            (address.to_owned(), resource["values"].clone())
        });
        values.collect()
    }

    fn run(&self, args: &[&str]) -> String {
        // The same bare environment as ours.
        let mut command = self.sandbox.command(&[]);
        let mut terraform = Command::new("terraform");
        terraform.env_clear();
        for (name, value) in command.stdin(std::process::Stdio::null()).get_envs() {
            terraform.env(name, value.unwrap_or_default());
        }
        let output = terraform
            .args(args)
            .env("TF_IN_AUTOMATION", "1")
            .current_dir(&self.dir)
            .output()
            .expect("terraform starts");
        assert!(
            output.status.success(),
            "terraform {args:?}\n{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    }
}

/// Puts [`UNKNOWN`] wherever `unknown`, a shadow of the value, says `true`.
fn mark_unknown(value: &mut Value, unknown: &Value) {
    match unknown {
        Value::Bool(true) => *value = Value::from(UNKNOWN),
        Value::Object(names) => {
            for (name, unknown) in names {
                if value.is_null() {
                    *value = Value::Object(serde_json::Map::new());
                }
                if let Some(map) = value.as_object_mut() {
                    mark_unknown(map.entry(name.clone()).or_insert(Value::Null), unknown);
                }
            }
        }
        Value::Array(items) => {
            for (at, unknown) in items.iter().enumerate() {
                if let Some(value) = value.get_mut(at) {
                    mark_unknown(value, unknown);
                }
            }
        }
        _ => {}
    }
}
