//! The fake is strict, and does what its script says.

use super::*;
use crate::{Subject, provider_contract};

fn thing(size: i64) -> Value {
    Value::attrs([
        ("name", "a".into()),
        ("size", size.into()),
        ("note", "n".into()),
        ("secret", "s".into()),
    ])
}

async fn plan(fake: &FakeProvider, prior: Option<&ResourceState>, inputs: &Value) -> PlannedChange {
    let request = PlanRequest {
        type_name: "thing",
        prior,
        inputs,
        ignore_changes: &[],
        ignore_all_changes: false,
        stateful: true,
        force_replace: false,
    };
    fake.plan(request).await.expect("planned").value
}

async fn apply(
    fake: &FakeProvider,
    kind: ApplyKind,
    prior: Option<&ResourceState>,
    inputs: &Value,
    change: &PlannedChange,
) -> Result<ApplyResponse, ProviderError> {
    fake.apply(ApplyRequest {
        kind,
        type_name: "thing",
        prior,
        inputs,
        stateful: true,
        change,
        progress: Default::default(),
    })
    .await
}

async fn create(fake: &FakeProvider, inputs: &Value) -> ResourceState {
    let change = plan(fake, None, inputs).await;
    let response = apply(fake, ApplyKind::Create, None, inputs, &change).await;
    response.expect("alive").state.expect("created")
}

#[tokio::test]
async fn a_thing_lives_through_create_update_read_and_delete() {
    let fake = FakeProvider::new();
    let state = create(&fake, &thing(1)).await;
    assert_eq!(id_of(&state), "thing-1");
    assert_eq!(
        plan(&fake, Some(&state), &thing(1)).await.action,
        Action::NoOp
    );
    assert_eq!(
        plan(&fake, Some(&state), &thing(2)).await.action,
        Action::Replace
    );

    let wanted = Value::attrs([
        ("name", "a".into()),
        ("size", 1.into()),
        ("x", Value::unknown()),
    ]);
    let change = plan(&fake, Some(&state), &wanted).await;
    assert_eq!(change.action, Action::Update);
    assert_eq!(change.outputs.get(&input("id")), Some(&"thing-1".into()));
    assert!(change.outputs.get(&input("x")).expect("echo").is_unknown());

    fake.world().drift("thing-1", "note", "changed".into());
    let read = fake.read(&state).await.expect("read").value.expect("there");
    assert_eq!(
        plan(&fake, Some(&read), &thing(1)).await.action,
        Action::Update
    );

    let change = fake.plan_delete(&read).await.expect("planned").value;
    let gone = apply(
        &fake,
        ApplyKind::Delete,
        Some(&read),
        &Value::null(),
        &change,
    )
    .await;
    assert_eq!(gone, Ok(ApplyResponse::default()));
    assert_eq!(fake.world().effects(), ["create a", "delete a"]);
    assert_eq!(fake.world().violations(), [""; 0]);
    assert!(fake.read(&read).await.expect("read").value.is_none());
}

#[tokio::test]
async fn what_breaks_the_contract_is_refused_and_written_down() {
    let fake = FakeProvider::new();
    let change = plan(&fake, None, &thing(1)).await;
    let refused = apply(&fake, ApplyKind::Create, None, &thing(2), &change).await;
    assert!(refused.expect("alive").diagnostics.has_errors());
    let unknown = Value::attrs([("name", Value::unknown())]);
    let change = plan(&fake, None, &unknown).await;
    let refused = apply(&fake, ApplyKind::Create, None, &unknown, &change).await;
    assert!(refused.expect("alive").diagnostics.has_errors());
    assert_eq!(
        fake.world().violations(),
        [
            "Create : the plan was made from other inputs",
            "Create : unknown inputs"
        ]
    );
    assert!(fake.world().objects().is_empty());
}

#[tokio::test]
async fn the_script_makes_calls_fail_die_and_get_half_way() {
    let fake = FakeProvider::new();
    let world = fake.world().clone();
    world.script(Operation::Create, "a", Outcome::Fail("no".into()));
    world.script(Operation::Create, "a", Outcome::Partial("half".into()));
    let change = plan(&fake, None, &thing(1)).await;
    let failed = apply(&fake, ApplyKind::Create, None, &thing(1), &change)
        .await
        .expect("alive");
    assert!(failed.state.is_none() && failed.diagnostics.has_errors());
    let half = apply(&fake, ApplyKind::Create, None, &thing(1), &change)
        .await
        .expect("alive");
    assert!(half.state.is_some() && half.diagnostics.has_errors());

    world.script(Operation::Create, "a", Outcome::CrashAfter);
    let died = apply(&fake, ApplyKind::Create, None, &thing(1), &change).await;
    assert!(died.expect_err("dead").in_doubt);
    assert_eq!(world.named("a").len(), 2, "it was created all the same");
    assert!(
        fake.read(&half.state.expect("state")).await.is_err(),
        "dead is dead"
    );
}

#[tokio::test]
async fn a_held_call_waits_until_it_is_released() {
    let fake = FakeProvider::new();
    let held = fake.world().hold(Operation::Create, "a");
    let inputs = thing(1);
    let change = plan(&fake, None, &inputs).await;
    let call = apply(&fake, ApplyKind::Create, None, &inputs, &change);
    let watch = async {
        held.reached().await;
        assert!(fake.world().objects().is_empty());
        held.release();
    };
    let (response, ()) = tokio::join!(call, watch);
    assert!(response.expect("alive").state.is_some());
}

#[tokio::test]
async fn the_fake_keeps_the_contract() {
    let world = Arc::<World>::default();
    let subject = Subject {
        updated: Some(with_note("other")),
        replaced: Some((thing(2), input("size"))),
        invalid: Some((Value::attrs([("bad", "wrong".into())]), input("bad"))),
        may_be_unknown: Some("note".into()),
        secret_output: Some("secret".into()),
        drift: Some(Box::new({
            let world = world.clone();
            move |state| world.drift(id_of(state), "note", "drifted".into())
        })),
        vanish: Some(Box::new({
            let world = world.clone();
            move |state| world.vanish(id_of(state))
        })),
        import_id: Some(Box::new(|state| id_of(state).to_owned())),
        data: Some(("lookup".into(), Value::attrs([("key", "k".into())]))),
        ..Subject::new(
            {
                let world = world.clone();
                move || Arc::new(FakeProvider::over(world.clone()))
            },
            "thing",
            thing(1),
        )
    };
    provider_contract(&subject).await;
    assert_eq!(world.violations(), [""; 0]);
    assert!(world.objects().is_empty(), "everything was deleted");
}

fn with_note(note: &str) -> Value {
    Value::attrs([
        ("name", "a".into()),
        ("size", 1.into()),
        ("note", note.into()),
        ("secret", "s".into()),
    ])
}
