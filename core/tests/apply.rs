//! What applying does, on fakes; after each run a new plan has to be empty.

use nixops4_core::apply::{ApplyReport, Outcome, approve_all};
use nixops4_core::engine::Engine;
use nixops4_core::value::Value;
use nixops4_testutils::{Lab, Operation, Outcome as Scripted, plan_text};

async fn run(mut engine: Engine) -> ApplyReport {
    let plan = engine.plan().await.expect("plan");
    let report = engine.apply(plan, &mut approve_all).await;
    engine.close().await;
    report
}

/// What became of it, a line an operation.
fn results(report: &ApplyReport) -> Vec<String> {
    let mut lines: Vec<_> = report
        .results
        .iter()
        .map(|result| {
            let operation = format!("{:?}", result.operation).to_lowercase();
            let outcome = match &result.outcome {
                Outcome::Applied => String::new(),
                Outcome::SkippedBecause(member) => format!(": skipped because of {member}"),
                other => format!(": {other:?}"),
            };
            format!("{operation} {}{outcome}", result.member)
        })
        .collect();
    let diagnostics = report.diagnostics.0.iter();
    lines.extend(diagnostics.map(|d| format!("{:?}: {d}", d.severity)));
    lines
}

/// Applies, and checks that nothing is left to do and the provider was treated well.
async fn apply(lab: &Lab, text: &str) -> Vec<String> {
    let report = run(lab.run(text)).await;
    assert_eq!(lab.world.violations(), Vec::<String>::new());
    if report.is_success() {
        assert_converged(lab, text).await;
    }
    results(&report)
}

async fn assert_converged(lab: &Lab, text: &str) {
    let mut engine = lab.run(text);
    let plan = engine.plan().await.expect("plan");
    assert!(
        plan.is_empty() && !plan.has_errors(),
        "a second plan is not empty:\n{}",
        plan_text(&plan)
    );
    engine.close().await;
}

