//! Files, directories and texts that become store objects.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use super::{Builtin, Table};
use crate::{
    error::{ErrorKind, EvalError},
    eval::Eval,
    evaluator::Evaluator,
    host::FileType,
    object_store::NewContents,
    pure::{
        hash::{Algorithm, Hash},
        nar::{self, FileKind, FileTree, NarError},
        store_path::{Method, StorePath},
    },
    symbol::known,
    value::{Context, ContextElement, Str, Value},
};

pub(super) const TABLE: &Table = &[
    Builtin::new("path", 1, 1, path),
    Builtin::new("filterSource", 2, 0, filter_source),
    Builtin::new("toFile", 2, 1, to_file),
    Builtin::new("storePath", 1, 1, store_path),
];

fn invalid(message: impl Into<String>) -> EvalError {
    EvalError::new(ErrorKind::Value, message)
}

impl From<NarError> for EvalError {
    fn from(error: NarError) -> Self {
        EvalError::new(ErrorKind::Host, error.to_string())
    }
}

/// What becomes a store object, and how.
pub(crate) struct Source {
    path: PathBuf,
    name: String,
    method: Method,
    /// Called with each path and its kind.
    filter: Option<Value>,
    expected: Option<Hash>,
}

impl Evaluator {
    /// The store path of a file or directory, taken as it is.
    pub(crate) fn copied_path(&mut self, path: &Path) -> Eval<StorePath> {
        let name = base_name(path);
        if let Some(known) = self.store.copy_of(path, &name) {
            return Ok(known.clone());
        }
        let method = Method::Recursive;
        self.add_source(Source {
            path: path.to_owned(),
            name,
            method,
            filter: None,
            expected: None,
        })
    }

    fn add_source(&mut self, source: Source) -> Eval<StorePath> {
        let hash = match source.method {
            Method::Recursive => {
                let mut tree = HostTree {
                    evaluator: self,
                    filter: source.filter.as_ref(),
                };
                nar::hash_path(&mut tree, &source.path, Algorithm::Sha256)?
            }
            _ => Algorithm::Sha256.hash(&self.read_file(&source.path)?),
        };
        if source
            .expected
            .as_ref()
            .is_some_and(|expected| *expected != hash)
        {
            let path = source.path.display();
            let message =
                format!("store path mismatch in (possibly filtered) path added from '{path}'");
            return Err(invalid(message));
        }
        let stored =
            self.store
                .dir
                .fixed(&source.name, source.method, &hash, &Default::default())?;
        if source.filter.is_none() {
            self.store
                .add_copy(&source.path, &source.name, stored.clone());
        }
        self.store.add_source(stored.clone(), source);
        Ok(stored)
    }

    /// What a source is made of, for a store.
    pub(crate) fn archived(&mut self, source: &Source) -> Eval<NewContents> {
        if source.method != Method::Recursive {
            return Ok(NewContents::File(self.read_file(&source.path)?));
        }
        let mut archive = Vec::new();
        let mut tree = HostTree {
            evaluator: self,
            filter: source.filter.as_ref(),
        };
        nar::write_nar(&mut tree, &source.path, &mut archive)?;
        Ok(NewContents::Archive(archive))
    }

    /// A store path as a string that refers to it.
    pub(crate) fn store_path_value(&self, path: &StorePath) -> Value {
        let full = self.store.dir.print(path);
        let context = Context::from([ContextElement::Opaque(full.as_str().into())]);
        Value::String(Str::with_context(full, context))
    }
}

fn base_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || "source".into(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// The host's files as an archive takes them.
struct HostTree<'a> {
    evaluator: &'a mut Evaluator,
    filter: Option<&'a Value>,
}

