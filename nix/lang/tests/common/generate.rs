//! Random expressions, mostly well typed, so that most of them come to a value.

/// A small generator of random numbers (xorshift).
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Type {
    Int,
    Float,
    Bool,
    Text,
    Ints,
    Texts,
    Set,
    Function,
}

const TYPES: [Type; 8] = [
    Type::Int,
    Type::Float,
    Type::Bool,
    Type::Text,
    Type::Ints,
    Type::Texts,
    Type::Set,
    Type::Function,
];

/// The attributes of every generated set.
const NAMES: [&str; 5] = ["a", "b", "c", "x-y", "z'"];

/// Writes one expression.
pub struct Generator {
    random: Random,
    variables: Vec<(String, Type)>,
    fresh: usize,
}

impl Generator {
    /// A generator of its own for each seed.
    pub fn new(seed: u64) -> Generator {
        Generator {
            random: Random::new(seed),
            variables: Vec::new(),
            fresh: 0,
        }
    }

    /// An expression.
    pub fn expression(&mut self) -> String {
        let wanted = *self.random.pick(&TYPES[..7]);
        self.of(wanted, 5)
    }

    fn of(&mut self, wanted: Type, depth: usize) -> String {
        // Now and then something else than what is wanted.
        let wanted = if self.random.chance(2) {
            *self.random.pick(&TYPES)
        } else {
            wanted
        };
        if depth == 0 || self.random.chance(10) {
            return self.leaf(wanted);
        }
        let depth = depth - 1;
        if self.random.chance(25) {
            return self.form(wanted, depth);
        }
        match wanted {
            Type::Int => self.int(depth),
            Type::Float => self.float(depth),
            Type::Bool => self.bool(depth),
            Type::Text => self.text(depth),
            Type::Ints => self.ints(depth),
            Type::Texts => self.texts(depth),
            Type::Set => self.set(depth),
            Type::Function => self.function(depth),
        }
    }

    fn leaf(&mut self, wanted: Type) -> String {
        let known: Vec<String> = self
            .variables
            .iter()
            .filter(|(_, kind)| *kind == wanted)
            .map(|(name, _)| name.clone())
            .collect();
        if !known.is_empty() && self.random.chance(70) {
            return self.random.pick(&known).clone();
        }
        let choices: &[&str] = match wanted {
            Type::Int => &["0", "1", "2", "7", "(-3)", "100", "9223372036854775807"],
            Type::Float => &["0.0", "1.5", "(-2.25)", "3.0", "1.0e10", ".1"],
            Type::Bool => &["true", "false"],
            Type::Text => &[
                "\"\"",
                "\"a\"",
                "\"b c\"",
                "\"x-1.2\"",
                "\"$\\n\\\"\"",
                "''\n  i\n   j\n''",
            ],
            Type::Ints => &["[ ]", "[ 1 ]", "[ 3 1 2 ]", "[ 1 1 (-5) 8 ]"],
            Type::Texts => &["[ ]", "[ \"a\" ]", "[ \"b\" \"a\" \"b\" ]"],
            Type::Set => &[
                "{ }",
                "{ a = 1; b = \"t\"; }",
                "{ c = [ 1 ]; x-y = null; z' = { a = 2; }; }",
            ],
            Type::Function => &["(x: x)", "(x: 1)", "(x: [ x ])", "builtins.toString"],
        };
        (*self.random.pick(choices)).to_owned()
    }

    /// Language forms that can have any type.
    fn form(&mut self, wanted: Type, depth: usize) -> String {
        match self.random.below(12) {
            10 => {
                let (argument, body) = (self.of(Type::Int, depth), self.of(wanted, depth));
                format!("({{ __functor = self: x: self.v; v = {body}; }} {argument})")
            }
            11 => {
                let body = self.of(wanted, depth);
                format!(
                    "(let t = builtins.tryEval {body}; in if t.success then t.value else {body})"
                )
            }
            0 => {
                let condition = self.of(Type::Bool, depth);
                let (yes, no) = (self.of(wanted, depth), self.of(wanted, depth));
                format!("(if {condition} then {yes} else {no})")
            }
            1 | 2 => self.bind(wanted, depth, |name, value, body| {
                format!("(let {name} = {value}; in {body})")
            }),
            3 => self.bind(wanted, depth, |name, value, body| {
                format!("(({name}: {body}) {value})")
            }),
            4 => self.bind(wanted, depth, |name, value, body| {
                format!("(({{ {name} ? {value}, ... }}@all: {body}) {{ }})")
            }),
            5 => self.bind(wanted, depth, |name, value, body| {
                format!("(rec {{ {name} = {value}; result = {body}; }}).result")
            }),
            6 => {
                let set = self.of(Type::Set, depth);
                let body = self.of(wanted, depth);
                format!("(with {set}; {body})")
            }
            7 => {
                let (set, name) = (self.of(Type::Set, depth), *self.random.pick(&NAMES));
                let default = self.of(wanted, depth);
                format!("({set}.{name}.nested or {default})")
            }
            8 => {
                let (condition, body) = (self.of(Type::Bool, depth), self.of(wanted, depth));
                format!("(assert {condition} || true; {body})")
            }
            _ => {
                let (first, second) = (self.of(wanted, depth), self.of(wanted, depth));
                format!(
                    "(builtins.elemAt [ {first} {second} ] {})",
                    self.random.below(2)
                )
            }
        }
    }