/// The objects, by name.
fn world(lab: &Lab) -> Vec<String> {
    let objects = lab.world.objects();
    let mut names: Vec<_> = objects
        .values()
        .map(|o| o.inputs.to_plain_json().to_string())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_becomes_known_flows_on() {
    let lab = Lab::new();
    let text = r#"
        subnet = thing name="subnet" vpc=@vpc:id note="in ${vpc:name}"
        vpc = thing name="vpc"
    "#;
    assert_eq!(apply(&lab, text).await, ["create vpc", "create subnet"]);
    assert_eq!(
        world(&lab),
        [
            r#"{"name":"subnet","note":"in vpc","vpc":"thing-1"}"#,
            r#"{"name":"vpc"}"#
        ]
    );
    let stored = lab.snapshot();
    let subnet = stored
        .object(&"subnet".parse().expect("path"))
        .expect("stored");
    let dependencies: Vec<_> = subnet
        .dependencies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(dependencies, ["vpc.id", "vpc.name"]);
}

#[tokio::test]
async fn changes_are_made_in_place_or_by_replacement_in_order() {
    let lab = Lab::new();
    apply(
        &lab,
        r#"
        a = thing name="a" size=1
        b = thing name="b" of=@a:id
        c = thing name="c" note="1"
        "#,
    )
    .await;
    lab.world.clear_calls();
    let text = r#"
        a = thing name="a" size=2
        b = thing name="b" of=@a:id
        c = thing name="c" note="2"
    "#;
    let mut results = apply(&lab, text).await;
    results.sort();
    assert_eq!(results, ["create a", "delete a", "update b", "update c"]);
    let mut effects = lab.world.effects();
    effects.retain(|effect| !effect.ends_with('c'));
    assert_eq!(effects, ["delete a", "create a", "update b"]);
}

#[tokio::test]
async fn create_before_destroy_reaches_what_it_depends_on() {
    let lab = Lab::new();
    apply(
        &lab,
        r#"
        a = thing name="a" size=1
        b = thing name="b" of=@a:id size=1 !cbd
        "#,
    )
    .await;
    lab.world.clear_calls();
    let text = r#"
        a = thing name="a" size=2
        b = thing name="b" of=@a:id size=2 !cbd
    "#;
    apply(&lab, text).await;
    assert_eq!(
        lab.world.effects(),
        ["create a", "create b", "delete b", "delete a"]
    );
    assert_eq!(lab.world.objects().len(), 2);
}

#[tokio::test]
async fn what_left_is_deleted_after_what_depended_on_it() {
    let lab = Lab::new();
    apply(
        &lab,
        r#"
        a = thing name="a"
        b = thing name="b" of=@a:id
        c = thing name="c" of=@b:id
        d = thing name="d" of=@a:id
        "#,
    )
    .await;
    lab.world.clear_calls();
    apply(&lab, r#"d = thing name="d""#).await;
    let effects = lab.world.effects();
    let at = |effect: &str| effects.iter().position(|e| e == effect).expect(effect);
    assert!(at("delete c") < at("delete b"), "{effects:?}");
    assert!(at("delete b") < at("delete a"), "{effects:?}");
    assert!(at("update d") < at("delete a"), "{effects:?}");
}

#[tokio::test]
async fn a_failure_stops_only_what_depends_on_it() {
    let lab = Lab::new();
    let text = r#"
        a = thing name="a"
        b = thing name="b" of=@a:id
        c = thing name="c" of=@b:id
        d = thing name="d"
    "#;
    lab.world
        .script(Operation::Create, "b", Scripted::Fail("no".into()));
    let mut results = apply(&lab, text).await;
    results.sort();
    assert_eq!(
        results,
        [
            "Error: no",
            "create a",
            "create b: Failed",
            "create c: skipped because of b",
            "create d",
        ]
    );
    // Going on from there.
    assert_eq!(apply(&lab, text).await, ["create b", "create c"]);
}

#[tokio::test]
async fn what_is_made_half_way_is_replaced() {
    let lab = Lab::new();
    let text = r#"a = thing name="a""#;
    lab.world
        .script(Operation::Create, "a", Scripted::Partial("half".into()));
    assert_eq!(
        apply(&lab, text).await,
        ["create a: Tainted", "Error: half"]
    );
    assert_eq!(apply(&lab, text).await, ["delete a", "create a"]);
    assert_eq!(lab.world.objects().len(), 1);
}

#[tokio::test]
async fn what_dies_is_in_doubt_and_held_back_with_its_dependents() {
    let lab = Lab::new();
    let text = r#"
        a = thing name="a"
        b = thing name="b" of=@a:id
        c = thing name="c"
    "#;
    let held = lab.world.hold(Operation::Create, "a");
    lab.world
        .script(Operation::Create, "a", Scripted::CrashAfter);
    let running = tokio::spawn(run(lab.run(text)));
    held.reached().await;
    held.release();
    let report = running.await.expect("run");
    assert_eq!(report.summary.in_doubt, 1);
    let mut engine = lab.run(text);
    let plan = engine.plan().await.expect("plan");
    let text_of = plan_text(&plan);
    assert!(
        text_of.contains("? a: in doubt\n? b: because of a"),
        "{text_of}"
    );
    engine.close().await;
}

#[tokio::test]
async fn deferred_subtrees_are_done_in_the_same_run() {
    let lab = Lab::new();
    lab.world
        .set_data("k", Value::list(["x".into(), "y".into()]));
    let text = r#"
        key = thing name="k"
        zones = data lookup key=@key:name !after=key
        web.* = thing name="${name}" of=@key:id !each=zones:value
        user = thing name="user" of=@web.x:id
    "#;
    let results = apply(&lab, text).await;
    assert_eq!(
        results,
        [
            "create key",
            "read zones",
            "create user: Deferred",
            "create web.x",
            "create web.y",
            "create user"
        ]
    );
}

#[tokio::test]
async fn a_plan_that_contradicts_what_was_approved_is_refused() {
    let lab = Lab::new();
    let text = r#"
        a = thing name="a"
        b = thing name="b" of=@a:name
    "#;
    lab.world
        .script(Operation::Create, "a", Scripted::Inconsistent);
    let results = apply(&lab, text).await;
    assert_eq!(
        results,
        [
            "create a",
            "create b: Failed",
            "Error: an input is not what the plan said it would be (at of)"
        ]
    );
}

#[tokio::test]
async fn a_new_path_is_not_a_new_object() {
    let lab = Lab::new();
    apply(&lab, r#"a = thing name="a""#).await;
    lab.world.clear_calls();
    apply(&lab, r#"net.b = thing name="a" note="1" !formerly=a"#).await;
    assert_eq!(lab.world.effects(), ["update a"]);
    assert_eq!(lab.world.objects().len(), 1);
    assert!(lab.snapshot().object(&"a".parse().expect("path")).is_none());
}

#[tokio::test]
async fn an_existing_object_is_taken_over() {
    let lab = Lab::new();
    let id = lab.world.add("thing", Value::attrs([("name", "a".into())]));
    let same = format!(r#"a = thing name="a" !import={id}"#);
    assert_eq!(apply(&lab, &same).await, ["remember a"; 0]);
    let other = lab.world.add("thing", Value::attrs([("name", "b".into())]));
    let changed = format!("{same}\nb = thing name=\"b\" note=\"1\" !import={other}");
    lab.world.clear_calls();
    assert_eq!(apply(&lab, &changed).await, ["update b"]);
    assert_eq!(lab.world.effects(), ["update b"]);
}

#[tokio::test]
async fn a_type_that_changes_makes_way_first() {
    let lab = Lab::new().with_type("other", nixops4_testutils::FakeType::thing());
    apply(&lab, r#"a = thing name="a""#).await;
    lab.world.clear_calls();
    apply(&lab, r#"a = other name="a""#).await;
    assert_eq!(lab.world.effects(), ["delete a", "create a"]);
}

#[tokio::test]
async fn what_is_gone_is_made_again_and_what_should_go_is_forgotten() {
    let lab = Lab::new();
    let text = r#"a = thing name="a""#;
    apply(&lab, text).await;
    let id = lab.world.named("a")[0].0.clone();
    lab.world.vanish(&id);
    assert_eq!(apply(&lab, text).await, ["create a"]);
    let id = lab.world.named("a")[0].0.clone();
    lab.world.vanish(&id);
    assert_eq!(apply(&lab, "").await, ["forget a"]);
    assert!(lab.snapshot().is_empty());
}

#[tokio::test]
async fn destroying_takes_everything_in_reverse() {
    let lab = Lab::new();
    let text = r#"
        provider p zone=@a:id
        a = thing name="a"
        b = thing name="b" of=@a:id
        c = thing name="c" !provider=p
    "#;
    apply(&lab, text).await;
    lab.world.clear_calls();
    let mut engine = lab.run(text);
    let plan = engine.plan_destroy().await.expect("plan");
    let report = engine.apply(plan, &mut approve_all).await;
    engine.close().await;
    assert_eq!(report.summary.deleted, 3, "{:?}", results(&report));
    assert_eq!(lab.world.effects().last().expect("effects"), "delete a");
    assert!(lab.snapshot().is_empty());
}

#[tokio::test]
async fn a_member_is_destroyed_with_what_depends_on_it() {
    let mut lab = Lab::new();
    let text = r#"
        a = thing name="a"
        b = thing name="b" of=@a:id
        c = thing name="c" of=@b:id
        d = thing name="d" of=@a:id
    "#;
    apply(&lab, text).await;
    lab.world.clear_calls();
    lab.selection = vec!["b".parse().expect("path")];
    // Also where the text is in error.
    let mut engine = lab.run("error broken");
    let plan = engine.plan_destroy().await.expect("plan");
    engine.apply(plan, &mut approve_all).await;
    engine.close().await;
    assert_eq!(lab.world.effects(), ["delete c", "delete b"]);
}

#[tokio::test]
async fn states_are_where_components_say() {
    let lab = Lab::new().with_type(
        "st",
        nixops4_testutils::FakeType {
            state_handler: true,
            ..Default::default()
        },
    );
    let text = r#"
        s = st file="x"
        net = composite !state=s
        net.a = thing name="a"
        b = thing name="b"
        c = thing name="c" !stateless
    "#;
    let report = run(lab.run(text)).await;
    assert!(report.is_success(), "{:?}", results(&report));
    let handler = "s".parse().expect("path");
    assert_eq!(lab.states.snapshot(Some(&handler)).len(), 1);
    assert_eq!(lab.snapshot().len(), 1);
    let mut engine = lab.run(text);
    let plan = engine.plan().await.expect("plan");
    let changes: Vec<_> = plan.changes.iter().map(|c| c.member.to_string()).collect();
    assert_eq!(changes, ["c"]);
    engine.close().await;
    lab.world.clear_calls();
    let mut engine = lab.run(text);
    let plan = engine.plan_destroy().await.expect("plan");
    let report = engine.apply(plan, &mut approve_all).await;
    assert!(report.is_success(), "{:?}", results(&report));
    engine.close().await;
    let mut effects = lab.world.effects();
    effects.sort();
    assert_eq!(effects, ["delete a", "delete b"]);
}

#[tokio::test]
async fn a_state_whose_name_is_an_output_is_found_again_to_destroy() {
    let lab = Lab::new().with_type(
        "st",
        nixops4_testutils::FakeType {
            state_handler: true,
            ..Default::default()
        },
    );
    let text = r#"
        bucket = thing name="bucket"
        s = st file=@bucket:id
        net = composite !state=s
        net.a = thing name="a"
    "#;
    assert_eq!(apply(&lab, text).await, ["create bucket", "create net.a"]);
    let mut engine = lab.run(text);
    let plan = engine.plan_destroy().await.expect("plan");
    let report = engine.apply(plan, &mut approve_all).await;
    assert!(report.is_success(), "{:?}", results(&report));
    engine.close().await;
    assert_eq!(world(&lab), Vec::<String>::new());
}
