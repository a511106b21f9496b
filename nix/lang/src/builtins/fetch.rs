//! Built-ins that fetch. The host's [`Fetcher`](crate::fetcher::Fetcher) does it; without one, what
//! is known by its hash is named, and everything else says what it would need.

use super::{Builtin, Table};
use crate::{
    error::{ErrorKind, EvalError},
    eval::{Coercion, Eval},
    evaluator::Evaluator,
    fetcher::{
        FetchRules, Fetched, Fetcher, SourceAttr, SourceAttrs, SourceName, TreeRequest, UrlRequest,
    },
    pure::{
        hash::{Algorithm, Hash},
        store_path::{self, Method},
    },
    symbol::known,
    value::{Attrs, Value},
};

pub(super) const TABLE: &Table = &[
    Builtin::new("fetchurl", 1, 1, fetch_url),
    Builtin::new("fetchTarball", 1, 1, fetch_tarball),
    Builtin::new("fetchGit", 1, 1, |evaluator, args| {
        fetch_tree(evaluator, &args[0], FetchRules::Git)
    }),
    Builtin::new("fetchTree", 1, 1, |evaluator, args| {
        fetch_tree(evaluator, &args[0], FetchRules::Tree)
    }),
    Builtin::new("fetchMercurial", 1, 1, fetch_mercurial),
];

impl Evaluator {
    /// The fetcher, for `what` that has to be fetched.
    pub(super) fn fetcher(&mut self, what: &str, source: &str) -> Eval<&mut dyn Fetcher> {
        let Some(fetcher) = self.host.fetcher() else {
            return Err(cannot_fetch(what, source));
        };
        Ok(fetcher)
    }

    /// Makes a fetched source readable, and gives its path.
    pub(super) fn take_fetched(&mut self, fetched: &Fetched) -> Value {
        self.store.add_fetched(fetched);
        self.store_path_value(&fetched.store_path)
    }

    /// The set that stands for a fetched tree.
    pub(super) fn source_info(&mut self, fetched: &Fetched) -> Value {
        let mut fields = vec![("outPath", self.take_fetched(fetched))];
        let info = fetched.info.iter();
        fields.extend(info.map(|(name, attr)| (name.as_str(), source_attr_value(attr))));
        self.make_attrs(fields)
    }

    /// Fetches what a lock file pins.
    pub(super) fn fetch_locked(&mut self, attrs: &Value) -> Eval {
        fetch_tree(self, attrs, FetchRules::Locked)
    }
}

/// An attribute of a source as a value.
pub(super) fn source_attr_value(attr: &SourceAttr) -> Value {
    match attr {
        SourceAttr::Text(text) => Value::string(text),
        SourceAttr::Int(number) => Value::Int(i64::try_from(*number).unwrap_or(i64::MAX)),
        SourceAttr::Bool(flag) => Value::Bool(*flag),
    }
}

fn invalid(message: impl Into<String>) -> EvalError {
    EvalError::new(ErrorKind::Value, message)
}

fn fetch_tree(evaluator: &mut Evaluator, argument: &Value, rules: FetchRules) -> Eval {
    let what = match rules {
        FetchRules::Git => "fetchGit",
        _ => "fetchTree",
    };
    let argument = evaluator.force(argument)?;
    let source = match &argument {
        Value::Attrs(attrs) => SourceName::Attrs(source_attrs(evaluator, what, rules, attrs)?),
        other => SourceName::Url(evaluator.source_text(other)?),
    };
    let shown = match &source {
        SourceName::Url(url) => url.clone(),
        SourceName::Attrs(attrs) => match attrs.get("url").or(attrs.get("path")) {
            Some(SourceAttr::Text(url)) => url.clone(),
            _ => "its argument".into(),
        },
    };
    let request = TreeRequest {
        source,
        rules,
        pure: evaluator.options().pure && rules != FetchRules::Locked,
    };
    let fetched = evaluator.fetcher(what, &shown)?.fetch_tree(&request)?;
    Ok(evaluator.source_info(&fetched))
}

