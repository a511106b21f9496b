//! What each built-in function takes and gives, in a line: for someone at a prompt.

/// By name: what is written after it, and what it gives.
const ALL: &[(&str, &str, &str)] = &[
    (
        "abort",
        "message",
        "Ends the whole evaluation with the message; `tryEval` does not catch it.",
    ),
    ("add", "a b", "The sum of two numbers."),
    (
        "addDrvOutputDependencies",
        "string",
        "The string, with its reference to a derivation made one to all its outputs.",
    ),
    (
        "addErrorContext",
        "message value",
        "The value; an error in it says the message in its trace.",
    ),
    (
        "all",
        "test list",
        "Whether the test holds for every element.",
    ),
    (
        "any",
        "test list",
        "Whether the test holds for some element.",
    ),
    (
        "appendContext",
        "string context",
        "The string, with more context, as `getContext` gives it.",
    ),
    ("attrNames", "set", "The names of the attributes, sorted."),
    (
        "attrValues",
        "set",
        "The values of the attributes, in the order of their names.",
    ),
    ("baseNameOf", "path", "What comes after the last slash."),
    ("bitAnd", "a b", "The bits that both integers have."),
    ("bitOr", "a b", "The bits that either integer has."),
    (
        "bitXor",
        "a b",
        "The bits that one of the integers has and the other has not.",
    ),
    ("break", "value", "The value; a debugger would stop here."),
    (
        "catAttrs",
        "name list",
        "The values of that attribute in the sets that have it.",
    ),
    (
        "ceil",
        "number",
        "The least integer that is not below the number.",
    ),
    (
        "compareVersions",
        "a b",
        "-1, 0 or 1, as version `a` is older than, the same as, or newer than `b`.",
    ),
    (
        "concatLists",
        "lists",
        "One list of all that the lists have.",
    ),
    (
        "concatMap",
        "function list",
        "The lists that the function gives for the elements, as one list.",
    ),
    (
        "concatStringsSep",
        "separator list",
        "The strings as one, with the separator between them.",
    ),
    (
        "convertHash",
        "{ hash, hashAlgo, toHashFormat }",
        "The hash in another notation: base16, nix32, base64 or sri.",
    ),
    (
        "deepSeq",
        "a b",
        "`b`, once `a` is evaluated with all that is inside.",
    ),
    (
        "derivationStrict",
        "set",
        "The paths of a derivation and its outputs; `derivation` calls it.",
    ),
    ("dirOf", "path", "What comes before the last slash."),
    (
        "div",
        "a b",
        "The quotient; of two integers, rounded towards zero.",
    ),
    (
        "elem",
        "value list",
        "Whether the list has an element equal to the value.",
    ),
    (
        "elemAt",
        "list index",
        "The element at the index, counted from 0.",
    ),
    ("fetchGit", "url or set", "A tree out of a Git repository."),
    (
        "fetchMercurial",
        "url or set",
        "A tree out of a Mercurial repository; not supported here.",
    ),
    (
        "fetchTarball",
        "url or set",
        "The contents of an archive from the network.",
    ),
    (
        "fetchTree",
        "reference or set",
        "A tree from wherever flakes come from.",
    ),
    ("fetchurl", "url or set", "A file from the network."),
    (
        "filter",
        "test list",
        "The elements for which the test holds.",
    ),
    (
        "filterSource",
        "test path",
        "A copy in the store, of those files for which `test path type` holds.",
    ),
    (
        "findFile",
        "searchPath name",
        "The path that `<name>` stands for, with that search path.",
    ),
    ("flakeRefToString", "set", "A flake reference as a URL."),
    (
        "floor",
        "number",
        "The greatest integer that is not above the number.",
    ),
    (
        "foldl'",
        "function start list",
        "Combines the elements from the left: `function (function start e0) e1` and so on, each evaluated at once.",
    ),
    (
        "fromJSON",
        "string",
        "The value that a JSON text stands for.",
    ),
    (
        "fromTOML",
        "string",
        "The value that a TOML text stands for.",
    ),
    (
        "functionArgs",
        "function",
        "The names in the pattern of a function, each with whether it has a default.",
    ),
    (
        "genList",
        "function length",
        "A list of that length, with `function index` at each index.",
    ),
    (
        "genericClosure",
        "{ startSet, operator }",
        "The sets that are reached from the first ones by way of the operator, told apart by `key`.",
    ),
    ("getAttr", "name set", "The value of the attribute."),
    (
        "getContext",
        "string",
        "The store paths that a string refers to.",
    ),
    (
        "getEnv",
        "name",
        "An environment variable, or an empty string.",
    ),
    (
        "getFlake",
        "reference",
        "A flake with its inputs and outputs.",
    ),
    (
        "groupBy",
        "function list",
        "The elements in sets of lists, by the names that the function gives them.",
    ),
    ("hasAttr", "name set", "Whether the set has the attribute."),
    (
        "hasContext",
        "string",
        "Whether a string refers to a store path.",
    ),
    (
        "hashFile",
        "algorithm path",
        "The hash of a file, in base 16.",
    ),
    (
        "hashString",
        "algorithm string",
        "The hash of a string, in base 16.",
    ),
    ("head", "list", "The first element."),
    (
        "import",
        "path",
        "The value of the expression in a file, or in the `default.nix` of a folder.",
    ),
    (
        "intersectAttrs",
        "a b",
        "The attributes of `b` whose names `a` has too.",
    ),
    ("isAttrs", "value", "Whether it is a set."),
    ("isBool", "value", "Whether it is a Boolean."),
    ("isFloat", "value", "Whether it is a floating-point number."),
    (
        "isFunction",
        "value",
        "Whether it is a function; a set that can be called is none.",
    ),
    ("isInt", "value", "Whether it is an integer."),
    (
        "isKnown",
        "value",
        "Whether the value is known already, or waits for an output of a resource.",
    ),
    ("isList", "value", "Whether it is a list."),
    ("isNull", "value", "Whether it is null."),
    ("isPath", "value", "Whether it is a path."),
    ("isSensitive", "value", "Whether the value is sensitive."),
    ("isString", "value", "Whether it is a string."),
    ("length", "list", "How many elements there are."),
    (
        "lessThan",
        "a b",
        "Whether `a` comes before `b`, as for `<`.",
    ),
    (
        "listToAttrs",
        "list",
        "A set of the `{ name, value }` in the list; of equal names, the first holds.",
    ),
    (
        "map",
        "function list",
        "What the function gives for each element.",
    ),
    (
        "mapAttrs",
        "function set",
        "The set with `function name value` in place of each value.",
    ),
    (
        "mark",
        "mark value",
        "The value, marked `\"sensitive\"` or `\"ephemeral\"`.",
    ),
    (
        "match",
        "regex string",
        "What the groups of a POSIX extended regular expression match, or null where it does not match the whole string.",
    ),
    ("mul", "a b", "The product of two numbers."),
    (
        "nixops4Outputs",
        "member",
        "The outputs of a resource; the modules call it.",
    ),
    (
        "openAttrs",
        "function set",
        "The set, with `function name` for each name that it has not.",
    ),
    (
        "parseDrvName",
        "string",
        "The name and the version in a package's full name.",
    ),
    ("parseFlakeRef", "string", "A flake reference as a set."),
    (
        "partition",
        "test list",
        "The elements for which the test holds in `right`, the others in `wrong`.",
    ),
    (
        "path",
        "{ path, name, filter, recursive, sha256 }",
        "A copy of a path in the store; all but `path` may be left out.",
    ),
    (
        "pathExists",
        "path",
        "Whether there is something at the path.",
    ),
    (
        "placeholder",
        "output",
        "What stands for the path of an output of the derivation itself.",
    ),
    (
        "providerFunction",
        "provider name",
        "A function that a provider offers.",
    ),
    (
        "readDir",
        "path",
        "The names in a folder, each with its type.",
    ),
    ("readFile", "path", "What is in a file."),
    (
        "readFileType",
        "path",
        "Whether a path is `regular`, `directory`, `symlink` or `unknown`.",
    ),
    (
        "removeAttrs",
        "set names",
        "The set without the attributes that are named.",
    ),
    (
        "replaceStrings",
        "from to string",
        "The string, with each of the strings in `from` replaced by its counterpart in `to`.",
    ),
    (
        "scopedImport",
        "scope path",
        "The value of the expression in a file, with more names in scope.",
    ),
    (
        "seq",
        "a b",
        "`b`, once the outermost form of `a` is evaluated.",
    ),
    (
        "sort",
        "before list",
        "The elements in order: `before a b` says whether `a` comes first. Equal ones keep their order.",
    ),
    (
        "split",
        "regex string",
        "The text between matches, and for each match the list of its groups.",
    ),
    ("splitVersion", "string", "The parts of a version."),
    (
        "storePath",
        "path",
        "A path in the store as a string that refers to it.",
    ),
    ("stringLength", "string", "How many bytes there are."),
    ("sub", "a b", "The difference of two numbers."),
    (
        "substring",
        "start length string",
        "That many bytes from `start` on; all of them if the length is negative.",
    ),
    ("tail", "list", "All elements but the first."),
    (
        "throw",
        "message",
        "An error with the message, which `tryEval` catches.",
    ),
    (
        "throwMessage",
        "{ message, hints, places }",
        "An error with advice and a place; the modules call it.",
    ),
    (
        "toFile",
        "name contents",
        "A file in the store with these contents.",
    ),
    ("toJSON", "value", "The value as JSON."),
    (
        "toPath",
        "string",
        "An absolute path, without `.` and `..`; `/. + string` does it, too.",
    ),
    (
        "toString",
        "value",
        "The value as a string; a list with blanks between its elements.",
    ),
    ("toXML", "value", "The value as XML."),
    (
        "trace",
        "message value",
        "The value; says the message on standard error.",
    ),
    (
        "traceVerbose",
        "message value",
        "The value; says the message if the setting trace-verbose is on.",
    ),
    (
        "tryEval",
        "value",
        "`{ success, value }`: the value, or false where it throws or an assertion fails.",
    ),
    (
        "typeOf",
        "value",
        "The name of the type: int, bool, string, path, null, set, list, lambda or float.",
    ),
    (
        "unsafeDiscardOutputDependency",
        "string",
        "The string, with references to all outputs of a derivation made ones to the derivation.",
    ),
    (
        "unsafeDiscardStringContext",
        "string",
        "The string without what it refers to.",
    ),
    (
        "unsafeGetAttrPos",
        "name set",
        "The file, line and column that an attribute was written at, or null.",
    ),
    (
        "warn",
        "message value",
        "The value; says the message as a warning on standard error.",
    ),
    (
        "zipAttrsWith",
        "function sets",
        "One set of all names, with `function name values` for each, where `values` are those of all the sets.",
    ),
];

/// What is written after a built-in function's name, and what it gives.
pub(crate) fn description(name: &str) -> Option<(&'static str, &'static str)> {
    let found = ALL
        .binary_search_by_key(&name, |(known, _, _)| known)
        .ok()?;
    let (_, takes, gives) = ALL[found];
    Some((takes, gives))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtins::TABLES;

    #[test]
    fn every_function_is_described_once() {
        assert!(ALL.is_sorted_by(|(a, ..), (b, ..)| a < b));
        for builtin in TABLES.iter().flat_map(|table| table.iter()) {
            assert!(description(builtin.name).is_some(), "{}", builtin.name);
        }
    }
}
