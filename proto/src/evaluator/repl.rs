//! What somebody types at a prompt: a scope that grows, and questions about expressions in it.
//!
//! There is one scope. It begins with [`OpenScope`], and ends with the process. Texts in it are in a
//! language, as those of [`super::Eval`] are.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EvalError, EvalSource, Method, Position};
use crate::path::{AttrPath, OutputRef};

/// Begins the scope anew: the variables that the text of the root component has, where a root is
/// loaded, and else nothing beyond what the language brings along.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenScope {
    /// An absolute directory, which relative paths in texts start from.
    pub base: PathBuf,
    /// Whether traces of errors are whole.
    #[serde(default)]
    pub show_trace: bool,
}

/// Adds the attributes of a set to the scope; a function is called with its defaults first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExtendScope {
    /// What evaluates to the set. An expression sees the scope.
    pub source: EvalSource,
}

/// Answer to [`OpenScope`] and [`ExtendScope`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InScope {
    /// The names that came into scope, sorted.
    pub names: Vec<String>,
}
method!(OpenScope, "openScope", (), InScope);
method!(ExtendScope, "extendScope", (), InScope);

/// Asks whether a text can be entered, or only begins something. Evaluates nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckInput {
    /// The text so far.
    pub text: String,
}

/// Answer to [`CheckInput`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InputChecked {
    /// Whether it is whole, be it right or wrong: more text would not make it right.
    pub whole: bool,
}
method!(CheckInput, "checkInput", (), InputChecked);

/// Evaluates an expression in the scope, or adds bindings to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnterInput {
    /// The text.
    pub text: String,
    /// What is wanted of an expression.
    #[serde(default)]
    pub show: Show,
}

/// What is shown of an expression. What waits for outputs says for which, what is sensitive is left
/// out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Show {
    /// Its value, without what is inside sets and lists inside it. Only this can be asked of
    /// bindings.
    #[default]
    Value,
    /// Its value with all that is inside; a string as it is.
    Deep,
    /// Of what type it is.
    Type,
    /// What is written about a function.
    Documentation,
    /// Where a function was written, or the file that a path or string names.
    Place,
}

/// Answer to [`EnterInput`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Entered {
    /// There was nothing but blanks and comments.
    Nothing {},
    /// Names are bound now.
    Bound {
        /// The names, sorted.
        names: Vec<String>,
    },
    /// An expression was evaluated.
    Shown {
        /// What was asked for, without a final newline.
        text: String,
    },
    /// Where it was written, as [`Show::Place`] asks.
    Written {
        /// The place.
        position: Position,
        /// Whether the file is part of the program, so that nobody can change it.
        shipped: bool,
    },
}
method!(EnterInput, "enterInput", (), Entered);

/// Asks which outputs a value depends on, leaf by leaf.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ListDependencies {
    /// An expression in the scope; or a member path, perhaps followed by a path inside that member
    /// (`net.vpc.inputs.tags`), where its first name is not in scope.
    pub text: String,
}

/// Answer to [`ListDependencies`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dependencies {
    /// The outputs that `from` of leaves refers to, by index.
    pub outputs: Vec<ReadOutput>,
    /// The leaves of the value. A member counts with its inputs, or with its members.
    pub leaves: Vec<DependentLeaf>,
    /// Whether there are more leaves than are listed.
    #[serde(default)]
    pub more: bool,
}

/// An output that something depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadOutput {
    /// Which.
    pub output: OutputRef,
    /// How an expression refers to it.
    pub expression: String,
    /// Whether its value is known.
    pub known: bool,
}

/// A leaf and what it depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DependentLeaf {
    /// Where it is in the value; empty where the value itself is a leaf.
    pub path: AttrPath,
    /// The outputs that were read to compute it.
    pub from: Vec<u32>,
    /// Whether it has no value yet.
    #[serde(default)]
    pub unknown: bool,
    /// Whether it is sensitive.
    #[serde(default)]
    pub sensitive: bool,
    /// Why it has no value, if evaluation fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<EvalError>,
}
method!(ListDependencies, "listDependencies", (), Dependencies);

/// Asks how the name at the end of a text could go on. What cannot be evaluated has no candidates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CompleteInput {
    /// The text up to the cursor.
    pub text: String,
    /// Whether member paths are meant, too, as in [`ListDependencies`].
    #[serde(default)]
    pub members: bool,
}

/// Answer to [`CompleteInput`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Completions {
    /// Where in the text the name begins that candidates replace, in bytes.
    pub start: u64,
    /// The candidates, sorted.
    pub candidates: Vec<String>,
}
method!(CompleteInput, "completeInput", (), Completions);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_read_naturally_on_the_wire() {
        let shown = Entered::Shown { text: "2".into() };
        let json = serde_json::to_value(&shown).expect("JSON");
        assert_eq!(json, serde_json::json!({ "kind": "shown", "text": "2" }));
        let enter: EnterInput = serde_json::from_str(r#"{"text":"1 + 1"}"#).expect("a request");
        assert_eq!(enter.show, Show::Value);
        let nothing: Entered = serde_json::from_str(r#"{"kind":"nothing"}"#).expect("an answer");
        assert_eq!(nothing, Entered::Nothing {});
    }
}
