//! The lock file as text: read in versions 5 to 7, written in version 7, byte for byte as Nix does.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{InputPath, print_input_path};
use crate::{
    error::FlakeError,
    json::{JsonAttrs, from_attrs, print_attrs, to_attrs},
    reference::FlakeRef,
};

/// A node's place in its lock file.
pub type NodeId = usize;

/// What an input is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edge {
    /// A node.
    Node(NodeId),
    /// The same as another input, by its way from the root.
    Follows(InputPath),
}

/// What a node is pinned to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The source that it is.
    pub locked: FlakeRef,
    /// What `flake.nix` says.
    pub original: FlakeRef,
    /// Whether it is a flake, not just a tree.
    pub is_flake: bool,
    /// For a relative path: the way to the flake that it is relative to.
    pub parent: Option<InputPath>,
}

/// A flake with its inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// The inputs by name.
    pub inputs: BTreeMap<String, Edge>,
    /// What it is pinned to; the root is not.
    pub pinned: Option<Pinned>,
    /// The name of a flake that the program brings along, in place of one that is pinned. Such
    /// nodes are not written.
    pub shipped: Option<String>,
}

/// A lock file. The root is node 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockFile {
    /// All nodes.
    pub nodes: Vec<Node>,
}

impl Default for LockFile {
    fn default() -> LockFile {
        LockFile {
            nodes: vec![Node::default()],
        }
    }
}

/// The root's place.
pub const ROOT: NodeId = 0;

#[derive(Deserialize)]
struct FileIn {
    #[serde(default)]
    version: u64,
    root: String,
    nodes: BTreeMap<String, NodeIn>,
}

#[derive(Deserialize)]
struct NodeIn {
    #[serde(default)]
    inputs: BTreeMap<String, EdgeText>,
    locked: Option<JsonAttrs>,
    /// What version 5 kept apart.
    info: Option<JsonAttrs>,
    original: Option<JsonAttrs>,
    flake: Option<bool>,
    parent: Option<InputPath>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum EdgeText {
    Node(String),
    Follows(InputPath),
}

/// The fields are in the order of their names, as Nix writes them.
#[derive(Serialize)]
struct FileOut {
    nodes: BTreeMap<String, NodeOut>,
    root: String,
    version: u64,
}

#[derive(Serialize)]
struct NodeOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    flake: Option<bool>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    inputs: BTreeMap<String, EdgeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locked: Option<JsonAttrs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original: Option<JsonAttrs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<InputPath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipped: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    way: Option<InputPath>,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    version: u64,
}

impl LockFile {
    /// Reads a lock file; `path` is for messages. Gives also what to warn of.
    pub fn parse(text: &[u8], path: &Path) -> Result<(LockFile, Vec<String>), FlakeError> {
        let bad = |problem: String| FlakeError::BadLock {
            path: path.to_owned(),
            problem,
        };
        let text = std::str::from_utf8(text).map_err(|_| bad("it is not UTF-8 text".into()))?;
        // The version comes first: all else may have changed with it.
        let Version { version } =
            serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        if !(5..=7).contains(&version) {
            let known = "5 to 7 are known here";
            return Err(bad(format!(
                "it has unsupported version {version} ({known})"
            )));
        }
        let file: FileIn = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        debug_assert_eq!(file.version, version);
        read(file).map_err(|error| bad(error.to_string()))
    }

    /// The nodes as they are written, with a name for each that is reached from the root.
    fn named(&self, with_shipped: bool) -> (FileOut, HashMap<NodeId, String>) {
        let mut names = HashMap::new();
        let mut taken = BTreeSet::new();
        let mut nodes = BTreeMap::new();
        let root = self.name_node(
            "root",
            ROOT,
            with_shipped,
            &mut names,
            &mut taken,
            &mut nodes,
        );
        let file = FileOut {
            nodes,
            root,
            version: 7,
        };
        (file, names)
    }

