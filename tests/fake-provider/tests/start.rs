//! Plugins that do not start as they should: each is a readable error, and nothing is left behind.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use common::{launch, until};
use nixops4_tfproto::client::Client;
use nixops4_tfproto::handshake::Protocol;
use nixops4_tfproto::launch::Launch;
use serde_json::{Value as Json, json};

/// Starts the fake plugin in a folder of its own; it must fail and leave the folder empty.
async fn failure_of(mut launch: Launch) -> String {
    let temp = tempfile::tempdir().unwrap();
    launch.temp_dir = temp.path().to_owned();
    let error = launch.start().await.unwrap_err();
    assert_eq!(
        std::fs::read_dir(temp.path()).unwrap().count(),
        0,
        "files are left"
    );
    let executable = launch.executable.display().to_string();
    error.to_string().replace(&executable, "PLUGIN")
}

async fn failure(start: Json) -> String {
    failure_of(launch(&json!({"start": start}))).await
}

const CANNOT: &str = "cannot start the plugin of provider fake (PLUGIN): ";
const TAIL: &str = "\nthe last lines of its log:\n  Starting fake-provider";

#[tokio::test]
async fn missing_file() {
    let message = failure_of(Launch::new("fake", "/nonexistent/plugin")).await;
    assert_eq!(message, format!("{CANNOT}there is no such file"));
}

async fn failure_of_file(content: &[u8], mode: u32) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plugin");
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    failure_of(Launch::new("fake", path)).await
}

#[tokio::test]
async fn file_that_is_not_executable() {
    let message = failure_of_file(b"#!/bin/sh\n", 0o644).await;
    assert_eq!(message, format!("{CANNOT}the file may not be executed"));
}

#[tokio::test]
async fn folder_in_place_of_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let message = failure_of(Launch::new("fake", dir.path())).await;
    assert_eq!(message, format!("{CANNOT}this is a folder, not a program"));
}

#[tokio::test]
async fn file_that_is_no_program() {
    let message = failure_of_file(b"this is just some text that is no program", 0o755).await;
    let machine = std::env::consts::ARCH;
    assert_eq!(
        message,
        format!(
            "{CANNOT}this is no program that this machine ({machine}) can run: it is no program"
        )
    );
}

#[tokio::test]
async fn program_for_another_machine() {
    let elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x16\0rest of the program";
    let message = failure_of_file(elf, 0o755).await;
    assert!(
        message.ends_with("can run: it is built for another machine (number 22)"),
        "{message}"
    );
}

#[tokio::test]
async fn program_without_its_interpreter() {
    let message = failure_of_file(b"#!/nonexistent/interpreter\n", 0o755).await;
    assert!(message.contains("the file is there, but the program that has to load it is not"));
}

#[tokio::test]
async fn program_that_is_no_plugin() {
    let message = failure_of_file(b"#!/bin/sh\necho hello; sleep 1000\n", 0o755).await;
    let reason = "its first line of output is not a plugin handshake: \"hello\"";
    assert_eq!(message, format!("{CANNOT}{reason}"));
}

#[tokio::test]
async fn program_that_just_ends() {
    let message = failure_of_file(b"#!/bin/sh\nexit 0\n", 0o755).await;
    let reason = "it ended before its handshake (exit status 0); it may be no provider plugin";
    assert_eq!(message, format!("{CANNOT}{reason}"));
}

#[tokio::test]
async fn exit_at_start() {
    let message = failure(json!({"exit": {"code": 7, "stderr": "[ERROR] no license"}})).await;
    let reason = "it ended before its handshake (exit status 7)";
    assert_eq!(message, format!("{CANNOT}{reason}{TAIL}\n  no license"));
}

#[tokio::test]
async fn crash_at_start() {
    let message = failure(json!("panic")).await;
    let reason = "it ended before its handshake (exit status 2)\nthe last lines of its log:\n  \
                  panic: fake crash\n";
    assert!(
        message.starts_with(&format!("{CANNOT}{reason}")),
        "{message}"
    );
    assert!(message.ends_with("/fake/main.go:12 +0x1d"), "{message}");
}

#[tokio::test]
async fn refused_cookie() {
    // A value of the environment that we set ourselves cannot be overridden by the caller.
    let mut launch = launch(&json!({}));
    launch
        .env
        .push(("TF_PLUGIN_MAGIC_COOKIE".into(), "wrong".into()));
    let client = Client::launch(&launch).await.unwrap();
    assert!(client.shutdown().await.success());
    // Without a host the plugin says what it is and ends.
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_fake-provider"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
}

#[tokio::test]
async fn no_handshake() {
    let mut launch = launch(&json!({"start": "hang"}));
    launch.start_timeout = Duration::from_millis(500);
    let reason = "no handshake line on its standard output within 0.5 seconds";
    assert_eq!(failure_of(launch).await, format!("{CANNOT}{reason}{TAIL}"));
}

#[tokio::test]
async fn closed_output() {
    let reason = "it closed its output without a handshake, and still runs";
    assert_eq!(
        failure(json!("close_stdout")).await,
        format!("{CANNOT}{reason}{TAIL}")
    );
}

