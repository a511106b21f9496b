//! Which processes there are: shared, started again, stopped while idle.

use nixops4_tfproto::client::Pool;

use super::*;

/// The plugins of a fake that are alive: those with its folder in their environment.
fn alive(fake: &Fake) -> usize {
    let folder = fake.dir.path().to_string_lossy().into_owned();
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let ours = |entry: &std::fs::DirEntry| {
        let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let is_plugin = read("comm").starts_with(b"fake-provider");
        is_plugin && String::from_utf8_lossy(&read("environ")).contains(&folder)
    };
    processes.filter(ours).count()
}

fn in_region(region: &str) -> Value {
    plain(json!({ "region": region }))
}

/// Instances of one fake over one pool, in different regions.
struct Many {
    fake: Fake,
    pool: Arc<Pool>,
}

impl Many {
    fn new(cap: usize, script: Json) -> Self {
        Self {
            fake: Fake::new(script),
            pool: Arc::new(Pool::new(cap)),
        }
    }

    async fn instance(&self, name: &str, region: &str) -> Arc<dyn ConfiguredProvider> {
        let provider = TfProvider::new(PluginOptions {
            name: name.to_owned(),
            pool: self.pool.clone(),
            ..self.fake.options()
        });
        let checked = provider.validate_config(&in_region(region)).await;
        assert_eq!(checked.expect("valid"), Diagnostics::default());
        let configured = provider.configure(&in_region(region)).await;
        configured.expect("configured").value
    }
}

#[tokio::test]
async fn instances_with_one_configuration_share_a_process() {
    let many = Many::new(8, json!({}));
    let (a, b) = tokio::join!(many.instance("a", "x"), many.instance("b", "x"));
    let c = many.instance("c", "y").await;
    assert_eq!(alive(&many.fake), 2);
    assert_eq!(many.fake.count("ConfigureProvider"), 2);
    assert_eq!(many.fake.count("GetProviderSchema"), 1);
    create(&c, &plain(json!({ "name": "c" }))).await;

    a.close().await;
    create(&b, &plain(json!({ "name": "b" }))).await;
    b.close().await;
    assert_eq!(alive(&many.fake), 1);
    c.close().await;
    assert_eq!(alive(&many.fake), 0);
    let late = failed(b.plan(request(None, &plain(json!({ "name": "b" })))).await);
    assert!(late.contains("has been stopped"), "{late}");
}

#[tokio::test]
async fn more_instances_than_processes_take_turns() {
    // Each with a world of its own: two processes of the fake do not share one well.
    let pool = Arc::new(Pool::new(2));
    let many: Vec<_> = (0..5)
        .map(|_| Many {
            fake: Fake::new(json!({})),
            pool: pool.clone(),
        })
        .collect();
    let all = |what: fn(&Fake) -> usize| many.iter().map(|one| what(&one.fake)).sum::<usize>();
    let mut instances = Vec::new();
    for one in &many {
        instances.push(one.instance("fake", "x").await);
        assert!(all(alive) <= 2);
    }
    let lives = instances.iter().map(|instance| async {
        let inputs = plain(json!({ "name": "x" }));
        let state = create(instance, &inputs).await;
        settled(instance, &state).await.1
    });
    let actions = at_once(lives.collect()).await;
    assert_eq!(actions, vec![Action::NoOp; 5]);
    assert!(all(alive) <= 2);
    let configured = all(|fake| fake.count("ConfigureProvider"));
    assert!(configured > 5, "some were started again");
    for instance in instances {
        instance.close().await;
    }
    assert_eq!(all(alive), 0);
}