    fn name_node(
        &self,
        wanted: &str,
        id: NodeId,
        with_shipped: bool,
        names: &mut HashMap<NodeId, String>,
        taken: &mut BTreeSet<String>,
        nodes: &mut BTreeMap<String, NodeOut>,
    ) -> String {
        if let Some(name) = names.get(&id) {
            return name.clone();
        }
        let numbered = (2_u64..).map(|number| format!("{wanted}_{number}"));
        let name = std::iter::once(wanted.to_owned())
            .chain(numbered)
            .find(|name| taken.insert(name.clone()))
            .unwrap_or_default();
        names.insert(id, name.clone());
        let node = &self.nodes[id];
        let mut inputs = BTreeMap::new();
        for (input, edge) in &node.inputs {
            let edge = match edge {
                Edge::Node(id) if self.nodes[*id].shipped.is_some() && !with_shipped => continue,
                Edge::Node(id) => {
                    EdgeText::Node(self.name_node(input, *id, with_shipped, names, taken, nodes))
                }
                Edge::Follows(path) => EdgeText::Follows(path.clone()),
            };
            inputs.insert(input.clone(), edge);
        }
        let pinned = node.pinned.as_ref();
        let out = NodeOut {
            flake: pinned
                .filter(|pinned| !pinned.is_flake)
                .map(|pinned| pinned.is_flake),
            inputs,
            locked: pinned.map(|pinned| from_attrs(&pinned.locked.to_attrs())),
            original: pinned.map(|pinned| from_attrs(&pinned.original.to_attrs())),
            parent: pinned.and_then(|pinned| pinned.parent.clone()),
            shipped: node.shipped.clone().filter(|_| with_shipped),
            way: None,
        };
        nodes.insert(name.clone(), out);
        name
    }

    /// As it is written, without a line end.
    pub fn print(&self) -> String {
        let (file, _) = self.named(false);
        serde_json::to_string_pretty(&file).unwrap_or_default()
    }

    /// With the flakes that the program brings along, and the names of all nodes. Each says the way
    /// to it, for messages.
    pub(crate) fn print_for_call(&self) -> (String, HashMap<NodeId, String>) {
        let (mut file, names) = self.named(true);
        for (path, edge) in self.all_inputs() {
            if let Edge::Node(id) = edge
                && let Some(node) = names.get(id).and_then(|name| file.nodes.get_mut(name))
            {
                node.way.get_or_insert(path);
            }
        }
        (serde_json::to_string(&file).unwrap_or_default(), names)
    }

    /// The node that a way leads to.
    pub fn find(&self, path: &[String]) -> Result<Option<NodeId>, FlakeError> {
        self.find_from(path, &mut Vec::new())
    }

    fn find_from(
        &self,
        path: &[String],
        visited: &mut Vec<InputPath>,
    ) -> Result<Option<NodeId>, FlakeError> {
        if let Some(start) = visited.iter().position(|seen| seen == path) {
            let mut cycle: Vec<String> = visited[start..]
                .iter()
                .map(|path| print_input_path(path))
                .collect();
            cycle.push(print_input_path(path));
            let message = format!("follow cycle detected: [{}]", cycle.join(" -> "));
            return Err(FlakeError::other(message));
        }
        visited.push(path.to_vec());
        let mut at = ROOT;
        for name in path {
            at = match self.nodes[at].inputs.get(name) {
                Some(Edge::Node(id)) => *id,
                Some(Edge::Follows(path)) => match self.find_from(path, visited)? {
                    Some(id) => id,
                    None => return Ok(None),
                },
                None => return Ok(None),
            };
        }
        visited.pop();
        Ok(Some(at))
    }

    /// Every input once, by the first way to it.
    pub(crate) fn all_inputs(&self) -> BTreeMap<InputPath, &Edge> {
        let mut done = BTreeSet::new();
        let mut inputs = BTreeMap::new();
        self.add_inputs(ROOT, &[], &mut done, &mut inputs);
        inputs
    }