    fn bind(
        &mut self,
        wanted: Type,
        depth: usize,
        write: impl Fn(&str, &str, &str) -> String,
    ) -> String {
        let kind = *self.random.pick(&TYPES);
        let value = self.of(kind, depth);
        self.fresh += 1;
        let name = format!("v{}", self.fresh);
        self.variables.push((name.clone(), kind));
        let body = self.of(wanted, depth);
        self.variables.pop();
        write(&name, &value, &body)
    }

    fn pair(&mut self, kind: Type, depth: usize) -> (String, String) {
        (self.of(kind, depth), self.of(kind, depth))
    }

    fn int(&mut self, depth: usize) -> String {
        match self.random.below(11) {
            9 => {
                let (a, b) = self.pair(Type::Text, depth);
                format!("(builtins.compareVersions {a} {b})")
            }
            10 => {
                // What is too large for an integer is undefined before Nix 2.30.
                let rounding = *self.random.pick(&["ceil", "floor"]);
                format!(
                    "(let f = {}; in if f < 1.0e9 && f > -1.0e9 then builtins.{rounding} f else 0)",
                    self.of(Type::Float, depth)
                )
            }
            0..4 => {
                let operator = *self.random.pick(&["+", "-", "*", "/"]);
                let (a, b) = self.pair(Type::Int, depth);
                format!("({a} {operator} {b})")
            }
            4 => format!("(-{})", self.of(Type::Int, depth)),
            5 => format!("(builtins.length {})", self.of(Type::Ints, depth)),
            6 => format!("(builtins.stringLength {})", self.of(Type::Text, depth)),
            7 => {
                let (start, list) = (self.of(Type::Int, depth), self.of(Type::Ints, depth));
                let operator = *self.random.pick(&["a + b", "a - b", "b", "a * 2 + b"]);
                format!("(builtins.foldl' (a: b: {operator}) {start} {list})")
            }
            _ => {
                let name = *self
                    .random
                    .pick(&["bitAnd", "bitOr", "bitXor", "add", "sub", "mul"]);
                let (a, b) = self.pair(Type::Int, depth);
                format!("(builtins.{name} {a} {b})")
            }
        }
    }

    fn float(&mut self, depth: usize) -> String {
        let operator = *self.random.pick(&["+", "-", "*", "/"]);
        let other = if self.random.chance(50) {
            Type::Int
        } else {
            Type::Float
        };
        let (a, b) = (self.of(Type::Float, depth), self.of(other, depth));
        format!("({a} {operator} {b})")
    }

    fn bool(&mut self, depth: usize) -> String {
        match self.random.below(6) {
            0 => {
                let kind = *self
                    .random
                    .pick(&[Type::Int, Type::Text, Type::Ints, Type::Texts]);
                let (a, b) = self.pair(kind, depth);
                format!("({a} {} {b})", self.random.pick(&["<", "<=", ">", ">="]))
            }
            1 => {
                let kind = *self.random.pick(&TYPES[..7]);
                let (a, b) = self.pair(kind, depth);
                format!("({a} {} {b})", self.random.pick(&["==", "!="]))
            }
            2 => {
                let (a, b) = self.pair(Type::Bool, depth);
                format!("({a} {} {b})", self.random.pick(&["&&", "||", "->"]))
            }
            3 => format!("(! {})", self.of(Type::Bool, depth)),
            4 => format!(
                "({} ? {})",
                self.of(Type::Set, depth),
                self.random.pick(&NAMES)
            ),
            _ => {
                let test =
                    *self
                        .random
                        .pick(&["isInt", "isString", "isAttrs", "isList", "isFunction"]);
                let kind = *self.random.pick(&TYPES);
                format!("(builtins.{test} {})", self.of(kind, depth))
            }
        }
    }

