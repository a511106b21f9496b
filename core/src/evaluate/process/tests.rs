//! The evaluator's client against real processes that answer, misbehave and die.

use nixops4_proto::evaluator::WalkItem;

use super::*;
use crate::MemberPath;

/// An evaluator made of a shell script.
async fn shell(script: &str) -> Result<EvaluatorProcess, EvaluateError> {
    EvaluatorProcess::start(
        &EvaluatorProgram {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            traces: Traces::default(),
        },
        None,
    )
    .await
}

const WELCOME: &str = r#"read line; printf '%s\n' '{"id":0,"result":{"protocolVersion":1,"evaluator":"sh","version":"1"}}'; "#;

fn walk_root() -> Walk {
    Walk {
        paths: vec![MemberPath::root()],
        recursive: true,
        inputs: true,
    }
}

#[tokio::test]
async fn items_stream_before_the_answer_and_errors_are_typed() {
    let evaluator = shell(&format!(
        r#"{WELCOME} read line
        printf '%s\n' '{{"id":1,"item":{{"component":{{"path":"","kind":"composite","members":["a"]}}}}}}'
        printf '%s\n' '{{"id":1,"result":{{}}}}'
        read line
        printf '%s\n' '{{"id":2,"error":{{"kind":"throw","message":"no"}}}}'
        read line"#
    ))
    .await
    .expect("start");
    let (items, mut received) = mpsc::unbounded_channel();
    evaluator.walk(walk_root(), items).await.expect("walk");
    let item = received.recv().await.expect("item");
    assert!(matches!(item, WalkItem::Component(component) if component.path.is_root()));
    assert!(received.recv().await.is_none(), "the channel is closed");
    let error = evaluator.provider("#a").await.expect_err("error");
    assert_eq!(error.to_string(), "no");
}

#[tokio::test]
async fn a_death_says_over_what_and_how_and_is_remembered() {
    let evaluator = shell(&format!("{WELCOME} read line; echo alas >&2; exit 3"))
        .await
        .expect("start");
    let (items, _received) = mpsc::unbounded_channel();
    let error = evaluator.walk(walk_root(), items).await.expect_err("dead");
    let text = "the evaluator ended (exit status 3) while evaluating the members of the root";
    assert_eq!(error.to_string(), text);
    assert_eq!(error.to_diagnostic().detail, "It last said:\nalas");
    let again = evaluator.set_outputs(vec![]).await.expect_err("dead");
    assert_eq!(again.to_string(), text);
}

#[tokio::test]
async fn a_kill_is_told_by_its_signal() {
    let evaluator = shell(&format!("{WELCOME} read line; kill -9 $$"))
        .await
        .expect("start");
    let error = evaluator.provider("#aws").await.expect_err("dead");
    assert_eq!(
        error.to_string(),
        "the evaluator ended (killed by signal 9, perhaps for want of memory) \
         while evaluating the provider #aws"
    );
}

#[tokio::test]
async fn what_is_no_evaluator_is_refused() {
    let error = shell("echo hello; read line").await.expect_err("junk");
    assert_eq!(
        error.to_string(),
        "the evaluator broke its protocol: expected value at line 1 column 1 in the line hello\n"
    );
    let missing = EvaluatorProgram {
        program: "/nowhere/nixops4-eval".into(),
        args: vec![],
        traces: Traces::default(),
    };
    let error = EvaluatorProcess::start(&missing, None)
        .await
        .expect_err("none");
    assert!(
        error
            .to_string()
            .starts_with("cannot start the evaluator /nowhere/nixops4-eval: "),
        "{error}"
    );
    let error = shell(
        r#"read line; printf '%s\n' '{"id":0,"result":{"protocolVersion":9,"evaluator":"x","version":"2"}}'; read line"#,
    )
    .await
    .expect_err("version");
    assert_eq!(
        error.to_string(),
        "the evaluator broke its protocol: x 2 speaks version 9, we speak 1"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn dropping_the_client_ends_the_process() {
    let evaluator = shell(&format!("{WELCOME} while :; do read line || sleep 1; done"))
        .await
        .expect("start");
    let pid = evaluator.pid().expect("pid");
    drop(evaluator);
    let stat = format!("/proc/{pid}/stat");
    let alive = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    while alive() {
        tokio::task::yield_now().await;
    }
}
