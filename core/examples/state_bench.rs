//! Times the state file: appending outcomes as an apply does, opening a large file, and the memory
//! that takes. Usage: `cargo run --release -p nixops4-core --example state_bench [RESOURCES [FILE]]`: with a file,
//! only that is opened.
#![allow(clippy::print_stdout, reason = "a program for people at a terminal")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nixops4_core::provider::{Mode, ResourceState};
use nixops4_core::state::{
    FileStore, Intent, Operation, Outcome, ProviderRecord, StateEvent, StateStore, StoredObject,
    WriteOptions, new_run,
};
use nixops4_core::value::Value;
use nixops4_core::{AttrPath, MemberPath, OutputRef};
use nixops4_proto::evaluator::ProviderProgram;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let count = args
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_000);
    if let Some(path) = args.next() {
        return open(Path::new(&path), "as it is");
    }
    let directory = std::env::temp_dir().join(format!("state-bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a folder");
    let applied = directory.join("applied.state");
    for parallelism in [1, 10, 100] {
        let _ = std::fs::remove_file(&applied);
        let changes = if parallelism == 1 { count / 10 } else { count };
        let took = apply(&applied, changes, parallelism).await;
        let each = took.as_secs_f64() * 1e6 / changes as f64;
        println!(
            "apply of {changes} resources, {parallelism} at once: {took:.2?} ({each:.0} us each)"
        );
    }
    let found = directory.join("found.state");
    record(&found, count).await;
    for (path, what) in [(applied, "intents and outcomes"), (found, "one event each")] {
        open(&path, what);
    }
    if std::env::var_os("KEEP").is_none() {
        std::fs::remove_dir_all(&directory).expect("removed");
    }
}

fn writer(path: &Path) -> FileStore {
    let options = WriteOptions::default();
    FileStore::open_write(path, new_run(), &options)
        .expect("opens")
        .value
}

/// Begins and finishes the creation of `count` resources, `parallelism` at once.
async fn apply(path: &Path, count: usize, parallelism: usize) -> Duration {
    let store = Arc::new(writer(path));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..parallelism {
        let store = store.clone();
        tasks.spawn(async move {
            for number in (worker..count).step_by(parallelism) {
                let id = store.begin(intent(number)).await.expect("begun");
                store
                    .finish(id, Outcome::object(object(number)))
                    .await
                    .expect("finished");
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("no panic");
    }
    let took = start.elapsed();
    store.close().await.expect("closed");
    took
}

async fn record(path: &Path, count: usize) {
    let store = writer(path);
    let start = Instant::now();
    let found = |number| StateEvent::Found {
        member: member(number),
        deposed: None,
        object: Box::new(object(number)),
    };
    store
        .record_all((0..count).map(found).collect())
        .await
        .expect("recorded");
    println!("record {count} at once: {:.2?}", start.elapsed());
    store.close().await.expect("closed");
}

fn open(path: &Path, what: &str) {
    let megabytes = std::fs::metadata(path).expect("a file").len() as f64 / 1e6;
    let mut times = Vec::new();
    let cpu_before = cpu();
    let before = memory("VmRSS:");
    let mut kept = None;
    for _ in 0..7 {
        drop(kept.take());
        let start = Instant::now();
        let opened = FileStore::open_read(path, new_run(), &[]).expect("opens");
        times.push(start.elapsed());
        kept = Some(opened);
    }
    times.sort();
    let resources = kept
        .as_ref()
        .map_or(0, |opened| opened.value.snapshot().len());
    println!(
        "open {resources} resources, {what} ({megabytes:.1} MB): {:.1?} (processor {:.1?}); memory {before:.0} -> {:.0} MB, at most {:.0} MB",
        times[times.len() / 2],
        (cpu() - cpu_before) / times.len() as u32,
        memory("VmRSS:"),
        memory("VmHWM:"),
    );
}

/// Processor time of this process.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = stat
        .split_whitespace()
        .next()
        .and_then(|text| text.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// Memory of this process, in megabytes.
fn memory(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}

fn member(number: usize) -> MemberPath {
    MemberPath::from_names(["web".to_owned(), format!("m{number}")])
}

fn intent(number: usize) -> Intent {
    let object = object(number);
    Intent {
        member: member(number),
        operation: Operation::Create { depose: None },
        type_name: object.state.type_name,
        provider: object.provider,
        inputs: object.state.inputs,
        planned_id: None,
    }
}

/// An object like those of cloud providers: a score of outputs, some of them nested.
fn object(number: usize) -> StoredObject {
    let arn = format!("arn:aws:ssm:eu-central-1:123456789012:parameter/app/p{number}");
    let tags = Value::attrs([
        ("Name", arn.as_str().into()),
        ("stage", "production".into()),
    ]);
    let inputs = Value::attrs([
        ("name", Value::from(format!("/app/p{number}").as_str())),
        ("type", "String".into()),
        ("value", Value::from("something that is secret").sensitive()),
        ("tags", tags.clone()),
    ]);
    let mut outputs = inputs.as_attrs().cloned().unwrap_or_default();
    outputs.insert("arn".into(), arn.as_str().into());
    outputs.insert("id".into(), format!("/app/p{number}").as_str().into());
    outputs.insert("tags_all".into(), tags);
    outputs.insert("version".into(), (number as i64).into());
    for extra in 0..10 {
        outputs.insert(format!("computed_{extra}"), Value::null());
    }
    let mut object = StoredObject::new(
        Mode::Managed,
        ResourceState {
            type_name: "aws_ssm_parameter".into(),
            inputs,
            outputs: Value::attrs(outputs),
            private: Some(br#"{"schema_version":"0"}"#.to_vec()),
            ..ResourceState::default()
        },
    );
    let program = ProviderProgram::Tfplugin {
        executable: None,
        source: Some("hashicorp/aws".into()),
        version: Some("~> 5.0".into()),
    };
    let config = Value::attrs([("region", Value::from("eu-central-1"))]);
    object.provider = Some(Arc::new(ProviderRecord {
        id: "#aws".into(),
        program,
        config,
    }));
    let path = AttrPath::root().child("id");
    object.dependencies = [OutputRef {
        member: member(number / 2),
        path,
    }]
    .into();
    object
}
