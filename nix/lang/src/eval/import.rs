//! Reading files: parsing, remembering, search paths, and texts shipped with the program.

use std::{
    path::{Path, PathBuf},
    rc::Rc,
};

use super::{Eval, code::empty_env};
use crate::{
    compile::{
        self,
        ir::{CodeId, Expr},
    },
    error::{Doing, ErrorKind, EvalError},
    evaluator::Evaluator,
    host::{FileType, HostError, RegularFile},
    path::absolute,
    position::{Origin, Pos, Span},
    store::Contents,
    symbol::{Symbol, Symbols},
    syntax::{
        self, SyntaxError,
        ast::{Id, Tree},
    },
    value::{Env, State, Str, Thunk, Value},
};

impl From<HostError> for EvalError {
    fn from(error: HostError) -> EvalError {
        match error {
            HostError::While { doing, source } => {
                EvalError::from(*source).frame(Span::NONE, Doing::Note(doing.into()))
            }
            error => EvalError::new(ErrorKind::Host, error.to_string()),
        }
    }
}

/// From a text, whose first byte has that position, to a syntax tree.
pub(crate) type Parse = fn(&str, Pos, &mut Symbols) -> Result<(Tree, Id), SyntaxError>;

/// How many links a path may go through.
const MAX_LINKS: usize = 40;

impl Evaluator {
    /// Reads a text without evaluating it.
    pub fn check_syntax(
        &mut self,
        text: &str,
        name: &str,
        base_dir: &Path,
    ) -> Result<(), EvalError> {
        self.compile(text, Origin::Text(name.into()), base_dir, None)
            .map(|_| ())
    }

    /// A text as it was understood: what `nix-instantiate --parse` prints.
    pub fn show_syntax(
        &mut self,
        text: &str,
        name: &str,
        base_dir: &Path,
    ) -> Result<String, EvalError> {
        self.check_syntax(text, name, base_dir)?;
        self.shown_syntax(text, base_dir)
    }

    /// The same of a text that has been checked.
    fn shown_syntax(&mut self, text: &str, base_dir: &Path) -> Result<String, EvalError> {
        // Positions play no part in what is printed, so any will do.
        let (tree, root) = syntax::parse(text, Pos(1), &mut self.symbols)
            .map_err(|error| EvalError::new(ErrorKind::Syntax, error.message))?;
        let home_dir = self.host.home_dir();
        let shower = syntax::Shower {
            tree: &tree,
            symbols: &self.symbols,
            base_dir,
            home_dir: home_dir.as_deref(),
        };
        Ok(shower.text(root))
    }

    /// The same for a file.
    pub fn show_file_syntax(&mut self, path: &Path) -> Result<String, EvalError> {
        let path = self.source_path(path)?;
        let text = self.read_source(&path)?;
        let base = path.parent().unwrap_or(Path::new("/")).to_owned();
        self.compile(&text, Origin::File(path.clone()), &base, None)?;
        self.shown_syntax(&text, &base)
    }

    /// A text's value, not forced.
    pub fn thunk_str(&mut self, text: &str, name: &str, base_dir: &Path) -> Eval {
        let code = self.compile(text, Origin::Text(name.into()), base_dir, None)?;
        Ok(code_thunk(code, empty_env()))
    }

    /// A text's value, not forced, with further variables in scope.
    pub fn thunk_str_in(
        &mut self,
        text: &str,
        name: &str,
        base_dir: &Path,
        variables: &[(&str, Value)],
    ) -> Eval {
        self.thunk_in(syntax::parse, text, name, base_dir, variables)
    }

    /// The value of what a parser makes of a text, not forced.
    pub(crate) fn thunk_in(
        &mut self,
        parse: Parse,
        text: &str,
        name: &str,
        base_dir: &Path,
        variables: &[(&str, Value)],
    ) -> Eval {
        let names: Vec<Symbol> = variables
            .iter()
            .map(|(name, _)| self.symbol(name))
            .collect();
        let origin = Origin::Text(name.into());
        let code = self.compile_with(parse, text, origin, base_dir, Some(names))?;
        let values: Vec<Value> = variables.iter().map(|(_, value)| value.clone()).collect();
        Ok(code_thunk(
            code,
            super::code::frame(&empty_env(), values.into_iter()),
        ))
    }

