//! Files, and code in files.

use std::path::{Path, PathBuf};

use super::{Builtin, Table};
use crate::{
    error::{Doing, ErrorKind, EvalError},
    eval::{Coercion, Eval, lazy_native, scope_env},
    evaluator::Evaluator,
    host::FileType,
    position::{Pos, Span},
    symbol::known,
    value::{Attr, Attrs, Str, Value},
};

pub(super) const TABLE: &Table = &[
    Builtin::new("import", 1, 1, import),
    Builtin::new("scopedImport", 2, 0, scoped_import),
    Builtin::new("readFile", 1, 1, read_file),
    Builtin::new("readDir", 1, 1, read_dir),
    Builtin::new("readFileType", 1, 1, read_file_type),
    Builtin::new("pathExists", 1, 1, path_exists),
    Builtin::new("toPath", 1, 1, to_path),
    Builtin::new("findFile", 2, 0, find_file),
    Builtin::new("getEnv", 1, 1, get_env),
];

impl Evaluator {
    /// A path, as builtins that read take it: a path, an absolute string, or a set with one.
    pub(crate) fn path_of(&mut self, value: &Value) -> Eval<PathBuf> {
        let text = self.path_text(value)?;
        match text.context() {
            Some(context) => self.realised(&text.to_text(), context),
            None => Ok(PathBuf::from(&*text.to_text())),
        }
    }

    /// A path as [`path_of`](Self::path_of) takes it, normalised, with its context: what it is in
    /// is not made to exist.
    pub(crate) fn path_text(&mut self, value: &Value) -> Eval<Str> {
        let value = self.force(value)?;
        if let Value::Path(path) = value {
            return Ok(path);
        }
        let text = self.coerce(&value, Coercion::PATH_PART)?;
        let shown = text.to_text();
        if !shown.starts_with('/') {
            let message = format!("string '{shown}' doesn't represent an absolute path");
            return Err(EvalError::new(ErrorKind::Value, message));
        }
        let path = crate::path::normalise(&shown);
        Ok(Str::with_shared_context(
            path.as_bytes(),
            text.context().cloned(),
        ))
    }
}

fn import(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let path = evaluator.path_of(&args[0])?;
    let thunk = evaluator.thunk_file(&path)?;
    evaluator
        .force(&thunk)
        .map_err(|error| error.frame(Span::NONE, Doing::Import(path.display().to_string().into())))
}

fn scoped_import(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let scope = evaluator.attrs_of(&args[0])?;
    let path = evaluator.path_of(&args[1])?;
    let (names, env) = scope_env(&scope);
    evaluator.scoped_import(names, env, &path)
}

fn read_file(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let path = evaluator.path_of(&args[0])?;
    let bytes = evaluator.read_file(&path)?;
    if bytes.contains(&0) {
        let message = format!(
            "the contents of the file '{}' cannot be represented as a Nix string",
            path.display()
        );
        return Err(EvalError::new(ErrorKind::Value, message));
    }
    Ok(Value::String(Str::new(bytes)))
}

fn read_dir(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let path = evaluator.path_of(&args[0])?;
    let mut attrs = Vec::new();
    for (name, kind) in evaluator.read_dir(&path)? {
        let value = match kind {
            // What the listing does not tell is looked up when asked for.
            FileType::Unknown => {
                let path = path.join(&name).display().to_string();
                lazy_native(type_of_path, Value::string(path))
            }
            kind => Value::string(kind.as_str()),
        };
        let name = evaluator.symbol(&name);
        attrs.push(Attr {
            name,
            pos: Pos::NONE,
            value,
        });
    }
    Ok(Value::Attrs(Attrs::from_vec(attrs)))
}

fn type_of_path(evaluator: &mut Evaluator, value: &Value) -> Eval {
    read_file_type(evaluator, std::slice::from_ref(value))
}

fn read_file_type(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let path = evaluator.path_of(&args[0])?;
    match evaluator.file_type(&path)? {
        Some(kind) => Ok(Value::string(kind.as_str())),
        None => {
            let message = format!("path '{}' does not exist", path.display());
            Err(EvalError::new(ErrorKind::Host, message))
        }
    }
}

fn path_exists(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let value = evaluator.force(&args[0])?;
    // A string that ends in a slash asks for a directory.
    let wants_directory = match &value {
        Value::String(text) => text.as_bytes().ends_with(b"/") || text.as_bytes().ends_with(b"/."),
        _ => false,
    };
    let path = evaluator.path_of(&value)?;
    let exists = match evaluator.file_type(&path)? {
        Some(FileType::Symlink) if wants_directory => {
            let target = evaluator.resolve_links(&path);
            target.is_ok_and(|target| is_directory(evaluator, &target))
        }
        Some(FileType::Directory) => true,
        Some(_) => !wants_directory,
        None => false,
    };
    Ok(Value::Bool(exists))
}

fn is_directory(evaluator: &mut Evaluator, path: &Path) -> bool {
    matches!(evaluator.file_type(path), Ok(Some(FileType::Directory)))
}

fn to_path(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let value = evaluator.force(&args[0])?;
    let context = evaluator
        .coerce(&value, Coercion::PATH_PART)?
        .context()
        .cloned();
    let path = evaluator.path_of(&value)?.display().to_string();
    Ok(Value::String(Str::with_shared_context(
        path.as_bytes(),
        context,
    )))
}

fn find_file(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let list = evaluator.list_of(&args[0])?;
    let mut entries = Vec::with_capacity(list.len());
    for entry in list.iter() {
        let attrs = evaluator.attrs_of(entry)?;
        let prefix = match evaluator.attr(&attrs, known::PREFIX) {
            Some(prefix) => evaluator.string_of(&prefix)?,
            None => String::new(),
        };
        let path = evaluator.select_forced(&attrs, known::PATH)?;
        let path = evaluator.coerce(&path, Coercion::PATH_PART)?;
        entries.push((prefix, PathBuf::from(&*path.to_text())));
    }
    let name = evaluator.string_of(&args[1])?;
    evaluator.find_in(&entries, &name)
}

fn get_env(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let name = evaluator.string_of(&args[0])?;
    if evaluator.options().pure {
        return Ok(Value::string(""));
    }
    Ok(Value::string(
        evaluator.host().env_var(&name).unwrap_or_default(),
    ))
}