    fn text(&mut self, depth: usize) -> String {
        match self.random.below(12) {
            9 => {
                let kind = *self.random.pick(&TYPES);
                format!("(builtins.toXML {})", self.of(kind, depth))
            }
            10 => self.coerced(depth),
            11 => self.store_path(depth),
            0 => {
                let (a, b) = self.pair(Type::Text, depth);
                format!("({a} + {b})")
            }
            1 => format!("\"p${{{}}}s\"", self.of(Type::Text, depth)),
            2 => {
                let kind = *self.random.pick(&TYPES[..6]);
                format!("(toString {})", self.of(kind, depth))
            }
            3 => {
                let kind = *self.random.pick(&TYPES[..7]);
                format!("(builtins.toJSON {})", self.of(kind, depth))
            }
            4 => {
                let (start, length) = (self.random.below(4), self.random.below(5));
                format!(
                    "(builtins.substring {start} {length} {})",
                    self.of(Type::Text, depth)
                )
            }
            5 => {
                let (separator, list) = (self.of(Type::Text, depth), self.of(Type::Texts, depth));
                format!("(builtins.concatStringsSep {separator} {list})")
            }
            6 => {
                let (text, to) = self.pair(Type::Text, depth);
                format!(
                    "(builtins.replaceStrings [ \"a\" \"1\" \"\" ] [ {to} \"-\" \"_\" ] {text})"
                )
            }
            7 => format!(
                "(builtins.hashString \"md5\" {})",
                self.of(Type::Text, depth)
            ),
            _ => {
                let kind = *self.random.pick(&TYPES);
                format!("(builtins.typeOf {})", self.of(kind, depth))
            }
        }
    }

    /// Sets that become text.
    fn coerced(&mut self, depth: usize) -> String {
        let kind = *self.random.pick(&TYPES[..6]);
        let (inner, text) = (self.of(kind, depth), self.of(Type::Text, depth));
        match self.random.below(4) {
            0 => format!("\"${{{{ outPath = {text}; }}}}\""),
            1 => format!("(toString {{ __toString = self: {inner}; }})"),
            2 => format!("(toString [ {inner} {{ outPath = {inner}; }} {text} ])"),
            _ => format!("(builtins.toJSON [ {{ outPath = {text}; a = 1; }} {inner} ])"),
        }
    }

    /// Paths in the store, which every attribute of what they are made from is in.
    fn store_path(&mut self, depth: usize) -> String {
        let kind = *self.random.pick(&TYPES[..7]);
        let (value, text) = (self.of(kind, depth), self.of(Type::Text, depth));
        let plain = "name = \"n\"; system = \"s\"; builder = \"/b\"";
        match self.random.below(4) {
            0 => format!("(builtins.toFile \"t\" {text})"),
            1 => format!("(derivation {{ {plain}; v = {value}; args = [ {text} ]; }}).outPath"),
            2 => format!(
                "(derivation {{ {plain}; __structuredAttrs = true; v = {value}; }}).drvPath"
            ),
            _ => format!(
                "\"${{derivation {{ {plain}; outputHashAlgo = \"sha256\"; \
                 outputHash = builtins.hashString \"sha256\" {text}; }}}}\""
            ),
        }
    }

    fn ints(&mut self, depth: usize) -> String {
        match self.random.below(10) {
            8 => {
                let list = self.of(Type::Ints, depth);
                format!(
                    "(map (x: x.key) (builtins.genericClosure {{ \
                     startSet = map (key: {{ inherit key; }}) {list}; \
                     operator = x: if x.key < {} && x.key > -9 then [ {{ key = x.key + 2; }} ] \
                     else [ ]; }}))",
                    self.random.below(12)
                )
            }
            9 => format!(
                "(builtins.sort (a: b: a / 3 > b / 3) {})",
                self.of(Type::Ints, depth)
            ),
            0 => {
                let (a, b) = self.pair(Type::Int, depth);
                format!("[ {a} {b} ]")
            }
            1 => {
                let (a, b) = self.pair(Type::Ints, depth);
                format!("({a} ++ {b})")
            }
            2 => format!("(map (x: x + 1) {})", self.of(Type::Ints, depth)),
            3 => format!(
                "(builtins.filter (x: x > {}) {})",
                self.random.below(4),
                self.of(Type::Ints, depth)
            ),
            4 => format!(
                "(builtins.sort (a: b: a < b) {})",
                self.of(Type::Ints, depth)
            ),
            5 => format!("(builtins.genList (x: x * x) {})", self.random.below(6)),
            6 => format!(
                "(builtins.concatMap (x: [ x {} ]) {})",
                self.leaf(Type::Int),
                self.of(Type::Ints, depth)
            ),
            _ => format!("(builtins.tail ([ 0 ] ++ {}))", self.of(Type::Ints, depth)),
        }
    }

