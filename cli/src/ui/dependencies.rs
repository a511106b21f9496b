//! What values depend on, as text.

use std::fmt::Write as _;

use nixops4_proto::evaluator::{Dependencies, DependentLeaf};

use super::style::{BOLD, DIM, paint};

/// The outputs that a value depends on, one a line; where it has several leaves, for each of them.
/// With a final newline.
pub fn render(found: &Dependencies) -> String {
    let mut text = String::new();
    for leaf in &found.leaves {
        let outputs = outputs(found, leaf);
        if leaf.path.0.is_empty() {
            let nothing = || vec!["it depends on no output".to_owned()];
            let outputs = if outputs.is_empty() {
                nothing()
            } else {
                outputs
            };
            outputs.iter().for_each(|line| add(&mut text, line));
            continue;
        }
        let name = paint(BOLD, &leaf.path);
        let mut notes = String::new();
        if leaf.sensitive {
            notes.push_str(" (sensitive)");
        }
        if let Some(error) = &leaf.error {
            let first = error.message.lines().next().unwrap_or_default();
            let _ = write!(notes, " «error: {first}»");
        }
        match outputs.is_empty() {
            true => add(&mut text, &format!("{name}{notes}: no output")),
            false => {
                add(&mut text, &format!("{name}{notes}:"));
                let lines = outputs.iter().map(|line| format!("  {line}"));
                lines.for_each(|line| add(&mut text, &line));
            }
        }
    }
    if found.more {
        add(&mut text, "… and more");
    }
    text
}

fn add(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn outputs(found: &Dependencies, leaf: &DependentLeaf) -> Vec<String> {
    let read = leaf.from.iter();
    let read = read.filter_map(|index| found.outputs.get(*index as usize));
    read.map(|read| match read.known {
        true => read.expression.clone(),
        false => format!("{} {}", read.expression, paint(DIM, "(not known yet)")),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use nixops4_core::AttrPath;
    use nixops4_proto::evaluator::ReadOutput;
    use nixops4_proto::path::OutputRef;

    use super::*;

    fn leaf(path: AttrPath, from: &[u32]) -> DependentLeaf {
        DependentLeaf {
            path,
            from: from.to_vec(),
            unknown: false,
            sensitive: false,
            error: None,
        }
    }

    fn check(leaves: Vec<DependentLeaf>, expected: &str) {
        let read = |expression: &str, known| ReadOutput {
            output: OutputRef {
                member: "x".parse().expect("a path"),
                path: AttrPath::root(),
            },
            expression: expression.to_owned(),
            known,
        };
        let found = Dependencies {
            outputs: vec![read("a", true), read("b", false)],
            leaves,
            more: false,
        };
        let text = anstream::adapter::strip_str(&render(&found)).to_string();
        assert_eq!(text, expected);
    }

    #[test]
    fn one_leaf_needs_no_name() {
        check(
            vec![leaf(AttrPath::root(), &[0, 1])],
            "a\nb (not known yet)\n",
        );
        check(
            vec![leaf(AttrPath::root(), &[])],
            "it depends on no output\n",
        );
    }

    #[test]
    fn several_leaves_have_names() {
        let path = |name: &str| AttrPath::root().child(name);
        let secret = DependentLeaf {
            sensitive: true,
            ..leaf(path("q").child(0), &[0])
        };
        check(
            vec![leaf(path("p"), &[]), secret],
            "p: no output\nq[0] (sensitive):\n  a\n",
        );
    }
}