    /// A file's value, not forced. Every file is read once.
    pub fn thunk_file(&mut self, path: &Path) -> Eval {
        let path = self.source_path(path)?;
        if let Some(value) = self.imports.get(&path) {
            return Ok(value.clone());
        }
        let text = self.read_source(&path)?;
        let base = path.parent().unwrap_or(Path::new("/")).to_owned();
        let code = self.compile(&text, Origin::File(path.clone()), &base, None)?;
        let thunk = code_thunk(code, empty_env());
        self.imports.insert(path, thunk.clone());
        Ok(thunk)
    }

    /// `builtins.scopedImport`: read anew each time, for its variables differ.
    pub(crate) fn scoped_import(&mut self, names: Vec<Symbol>, scope: Env, path: &Path) -> Eval {
        let path = self.source_path(path)?;
        let text = self.read_source(&path)?;
        let base = path.parent().unwrap_or(Path::new("/")).to_owned();
        let code = self.compile(&text, Origin::File(path), &base, Some(names))?;
        self.eval(self.codes[code.0 as usize], &scope)
    }

    /// Forces a value that was written as a literal: a set without computed names, a list, a
    /// function, a plain string or number. Nothing else is evaluated.
    pub fn force_literal(&mut self, value: &Value) -> Result<Value, EvalError> {
        if let Value::Thunk(thunk) = value
            && let State::Pending(_) = thunk.state()
        {
            let node = self.codes[thunk.code().0 as usize];
            let literal = match &node.expr {
                Expr::Attrs(attrs) => attrs.dynamic.is_empty() && attrs.overrides.is_none(),
                Expr::List(_) | Expr::Lambda(_) | Expr::Const(_) => true,
                _ => false,
            };
            if !literal {
                let message = "a literal is expected, not something to be computed";
                return Err(EvalError::new(ErrorKind::Value, message).at(node.span));
            }
        }
        self.force(value)
    }

    fn compile(
        &mut self,
        text: &str,
        origin: Origin,
        base_dir: &Path,
        scope: Option<Vec<Symbol>>,
    ) -> Eval<CodeId> {
        self.compile_with(syntax::parse, text, origin, base_dir, scope)
    }

    /// Compiles what a parser makes of a text.
    pub(crate) fn compile_with(
        &mut self,
        parse: Parse,
        text: &str,
        origin: Origin,
        base_dir: &Path,
        scope: Option<Vec<Symbol>>,
    ) -> Eval<CodeId> {
        let text: Rc<str> = text.into();
        let base = self.files.add(origin, text.clone()).map_err(|_| {
            EvalError::new(ErrorKind::Limit, "more than 4 GB of source text were read")
        })?;
        let (tree, root) = parse(&text, base, &mut self.symbols).map_err(|error| {
            let len = (error.end - error.start).max(1) as u32;
            let span = Span {
                start: Pos(base.0 + error.start as u32),
                len,
            };
            EvalError::new(ErrorKind::Syntax, error.message).at(span)
        })?;
        let home_dir = self.host.home_dir();
        let context = compile::Context {
            symbols: &mut self.symbols,
            codes: &mut self.codes,
            globals: &self.globals,
            base_dir,
            home_dir: home_dir.as_deref(),
            exact: self.options.exact_laziness,
        };
        compile::compile(&tree, root, scope, context)
    }