    /// A regular expression, now and then one that is none.
    fn pattern(&mut self) -> String {
        const PIECES: [&str; 18] = [
            "a",
            "b",
            ".",
            "[ab]",
            "[^a]",
            "[[:space:]]",
            "(a|b)",
            "(a*)",
            "([0-9]+)",
            "x?",
            "a+",
            "(b{1,2})",
            "()",
            "|",
            "^",
            "$",
            "(a(b)?)*",
            "-",
        ];
        let length = 1 + self.random.below(4);
        let mut pattern: String = (0..length).map(|_| *self.random.pick(&PIECES)).collect();
        if self.random.chance(3) {
            pattern += "(";
        }
        pattern
    }

    fn texts(&mut self, depth: usize) -> String {
        match self.random.below(8) {
            6 => {
                let pattern = self.pattern();
                format!(
                    "(builtins.concatMap (x: if builtins.isList x then map toString x else [ x ]) \
                     (builtins.split \"{pattern}\" {}))",
                    self.of(Type::Text, depth)
                )
            }
            7 => {
                let pattern = self.pattern();
                let text = self.of(Type::Text, depth);
                format!(
                    "(let m = builtins.match \"{pattern}\" {text}; in \
                     if m == null then [ ] else map toString m)"
                )
            }
            0 => {
                let (a, b) = self.pair(Type::Text, depth);
                format!("[ {a} {b} ]")
            }
            1 => format!("(builtins.attrNames {})", self.of(Type::Set, depth)),
            2 => format!("(map toString {})", self.of(Type::Ints, depth)),
            3 => format!(
                "(builtins.sort builtins.lessThan {})",
                self.of(Type::Texts, depth)
            ),
            4 => format!(
                "(builtins.filter builtins.isString (builtins.split \"[ a1]\" {}))",
                self.of(Type::Text, depth)
            ),
            _ => format!("(builtins.splitVersion {})", self.of(Type::Text, depth)),
        }
    }

    fn set(&mut self, depth: usize) -> String {
        match self.random.below(13) {
            9 => format!("(builtins.parseDrvName {})", self.of(Type::Text, depth)),
            10 => {
                let set = self.of(Type::Set, depth);
                format!("(builtins.fromJSON (builtins.toJSON {set}))")
            }
            11 => {
                let (kind, list) = (*self.random.pick(&TYPES[..7]), self.of(Type::Ints, depth));
                let value = self.of(kind, depth);
                format!(
                    "(builtins.zipAttrsWith (n: vs: [ n vs ]) \
                     (map (x: {{ a = x; ${{toString x}} = {value}; }}) {list}))"
                )
            }
            12 => format!(
                "(builtins.functionArgs ({{ a, b ? {}, ... }}: a))",
                self.of(Type::Int, depth)
            ),
            0 | 1 => {
                let recursive = if self.random.chance(30) { "rec " } else { "" };
                let mut fields = String::new();
                for name in NAMES {
                    if self.random.chance(50) {
                        let kind = *self.random.pick(&TYPES[..7]);
                        let value = self.of(kind, depth);
                        fields += &format!("{name} = {value}; ");
                    }
                }
                format!("{recursive}{{ {fields}}}")
            }
            2 => {
                let (a, b) = self.pair(Type::Set, depth);
                format!("({a} // {b})")
            }
            3 => format!(
                "(builtins.mapAttrs (n: v: [ n v ]) {})",
                self.of(Type::Set, depth)
            ),
            4 => {
                let set = self.of(Type::Set, depth);
                format!(
                    "(builtins.removeAttrs {set} [ \"a\" \"{}\" ])",
                    self.random.pick(&NAMES)
                )
            }
            5 => {
                let list = self.of(Type::Texts, depth);
                format!(
                    "(builtins.listToAttrs (map (name: {{ inherit name; value = name; }}) {list}))"
                )
            }
            6 => {
                let (a, b) = self.pair(Type::Set, depth);
                format!("(builtins.intersectAttrs {a} {b})")
            }
            7 => format!("(builtins.groupBy toString {})", self.of(Type::Ints, depth)),
            _ => {
                let (name, value) = (self.of(Type::Text, depth), self.of(Type::Int, depth));
                format!("{{ ${{{name}}} = {value}; }}")
            }
        }
    }

    fn function(&mut self, depth: usize) -> String {
        let kind = *self.random.pick(&TYPES[..7]);
        self.fresh += 1;
        let name = format!("v{}", self.fresh);
        self.variables.push((name.clone(), Type::Int));
        let body = self.of(kind, depth);
        self.variables.pop();
        format!("({name}: {body})")
    }
}
