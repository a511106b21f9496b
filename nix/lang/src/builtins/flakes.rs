//! Flakes: references as text and attributes, and the outputs of locked flakes.

use std::path::{Path, PathBuf};

use super::{Builtin, Table, fetch::source_attr_value};
use crate::{
    error::{Doing, ErrorKind, EvalError},
    eval::Eval,
    evaluator::Evaluator,
    fetcher::{FlakeName, LockedFlake, SourceAttr, SourceAttrs},
    position::Span,
    store::Contents,
    value::Value,
};

pub(super) const TABLE: &Table = &[
    Builtin::new("getFlake", 1, 1, get_flake),
    Builtin::new("parseFlakeRef", 1, 1, parse_flake_ref),
    Builtin::new("flakeRefToString", 1, 1, flake_ref_to_string),
];

/// The function that gives the outputs of a locked flake; its arguments are described in it.
pub const CALL_FLAKE: &str = include_str!("call-flake.nix");

/// Fetches what a node of a lock says.
const FETCH_LOCKED: &Builtin = &Builtin::new("fetchLocked", 1, 1, |evaluator, args| {
    evaluator.fetch_locked(&args[0])
});

/// Says in an error what a value was for, and where that was written: a message, a set and the name
/// of an attribute in it, and the value.
const ABOUT: &Builtin = &Builtin::new("about", 4, 0, |evaluator, args| {
    let error = match evaluator.force(&args[3]) {
        Err(error) if !error.is_suspended() => error,
        other => return other,
    };
    let message = evaluator.string_of(&args[0])?;
    // Not to know the place is no error.
    let place = evaluator.written_at(&args[1], &args[2]);
    Err(error.frame(place.unwrap_or(Span::NONE), Doing::Note(message.into())))
});

impl Evaluator {
    fn written_at(&mut self, attrs: &Value, name: &Value) -> Result<Span, EvalError> {
        let (attrs, name) = (self.attrs_of(attrs)?, self.string_of(name)?);
        let symbol = self.symbol(&name);
        Ok(attrs
            .get(symbol)
            .map_or(Span::NONE, |attr| Span::at(attr.pos)))
    }

    /// Names a flake that the program brings along: lock nodes that say `shipped` stand for it.
    pub fn ship_flake(&mut self, name: &str, flake: Value) {
        self.shipped.push((name.to_owned(), flake));
    }

    /// The outputs of a locked flake.
    pub fn call_flake(&mut self, flake: &LockedFlake) -> Result<Value, EvalError> {
        let lock = self.call_builtin("fromJSON", Value::string(&flake.lock))?;
        let mut here = Vec::new();
        for (node, fetched, dir) in &flake.here {
            let info = self.source_info(fetched);
            let entry = [("sourceInfo", info), ("dir", Value::string(dir))];
            here.push((node.as_str(), self.make_attrs(entry)));
        }
        let here = self.make_attrs(here);
        let shipped = self.shipped.clone();
        let shipped = self.make_attrs(shipped);
        let function = self.eval_str(CALL_FLAKE, "call-flake.nix", Path::new("/"))?;
        self.apply(
            &function,
            &[
                lock,
                here,
                shipped,
                Value::Builtin(FETCH_LOCKED),
                Value::Builtin(ABOUT),
            ],
        )
    }

    fn call_builtin(&mut self, name: &str, argument: Value) -> Eval {
        let builtins = self.builtins.clone();
        let function = self.select(&builtins, name)?;
        self.call(&function, argument)
    }

    /// Where to read a path, of those that this evaluation knows of the store.
    pub fn readable(&self, path: &Path) -> PathBuf {
        match self.store.contents(path) {
            Some(Contents::At(at)) => at,
            _ => path.to_owned(),
        }
    }
}

fn get_flake(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let (name, shown) = match evaluator.force(&args[0])? {
        Value::Path(path) => {
            let path = PathBuf::from(&*path.to_text());
            let shown = path.display().to_string();
            let at = evaluator.readable(&path);
            (FlakeName::Directory { path, at }, shown)
        }
        other => {
            let text = evaluator.string_of(&other)?;
            (FlakeName::Reference(text.clone()), text)
        }
    };
    let pure = evaluator.options().pure;
    let locked = evaluator
        .fetcher("getFlake", &shown)?
        .lock_flake(&name, pure)?;
    evaluator.call_flake(&locked).map_err(|error| {
        let note = format!("while evaluating the flake '{shown}'");
        error.frame(Span::NONE, Doing::Note(note.into()))
    })
}

fn parse_flake_ref(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let text = evaluator.plain_string(&args[0])?.to_text().into_owned();
    let attrs = evaluator
        .fetcher("parseFlakeRef", &text)?
        .parse_flake_ref(&text)?;
    let fields = attrs.iter();
    Ok(evaluator.make_attrs(fields.map(|(name, attr)| (name, source_attr_value(attr)))))
}

fn flake_ref_to_string(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let attrs = evaluator.attrs_of(&args[0])?;
    let sorted: Vec<_> = evaluator
        .sorted_attrs(&attrs)
        .into_iter()
        .cloned()
        .collect();
    let mut source = SourceAttrs::new();
    for attr in sorted {
        let name = evaluator.symbol_name(attr.name);
        let value = match evaluator.force(&attr.value)? {
            Value::Int(number) => SourceAttr::Int(u64::try_from(number).map_err(|_| {
                let message = format!("negative value given for flake ref attr {name}: {number}");
                EvalError::new(ErrorKind::Value, message)
            })?),
            Value::Bool(flag) => SourceAttr::Bool(flag),
            Value::String(text) => SourceAttr::Text(text.to_text().into_owned()),
            other => {
                let message = format!(
                    "flake reference attribute sets may only contain integers, Booleans, and \
                     strings, but attribute '{name}' is {}",
                    other.described_type()
                );
                return Err(EvalError::type_error(message));
            }
        };
        source.insert(name, value);
    }
    let text = evaluator
        .fetcher("flakeRefToString", "its argument")?
        .print_flake_ref(&source)?;
    Ok(Value::string(text))
}