    fn add_inputs<'a>(
        &'a self,
        id: NodeId,
        prefix: &[String],
        done: &mut BTreeSet<NodeId>,
        inputs: &mut BTreeMap<InputPath, &'a Edge>,
    ) {
        if !done.insert(id) {
            return;
        }
        for (name, edge) in &self.nodes[id].inputs {
            let path: InputPath = prefix.iter().chain([name]).cloned().collect();
            if let Edge::Node(id) = edge {
                self.add_inputs(*id, &path, done, inputs);
            }
            inputs.insert(path, edge);
        }
    }

    /// Checks that everything that is followed is there; with the error, the input that it is about.
    pub(crate) fn check(&self) -> Result<(), (InputPath, FlakeError)> {
        for (path, edge) in self.all_inputs() {
            let Edge::Follows(target) = edge else {
                continue;
            };
            match self.find(target) {
                Ok(None) if !target.is_empty() => {
                    let message = format!(
                        "input '{}' follows a non-existent input '{}'",
                        print_input_path(&path),
                        print_input_path(target)
                    );
                    return Err((path, FlakeError::other(message)));
                }
                Err(error) if !target.is_empty() => return Err((path, error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// An input that does not always mean the same content.
    pub(crate) fn unlocked(&self) -> Option<&FlakeRef> {
        let pinned = self.nodes.iter().filter_map(|node| node.pinned.as_ref());
        let mut locked = pinned.map(|pinned| &pinned.locked);
        locked.find(|locked| !locked.input.is_locked() && locked.input.relative().is_none())
    }
}

fn read(file: FileIn) -> Result<(LockFile, Vec<String>), FlakeError> {
    let mut lock = LockFile::default();
    let mut warnings = Vec::new();
    let mut ids = HashMap::from([(file.root.as_str(), ROOT)]);
    let mut todo = vec![file.root.as_str()];
    while let Some(name) = todo.pop() {
        let id = ids[name];
        let Some(node) = file.nodes.get(name) else {
            let message = format!("lock file references missing node '{name}'");
            return Err(FlakeError::other(message));
        };
        if id != ROOT {
            lock.nodes[id].pinned = Some(pinned(node, &mut warnings)?);
        }
        for (input, edge) in &node.inputs {
            let edge = match edge {
                EdgeText::Follows(path) => Edge::Follows(path.clone()),
                EdgeText::Node(target) if *target == file.root => {
                    return Err(FlakeError::other("lock file contains cycle to root node"));
                }
                EdgeText::Node(target) => Edge::Node(*ids.entry(target).or_insert_with(|| {
                    todo.push(target);
                    lock.nodes.push(Node::default());
                    lock.nodes.len() - 1
                })),
            };
            lock.nodes[id].inputs.insert(input.clone(), edge);
        }
    }
    match has_cycle(&lock) {
        true => Err(FlakeError::other(
            "inputs in the lock file are inputs of themselves",
        )),
        false => Ok((lock, warnings)),
    }
}

fn pinned(node: &NodeIn, warnings: &mut Vec<String>) -> Result<Pinned, FlakeError> {
    let missing =
        |name: &str| FlakeError::other(format!("attribute '{name}' missing in lock file"));
    let mut locked = node.locked.clone().ok_or_else(|| missing("locked"))?;
    locked.extend(node.info.clone().unwrap_or_default());
    let original = node.original.clone().ok_or_else(|| missing("original"))?;
    let locked = FlakeRef::from_attrs(to_attrs(locked))?;
    if !locked.input.is_locked() && locked.input.relative().is_none() {
        match locked.input.nar_hash() {
            Some(_) => warnings.push(format!(
                "Lock file entry '{locked}' is unlocked (e.g. lacks a Git revision) but is \
                 checked by NAR hash. This is not reproducible and will break after garbage \
                 collection or when shared."
            )),
            None => {
                let shown = print_attrs(&locked.input.attrs);
                let message = format!("Lock file contains unlocked input '{shown}'.");
                return Err(FlakeError::other(message));
            }
        }
    }
    Ok(Pinned {
        locked,
        original: FlakeRef::from_attrs(to_attrs(original))?,
        is_flake: node.flake.unwrap_or(true),
        parent: node.parent.clone(),
    })
}

/// Whether a node leads to itself other than by what it follows.
fn has_cycle(lock: &LockFile) -> bool {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        Open,
        Done,
    }
    let children = |id: NodeId| -> Vec<NodeId> {
        let edges = lock.nodes[id].inputs.values();
        edges
            .filter_map(|edge| match edge {
                Edge::Node(id) => Some(*id),
                Edge::Follows(_) => None,
            })
            .collect()
    };
    let mut seen = vec![Seen::No; lock.nodes.len()];
    let mut stack = vec![(ROOT, children(ROOT))];
    seen[ROOT] = Seen::Open;
    while let Some((id, left)) = stack.last_mut() {
        match left.pop() {
            Some(child) if seen[child] == Seen::Open => return true,
            Some(child) if seen[child] == Seen::No => {
                seen[child] = Seen::Open;
                stack.push((child, children(child)));
            }
            Some(_) => {}
            None => {
                seen[*id] = Seen::Done;
                stack.pop();
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "nodes": {
    "a": {
      "flake": false,
      "inputs": {
        "b": [
          "b"
        ]
      },
      "locked": {
        "lastModified": 1,
        "narHash": "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "path": "/a",
        "type": "path"
      },
      "original": {
        "path": "/a",
        "type": "path"
      }
    },
    "root": {
      "inputs": {
        "a": "a",
        "b": [
          "a",
          "b"
        ]
      }
    }
  },
  "root": "root",
  "version": 7
}"#;

    #[test]
    fn lock_files_print_as_they_read() {
        let (lock, warnings) = LockFile::parse(TEXT.as_bytes(), Path::new("l")).unwrap();
        assert_eq!(lock.print(), TEXT);
        assert!(warnings.is_empty());
        let cycle = lock.check().unwrap_err().1.to_string();
        assert!(cycle.starts_with("follow cycle detected"), "{cycle}");
    }
}
