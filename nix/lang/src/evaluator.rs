//! The evaluator: its parts, and what embedders ask of it.

use std::{
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    builtins::{self, Builtin},
    compile::ir::Node,
    error::{ErrorKind, EvalError},
    external::Sources,
    hash::FastMap,
    host::Host,
    position::{Files, Location, Origin, Pos, SourceFile, Span},
    pure::regex::RegexCache,
    store::Store,
    symbol::{Symbol, Symbols},
    taint::{Accumulator, Taint, Taints},
    value::{Attr, Attrs, List, Str, Value},
};

/// How to evaluate.
#[derive(Clone, Debug)]
pub struct Options {
    /// What `<name/…>` is looked up in: prefix (may be empty) and directory, in order.
    pub search_path: Vec<(String, PathBuf)>,
    /// How many evaluations may wait for each other. Only memory limits a larger number.
    pub max_depth: u32,
    /// How many calls may be inside each other, those in tail position counted, as Nix counts.
    pub max_call_depth: u32,
    /// How many bytes values may take; what they are made of, such as text under construction,
    /// comes on top.
    pub max_memory: Option<usize>,
    /// Refuse what depends on the machine: environment, time, absolute paths of search entries.
    pub pure: bool,
    /// Whether `builtins.traceVerbose` says anything.
    pub trace_verbose: bool,
    /// Whether `builtins.warn` is an error.
    pub abort_on_warn: bool,
    /// Put off exactly what Nix puts off, so that values print the same where they are not
    /// evaluated deeply. Else what costs less to do than to put off is done at once.
    pub exact_laziness: bool,
    /// The store's directory.
    pub store_dir: String,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            search_path: Vec::new(),
            max_depth: 250_000,
            max_call_depth: u32::MAX,
            max_memory: None,
            pure: false,
            trace_verbose: false,
            abort_on_warn: false,
            exact_laziness: false,
            store_dir: "/nix/store".into(),
        }
    }
}

/// How many steps to take between looks at the cancellation flag.
const STEPS_BETWEEN_CHECKS: u32 = 4096;

/// Evaluates Nix. Owns all code, names and sources; values mean something to their own evaluator
/// only.
pub struct Evaluator {
    pub(crate) symbols: Symbols,
    pub(crate) files: Files,
    pub(crate) codes: Vec<&'static Node>,
    pub(crate) globals: FastMap<Symbol, Value>,
    pub(crate) builtins: Value,
    pub(crate) taints: Taints,
    pub(crate) accumulator: Accumulator,
    pub(crate) sources: Sources,
    pub(crate) generation: u64,
    pub(crate) host: Box<dyn Host>,
    pub(crate) options: Options,
    pub(crate) store: Store,
    /// Flakes that the program brings along.
    pub(crate) shipped: Vec<(String, Value)>,
    pub(crate) regexes: RegexCache,
    pub(crate) imports: FastMap<PathBuf, Value>,
    pub(crate) embedded: FastMap<PathBuf, Rc<str>>,
    /// The host's functions that were asked for, by owner and name.
    pub(crate) foreign: FastMap<(String, String), &'static Builtin>,
    pub(crate) depth: u32,
    pub(crate) calls: u32,
    pub(crate) steps: u32,
    pub(crate) cancel: Arc<AtomicBool>,
}

impl Evaluator {
    /// An evaluator that sees the world through `host`.
    pub fn new(host: Box<dyn Host>, options: Options) -> Self {
        let mut evaluator = Evaluator {
            symbols: Symbols::new(),
            files: Files::default(),
            codes: Vec::new(),
            globals: FastMap::default(),
            builtins: Value::Null,
            taints: Taints::new(),
            accumulator: Accumulator::default(),
            sources: Sources::default(),
            generation: 1,
            host,
            store: Store::new(&options.store_dir),
            shipped: Vec::new(),
            regexes: RegexCache::new(),
            options,
            imports: FastMap::default(),
            embedded: FastMap::default(),
            foreign: FastMap::default(),
            depth: 0,
            calls: 0,
            steps: STEPS_BETWEEN_CHECKS,
            cancel: Arc::default(),
        };
        builtins::install(&mut evaluator);
        evaluator
    }

    /// Evaluates a text. `name` stands for it in messages; relative paths start at `base_dir`.
    pub fn eval_str(
        &mut self,
        text: &str,
        name: &str,
        base_dir: &Path,
    ) -> Result<Value, EvalError> {
        let thunk = self.thunk_str(text, name, base_dir)?;
        self.force(&thunk)
    }

