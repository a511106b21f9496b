//! Versions and package names.

use super::{Builtin, Table};
use crate::{
    eval::{Eval, attrs_value},
    evaluator::Evaluator,
    pure::versions,
    symbol::known,
    value::Value,
};

pub(super) const TABLE: &Table = &[
    Builtin::new("compareVersions", 2, 1, compare_versions),
    Builtin::new("splitVersion", 1, 1, split_version),
    Builtin::new("parseDrvName", 1, 1, parse_drv_name),
];

fn compare_versions(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let (left, right) = evaluator.force_both(&args[0], &args[1])?;
    let (left, right) = (
        evaluator.plain_string(&left)?,
        evaluator.plain_string(&right)?,
    );
    Ok(Value::Int(
        versions::compare(left.as_bytes(), right.as_bytes()) as i64,
    ))
}

fn split_version(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let version = evaluator.plain_string(&args[0])?;
    Ok(Value::list(
        versions::components(version.as_bytes())
            .map(Value::string)
            .collect(),
    ))
}

fn parse_drv_name(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let full = evaluator.plain_string(&args[0])?;
    let (name, version) = versions::split_name(full.as_bytes());
    let (name, version) = (Value::string(name), Value::string(version));
    Ok(attrs_value([
        (known::NAME, name),
        (known::VERSION, version),
    ]))
}
