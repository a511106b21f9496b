//! Plans in files, and operations in doubt that are settled.

use nixops4_core::apply::approve_all;
use nixops4_core::engine::{Config, EngineError};
use nixops4_core::plan::Plan;
use nixops4_proto::evaluator::RootSource;
use nixops4_proto::plan::PlanFile;
use nixops4_testutils::{Lab, Operation, Outcome, plan_text};

const TEXT: &str = r#"
    a = thing name="a" secret="hunter2"
    b = thing name="b" of=@a:id
"#;

fn config() -> Config {
    Config::new(RootSource::File {
        path: "/deployment".into(),
    })
}

async fn saved(lab: &Lab, text: &str) -> PlanFile {
    let mut engine = lab.run(text);
    let plan = engine.plan().await.expect("plan");
    engine.close().await;
    let json = serde_json::to_string(&plan.to_file(&config())).expect("json");
    assert!(!json.contains("hunter2"), "{json}");
    serde_json::from_str(&json).expect("round trip")
}

async fn plan_again(lab: &Lab, text: &str, file: &PlanFile) -> Result<Plan, Vec<String>> {
    let mut engine = lab.run(text);
    let result = engine.plan_saved(file).await;
    engine.close().await;
    match result {
        Ok(plan) => Ok(plan),
        Err(EngineError::Refused(diagnostics)) => {
            Err(diagnostics.0.iter().map(ToString::to_string).collect())
        }
        Err(other) => panic!("{other}"),
    }
}

async fn apply(lab: &Lab, text: &str) {
    let mut engine = lab.run(text);
    let plan = engine.plan().await.expect("plan");
    engine.apply(plan, &mut approve_all).await;
    engine.close().await;
}

#[tokio::test]
async fn a_saved_plan_holds_until_something_changes() {
    let lab = Lab::new();
    let file = saved(&lab, TEXT).await;
    plan_again(&lab, TEXT, &file)
        .await
        .expect("nothing has changed");
    let other = TEXT.replace("hunter2", "hunter3");
    let refused = plan_again(&lab, &other, &file)
        .await
        .expect_err("other inputs");
    assert_eq!(
        refused,
        ["a: the input `secret` is not what it was when the plan was made"]
    );
    let more = format!("{TEXT}\nc = thing name=\"c\"");
    let refused = plan_again(&lab, &more, &file).await.expect_err("more");
    assert_eq!(refused, ["c: creating it is not in the plan"]);
    let less = plan_again(&lab, "b = thing name=\"b\"", &file).await;
    assert_eq!(
        less.expect_err("less"),
        ["a: the plan says creating it, which is no longer to be done"]
    );
}

#[tokio::test]
async fn only_what_a_plan_read_makes_it_stale() {
    let mut lab = Lab::new();
    let text = format!("{TEXT}\nc = thing name=\"c\"");
    apply(&lab, &text).await;
    let changed = TEXT.replace("name=\"b\"", "name=\"b\" note=\"1\"");
    lab.selection = vec!["b".parse().expect("path")];
    let text = format!("{changed}\nc = thing name=\"c\" note=\"2\"");
    let file = saved(&lab, &text).await;
    // Another changes what the plan has nothing to do with.
    lab.selection = vec!["c".parse().expect("path")];
    apply(&lab, &text).await;
    lab.selection = vec!["b".parse().expect("path")];
    plan_again(&lab, &text, &file).await.expect("not concerned");
    // And what it has.
    let meanwhile = text.replace("secret=\"hunter2\"", "secret=\"s\"");
    lab.selection = vec!["a".parse().expect("path")];
    apply(&lab, &meanwhile).await;
    lab.selection = vec!["b".parse().expect("path")];
    let refused = plan_again(&lab, &text, &file).await.expect_err("stale");
    assert_eq!(
        refused,
        ["what is remembered of a has changed since the plan was made"]
    );
}

#[tokio::test]
async fn what_is_in_doubt_is_settled_by_adopting_the_object() {
    let lab = Lab::new();
    lab.world
        .script(Operation::Create, "a", Outcome::CrashAfter);
    apply(&lab, TEXT).await;
    let id = lab.world.named("a")[0].0.clone();
    let mut engine = lab.run(TEXT);
    let a = "a".parse().expect("path");
    let refused = engine
        .adopt(&a, "thing-77")
        .await
        .expect_err("no such object");
    assert_eq!(refused.0[0].to_string(), "there is no object `thing-77`");
    engine.close().await;
    let mut engine = lab.run(TEXT);
    engine.adopt(&a, &id).await.expect("adopted");
    engine.close().await;
    apply(&lab, TEXT).await;
    let mut engine = lab.run(TEXT);
    let plan = engine.plan().await.expect("plan");
    engine.close().await;
    assert_eq!(plan_text(&plan), "= 2");
    assert_eq!(lab.world.objects().len(), 2);
    let mut engine = lab.run(TEXT);
    let refused = engine.adopt(&a, &id).await.expect_err("settled");
    engine.close().await;
    assert_eq!(refused.0[0].to_string(), "nothing is in doubt about a");
}
