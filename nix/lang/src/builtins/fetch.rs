//! Built-ins that fetch. This evaluator has no network: what is known by its hash is named, and
//! everything else says what it would need.

use super::{Builtin, Table};
use crate::{
    error::{ErrorKind, EvalError},
    eval::Eval,
    evaluator::Evaluator,
    pure::{
        hash::{Algorithm, Hash},
        store_path::Method,
    },
    symbol::known,
    value::Value,
};

pub(super) const TABLE: &Table = &[
    Builtin::new("fetchurl", 1, 1, fetch_url),
    Builtin::new("fetchTarball", 1, 1, fetch_tarball),
    Builtin::new("fetchGit", 1, 1, |evaluator, args| {
        refuse(evaluator, "fetchGit", args)
    }),
    Builtin::new("fetchMercurial", 1, 1, |evaluator, args| {
        refuse(evaluator, "fetchMercurial", args)
    }),
    Builtin::new("fetchTree", 1, 1, |evaluator, args| {
        refuse(evaluator, "fetchTree", args)
    }),
];

fn fetch_url(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    fetch(evaluator, "fetchurl", Method::Flat, &args[0])
}

fn fetch_tarball(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    fetch(evaluator, "fetchTarball", Method::Recursive, &args[0])
}

/// What is asked of `fetchurl` and `fetchTarball`.
struct Request {
    url: String,
    name: Option<String>,
    hash: Option<Hash>,
}

fn fetch(evaluator: &mut Evaluator, what: &str, method: Method, argument: &Value) -> Eval {
    let request = read(evaluator, what, argument)?;
    let Some(hash) = request.hash else {
        if evaluator.options().pure {
            let message = format!("in pure evaluation mode, '{what}' requires a 'sha256' argument");
            return Err(EvalError::new(ErrorKind::Value, message));
        }
        return Err(cannot_fetch(what, &request.url)
            .hint("Its store path can be computed without fetching if you give its `sha256`."));
    };
    let name = request.name.unwrap_or_else(|| match method {
        Method::Flat => request
            .url
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned(),
        _ => "source".into(),
    });
    let path = evaluator
        .store
        .dir
        .fixed(&name, method, &hash, &Default::default())?;
    Ok(evaluator.store_path_value(&path))
}

fn read(evaluator: &mut Evaluator, what: &str, argument: &Value) -> Eval<Request> {
    let Value::Attrs(attrs) = evaluator.force(argument)? else {
        let url = evaluator.plain_string(argument)?.to_text().into_owned();
        return Ok(Request {
            url,
            name: None,
            hash: None,
        });
    };
    let (mut url, mut name, mut hash) = (None, None, None);
    for attr in attrs.iter() {
        let text = evaluator.plain_string(&attr.value)?.to_text().into_owned();
        match attr.name {
            known::URL => url = Some(text),
            known::NAME => name = Some(text),
            known::SHA256 => hash = Some(Hash::parse_any(&text, Some(Algorithm::Sha256))?),
            other => {
                let other = evaluator.symbol_name(other);
                let message = format!("unsupported argument '{other}' to '{what}'");
                return Err(EvalError::new(ErrorKind::Value, message));
            }
        }
    }
    match url {
        Some(url) => Ok(Request { url, name, hash }),
        None => Err(EvalError::new(ErrorKind::Value, "'url' argument required")),
    }
}

fn cannot_fetch(what: &str, url: &str) -> EvalError {
    let message =
        format!("'builtins.{what}' has to fetch '{url}', and this evaluator fetches nothing");
    EvalError::new(ErrorKind::Host, message)
}

fn refuse(evaluator: &mut Evaluator, what: &str, args: &[Value]) -> Eval {
    let url = match evaluator.force(&args[0])? {
        Value::Attrs(attrs) => match evaluator.attr(&attrs, known::URL) {
            Some(url) => evaluator.string_of(&url)?,
            None => "its argument".into(),
        },
        Value::Path(path) => path.to_text().into_owned(),
        other => evaluator.string_of(&other)?,
    };
    Err(cannot_fetch(what, &url))
}
