//! The notation of test deployments means what it says.

use nixops4_core::MemberPath;
use tokio::sync::mpsc;

use super::*;

async fn walk(evaluator: &FakeEvaluator) -> Vec<String> {
    let (items, mut received) = mpsc::unbounded_channel();
    let walk = Walk {
        paths: vec![MemberPath::root()],
        recursive: true,
        inputs: true,
    };
    evaluator.walk(walk, items).await.expect("walk");
    let mut lines = Vec::new();
    while let Some(item) = received.recv().await {
        lines.push(match item {
            WalkItem::Provider(provider) => format!("provider {}", provider.id),
            WalkItem::Component(component) => match component.kind {
                ComponentKind::Resource(resource) => {
                    let refs = component.refs;
                    let inputs = resource.inputs.expect("inputs");
                    let value = Value::from_tree(&inputs, &refs).expect("tree");
                    let waits: Vec<_> = value
                        .all_provenance()
                        .iter()
                        .map(ToString::to_string)
                        .collect();
                    let json = value.to_plain_json();
                    format!("{} {json} {}", component.path, waits.join(","))
                }
                ComponentKind::Unknown { what, .. } => format!("{} unknown {what}", component.path),
                ComponentKind::Composite(composite) => {
                    format!("{} [{}]", component.path, composite.members.join(" "))
                }
                ComponentKind::Failed { error } => {
                    format!("{} failed {}", component.path, error.message)
                }
            },
        });
    }
    lines
}

#[tokio::test]
async fn what_waits_becomes_known() {
    let evaluator = FakeEvaluator::new(
        r#"
        a = thing name="a"
        b = thing of="${a:id}!" same=1
        web.* = thing name="${name}" !each=a:names
        "#,
    );
    assert_eq!(
        walk(&evaluator).await,
        [
            " [a b web]",
            "provider #fake",
            r#"a {"name":"a"} "#,
            r#"b {"of":null,"same":1} a.id"#,
            "web unknown members",
        ]
    );
    let names = Value::list(["x".into(), "y".into()]);
    let outputs = Value::attrs([("id", "1".into()), ("names", names)]);
    let set = ResourceOutputs {
        member: MemberPath::from_names(["a"]),
        value: Some(outputs.to_tree(&mut RefTable::default())),
    };
    evaluator.set_outputs(vec![set]).await.expect("set");
    assert_eq!(
        walk(&evaluator).await[3..],
        [
            r#"b {"of":"1!","same":1} a.id"#,
            "web [x y]",
            r#"web.x {"name":"x"} "#,
            r#"web.y {"name":"y"} "#,
        ]
    );
}
