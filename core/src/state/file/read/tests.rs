//! Damaged and foreign files are told apart from interrupted writes, with line and reason.

use super::*;

const HEADER: &str = r#"{"index":0,"meta":{"time":"t","event":"initialize"},"patch":[{"op":"add","path":"","value":{"_type":"nixopsState","version":1,"resources":{},"deployments":{},"intents":{}}}]}"#;
const FOUND: &str = r#"{"index":1,"meta":{"time":"t","event":"found","member":"a"},"patch":[{"op":"add","path":"/resources/a","value":{"type":"file"}}]}"#;

fn parsed(text: &[u8]) -> Result<Contents<'_>, String> {
    parse(Path::new("s"), text).map_err(|error| error.to_string())
}

fn error(lines: &[&str]) -> String {
    let text = lines.join("\n");
    parsed(text.as_bytes()).expect_err("refused")
}

#[test]
fn whole_lines_count_and_a_torn_end_does_not() {
    let whole = format!("{HEADER}\n{FOUND}\n");
    for cut in 0..=whole.len() {
        let contents = parsed(&whole.as_bytes()[..cut]).expect("readable");
        let events = contents.fold.next_index();
        assert_eq!(
            events,
            u64::from(cut >= HEADER.len()) + u64::from(cut + 1 >= whole.len())
        );
        assert_eq!(
            contents.good_len + contents.torn.len(),
            cut,
            "every byte is accounted for"
        );
        assert_eq!(
            contents.unfinished_line,
            cut == HEADER.len() || cut + 1 == whole.len()
        );
    }
}

#[test]
fn zeros_in_place_of_text_are_a_torn_end() {
    for torn in [
        &b"\0\0\0"[..],
        br#"{"index":1,"meta":"#,
        b"{\"index\":1\0\0\0\0",
    ] {
        let bytes = [HEADER.as_bytes(), b"\n", torn].concat();
        let contents = parsed(&bytes).expect("readable");
        assert_eq!(contents.torn, torn);
    }
}

#[test]
fn a_damaged_line_is_named() {
    assert_eq!(
        error(&[HEADER, "{\"index\":1,\"me", FOUND, ""]),
        "s, line 2: this is no event: control character (\\u0000-\\u001F) found while parsing a string at line 2 column 0"
    );
    assert_eq!(
        error(&[HEADER, FOUND, "x", ""]),
        "s, line 3: this is no event: expected value at line 1 column 1"
    );
    assert_eq!(
        error(&[HEADER, FOUND, FOUND, ""]),
        "s, line 3: the event has the index 1 where 2 is next"
    );
    assert_eq!(
        error(&[HEADER, &FOUND.replace("/resources/a", "/nowhere/a"), ""]),
        "s, line 2: at `/nowhere/a`: there is nothing there"
    );
}

#[test]
fn patches_that_do_not_do_what_they_say_are_refused() {
    let text = format!(
        "{HEADER}\n{}\n",
        FOUND.replace("/resources/a", "/resources/b")
    );
    let contents = parsed(text.as_bytes()).expect("events");
    assert_eq!(
        contents.fold.into_snapshot(),
        Err("the patches of some events do not do what their `meta` say".into())
    );
}

#[test]
fn events_that_may_not_follow_are_refused() {
    let finish = r#"{"index":1,"meta":{"time":"t","event":"finish","intent":"r-1","outcome":"gone"},"patch":[]}"#;
    assert_eq!(
        error(&[HEADER, finish, ""]),
        "s, line 2: no operation with the id r-1 is under way"
    );
    let begin =
        r#"{"index":1,"meta":{"time":"t","event":"begin","intent":"r-1","member":"a"},"patch":[]}"#;
    assert_eq!(
        error(&[HEADER, begin, ""]),
        "s, line 2: `meta.operation` is missing"
    );
}

#[test]
fn foreign_files_say_what_they_are() {
    for (text, reason) in [
        (
            "hello\nworld\n",
            "s is no state of nixops4: it begins with \"hello\"",
        ),
        (
            "{\"a\": 1}\n",
            "s is no state of nixops4: its first line is no event (missing field `index` at line 1 column 8)",
        ),
        (
            "{\n  \"version\": 4,\n  \"terraform_version\": \"1.11.4\"\n}\n",
            "s is a Terraform or OpenTofu state, not one of nixops4",
        ),
        (
            r#"{"index":0,"meta":{"time":"t"},"patch":[{"op":"add","path":"","value":{"a":1}}]}"#,
            "s is no state: it has no `_type` of \"nixopsState\"",
        ),
        (
            &HEADER.replace("\"version\":1", "\"version\":7"),
            "s was written by a newer nixops4: its format has version 7, this nixops4 knows up to 1",
        ),
    ] {
        assert_eq!(parsed(text.as_bytes()).expect_err("refused"), reason);
    }
}
