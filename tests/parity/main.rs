//! The same resources in HCL, by `terraform`, and in Nix, by us: the same planned values and the
//! same objects, attribute by attribute. Needs `terraform` on `PATH`, and what each list of resources
//! needs.

mod aws;
mod compare;
mod plugins;
mod terraform;
mod translate;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use compare::Comparison;
use nixops4_tests::{Sandbox, skipped};
use serde_json::{Map, Value};
use terraform::Terraform;
use translate::{Block, Mode};

/// What is made on both sides.
struct Case<'a> {
    /// The provider's name in Nix, and its declaration.
    provider: (&'a str, &'a str),
    /// The same for Terraform, in JSON.
    settings: &'a str,
    /// The resources, in Terraform's JSON syntax, as they are made.
    config: &'a str,
    /// How they are changed then, if they are.
    changed: Option<&'a str>,
    /// Has the service behind the provider forget everything.
    reset: &'a dyn Fn(),
}

impl Case<'_> {
    /// Plans and applies with both programs in the sandbox, and compares everything; `None` where
    /// there is no `terraform`.
    fn compare(&self, sandbox: &Sandbox) -> Option<()> {
        let config = parsed(self.config);
        let (provider, declaration) = self.provider;
        let deploy = |config: &Value| {
            let text = translate::deployment(config, provider, declaration);
            sandbox.write("nixops4.nix", &text);
        };
        let Some(terraform) = Terraform::new(sandbox, self.settings, self.config) else {
            skipped("terraform is not on PATH");
            return None;
        };
        (self.reset)();
        let their_plan = terraform.plan();
        let their_objects = terraform.apply();
        let their_rest = terraform.rest();
        let their_changed = self.changed.map(|changed| {
            terraform.rewrite(changed);
            terraform.plan();
            terraform.apply()
        });
        (self.reset)();
        deploy(&config);
        let our_plan = planned(&sandbox.ok(&["plan", "--json"]).stdout);
        sandbox.ok(&["apply", "--yes"]);
        let our_objects = objects(sandbox);

        let blocks = translate::blocks(&config);
        let mut comparison = Comparison::default();
        comparison.plans(&blocks, &their_plan, &our_plan);
        let planned_leaves = comparison.same;
        comparison.objects("", &blocks, &their_objects, &our_objects);

        // What is still to do after an apply is a quarrel of the provider with its service, for both.
        let rest = sandbox.ok(&["plan", "--json"]).stdout;
        let our_rest: BTreeSet<String> = planned(&rest).into_keys().collect();
        let their_rest: BTreeSet<String> = blocks
            .iter()
            .filter(|block| their_rest.contains(&block.address()))
            .map(translate::Block::member)
            .collect();
        assert_eq!(our_rest, their_rest, "{rest}");

        if let (Some(changed), Some(their_changed)) = (self.changed, their_changed) {
            let changed = parsed(changed);
            deploy(&changed);
            sandbox.ok(&["apply", "--yes"]);
            let blocks = translate::blocks(&changed);
            comparison.objects("changed ", &blocks, &their_changed, &objects(sandbox));
        }
        let types: BTreeSet<_> = blocks.iter().map(|block| block.type_name).collect();
        eprintln!(
            "{} resources of {} types: {planned_leaves} planned leaves and {} leaves of objects \
             are the same",
            blocks.len(),
            types.len(),
            comparison.same - planned_leaves
        );
        let mut report = String::new();
        for difference in &comparison.differences {
            writeln!(report, "{difference}").expect("a string takes text");
        }
        assert!(comparison.differences.is_empty(), "{report}");
        sandbox.ok(&["destroy", "--yes"]);
        Some(())
    }
}

