//! Values after a source changed: never stale, and no more evaluated anew than needed.

use std::{cell::Cell, path::Path, rc::Rc};

use super::evaluator;
use crate::{Evaluator, ExternalKind, ExternalValue, SourceId, Value};

fn int(int: i64) -> ExternalValue {
    ExternalKind::Int(int).into()
}

fn scope(evaluator: &Evaluator, roots: &[SourceId]) -> Vec<(&'static str, Value)> {
    ["a", "b", "c"]
        .into_iter()
        .zip(roots)
        .map(|(n, root)| (n, evaluator.external(*root)))
        .collect()
}

fn ask(evaluator: &mut Evaluator, thunk: &Value) -> String {
    match evaluator.print(thunk, true) {
        Ok(shown) => shown,
        Err(error) if error.is_suspended() => "suspended".into(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn a_suspended_value_comes_when_it_is_known() {
    let mut evaluator = evaluator();
    let root = evaluator.new_source("a");
    let scope = scope(&evaluator, &[root]);
    let text = "let x = \"<${toString a.v}>\"; in { inherit x; y = x + x; }";
    let thunk = evaluator
        .thunk_str_in(text, "t", Path::new("/"), &scope)
        .unwrap();
    assert_eq!(ask(&mut evaluator, &thunk), "suspended");
    evaluator.set_external(
        root,
        &ExternalValue::attrs([("v", ExternalValue::unknown())]),
    );
    assert_eq!(ask(&mut evaluator, &thunk), "suspended");
    evaluator.set_external(root, &ExternalValue::attrs([("v", int(1))]));
    assert_eq!(
        ask(&mut evaluator, &thunk),
        "{ x = \"<1>\"; y = \"<1><1>\"; }"
    );
    evaluator.set_external(root, &ExternalValue::attrs([("v", int(2))]));
    assert_eq!(
        ask(&mut evaluator, &thunk),
        "{ x = \"<2>\"; y = \"<2><2>\"; }"
    );
    evaluator.clear_external(root);
    assert_eq!(ask(&mut evaluator, &thunk), "suspended");
}

#[test]
fn only_what_depends_on_a_change_is_evaluated_again() {
    let mut evaluator = evaluator();
    let counter = Rc::new(Cell::new(0));
    let counted = counter.clone();
    evaluator.register_builtin("count", 1, move |evaluator, args| {
        counted.set(counted.get() + 1);
        evaluator.force(&args[0])
    });
    let roots = [evaluator.new_source("a"), evaluator.new_source("b")];
    let tree = |v: i64, w: i64| ExternalValue::attrs([("v", int(v)), ("w", int(w))]);
    evaluator.set_external(roots[0], &tree(1, 1));
    evaluator.set_external(roots[1], &tree(1, 1));
    let scope = scope(&evaluator, &roots);
    let text =
        "{ p = __count (a.v + 1); q = __count (a.w + 1); r = __count (b.v + 1); s = __count 0; }";
    let thunk = evaluator
        .thunk_str_in(text, "t", Path::new("/"), &scope)
        .unwrap();
    assert_eq!(
        ask(&mut evaluator, &thunk),
        "{ p = 2; q = 2; r = 2; s = 0; }"
    );
    assert_eq!(
        ask(&mut evaluator, &thunk),
        "{ p = 2; q = 2; r = 2; s = 0; }"
    );
    assert_eq!(counter.get(), 4);
    evaluator.set_external(roots[0], &tree(1, 5));
    assert_eq!(
        ask(&mut evaluator, &thunk),
        "{ p = 2; q = 6; r = 2; s = 0; }"
    );
    assert_eq!(counter.get(), 5);
    evaluator.set_external(roots[1], &tree(1, 1));
    assert_eq!(
        ask(&mut evaluator, &thunk),
        "{ p = 2; q = 6; r = 2; s = 0; }"
    );
    assert_eq!(counter.get(), 5);
}

#[test]
fn suspension_is_not_asked_over_and_over() {
    let mut evaluator = evaluator();
    let root = evaluator.new_source("a");
    let scope = scope(&evaluator, &[root]);
    let doubled: String = (1..60)
        .map(|n| format!("x{n} = x{} + x{}; ", n - 1, n - 1))
        .collect();
    let text = format!("let x0 = a.v; {doubled} in x59");
    let thunk = evaluator
        .thunk_str_in(&text, "t", Path::new("/"), &scope)
        .unwrap();
    assert_eq!(ask(&mut evaluator, &thunk), "suspended");
    evaluator.set_external(root, &ExternalValue::attrs([("v", int(0))]));
    assert_eq!(ask(&mut evaluator, &thunk), "0");
}

/// A small generator of numbers, so that a failure can be run again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// An expression over the sources and the variables `v0`, `v1`, … defined so far.
    fn expr(&mut self, depth: u32, variables: u64) -> String {
        if depth == 0 || self.below(6) == 0 {
            return match self.below(4) {
                0 => self.below(3).to_string(),
                1 if variables > 0 => format!("v{}", self.below(variables)),
                _ => self
                    .pick(&["a.x", "a.y", "b.x", "b.y", "c.x", "a.l", "b.s.t"])
                    .to_owned(),
            };
        }
        let mut sub = || self.expr(depth - 1, variables);
        let (x, y, z) = (sub(), sub(), sub());
        match self.below(18) {
            0 => format!("(let t = {x}; in [ t t {y} ])"),
            1 => format!("(if ({x}) == ({y}) then {z} else {x})"),
            2 => format!("{{ p = {x}; q = {y}; }}"),
            3 => format!("(({x}).p or ({y}))"),
            4 => format!("(builtins.tryEval (if ({x}) == 1 then throw \"t\" else {y}))"),
            5 => format!("(builtins.stringLength (builtins.toJSON ({x})))"),
            6 => format!("(let f = u: w: [ u {x} ]; in f ({y}) ({z}))"),
            7 => format!("(map (u: [ u ({x}) ]) [ ({y}) ({z}) ])"),
            8 => format!("({{ p = {x}; }} // {{ q = {y}; }})"),
            9 => format!("(\"s${{builtins.substring 0 9 (builtins.toJSON ({x}))}}\")"),
            10 => format!("(builtins.foldl' (u: w: [ u w ]) ({x}) [ ({y}) ({z}) ])"),
            11 => format!("(rec {{ p = {x}; q = [ p {y} ]; }}).q"),
            12 => format!("(({{ u, w ? {x} }}: [ u w ]) {{ u = {y}; }})"),
            13 => format!(
                "(builtins.listToAttrs [ {{ name = builtins.substring 0 9 (builtins.toJSON ({x})); value = {y}; }} ])"
            ),
            14 => format!("(builtins.seq ({x}) ({y}))"),
            15 => format!("(with {{ z = {x}; }}; [ z ({y}) ])"),
            16 => format!("(builtins.mapAttrs (n: u: [ n u ({x}) ]) {{ p = {y}; }})"),
            _ => format!(
                "(builtins.genericClosure {{ startSet = [ {{ key = 1; v = {x}; }} ]; operator = i: [ ]; }})"
            ),
        }
    }

    fn leaf(&mut self) -> ExternalValue {
        match self.below(5) {
            0 => ExternalValue::unknown(),
            n => int(n as i64 % 3),
        }
    }

    fn tree(&mut self) -> ExternalValue {
        let list = (0..self.below(3)).map(|_| self.leaf()).collect();
        ExternalValue::attrs([
            ("x", self.leaf()),
            ("y", self.leaf()),
            ("l", ExternalKind::List(list).into()),
            ("s", ExternalValue::attrs([("t", self.leaf())])),
        ])
    }
}

#[test]
fn random_expressions_are_never_stale_and_never_hide_a_source() {
    for seed in 1..400u64 {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let bindings: String = (0..4)
            .map(|n| format!("v{n} = {}; ", random.expr(3, n)))
            .collect();
        let text = format!(
            "let {bindings} in {{ v = [ v0 v1 v2 v3 ]; w = {}; }}",
            random.expr(3, 4)
        );
        let mut trees: Vec<ExternalValue> = (0..3).map(|_| random.tree()).collect();
        let mut evaluator = evaluator();
        let roots: Vec<SourceId> = (0..3).map(|_| evaluator.new_source("r")).collect();
        roots
            .iter()
            .zip(&trees)
            .for_each(|(root, tree)| evaluator.set_external(*root, tree));
        let scope_values = scope(&evaluator, &roots);
        let thunk = evaluator
            .thunk_str_in(&text, "t", Path::new("/"), &scope_values)
            .unwrap();
        let mut before = None;
        for _ in 0..6 {
            let changed = random.below(3) as usize;
            let (shown, taint) = evaluator.with_taint(|evaluator| ask(evaluator, &thunk));
            assert_eq!(shown, fresh(&text, &trees), "seed {seed}: {text}");
            if let Some((old, old_roots, root)) = before.take()
                && old != shown
            {
                let old_roots: Vec<SourceId> = old_roots;
                assert!(
                    old_roots.contains(&root),
                    "seed {seed}: unnamed source in {text}"
                );
            }
            let named = evaluator
                .taint_sources(taint)
                .map(|(root, _)| root)
                .collect();
            before = Some((shown, named, roots[changed]));
            trees[changed] = random.tree();
            evaluator.set_external(roots[changed], &trees[changed]);
        }
    }
}

fn fresh(text: &str, trees: &[ExternalValue]) -> String {
    let mut evaluator = evaluator();
    let roots: Vec<SourceId> = trees.iter().map(|_| evaluator.new_source("r")).collect();
    roots
        .iter()
        .zip(trees)
        .for_each(|(root, tree)| evaluator.set_external(*root, tree));
    let scope_values = scope(&evaluator, &roots);
    let thunk = evaluator
        .thunk_str_in(text, "t", Path::new("/"), &scope_values)
        .unwrap();
    ask(&mut evaluator, &thunk)
}
