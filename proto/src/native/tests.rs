//! Messages as they stand on the wire. These texts are kept for ever: programs send them.

use serde_json::json;

use super::*;

#[test]
fn a_request_a_reply_and_an_error_have_fixed_forms() {
    let create = Create {
        type_name: "file".into(),
        inputs: json!({ "name": "a" }),
        stateful: true,
        plan_private: None,
    };
    assert_eq!(
        serde_json::to_value(&create).expect("json"),
        json!({ "type": "file", "inputs": { "name": "a" }, "stateful": true })
    );
    let reply = Reply {
        id: 4,
        body: ReplyBody::Error(Error {
            partial: Some(Box::new(Object {
                outputs: json!({ "id": 1 }),
                ..Object::default()
            })),
            ..Error::new("half-way")
        }),
        warnings: vec![],
    };
    let line = r#"{"id":4,"error":{"message":"half-way","partial":{"outputs":{"id":1}}}}"#;
    assert_eq!(serde_json::to_string(&reply).expect("json"), line);
    assert_eq!(serde_json::from_str::<Reply>(line).expect("reply"), reply);
}

#[test]
fn numbers_of_any_size_survive() {
    let line = r#"{"id":1,"result":{"outputs":{"n":18446744073709551616.25}}}"#;
    let reply: Reply = serde_json::from_str(line).expect("reply");
    let ReplyBody::Result(result) = reply.body else {
        panic!("a result")
    };
    let object: Object = serde_json::from_value(result).expect("object");
    assert_eq!(object.outputs["n"].to_string(), "18446744073709551616.25");
    let error = r#"{"message":"m","path":["a",3],"partial":{"outputs":{"n":1e400}}}"#;
    let error: Error = serde_json::from_str(error).expect("error");
    let path = error.complaint.path.expect("path");
    assert_eq!(path.to_string(), "a[3]");
    let n = &error.partial.expect("partial").outputs["n"];
    assert_eq!(n.to_string(), "1e+400");
}

#[test]
fn unknown_fields_and_absent_ones_are_no_errors() {
    let described: Described =
        serde_json::from_str(r#"{"resourceTypes":{"t":{}},"colour":"red"}"#).expect("described");
    assert_eq!(described.resource_types["t"], ResourceTypeSpec::default());
    let request: Request = serde_json::from_str(r#"{"id":0,"method":"stop"}"#).expect("request");
    assert!(request.params.is_null());
}