fn source_attrs(
    evaluator: &mut Evaluator,
    what: &str,
    rules: FetchRules,
    attrs: &Attrs,
) -> Eval<SourceAttrs> {
    let sorted: Vec<_> = evaluator.sorted_attrs(attrs).into_iter().cloned().collect();
    let mut source = SourceAttrs::new();
    for attr in sorted {
        let name = evaluator.symbol_name(attr.name);
        let value = match evaluator.force(&attr.value)? {
            text @ (Value::String(_) | Value::Path(_)) => evaluator.source_text(&text)?.into(),
            Value::Bool(flag) => flag.into(),
            Value::Int(number) => match u64::try_from(number) {
                Ok(number) => number.into(),
                Err(_) => {
                    let message =
                        format!("negative value given for '{what}' argument '{name}': {number}");
                    return Err(invalid(message));
                }
            },
            other => {
                let found = other.described_type();
                let message = format!(
                    "argument '{name}' to '{what}' is {found} while a string, Boolean or integer \
                     is expected"
                );
                return Err(EvalError::type_error(message));
            }
        };
        match name.as_str() {
            "type" if rules == FetchRules::Git => {
                return Err(invalid("unexpected argument 'type'"));
            }
            "name" if rules == FetchRules::Tree => {
                let message = format!("argument 'name' isn’t supported in call to '{what}'");
                return Err(invalid(message));
            }
            _ => source.insert(name, value),
        };
    }
    if rules != FetchRules::Git && !source.contains_key("type") {
        let message = format!("argument 'type' is missing in call to '{what}'");
        return Err(invalid(message));
    }
    Ok(source)
}

impl Evaluator {
    /// A path or string that says where a source is; what this evaluation knows of the store is
    /// named by where it can be read.
    fn source_text(&mut self, value: &Value) -> Eval<String> {
        let text = self.coerce(value, Coercion::PATH_PART)?;
        Ok(text.to_text().into_owned())
    }
}

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
    if request.hash.is_none() && evaluator.options().pure {
        let message = format!("in pure evaluation mode, '{what}' requires a 'sha256' argument");
        return Err(invalid(message));
    }
    let name = request.name.clone().unwrap_or_else(|| match method {
        Method::Flat => base_name(&request.url),
        _ => "source".into(),
    });
    store_path::check_name(&name).map_err(|error| {
        let message = format!(
            "invalid store path name when fetching URL '{}': {error}",
            request.url
        );
        invalid(message).hint("Give it a `name` that can be one.")
    })?;
    // What is known by its hash needs no fetching unless it is read.
    if let Some(hash) = &request.hash {
        let path = evaluator
            .store
            .dir
            .fixed(&name, method, hash, &Default::default())?;
        if evaluator.host.fetcher().is_none() {
            return Ok(evaluator.store_path_value(&path));
        }
    }
    let wanted = UrlRequest {
        url: request.url,
        name,
        unpack: method == Method::Recursive,
        expected: request.hash,
    };
    let fetched = evaluator
        .fetcher(what, &wanted.url)
        .map_err(|error| {
            error.hint("Its store path can be computed without fetching if you give its `sha256`.")
        })?
        .fetch_url(&wanted)?;
    Ok(evaluator.take_fetched(&fetched))
}

fn base_name(url: &str) -> String {
    let trimmed = url.trim_end_matches('/');
    trimmed.rsplit('/').next().unwrap_or_default().to_owned()
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
                return Err(invalid(message));
            }
        }
    }
    match url {
        Some(url) => Ok(Request { url, name, hash }),
        None => Err(invalid("'url' argument required")),
    }
}

fn cannot_fetch(what: &str, source: &str) -> EvalError {
    let message =
        format!("'builtins.{what}' of '{source}' needs a fetcher, and this evaluator has none");
    EvalError::new(ErrorKind::Host, message)
}

fn fetch_mercurial(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let url = match evaluator.force(&args[0])? {
        Value::Attrs(attrs) => match evaluator.attr(&attrs, known::URL) {
            Some(url) => evaluator.source_text(&url)?,
            None => return Err(invalid("'url' argument required")),
        },
        other => evaluator.source_text(&other)?,
    };
    let message = format!("'{url}' is a Mercurial repository, which is not fetched here");
    Err(EvalError::new(ErrorKind::Host, message)
        .hint("Mirror it to Git, or name an archive of it."))
}
