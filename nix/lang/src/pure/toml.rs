//! TOML, read into a tree that an evaluator can turn into its own values.

use ::toml::value::{Table, Value};

/// A TOML value.
#[derive(Debug, Clone, PartialEq)]
pub enum Toml {
    /// `true` or `false`
    Bool(bool),
    /// A 64-bit integer.
    Integer(i64),
    /// A float, `inf` and `nan` included.
    Float(f64),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Toml>),
    /// A table, its keys in order.
    Table(Vec<(String, Toml)>),
}

/// Why a document cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TomlError {
    /// It is no TOML.
    #[error("while parsing TOML: {0}")]
    Syntax(String),
    /// Nix has no dates.
    #[error("while parsing TOML: Dates and times are not supported")]
    Timestamp,
}

/// Reads a TOML document.
pub fn parse(text: &str) -> Result<Toml, TomlError> {
    let table: Table = text.parse().map_err(|error: ::toml::de::Error| {
        TomlError::Syntax(error.to_string().trim_end().to_owned())
    })?;
    convert_table(table)
}

fn convert_table(table: Table) -> Result<Toml, TomlError> {
    let entries = table
        .into_iter()
        .map(|(key, value)| Ok((key, convert(value)?)));
    entries.collect::<Result<_, _>>().map(Toml::Table)
}

fn convert(value: Value) -> Result<Toml, TomlError> {
    Ok(match value {
        Value::Boolean(value) => Toml::Bool(value),
        Value::Integer(value) => Toml::Integer(value),
        Value::Float(value) => Toml::Float(value),
        Value::String(value) => Toml::String(value),
        Value::Datetime(_) => return Err(TomlError::Timestamp),
        Value::Array(items) => {
            let items = items.into_iter().map(convert);
            Toml::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Table(table) => convert_table(table)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table<const N: usize>(entries: [(&str, Toml); N]) -> Toml {
        Toml::Table(entries.map(|(key, value)| (key.into(), value)).into())
    }

    #[test]
    fn reads_every_kind_of_value() {
        let text =
            "s = \"x\"\nb = true\nh = 0x1F\nf = [inf, -1.5]\n[e.f]\ng.h = 1\n[[k]]\nx = 1\n[[k]]\n";
        let expected = table([
            ("b", Toml::Bool(true)),
            (
                "e",
                table([("f", table([("g", table([("h", Toml::Integer(1))]))]))]),
            ),
            (
                "f",
                Toml::Array(vec![Toml::Float(f64::INFINITY), Toml::Float(-1.5)]),
            ),
            ("h", Toml::Integer(31)),
            (
                "k",
                Toml::Array(vec![table([("x", Toml::Integer(1))]), table([])]),
            ),
            ("s", Toml::String("x".into())),
        ]);
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn timestamps_are_refused() {
        assert_eq!(parse("t = 1979-05-27T07:32:00Z"), Err(TomlError::Timestamp));
    }

    #[test]
    fn syntax_errors_are_told() {
        for text in ["a =", "a = 1\na = 2", "a = 9223372036854775808"] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with("while parsing TOML: "), "{error}");
        }
    }
}