impl FileTree for HostTree<'_> {
    type Error = EvalError;

    fn kind(&mut self, path: &Path) -> Eval<FileKind> {
        match self.evaluator.file_type(path)? {
            Some(FileType::Regular) => {
                let file = self.evaluator.regular_file(path)?;
                Ok(FileKind::Regular {
                    executable: file.executable,
                    length: file.length,
                })
            }
            Some(FileType::Directory) => Ok(FileKind::Directory),
            Some(FileType::Symlink) => Ok(FileKind::Symlink),
            Some(FileType::Unknown) => Ok(FileKind::Other),
            None => {
                let message = format!("path '{}' does not exist", path.display());
                Err(EvalError::new(ErrorKind::Host, message))
            }
        }
    }

    fn copy(&mut self, path: &Path, into: &mut dyn Write) -> Eval<u64> {
        let bytes = self.evaluator.read_file(path)?;
        into.write_all(&bytes).map_err(NarError::Write)?;
        Ok(bytes.len() as u64)
    }

    fn names(&mut self, path: &Path) -> Eval<Vec<Vec<u8>>> {
        let names = self.evaluator.read_dir(path)?;
        Ok(names
            .into_iter()
            .map(|(name, _)| name.into_bytes())
            .collect())
    }

    fn target(&mut self, path: &Path) -> Eval<Vec<u8>> {
        Ok(self
            .evaluator
            .host()
            .read_link(path)?
            .into_os_string()
            .into_encoded_bytes())
    }

    fn keep(&mut self, path: &Path, kind: FileKind) -> Eval<bool> {
        let Some(filter) = self.filter else {
            return Ok(true);
        };
        let args = [
            Value::string(path.as_os_str().as_encoded_bytes()),
            Value::string(kind.word()),
        ];
        match self.evaluator.apply(filter, &args)? {
            Value::Bool(keep) => Ok(keep),
            other => Err(self.evaluator.expected("a Boolean", &other)),
        }
    }
}

fn path(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let attrs = evaluator.attrs_of(&args[0])?;
    let known_names = [
        known::PATH,
        known::NAME,
        known::FILTER,
        known::RECURSIVE,
        known::SHA256,
    ];
    let unknown = evaluator
        .sorted_attrs(&attrs)
        .into_iter()
        .find(|a| !known_names.contains(&a.name));
    if let Some(unknown) = unknown {
        let name = evaluator.symbol_name(unknown.name);
        return Err(invalid(format!(
            "unsupported argument '{name}' to 'builtins.path'"
        )));
    }
    let Some(path) = evaluator.attr(&attrs, known::PATH) else {
        let message = "missing required 'path' attribute in the first argument to 'builtins.path'";
        return Err(invalid(message));
    };
    let path = evaluator.path_of(&path)?;
    let mut name = match evaluator.attr(&attrs, known::NAME) {
        Some(name) => evaluator.plain_string(&name)?.to_text().into_owned(),
        None => String::new(),
    };
    if name.is_empty() {
        name = base_name(&path);
    }
    let filter = match evaluator.attr(&attrs, known::FILTER) {
        Some(filter) => Some(evaluator.function_of(&filter)?),
        None => None,
    };
    let recursive = match evaluator.attr(&attrs, known::RECURSIVE) {
        Some(recursive) => evaluator.bool_of(&recursive)?,
        None => true,
    };
    let expected = match evaluator.attr(&attrs, known::SHA256) {
        Some(hash) => {
            let hash = evaluator.plain_string(&hash)?;
            Some(Hash::parse_any(&hash.to_text(), Some(Algorithm::Sha256))?)
        }
        None => None,
    };
    let method = if recursive {
        Method::Recursive
    } else {
        Method::Flat
    };
    let stored = evaluator.add_source(Source {
        path,
        name,
        method,
        filter,
        expected,
    })?;
    Ok(evaluator.store_path_value(&stored))
}

fn filter_source(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let path = evaluator.path_of(&args[1])?;
    let filter = Some(evaluator.function_of(&args[0])?);
    let name = base_name(&path);
    let method = Method::Recursive;
    let stored = evaluator.add_source(Source {
        path,
        name,
        method,
        filter,
        expected: None,
    })?;
    Ok(evaluator.store_path_value(&stored))
}

fn to_file(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let name = evaluator.plain_string(&args[0])?.to_text().into_owned();
    let text = evaluator.str_of(&args[1])?;
    let references = evaluator.plain_references(text.context(), |element| {
        invalid(format!(
            "files created by builtins.toFile may not reference derivations, but {name} \
             references {element}"
        ))
    })?;
    let path = evaluator
        .store
        .dir
        .text(&name, text.as_bytes(), &references)?;
    evaluator
        .store
        .add_text(path.clone(), text.as_bytes(), references);
    Ok(evaluator.store_path_value(&path))
}

fn store_path(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    if evaluator.options().pure {
        return Err(invalid(
            "'builtins.storePath' is not allowed in pure evaluation mode",
        ));
    }
    let text = evaluator.path_text(&args[0])?;
    let path = text.to_text().into_owned();
    let (object, _) = evaluator.store.dir.split(&path)?;
    let full = evaluator.store.dir.print(&object);
    evaluator.check_in_store(Path::new(&full))?;
    let mut context = text
        .context()
        .map(|context| Context::clone(context))
        .unwrap_or_default();
    context.insert(ContextElement::Opaque(full.into()));
    Ok(Value::String(Str::with_context(path, context)))
}