#[tokio::test]
async fn endless_handshake() {
    let message = failure(json!("endless")).await;
    let reason = "it printed more than 64 KiB instead of a handshake line: \"endless endless";
    assert!(
        message.starts_with(&format!("{CANNOT}{reason}")),
        "{message}"
    );
    assert!(message.len() < 600);
}

#[tokio::test]
async fn garbage_handshake() {
    let message = failure(json!({"line": "listening on port 80"})).await;
    let reason = "its first line of output is not a plugin handshake: \"listening on port 80\"";
    assert_eq!(message, format!("{CANNOT}{reason}{TAIL}"));
}

#[tokio::test]
async fn unsupported_versions() {
    let reason = "it speaks version \"4\" of the provider protocol; versions 5 and 6 are supported";
    let message = failure(json!({"line": "1|4|unix|/tmp/x|grpc|"})).await;
    assert_eq!(message, format!("{CANNOT}{reason}{TAIL}"));
    let message = failure(json!({"line": "2|5|unix|/tmp/x|grpc|"})).await;
    assert!(message.contains("version \"2\" of the plugin handshake; only version 1 is known"));
}

#[tokio::test]
async fn plugin_from_before_grpc() {
    let message = failure(json!({"line": "1|5|unix|/tmp/x|netrpc"})).await;
    assert!(
        message.contains("does not speak gRPC but \"netrpc\""),
        "{message}"
    );
}

#[tokio::test]
async fn wrong_certificate() {
    let message = failure(json!("wrong_certificate")).await;
    let reason = "the encrypted connection to it failed: ";
    assert!(
        message.starts_with(&format!("{CANNOT}{reason}")),
        "{message}"
    );
    let hint = "(the server's certificate is not the one that the plugin announced)";
    assert!(message.contains(hint), "{message}");
}

#[tokio::test]
async fn no_certificate() {
    let reason = "it gave no certificate although one was asked for";
    assert_eq!(
        failure(json!("no_certificate")).await,
        format!("{CANNOT}{reason}{TAIL}")
    );
}

#[tokio::test]
async fn vanished_socket() {
    let message = failure(json!("vanished_socket")).await;
    assert!(message.contains("it said to listen at /"), "{message}");
    assert!(
        message.contains(".gone, but connecting failed: No such file"),
        "{message}"
    );
}

#[tokio::test]
async fn connection_that_is_closed_at_once() {
    let message = failure(json!("hang_up")).await;
    assert!(
        message.contains("the encrypted connection to it failed: "),
        "{message}"
    );
}

#[tokio::test]
async fn something_else_than_http() {
    let client = common::start(json!({"start": "not_http"})).await;
    let error = client.stop().await.unwrap_err().to_string();
    let reason = "provider fake: StopProvider: the connection to the plugin broke although its \
                  process still runs: ";
    assert!(error.starts_with(reason), "{error}");
}

#[tokio::test]
async fn both_protocols_with_and_without_encryption() {
    for (script, protocol) in [
        (json!({}), Protocol::V6),
        (json!({"protocol": 6}), Protocol::V6),
        (json!({"protocol": 5}), Protocol::V5),
    ] {
        for tls in [true, false] {
            let mut launch = launch(&script);
            launch.tls = tls;
            let client = Client::launch(&launch).await.unwrap();
            assert_eq!(client.protocol(), protocol);
            client.stop().await.unwrap();
            assert_eq!(client.shutdown().await.to_string(), "exit status 0");
        }
    }
}

#[tokio::test]
async fn long_temporary_folders_are_no_problem() {
    let temp = tempfile::tempdir().unwrap();
    let deep = temp.path().join("x".repeat(100));
    std::fs::create_dir(&deep).unwrap();
    let mut launch = launch(&json!({}));
    launch.temp_dir = deep;
    let client = Client::launch(&launch).await.unwrap();
    assert!(client.shutdown().await.success());
}

#[tokio::test]
async fn giving_up_waiting_leaves_nothing_behind() {
    let temp = tempfile::tempdir().unwrap();
    let mut launch = launch(&json!({"start": "hang"}));
    launch.temp_dir = temp.path().to_owned();
    let marker = temp.path().join("pid");
    let script = temp.path().join("plugin");
    let text = format!(
        "#!/bin/sh\necho $$ > {}; exec sleep 1000\n",
        marker.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    launch.executable = script;
    let attempt = tokio::spawn(async move { launch.start().await.map(drop) });
    let pid = || {
        std::fs::read_to_string(&marker)
            .ok()?
            .trim()
            .parse::<u32>()
            .ok()
    };
    until("the start of the plugin", || pid().is_some()).await;
    attempt.abort();
    until("the end of the plugin", || {
        !common::is_there(pid().unwrap())
    })
    .await;
    let is_socket_folder = |path: &Path| path.is_dir();
    let folders = || {
        let entries = std::fs::read_dir(temp.path()).unwrap();
        entries
            .filter(|entry| is_socket_folder(&entry.as_ref().unwrap().path()))
            .count()
    };
    until("the removal of the folder", || folders() == 0).await;
}
