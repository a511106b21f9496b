//! Hashes and their notations.

use super::{Builtin, Table};
use crate::{
    error::{ErrorKind, EvalError},
    eval::Eval,
    evaluator::Evaluator,
    pure::hash::{Algorithm, Format, Hash, HashError},
    symbol::known,
    value::Value,
};

pub(super) const TABLE: &Table = &[
    Builtin::new("hashString", 2, 1, hash_string),
    Builtin::new("hashFile", 2, 1, hash_file),
    Builtin::new("convertHash", 1, 1, convert_hash),
];

impl From<HashError> for EvalError {
    fn from(error: HashError) -> Self {
        EvalError::new(ErrorKind::Value, error.to_string())
    }
}

impl Evaluator {
    /// A hash algorithm by its name.
    pub(super) fn algorithm_of(&mut self, value: &Value) -> Eval<Algorithm> {
        let name = self.plain_string(value)?;
        Ok(Algorithm::parse(&name.to_text())?)
    }
}

fn hash_string(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let algorithm = evaluator.algorithm_of(&args[0])?;
    let text = evaluator.str_of(&args[1])?;
    Ok(Value::string(
        algorithm.hash(text.as_bytes()).format(Format::Base16),
    ))
}

fn hash_file(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let algorithm = evaluator.algorithm_of(&args[0])?;
    let path = evaluator.path_of(&args[1])?;
    let bytes = evaluator.read_file(&path)?;
    Ok(Value::string(algorithm.hash(&bytes).format(Format::Base16)))
}

fn convert_hash(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let attrs = evaluator.attrs_of(&args[0])?;
    let hash = evaluator.select_forced(&attrs, known::HASH)?;
    let hash = evaluator.plain_string(&hash)?;
    let algorithm = match evaluator.attr(&attrs, known::HASH_ALGO) {
        Some(algorithm) => Some(evaluator.algorithm_of(&algorithm)?),
        None => None,
    };
    let format = evaluator.select_forced(&attrs, known::TO_HASH_FORMAT)?;
    let format = Format::parse(&evaluator.plain_string(&format)?.to_text())?;
    let hash = Hash::parse_any(&hash.to_text(), algorithm)?;
    Ok(Value::string(hash.format(format)))
}