    /// Evaluates a file, or `default.nix` in a directory.
    pub fn eval_file(&mut self, path: &Path) -> Result<Value, EvalError> {
        let thunk = self.thunk_file(path)?;
        self.force(&thunk)
    }

    /// The value, forced out of its thunk. The result is never [`Value::Thunk`].
    ///
    /// A holder of values that may change with the sources keeps the thunk and forces it again:
    /// that costs nothing when nothing changed.
    #[inline]
    pub fn force(&mut self, value: &Value) -> Result<Value, EvalError> {
        match value {
            Value::Thunk(thunk) => self.force_thunk(thunk),
            other => Ok(other.clone()),
        }
    }

    /// Calls a function.
    pub fn call(&mut self, function: &Value, arg: Value) -> Result<Value, EvalError> {
        let function = self.force(function)?;
        self.apply(&function, &[arg])
    }

    /// The attribute of that name, not forced.
    pub fn select(&mut self, value: &Value, name: &str) -> Result<Value, EvalError> {
        let attrs = self.attrs_of(value)?;
        let symbol = self.symbols.intern(name.as_bytes());
        match self.attr(&attrs, symbol) {
            Some(value) => Ok(value),
            None => Err(self.missing_attribute(&attrs, symbol)),
        }
    }

    /// The attribute of that name, not forced, if there is one.
    pub fn select_opt(&mut self, value: &Value, name: &str) -> Result<Option<Value>, EvalError> {
        let attrs = self.attrs_of(value)?;
        let symbol = self.symbols.intern(name.as_bytes());
        Ok(self.attr(&attrs, symbol))
    }

    /// Forces a value that must be an attribute set.
    pub fn attrs_of(&mut self, value: &Value) -> Result<Attrs, EvalError> {
        match self.force(value)? {
            Value::Attrs(attrs) => Ok(attrs),
            other => Err(self.expected("a set", &other)),
        }
    }

    /// Forces a value that must be a list.
    pub fn list_of(&mut self, value: &Value) -> Result<List, EvalError> {
        match self.force(value)? {
            Value::List(list) => Ok(list),
            other => Err(self.expected("a list", &other)),
        }
    }

    /// Forces a value that must be a string, and drops its context.
    pub fn string_of(&mut self, value: &Value) -> Result<String, EvalError> {
        match self.force(value)? {
            Value::String(text) => Ok(text.to_text().into_owned()),
            other => Err(self.expected("a string", &other)),
        }
    }

    /// Forces a value that must be a Boolean.
    pub fn bool_of(&mut self, value: &Value) -> Result<bool, EvalError> {
        match self.force(value)? {
            Value::Bool(bool) => Ok(bool),
            other => Err(self.expected("a Boolean", &other)),
        }
    }

    /// Forces a value that must be an integer.
    pub fn int_of(&mut self, value: &Value) -> Result<i64, EvalError> {
        match self.force(value)? {
            Value::Int(int) => Ok(int),
            other => Err(self.expected("an integer", &other)),
        }
    }

