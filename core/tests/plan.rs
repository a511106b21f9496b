//! What is planned, on fakes: deployment in, plan out, both as text.

use nixops4_testutils::{Lab, plan_text};

async fn plan(lab: &Lab, text: &str) -> String {
    let mut engine = lab.run(text);
    let plan = engine.plan().await.expect("plan");
    engine.close().await;
    assert_eq!(
        lab.world.effects(),
        Vec::<String>::new(),
        "a plan changes nothing"
    );
    plan_text(&plan)
}

/// Plans on an empty world.
async fn check_plan(text: &str, expected: &str) {
    let actual = plan(&Lab::new(), text).await;
    let expected: Vec<_> = expected.lines().map(|line| line.trim_start()).collect();
    let actual_lines: Vec<_> = actual.lines().map(|line| line.trim_start()).collect();
    assert_eq!(actual_lines, expected[1..expected.len() - 1], "{actual}");
}

#[tokio::test]
async fn unknown_outputs_go_through_the_plan() {
    check_plan(
        r#"
        vpc = thing name="vpc" size=1
        subnet = thing name="subnet" vpc=@vpc:id note="in ${vpc:name}"
        "#,
        r#"
        + subnet: it is new
        name: - -> "subnet"
        note: - -> "in vpc"
        vpc: - -> ?vpc.id
        out id: - -> ?
        + vpc: it is new
        name: - -> "vpc"
        size: - -> 1
        out id: - -> ?
        "#,
    )
    .await;
}

#[tokio::test]
async fn a_cycle_is_named_and_the_rest_is_planned() {
    check_plan(
        r#"
        a = thing name="a" of=@b:id
        b = thing name="b" of=@c:id
        c = thing name="c" of=@a:id
        d = thing name="d" of=@b:id
        e = thing name="e"
        "#,
        r#"
        + e: it is new
        name: - -> "e"
        out id: - -> ?
        ! a
        ! b
        ! c
        ! d: because of b
        Error: dependency cycle: a -> b -> c -> a
        "#,
    )
    .await;
}

#[tokio::test]
async fn errors_stop_only_what_depends_on_them() {
    check_plan(
        r#"
        a = thing !throw="no"
        b = thing name="b" of=@a:id
        c = thing name="c" bad="wrong"
        d = thing name="d" of=@c:id
        e = nothing name="e"
        f = thing name="f" of=@g:nowhere
        g = thing name="g"
        h = thing name="h" !after=c
        "#,
        r#"
        + g: it is new
        name: - -> "g"
        out id: - -> ?
        ! a
        ! b: because of a
        ! c
        ! d: because of c
        ! e
        ! f
        ! h: because of c
        Error: no
        Error: there is no resource type `nothing`
        Error: wrong (at bad)
        Error: attribute `g.nowhere` missing
        "#,
    )
    .await;
}

#[tokio::test]
async fn structure_that_needs_outputs_is_deferred() {
    let lab = Lab::new();
    lab.world.set_data(
        "zones",
        nixops4_core::value::Value::list(["x".into(), "y".into()]),
    );
    let text = r#"
        zones = data lookup key="zones"
        web.* = thing name="${name}" !each=zones:value
        late = data lookup key=@vpc:id
        app.* = thing name="${name}" !each=late:value
        use = thing name="use" of=@app.one:id
        vpc = thing name="vpc"
        db = thing name="db" !if=vpc:id
    "#;
    assert_eq!(
        plan(&lab, text).await,
        r#"< late: its inputs are not known yet
    key: - -> ?vpc.id
+ use: it is new
    name: - -> "use"
    of: - -> ?late.value
    out id: - -> ?
+ vpc: it is new
    name: - -> "vpc"
    out id: - -> ?
+ web.x: it is new
    name: - -> "x"
    out id: - -> ?
+ web.y: it is new
    name: - -> "y"
    out id: - -> ?
> app: the names of its members depend on late.value
> db: whether it is a resource depends on vpc.id"#
    );
}

#[tokio::test]
async fn a_provider_that_needs_outputs_defers_its_resources() {
    check_plan(
        r#"
        provider cluster host=@vm:id
        vm = thing name="vm"
        job = thing name="job" !provider=cluster
        after = thing name="after" of=@job:id
        "#,
        r#"
        + vm: it is new
        name: - -> "vm"
        out id: - -> ?
        > after: it depends on job, which is deferred
        > job: the configuration of its provider #cluster depends on vm.id
        "#,
    )
    .await;
}

#[tokio::test]
async fn a_selection_asks_for_no_more_than_it_needs() {
    let mut lab = Lab::new();
    lab.selection = vec!["net.b".parse().expect("path")];
    let text = r#"
        net.a = thing name="a"
        net.b = thing name="b" of=@base:id
        net.c = thing name="c" !throw="not evaluated"
        base = thing name="base"
        other = thing name="other"
    "#;
    let evaluator = std::sync::Arc::new(nixops4_testutils::FakeEvaluator::new(text));
    let mut engine = lab.run_with(evaluator.clone(), nixops4_core::report::Reporter::silent());
    let plan = engine.plan().await.expect("plan");
    let members: Vec<_> = plan.changes.iter().map(|c| c.member.to_string()).collect();
    assert_eq!(members, ["base", "net.b"]);
    assert_eq!(
        evaluator.asked(),
        [
            "walk ",
            "walk net",
            "walk* net.b",
            "walk base",
            "walk net.b"
        ]
    );
    lab.selection = vec!["net.d".parse().expect("path")];
    assert_eq!(
        self::plan(&lab, text).await,
        "Error: attribute `net.d` missing"
    );
}