impl Comparison {
    fn plans(
        &mut self,
        blocks: &[Block<'_>],
        theirs: &BTreeMap<String, Value>,
        ours: &BTreeMap<String, Value>,
    ) {
        for block in blocks.iter().filter(|block| block.mode != Mode::Ephemeral) {
            let data = block.mode == Mode::Data;
            // A data source that is read while planning has no planned values.
            let Some(theirs) = theirs.get(&block.address()) else {
                assert!(data, "{} is not in the plan", block.address());
                continue;
            };
            let ours = ours.get(&block.member());
            let ours = ours.unwrap_or_else(|| panic!("{} in our plan", block.member()));
            let ours = &listed(theirs, ours);
            let (mut theirs, mut ours) = (terse(theirs), terse(&hide(theirs, ours)));
            if data {
                // Of one that is read later we show what is asked, they also that the answer is
                // unknown.
                for side in [&mut theirs, &mut ours] {
                    let side = side.as_object_mut().expect("attributes");
                    side.retain(|_, value| *value != terraform::UNKNOWN);
                }
            }
            self.values(&format!("plan of {}", block.address()), &theirs, &ours);
        }
    }

    /// A data source is not remembered; what it gave stands in the objects made from it.
    fn objects(
        &mut self,
        when: &str,
        blocks: &[Block<'_>],
        theirs: &BTreeMap<String, Value>,
        ours: &Value,
    ) {
        let managed = || blocks.iter().filter(|block| block.mode == Mode::Managed);
        let both = |block: &Block<'_>| {
            let ours = ours.get(block.member());
            let ours = ours.unwrap_or_else(|| panic!("{} in our state", block.member()));
            (theirs[&block.address()].clone(), ours.clone())
        };
        for (theirs, ours) in managed().map(both) {
            self.learn(&theirs, &ours);
        }
        for block in managed() {
            let (theirs, ours) = both(block);
            self.values(&format!("{when}{}", block.address()), &theirs, &ours);
        }
    }
}

fn parsed(config: &str) -> Value {
    serde_json::from_str(config).expect("JSON")
}

/// The outputs of all our objects, by member.
fn objects(sandbox: &Sandbox) -> Value {
    let objects = sandbox.ok(&["output", "--json", "--show-sensitive"]).stdout;
    serde_json::from_str(&objects).expect("JSON")
}

/// A configuration file of the command line that knows this mirror and nothing else.
fn use_mirror(sandbox: &mut Sandbox, mirror: &std::path::Path) {
    let text = format!(
        "provider_installation {{\n  filesystem_mirror {{\n    path = {mirror:?}\n  }}\n}}\n"
    );
    sandbox.write("cli.tfrc", &text);
    let file = sandbox.path().join("cli.tfrc");
    sandbox.set("TF_CLI_CONFIG_FILE", file.to_string_lossy());
}

/// The planned values in our events, by member.
fn planned(events: &str) -> BTreeMap<String, Value> {
    let mut members = BTreeMap::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).expect("an event a line");
        if let Some(leaves) = event.get("leaves").and_then(Value::as_array) {
            let mut tree = Value::Object(Map::new());
            for side in ["input", "output"] {
                for leaf in leaves.iter().filter(|leaf| leaf["side"] == side) {
                    let path = leaf["path"].as_array().expect("a path");
                    put(&mut tree, path, &shown(&leaf["after"]));
                }
            }
            let member = event["member"].as_str().expect("a member").to_owned();
            members.insert(member, tree);
        }
    }
    members
}

fn shown(after: &Value) -> Value {
    if after.get("unknown").is_some() {
        Value::from(terraform::UNKNOWN)
    } else if after["sensitive"] == true {
        Value::from("(sensitive)")
    } else {
        after["value"].clone()
    }
}

fn put(tree: &mut Value, path: &[Value], leaf: &Value) {
    let Some((step, rest)) = path.split_first() else {
        *tree = leaf.clone();
        return;
    };
    let inner = match step {
        Value::String(name) => {
            if !tree.is_object() {
                *tree = Value::Object(Map::new());
            }
            tree.as_object_mut()
                .expect("made an object above")
                .entry(name.clone())
                .or_insert(Value::Null)
        }
        index => {
            let index = usize::try_from(index.as_u64().expect("an index")).expect("small");
            if !tree.is_array() {
                // A block that is written without a list around it.
                let written = tree.take();
                *tree = written.is_object().then_some(written).into_iter().collect();
            }
            let items = tree.as_array_mut().expect("made a list above");
            while items.len() <= index {
                items.push(Value::Null);
            }
            &mut items[index]
        }
    };
    put(inner, rest, leaf);
}

/// `ours` with a list around each block that is written without, where `theirs` has one.
fn listed(theirs: &Value, ours: &Value) -> Value {
    match (theirs, ours) {
        (Value::Array(_), Value::Object(_)) => listed(theirs, &Value::Array(vec![ours.clone()])),
        (Value::Array(theirs), Value::Array(ours)) => {
            let item = |(i, ours)| match theirs.get(i).or(theirs.first()) {
                Some(theirs) => listed(theirs, ours),
                None => ours.clone(),
            };
            ours.iter().enumerate().map(item).collect()
        }
        (Value::Object(theirs), Value::Object(ours)) => {
            let field = |(name, ours): (&String, &Value)| match theirs.get(name) {
                Some(theirs) => (name.clone(), listed(theirs, ours)),
                None => (name.clone(), ours.clone()),
            };
            ours.iter().map(field).collect()
        }
        _ => ours.clone(),
    }
}

/// `ours` with what we do not show taken from `theirs`; it is compared with the objects.
fn hide(theirs: &Value, ours: &Value) -> Value {
    match (theirs, ours) {
        (theirs, Value::String(text)) if text == "(sensitive)" => theirs.clone(),
        (Value::Object(theirs), Value::Object(ours)) => ours
            .iter()
            .map(|(name, value)| {
                let theirs = theirs.get(name).unwrap_or(&Value::Null);
                (name.clone(), hide(theirs, value))
            })
            .collect(),
        (Value::Array(theirs), Value::Array(ours)) => ours
            .iter()
            .enumerate()
            .map(|(at, value)| hide(theirs.get(at).unwrap_or(&Value::Null), value))
            .collect(),
        _ => ours.clone(),
    }
}

/// Without nulls and empty collections, of which a plan shows nothing.
fn terse(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| (name.clone(), terse(value)))
            .filter(|(_, value)| !is_nothing(value))
            .collect(),
        Value::Array(items) => items.iter().map(terse).filter(|v| !is_nothing(v)).collect(),
        plain => plain.clone(),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
