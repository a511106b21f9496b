//! Nothing of a plugin outlives us: no process, no zombie, no socket, however it ends.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use common::{is_there, launch, start, until};
use nixops4_tfproto::client::Client;
use nixops4_tfproto::launch::Launch;
use serde_json::{Value as Json, json};

fn launch_in(temp: &tempfile::TempDir, script: &Json) -> Launch {
    let mut launch = launch(script);
    launch.temp_dir = temp.path().to_owned();
    launch
}

fn entries(temp: &tempfile::TempDir) -> usize {
    std::fs::read_dir(temp.path()).unwrap().count()
}

#[tokio::test]
async fn orderly_end() {
    let temp = tempfile::tempdir().unwrap();
    let client = Client::launch(&launch_in(&temp, &json!({}))).await.unwrap();
    let pid = client.pid();
    assert_eq!(client.shutdown().await.to_string(), "exit status 0");
    assert!(!is_there(pid), "it is reaped");
    // Ending it once more does no harm.
    assert_eq!(client.shutdown().await.to_string(), "exit status 0");
    drop(client);
    assert_eq!(entries(&temp), 0);
}

#[tokio::test]
async fn plugin_that_does_not_end_is_killed() {
    let client = start(json!({"start": "immortal"})).await;
    let pid = client.pid();
    assert_eq!(
        client.shutdown().await.to_string(),
        "killed by signal 9 (SIGKILL)"
    );
    assert!(!is_there(pid));
}

#[tokio::test]
async fn dropping_the_last_client_kills() {
    let temp = tempfile::tempdir().unwrap();
    let client = Client::launch(&launch_in(&temp, &json!({"start": "immortal"})))
        .await
        .unwrap();
    let (pid, other) = (client.pid(), client.clone());
    drop(client);
    other.stop().await.unwrap();
    drop(other);
    until("the end of the plugin", || !is_there(pid)).await;
    until("the removal of the socket", || entries(&temp) == 0).await;
}

/// The children of a process, zombies included.
fn children(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    let of_thread = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        let pids = text.split_whitespace().filter_map(|pid| pid.parse().ok());
        pids.collect::<Vec<_>>()
    };
    threads
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(of_thread)
        .collect()
}

/// Whether a process that is not our child has ended. Nobody has to reap it in time.
fn is_gone(pid: &u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.is_empty() || status.contains(") Z ")
}

#[tokio::test]
async fn grandchildren_do_not_outlive_the_plugin() {
    for orderly in [true, false] {
        let client = start(json!({"start": "grandchild"})).await;
        let grandchildren = children(client.pid());
        assert_eq!(grandchildren.len(), 1);
        if orderly {
            assert!(client.shutdown().await.success());
        }
        drop(client);
        until("the end of the grandchild", || {
            grandchildren.iter().all(is_gone)
        })
        .await;
    }
}

#[tokio::test]
async fn crash_leaves_no_zombie_and_no_socket() {
    let temp = tempfile::tempdir().unwrap();
    let script = json!({"rpcs": {"GetMetadata": {"crash": "before"}}});
    let client = Client::launch(&launch_in(&temp, &script)).await.unwrap();
    let pid = client.pid();
    client.get_metadata(Default::default()).await.unwrap_err();
    assert!(!is_there(pid), "it is reaped");
    drop(client);
    assert_eq!(entries(&temp), 0);
}

#[tokio::test]
async fn flood_of_logs_does_not_block_the_plugin() {
    let client = start(json!({"start": {"flood": 100_000_000}})).await;
    assert_eq!(client.log_tail().lines().len(), 100);
    assert!(client.shutdown().await.success());
}

#[tokio::test]
async fn many_plugins_at_once() {
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..8 {
        starts.spawn(async { start(json!({})).await });
    }
    while let Some(client) = starts.join_next().await {
        assert!(client.unwrap().shutdown().await.success());
    }
}

/// Not a test of its own: a host that waits to be killed, in a process that a test starts.
#[tokio::test]
async fn host_that_waits() {
    let Some(temp_dir) = std::env::var_os("BE_A_HOST_IN") else {
        return;
    };
    let start = std::env::var("HOST_OF").expect("how the plugin starts");
    let mut launch = launch(&json!({"start": start}));
    launch.temp_dir = temp_dir.into();
    let client = Client::launch(&launch).await.unwrap();
    println!("plugin {}", client.pid());
    std::future::pending::<()>().await;
}

/// Starts such a host and gives it with the pid of its plugin.
#[cfg(target_os = "linux")]
fn host_of(start: &str, temp: &tempfile::TempDir) -> (std::process::Child, u32) {
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "host_that_waits", "--nocapture"])
        .env("BE_A_HOST_IN", temp.path())
        .env("HOST_OF", start)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(host.stdout.take().unwrap());
    let announced = |line: String| Some(line.split_once("plugin ")?.1.parse::<u32>().unwrap());
    let pid = stdout
        .lines()
        .map_while(Result::ok)
        .find_map(announced)
        .unwrap();
    (host, pid)
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn killing_the_host_kills_the_plugin() {
    let temp = tempfile::tempdir().unwrap();
    let (mut host, pid) = host_of("immortal", &temp);
    assert!(is_there(pid));
    host.kill().unwrap();
    host.wait().unwrap();
    until("the end of the plugin", || !is_there(pid)).await;
    // The next host removes what this one could not.
    assert_eq!(entries(&temp), 1);
    let client = Client::launch(&launch_in(&temp, &json!({}))).await.unwrap();
    client.shutdown().await;
    drop(client);
    assert_eq!(entries(&temp), 0);
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn killing_the_host_kills_what_the_plugin_has_started() {
    let temp = tempfile::tempdir().unwrap();
    let (mut host, pid) = host_of("grandchild", &temp);
    let grandchildren = children(pid);
    assert_eq!(grandchildren.len(), 1);
    let guards = children(host.id())
        .into_iter()
        .filter(|child| *child != pid);
    let guards: Vec<_> = guards.collect();
    assert_eq!(
        guards.len(),
        1,
        "one guard, whatever there is to be guarded"
    );
    host.kill().unwrap();
    host.wait().unwrap();
    until("the end of the grandchild", || {
        grandchildren.iter().all(is_gone)
    })
    .await;
    until("the end of the guard", || guards.iter().all(is_gone)).await;
}