    /// Ships files inside the program: `files` are seen below `root`, which should not exist in
    /// any real file system. `builtins.import` and friends read them like any others.
    pub fn embed_files<'a>(
        &mut self,
        root: &Path,
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        for (name, text) in files {
            let path = absolute(name, root);
            self.embedded.insert(PathBuf::from(path), text.into());
        }
    }

    /// The file to read for a path: links resolved, and a directory's `default.nix`.
    fn source_path(&mut self, path: &Path) -> Eval<PathBuf> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            match self.file_type(&path)? {
                Some(FileType::Directory) => path.push("default.nix"),
                Some(FileType::Symlink) => path = self.resolve_links(&path)?,
                _ => return Ok(path),
            }
        }
        let message = format!("too many symbolic links on the way to '{}'", path.display());
        Err(EvalError::new(ErrorKind::Host, message))
    }

    fn read_source(&mut self, path: &Path) -> Eval<Rc<str>> {
        if let Some(text) = self.embedded.get(path) {
            return Ok(text.clone());
        }
        let bytes = self.read_file(path)?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(text.into()),
            Err(_) => {
                let message = format!("the file '{}' is not UTF-8 text", path.display());
                Err(EvalError::new(ErrorKind::Syntax, message))
            }
        }
    }

    /// The bytes of a file, also of one shipped inside the program.
    pub(crate) fn read_file(&mut self, path: &Path) -> Eval<Vec<u8>> {
        if let Some(text) = self.embedded.get(path) {
            return Ok(text.as_bytes().to_vec());
        }
        match self.store.contents(path) {
            Some(Contents::Text(text)) => Ok(text.to_vec()),
            Some(Contents::At(at)) => {
                let bytes = self.host.read_file(&at);
                bytes.map_err(|error| self.missing(path, error))
            }
            None => Ok(self.host.read_file(path)?),
        }
    }

    pub(crate) fn read_dir(&mut self, path: &Path) -> Eval<Vec<(String, FileType)>> {
        let below = self
            .embedded
            .keys()
            .filter_map(|file| file.strip_prefix(path).ok());
        let mut names = std::collections::BTreeMap::new();
        for rest in below {
            let mut parts = rest.components();
            if let Some(first) = parts.next() {
                let deeper = parts.next().is_some();
                let kind = if deeper {
                    FileType::Directory
                } else {
                    FileType::Regular
                };
                names.insert(first.as_os_str().to_string_lossy().into_owned(), kind);
            }
        }
        if names.is_empty() {
            return match self.store.contents(path) {
                Some(Contents::At(at)) => {
                    let names = self.host.read_dir(&at);
                    names.map_err(|error| self.missing(path, error))
                }
                _ => Ok(self.host.read_dir(path)?),
            };
        }
        Ok(names.into_iter().collect())
    }

    pub(crate) fn file_type(&mut self, path: &Path) -> Eval<Option<FileType>> {
        if self.embedded.contains_key(path) {
            return Ok(Some(FileType::Regular));
        }
        if self.embedded.keys().any(|file| file.starts_with(path)) && path != Path::new("/") {
            return Ok(Some(FileType::Directory));
        }
        match self.store.contents(path) {
            Some(Contents::Text(_)) => Ok(Some(FileType::Regular)),
            Some(Contents::At(path)) => Ok(self.host.file_type(&path)?),
            None => Ok(self.host.file_type(path)?),
        }
    }

    /// A regular file's length and permission.
    pub(crate) fn regular_file(&mut self, path: &Path) -> Eval<RegularFile> {
        let plain = |length: usize| RegularFile {
            executable: false,
            length: length as u64,
        };
        if let Some(text) = self.embedded.get(path) {
            return Ok(plain(text.len()));
        }
        match self.store.contents(path) {
            Some(Contents::Text(text)) => Ok(plain(text.len())),
            Some(Contents::At(path)) => Ok(self.host.regular_file(&path)?),
            None => Ok(self.host.regular_file(path)?),
        }
    }

    /// `<name>`: found in the search path.
    pub(crate) fn find_file(&mut self, name: &str, span: Span) -> Eval {
        let entries = self.options.search_path.clone();
        self.find_in(&entries, name).map_err(|error| error.at(span))
    }

    pub(crate) fn find_in(&mut self, entries: &[(String, PathBuf)], name: &str) -> Eval {
        for (prefix, directory) in entries {
            let Some(rest) = below(prefix, name) else {
                continue;
            };
            let path = absolute(rest, directory);
            if self.file_type(Path::new(&path))?.is_some() {
                return Ok(Value::Path(Str::new(path)));
            }
        }
        let message = format!("file '{name}' was not found in the Nix search path");
        let hint = "Add it with -I, or name the file by its path.";
        Err(EvalError::new(ErrorKind::SearchPath, message).hint(hint))
    }
}

/// What is left of `name` below a search path prefix.
fn below<'a>(prefix: &str, name: &'a str) -> Option<&'a str> {
    if prefix.is_empty() {
        return Some(name);
    }
    let rest = name.strip_prefix(prefix)?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix('/')
    }
}

fn code_thunk(code: CodeId, env: Env) -> Value {
    Value::Thunk(Thunk::pending(code, env))
}
