//! What users say of how changes are made.

use nixops4_core::apply::approve_all;
use nixops4_testutils::{Lab, plan_text};

async fn apply(lab: &Lab, text: &str) {
    let mut engine = lab.run(text);
    let plan = engine.plan().await.expect("plan");
    let report = engine.apply(plan, &mut approve_all).await;
    engine.close().await;
    assert!(report.is_success(), "{:?}", report.diagnostics);
}

async fn plan(lab: &Lab, text: &str) -> String {
    let mut engine = lab.run(text);
    let plan = engine.plan().await.expect("plan");
    engine.close().await;
    plan_text(&plan)
}

#[tokio::test]
async fn what_is_protected_is_neither_replaced_nor_deleted() {
    let lab = Lab::new();
    apply(&lab, r#"a = thing name="a" size=1 !prevent"#).await;
    let replaced = plan(&lab, r#"a = thing name="a" size=2 !prevent"#).await;
    assert_eq!(
        replaced,
        "! a\nError: a would have to be replaced, which deletes it"
    );
    assert_eq!(plan(&lab, "").await, "! a\nError: a would be deleted");
}

#[tokio::test]
async fn ignored_changes_are_not_acted_upon() {
    let lab = Lab::new();
    apply(&lab, r#"a = thing name="a" size=1 note="1""#).await;
    let text = r#"a = thing name="a" size=2 note="2" !ignore=size !ignore=note"#;
    assert_eq!(plan(&lab, text).await, "= 1");
    let all = r#"a = thing name="a" size=3 !ignore-all"#;
    assert_eq!(plan(&lab, all).await, "= 1");
}

#[tokio::test]
async fn a_trigger_replaces() {
    let lab = Lab::new();
    let text = |note: &str| {
        format!("a = thing name=\"a\" note=\"{note}\"\nb = thing name=\"b\" !trigger=a:note")
    };
    apply(&lab, &text("1")).await;
    assert_eq!(plan(&lab, &text("1")).await, "= 2");
    let changed = plan(&lab, &text("2")).await;
    assert!(changed.contains("-+ b: a.note changes"), "{changed}");
    apply(&lab, &text("2")).await;
    assert_eq!(plan(&lab, &text("2")).await, "= 2");
}
