//! Operations as text: what there are, and what one is going to do.

use std::fmt::Write as _;

use nixops4_core::engine::OperationPlan;
use nixops4_proto::evaluator::OperationHead;

use super::style::{BOLD, DIM, UPDATE, paint};
use super::value::scalar_or_secret;

/// The operations there are, one a line, as they are to be typed.
pub fn render_list(heads: &[OperationHead]) -> String {
    let typed = |head: &OperationHead| match head.member.is_root() {
        true => head.name.clone(),
        false => format!("{} {}", head.member, head.name),
    };
    let width = heads
        .iter()
        .map(|head| typed(head).chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for head in heads {
        let typed = typed(head);
        let line = format!("{typed:<width$}  {}", head.description);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// What an operation is going to do.
pub fn render(plan: &OperationPlan) -> String {
    let OperationPlan {
        member,
        name,
        description,
        steps,
        ..
    } = plan;
    let of = match member.is_root() {
        true => String::new(),
        false => format!(" of {member}"),
    };
    let mut text = paint(BOLD, format!("Operation {name}{of}"));
    if !description.is_empty() {
        let _ = write!(text, ": {description}");
    }
    text.push('\n');
    for step in steps {
        let by = paint(DIM, format!("by {}", step.provider.trim_start_matches('#')));
        let _ = writeln!(text, "{} {}  {by}", paint(UPDATE, "  >"), step.type_name);
        step.inputs.visit(&mut |path, value, _, marks| {
            if !value.is_null() && !path.0.is_empty() {
                let _ = writeln!(text, "        {path}  {}", scalar_or_secret(value, marks));
            }
        });
    }
    text
}
