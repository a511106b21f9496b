//! State files: ours and those of earlier versions.

use nixops4_proto::native;
use tempfile::TempDir;

use super::*;
use crate::provider;

struct Place {
    _folder: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("s");
        Self {
            _folder: folder,
            path,
        }
    }

    fn with(text: &str) -> Self {
        let this = Self::new();
        fs::write(&this.path, text).expect("written");
        this
    }

    fn read(&self) -> (Result<Json, Box<native::Error>>, Vec<Complaint>) {
        let params = json!({ "type": "state_file", "inputs": { "name": self.path } });
        let (result, warnings) = provider().ask("stateRead", params);
        (result.map(|result| result["state"].clone()), warnings)
    }

    fn event(&self, patch: Json) -> Result<Json, Box<native::Error>> {
        let params = json!({
            "type": "state_file", "inputs": { "name": self.path }, "event": "create",
            "nixopsVersion": "1", "patch": patch,
        });
        provider().ask("stateEvent", params).0
    }
}

const OLD: &str = r#"{
  "index": 0,
  "meta": { "time": "2025-03-04T07:40:00Z" },
  "patch": [ { "op": "add", "path": "",
    "value": { "_type": "nixopsState", "resources": {}, "deployments": {} } } ]
}
{
  "index": 0,
  "meta": { "time": "2025-03-04T07:41:00Z", "event": "create" },
  "patch": [ { "op": "add", "path": "/resources/a",
    "value": { "type": "memo", "inputProperties": {}, "outputProperties": { "value": 1 } } } ]
}
"#;

#[test]
fn a_new_file_begins_with_an_empty_document() {
    let place = Place::new();
    assert_eq!(place.read().0, Ok(Json::Null));
    place
        .event(json!([{ "op": "add", "path": "/resources/a", "value": { "type": "x" } }]))
        .expect("written");
    let state = place.read().0.expect("read");
    assert_eq!(state["resources"], json!({ "a": { "type": "x" } }));
    assert_eq!(state["version"], FORMAT_VERSION);
    let text = fs::read_to_string(&place.path).expect("there");
    let indexes: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).expect("a line")["index"].clone())
        .collect();
    assert_eq!(indexes, [0, 1]);
    assert!(!place.path.with_extension("lock").exists());
}

#[test]
fn whoever_begins_with_a_document_has_that_one() {
    let place = Place::new();
    let mine = json!({ "_type": DOCUMENT_TYPE, "version": 1, "mine": true });
    place
        .event(json!([{ "op": "add", "path": "", "value": mine }]))
        .expect("written");
    assert_eq!(place.read().0, Ok(mine));
    let text = fs::read_to_string(&place.path).expect("there");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn a_file_of_an_earlier_version_is_read_and_gone_on_with() {
    let place = Place::with(OLD);
    place
        .event(json!([{ "op": "remove", "path": "/resources/a" }]))
        .expect("written");
    let text = fs::read_to_string(&place.path).expect("there");
    let added = text.strip_prefix(OLD).expect("what was there is there");
    assert!(added.starts_with(r#"{"index":2,"#), "{added}");
    let state = place.read().0.expect("read");
    assert_eq!(
        state,
        json!({ "_type": "nixopsState", "resources": {}, "deployments": {} })
    );
}

#[test]
fn what_does_not_fit_is_not_written() {
    let place = Place::with(OLD);
    let error = place.event(json!([{ "op": "remove", "path": "/resources/b" }]));
    assert!(
        error
            .expect_err("refused")
            .complaint
            .message
            .starts_with("the event cannot follow: there is nothing at `/resources/b`")
    );
    assert_eq!(fs::read_to_string(&place.path).expect("there"), OLD);
}

#[test]
fn an_unfinished_event_does_not_count_and_foreign_files_are_refused() {
    let place = Place::with(&format!("{OLD}{{\"index\":2,\"meta\""));
    let (state, warnings) = place.read();
    assert_eq!(state.expect("read")["resources"]["a"]["type"], "memo");
    assert_eq!(warnings.len(), 1);
    assert!(place.event(json!([])).is_err());
    for text in [
        "hello",
        "[]",
        r#"{"index":0,"patch":[{"op":"add","path":"","value":{}}]}"#,
    ] {
        let error = Place::with(text).read().0.expect_err("refused");
        assert!(
            error.complaint.message.contains("is no state file"),
            "{text}"
        );
    }
}

#[test]
fn a_file_that_is_being_written_is_left_alone() {
    let place = Place::with(OLD);
    let lock = Lock::take(&place.path).expect("free");
    let error = place
        .event(json!([]))
        .expect_err("locked")
        .complaint
        .message;
    let expected = format!("is being written by process {}", std::process::id());
    assert!(error.contains(&expected), "{error}");
    lock.release();
    place.event(json!([])).expect("free again");
}

#[test]
fn dates_are_those_of_the_calendar() {
    for (seconds, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_709_251_200, "2024-03-01T00:00:00Z"),
        (4_102_444_799, "2099-12-31T23:59:59Z"),
    ] {
        assert_eq!(rfc3339(seconds), text);
    }
}