/// Waits for all at once.
async fn at_once<T>(tasks: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut tasks: Vec<_> = tasks.into_iter().map(Box::pin).collect();
    let mut results: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (task, result) in tasks.iter_mut().zip(&mut results) {
            if result.is_none()
                && let std::task::Poll::Ready(value) = task.as_mut().poll(context)
            {
                *result = Some(value);
            }
        }
        match results.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    results.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_call_under_way_is_not_stopped_for_want_of_a_process() {
    let many = Many::new(
        1,
        json!({ "rpcs": { "ReadResource": { "delay_ms": 400 } } }),
    );
    let a = many.instance("a", "x").await;
    let state = create(&a, &plain(json!({ "name": "a" }))).await;
    let read = async { a.read(&state).await.expect("read").value.is_some() };
    let other = async { many.instance("b", "y").await };
    let (read, b) = tokio::join!(read, other);
    assert!(read);
    create(&b, &plain(json!({ "name": "b" }))).await;
    assert_eq!(alive(&many.fake), 1);
}

#[tokio::test]
async fn a_plugin_that_dies_fails_what_runs_and_goes_on_with_the_rest() {
    let crash = json!({ "rpcs": { "ReadResource": [
        { "call": 1, "crash": "before", "delay_ms": 200 }, { "call": 2, "delay_ms": 10000 },
    ] } });
    let many = Many::new(4, crash);
    let a = many.instance("a", "x").await;
    let state = create(&a, &plain(json!({ "name": "a" }))).await;
    // Both are in flight when it dies.
    let (first, second) = tokio::join!(a.read(&state), a.read(&state));
    for failure in [failed(first), failed(second)] {
        assert!(failure.contains("exit status 2"), "{failure}");
        assert!(failure.contains("panic: fake crash"), "{failure}");
    }
    // The next process has the same configuration, and the same objects.
    let change = plan(&a, Some(&state), &plain(json!({ "name": "a", "size": 5 }))).await;
    assert_eq!(change.action, Action::Update);
    assert_eq!(many.fake.count("ConfigureProvider"), 2);
    assert_eq!(alive(&many.fake), 1);
}

#[tokio::test]
async fn a_change_under_way_when_the_plugin_dies_is_in_doubt_and_the_next_is_made() {
    let (fake, instance) = misbehaving(
        "ApplyResourceChange",
        json!({ "type_name": THING, "call": 2, "crash": "before" }),
    )
    .await;
    let inputs = plain(json!({ "name": "a" }));
    create(&instance, &inputs).await;
    let change = plan(&instance, None, &inputs).await;
    let error = try_apply(&instance, ApplyKind::Create, None, &inputs, &change)
        .await
        .expect_err("it died");
    assert!(error.in_doubt, "{error}");
    create(&instance, &inputs).await;
    assert_eq!(fake.count("ConfigureProvider"), 2);
}

#[tokio::test]
async fn a_plugin_that_always_dies_is_given_up() {
    let (fake, instance) = misbehaving("ReadResource", json!({ "crash": "before" })).await;
    let state = create(&instance, &plain(json!({ "name": "a" }))).await;
    let mut last = String::new();
    for _ in 0..10 {
        last = failed(instance.read(&state).await);
    }
    assert!(last.contains("panic: fake crash"), "{last}");
    assert_eq!(fake.count("ReadResource"), 6, "started again five times");
    assert_eq!(fake.count("ConfigureProvider"), 6);
}

#[tokio::test]
async fn a_connection_that_breaks_is_replaced_with_its_process() {
    let broken = json!({ "call": 1, "disconnect": true });
    let (fake, instance) = misbehaving("ReadResource", broken).await;
    let state = create(&instance, &plain(json!({ "name": "a" }))).await;
    let failure = failed(instance.read(&state).await);
    assert!(failure.contains("its process still runs"), "{failure}");
    create(&instance, &plain(json!({ "name": "b" }))).await;
    assert_eq!(fake.count("ConfigureProvider"), 2);
    assert_eq!(alive(&fake), 1);
}

#[tokio::test]
async fn no_more_calls_run_at_once_than_may() {
    let fake = Fake::new(json!({ "rpcs": { "ReadResource": { "delay_ms": 100 } } }));
    let provider = TfProvider::new(PluginOptions {
        settings: nixops4_proto::evaluator::ProviderSettings {
            concurrency: Some(1),
            ..Default::default()
        },
        ..fake.options()
    });
    let configured = provider.configure(&Value::null()).await;
    let instance = configured.expect("configured").value;
    let state = create(&instance, &plain(json!({ "name": "a" }))).await;
    let start = tokio::time::Instant::now();
    let (a, b) = tokio::join!(instance.read(&state), instance.read(&state));
    assert!(a.is_ok() && b.is_ok());
    // One after the other: the plugin itself takes this long for each.
    assert!(start.elapsed() >= Duration::from_millis(200));
}
