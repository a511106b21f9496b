//! The connection over streams in memory: the test is the program.

use nixops4_proto::native::{Read, Stop};
use tokio::io::{AsyncBufReadExt, DuplexStream, Lines};

use super::*;

/// The program's side.
struct Peer {
    requests: Lines<BufReader<DuplexStream>>,
    answers: DuplexStream,
    errors: DuplexStream,
}

impl Peer {
    async fn next_request(&mut self) -> String {
        let line = self.requests.next_line().await.expect("readable");
        line.expect("a request")
    }

    async fn say(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.answers.write_all(line.as_bytes()).await.expect("open");
    }

    /// Ends, after some last words.
    async fn die(mut self, words: &str) {
        self.errors.write_all(words.as_bytes()).await.expect("open");
    }
}

fn connect() -> (Connection, Peer) {
    let (stdin, input) = tokio::io::duplex(1 << 16);
    let (stdout, answers) = tokio::io::duplex(1 << 16);
    let (stderr, errors) = tokio::io::duplex(1 << 16);
    let connection = Connection::over("demo", stdin, stdout, stderr, None, Secrets::default());
    let peer = Peer {
        requests: BufReader::new(input).lines(),
        answers,
        errors,
    };
    (connection, peer)
}

fn read(name: &str) -> Read {
    Read {
        type_name: name.into(),
        ..Read::default()
    }
}

fn lost<T: std::fmt::Debug>(result: Result<T, CallError>) -> String {
    match result {
        Err(CallError::Lost(lost) | CallError::NotSent(lost)) => lost.message,
        other => panic!("not lost: {other:?}"),
    }
}

#[tokio::test]
async fn answers_come_in_any_order() {
    let (connection, mut peer) = connect();
    let program = async {
        assert!(
            peer.next_request()
                .await
                .starts_with(r#"{"id":0,"method":"read""#)
        );
        assert!(peer.next_request().await.starts_with(r#"{"id":1,"#));
        peer.say(r#"{"id":1,"result":{"state":{"outputs":{"n":1}}},"warnings":[{"message":"w"}]}"#)
            .await;
        peer.say(r#"{"log":{"message":"working","request":0}}"#)
            .await;
        peer.say(r#"{"id":0,"result":{"state":null}}"#).await;
    };
    let (a, b) = (read("a"), read("b"));
    let (a, b, ()) = tokio::join!(connection.call(&a), connection.call(&b), program);
    assert!(a.expect("answer").value.state.is_none());
    let b = b.expect("answer");
    assert_eq!(b.value.state.expect("state").outputs["n"], 1);
    assert_eq!(b.warnings[0].message, "w");
}

#[tokio::test]
async fn a_death_fails_what_waits_and_everything_after() {
    let (connection, mut peer) = connect();
    let program = async {
        peer.next_request().await;
        peer.die("thread panicked\nat line 7\n").await;
    };
    let params = read("a");
    let (answer, ()) = tokio::join!(connection.call(&params), program);
    let expected = "its output ended; it last said:\nthread panicked\nat line 7";
    assert_eq!(lost(answer), expected);
    let later = connection.call(&read("b")).await;
    assert!(matches!(&later, Err(CallError::NotSent(_))));
    assert_eq!(lost(later), expected);
}

#[tokio::test]
async fn stray_lines_are_told_with_the_next_answer() {
    let (connection, mut peer) = connect();
    let program = async {
        peer.next_request().await;
        peer.say("Loading plugins...").await;
        peer.say("{ not json").await;
        peer.say(r#"{"id":0,"error":{"message":"no","path":["a",0]}}"#)
            .await;
    };
    let params = read("a");
    let (answer, ()) = tokio::join!(connection.call(&params), program);
    let Err(CallError::Refused(refused)) = answer else {
        panic!("refused")
    };
    assert_eq!(refused.stray, ["Loading plugins...", "{ not json"]);
    assert_eq!(
        refused.value.complaint.path.expect("path").to_string(),
        "a[0]"
    );
}

#[tokio::test]
async fn errors_of_the_wrong_form_are_errors_all_the_same() {
    let (connection, mut peer) = connect();
    let program = async {
        peer.say("{\"log\":{\"message\":\"hi\"}}").await;
        peer.next_request().await;
        peer.say(r#"{"id":0,"error":"just a text"}"#).await;
        peer.next_request().await;
        peer.say(r#"{"id":1,"result":{"state":17}}"#).await;
    };
    let talk = async {
        let Err(CallError::Refused(refused)) = connection.call(&read("a")).await else {
            panic!("refused")
        };
        assert_eq!(refused.value.complaint.message, "just a text");
        let message = lost(connection.call(&read("b")).await);
        assert!(message.starts_with("its answer does not keep to the protocol: invalid type"));
        assert!(message.ends_with(r#"{"state":17}"#), "{message}");
    };
    tokio::join!(talk, program);
}

#[tokio::test]
async fn messages_that_break_the_protocol_end_it() {
    for (line, expected, speaks_zero) in [
        (
            r#"{"errorResponse":{"message":"x"}}"#,
            "it does not speak the provider protocol",
            true,
        ),
        (
            r#"{"id":0}"#,
            "it does not speak the provider protocol",
            true,
        ),
        (
            r#"{"id":7,"result":{}}"#,
            "an answer to the request 7, which was not made",
            false,
        ),
        (
            r#"{"id":"zero","result":{}}"#,
            "invalid type: string",
            false,
        ),
    ] {
        let (connection, mut peer) = connect();
        let program = async move {
            peer.next_request().await;
            peer.say(line).await;
        };
        let params = read("a");
        let (answer, ()) = tokio::join!(connection.call(&params), program);
        let Err(CallError::Lost(lost)) = answer else {
            panic!("lost")
        };
        assert!(lost.message.contains(expected), "{}", lost.message);
        assert_eq!(lost.speaks_zero, speaks_zero, "{line}");
    }
}

#[tokio::test]
async fn closing_ends_the_input_and_waits_for_the_end() {
    let (connection, mut peer) = connect();
    let program = async {
        assert!(peer.next_request().await.contains("stop"));
        peer.say(r#"{"id":0,"result":{}}"#).await;
        let end = peer.requests.next_line().await.expect("readable");
        assert_eq!(end, None);
        drop(peer);
    };
    let talk = async {
        connection.call(&Stop {}).await.expect("answer");
        connection.close().await;
        lost(connection.call(&Stop {}).await)
    };
    let (message, ()) = tokio::join!(talk, program);
    assert_eq!(message, "it has been closed");
}