    /// The names and values of a set, by name.
    pub fn sorted_attrs<'a>(&self, attrs: &'a Attrs) -> Vec<&'a Attr> {
        let mut sorted: Vec<&Attr> = attrs.iter().collect();
        sorted.sort_by(|a, b| {
            self.symbols
                .name(a.name)
                .as_bytes()
                .cmp(self.symbols.name(b.name).as_bytes())
        });
        sorted
    }

    /// Makes an attribute set.
    pub fn make_attrs<N: AsRef<str>>(
        &mut self,
        fields: impl IntoIterator<Item = (N, Value)>,
    ) -> Value {
        let fields = fields.into_iter().map(|(name, value)| Attr {
            name: self.symbols.intern(name.as_ref().as_bytes()),
            pos: Pos::NONE,
            value,
        });
        Value::Attrs(Attrs::from_vec(fields.collect()))
    }

    /// The symbol for a name.
    pub fn symbol(&mut self, name: &str) -> Symbol {
        self.symbols.intern(name.as_bytes())
    }

    /// The name of a symbol.
    pub fn symbol_name(&self, symbol: Symbol) -> String {
        self.symbols.text(symbol).into_owned()
    }

    /// Where an attribute was defined.
    pub fn attr_position(&self, attrs: &Attrs, name: &str) -> Option<Location> {
        let symbol = self.symbols.find(name.as_bytes())?;
        self.locate(Span::at(attrs.get(symbol)?.pos))
    }

    /// A span in words. Files that are copies of local ones are named by those.
    pub fn locate(&self, span: Span) -> Option<Location> {
        let mut location = self.files.locate(span)?;
        if let Origin::File(path) = &location.origin
            && let Some(origin) = self.store.origin(path)
        {
            location.origin = Origin::File(origin);
        }
        Some(location)
    }

    /// The source text a position is in.
    pub fn source_file(&self, pos: Pos) -> Option<&SourceFile> {
        self.files.file(pos)
    }

    /// Runs `f` and says what it depended on, apart from what was asked before or after.
    pub fn with_taint<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> (R, Taint) {
        let saved = self.accumulator.begin();
        let result = f(self);
        let taint = self.accumulator.end(saved, &mut self.taints);
        (result, taint)
    }

    /// Adds to what the evaluation in progress depends on.
    pub fn add_taint(&mut self, taint: Taint) {
        self.accumulator.add(taint, &mut self.taints);
    }

    /// Registers a function as `builtins.<name>` and `__<name>`, before text that uses it is read.
    pub fn register_builtin(
        &mut self,
        name: &str,
        arity: usize,
        function: impl Fn(&mut Evaluator, &[Value]) -> Result<Value, EvalError> + 'static,
    ) {
        let builtin: &'static Builtin =
            Box::leak(Box::new(Builtin::embedded(name, arity, function)));
        self.define_global(name, Value::Builtin(builtin));
    }

    /// Makes a value visible as `builtins.<name>` and `__<name>`.
    pub fn define_global(&mut self, name: &str, value: Value) {
        let symbol = self.symbols.intern(name.as_bytes());
        let hidden = self.symbols.intern(format!("__{name}").as_bytes());
        self.globals.insert(hidden, value.clone());
        if let Value::Attrs(attrs) = &self.builtins {
            let one = Attrs::from_vec(vec![Attr {
                name: symbol,
                pos: Pos::NONE,
                value,
            }]);
            self.set_builtins(attrs.update(&one));
        }
    }

    pub(crate) fn set_builtins(&mut self, attrs: Attrs) {
        self.builtins = Value::Attrs(attrs);
        self.globals
            .insert(crate::symbol::known::BUILTINS, self.builtins.clone());
    }

    /// A flag that, once true, stops evaluation soon; it may be set from another thread.
    pub fn cancel_flag(&self) -> Arc<AtomicBool> {
        self.cancel.clone()
    }

    /// The world this evaluator sees.
    pub fn host(&mut self) -> &mut dyn Host {
        &mut *self.host
    }

    /// Changes how it evaluates, for what comes next; the store's directory stays as it was.
    pub fn set_options(&mut self, change: impl FnOnce(&mut Options)) {
        change(&mut self.options);
    }

    /// Whether someone has asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// Takes a flag of the caller's in place of its own.
    pub fn use_cancel_flag(&mut self, flag: Arc<AtomicBool>) {
        self.cancel = flag;
    }

    /// How it evaluates.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Counts a step, and now and then looks whether to go on.
    #[inline]
    pub(crate) fn step(&mut self) -> Result<(), EvalError> {
        self.steps -= 1;
        if self.steps == 0 {
            self.check_cancelled()
        } else {
            Ok(())
        }
    }

    #[cold]
    fn check_cancelled(&mut self) -> Result<(), EvalError> {
        self.steps = STEPS_BETWEEN_CHECKS;
        if self.cancel.load(Ordering::Relaxed) {
            return Err(EvalError::cancelled());
        }
        self.check_room(0)
    }

    /// Whether a text under construction may go on after that many bytes.
    pub(crate) fn check_text(&self, bytes: usize) -> Result<(), EvalError> {
        if bytes > Str::MAX_LEN {
            return Err(EvalError::new(
                ErrorKind::Limit,
                "a string of more than 4 GB",
            ));
        }
        self.check_room(bytes)
    }

    /// Whether that many more bytes may be taken.
    pub(crate) fn check_room(&self, bytes: usize) -> Result<(), EvalError> {
        let Some(limit) = self.options.max_memory else {
            return Ok(());
        };
        if crate::heap::live_bytes().saturating_add(bytes) <= limit {
            return Ok(());
        }
        let message = format!("evaluation needs more memory than the {limit} bytes it may take");
        Err(EvalError::new(ErrorKind::Limit, message))
    }
}
