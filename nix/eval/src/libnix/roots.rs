//! The root: a file or an output of a flake, made into the function that gives the root component.

use std::path::{Path, PathBuf};

use nix_bindings_expr::primop::{PrimOp, PrimOpMeta};
use nix_bindings_expr::value::Value;
use nixops4_lang::{
    CALL_FLAKE, FetchRules, Fetched, Fetcher, LockedFlake, SourceAttr, SourceAttrs, SourceName,
    TreeRequest, quoted,
};
use nixops4_proto::evaluator::{Load, RootSource};
use serde_json::{Map, Value as Json, json};

use super::Libnix;
use super::failure::Failure;
use super::interpreter::Nix;
use crate::error::{self, WireError};
use crate::flakes::Flakes;
use crate::session::{LOAD_FILE, LOAD_FLAKE, OWN_FLAKE};

/// What is loaded.
pub enum Root {
    File(PathBuf),
    Flake { locked: LockedFlake, attr: String },
}

impl Libnix {
    /// Loads the root and looks at its outermost form.
    pub(super) fn load_root(&mut self, load: Load) -> Result<(), WireError> {
        self.show_trace = load.show_trace;
        let root = match load.root {
            RootSource::File { path } => Root::File(path),
            RootSource::Flake {
                dir,
                reference,
                lock,
                attr,
            } => {
                let locked = self.flakes.deployment(&dir, reference.as_deref(), &lock);
                let locked = locked.map_err(|error| error::flake(&error))?;
                self.name_copies(&locked);
                Root::Flake { locked, attr }
            }
        };
        self.forget();
        let before = self.root.replace(root);
        let (loaded, _) = self.fresh(|_, _| Ok(()));
        match loaded {
            Ok(()) | Err(Failure::Waits(_)) => {
                self.instances.clear();
                Ok(())
            }
            Err(failure) => {
                self.root = before;
                self.forget();
                Err(failure.into_wire())
            }
        }
    }

    /// Has messages name the folders that flakes are in, not the copies that are read.
    fn name_copies(&mut self, locked: &LockedFlake) {
        let mut places = (*self.places).clone();
        places.copies.clear();
        for (_, fetched, _) in &locked.here {
            if let Some(origin) = &fetched.origin {
                places.copies.push((fetched.at.clone(), origin.clone()));
            }
        }
        self.places = places.into();
    }
}

impl Root {
    /// The function from the outputs of resources to the root component.
    pub(super) fn function(&self, nix: &mut Nix, flakes: &Flakes) -> Result<Value, Failure> {
        let modules = path_value(nix, &nix.places.library.join("modules"))?;
        match self {
            Root::File(path) => {
                let file = path_value(nix, path)?;
                let load = nix.eval(&taking_outputs("modules: file", LOAD_FILE), root_dir())?;
                nix.call(&load, &[modules, file])
            }
            Root::Flake { locked, attr } => {
                let flake = call_flake(nix, flakes, locked, &modules)?;
                let attr = nix.text(attr)?;
                let load = taking_outputs("modules: flake: attr", LOAD_FLAKE);
                let load = nix.eval(&load, root_dir())?;
                nix.call(&load, &[modules, flake, attr])
            }
        }
    }
}

/// The texts of the other engine find the outputs among the built-ins. Here they may not: what a file
/// reaches without being given it, Nix shares between instantiations.
fn taking_outputs(variables: &str, text: &str) -> String {
    format!(
        "let nix = builtins; in {variables}: outputsOf:
         let builtins = nix // {{ nixops4Outputs = outputsOf; }}; in {text}"
    )
}

fn root_dir() -> &'static Path {
    Path::new("/")
}

/// A path as a value.
pub(super) fn path_value(nix: &mut Nix, path: &Path) -> Result<Value, Failure> {
    let text = quoted(path.as_os_str().as_encoded_bytes());
    nix.eval(&format!("/. + {text}"), root_dir())
}

/// The flake's outputs. It is locked and fetched as for the other engine, so the same options hold,
/// and no store is needed.
fn call_flake(
    nix: &mut Nix,
    flakes: &Flakes,
    locked: &LockedFlake,
    modules: &Value,
) -> Result<Value, Failure> {
    let here: Map<String, Json> = locked
        .here
        .iter()
        .map(|(node, fetched, dir)| {
            let entry = json!({ "sourceInfo": source_info(fetched), "dir": dir });
            (node.clone(), entry)
        })
        .collect();
    let fetch = fetcher(nix, flakes)?;
    let text = format!(
        "modules: lock: here: fetch:
         ({CALL_FLAKE}) (builtins.fromJSON lock) (builtins.fromJSON here) {{ nixops4 = {OWN_FLAKE}; }}
           (attrs: builtins.fromJSON (fetch (builtins.toJSON attrs)))
           (message: _: _: builtins.addErrorContext message)"
    );
    let function = nix.eval(&text, root_dir())?;
    let lock = nix.text(&locked.lock)?;
    let here = nix.text(&Json::Object(here).to_string())?;
    nix.call(&function, &[modules.clone(), lock, here, fetch])
}

/// The function that fetches what a node of a lock file says; text in JSON both ways.
fn fetcher(nix: &mut Nix, flakes: &Flakes) -> Result<Value, Failure> {
    let flakes = flakes.clone();
    let primop = PrimOp::new(
        &mut nix.state,
        PrimOpMeta {
            name: c"nixops4Fetch",
            args: [c"locked"],
            doc: c"Fetches what a lock file pins.",
        },
        Box::new(move |state, [locked]: &[Value; 1]| {
            let locked = state.require_string(locked)?;
            let request = TreeRequest {
                source: SourceName::Attrs(source_attrs(&locked)?),
                rules: FetchRules::Locked,
                pure: false,
            };
            let fetched = flakes.clone().fetch_tree(&request)?;
            state.new_value_str(&source_info(&fetched).to_string())
        }),
    );
    let primop = nix.checked(primop)?;
    let value = nix.state.new_value_primop(primop);
    nix.checked(value)
}

fn source_info(fetched: &Fetched) -> Json {
    let info = fetched.info.iter().map(|(name, attr)| {
        let value = match attr {
            SourceAttr::Text(text) => json!(text),
            SourceAttr::Int(number) => json!(number),
            SourceAttr::Bool(flag) => json!(flag),
        };
        (name.clone(), value)
    });
    let mut fields: Map<String, Json> = info.collect();
    fields.insert("outPath".into(), json!(fetched.at));
    Json::Object(fields)
}

fn source_attrs(json: &str) -> anyhow::Result<SourceAttrs> {
    let fields: Map<String, Json> = serde_json::from_str(json)?;
    let attrs = fields.into_iter().filter_map(|(name, value)| {
        let attr = match value {
            Json::String(text) => SourceAttr::Text(text),
            Json::Bool(flag) => SourceAttr::Bool(flag),
            Json::Number(number) => SourceAttr::Int(number.as_u64()?),
            _ => return None,
        };
        Some((name, attr))
    });
    Ok(attrs.collect())
}
