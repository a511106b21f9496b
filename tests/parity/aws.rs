//! The AWS provider over a loopback API; needs the provider in a mirror.

use nixops4_tests::{Sandbox, given};

use super::{Case, use_mirror};

const SETTINGS: &str = r#"{
    source = "hashicorp/aws";
    config = {
      region = "eu-central-1";
      skip_credentials_validation = true;
      skip_requesting_account_id = true;
      skip_metadata_api_check = "true";
      s3_use_path_style = true;
    };
  }"#;

const PROVIDER: &str = r#"{ "provider": { "aws": {
    "region": "eu-central-1", "skip_credentials_validation": true,
    "skip_requesting_account_id": true, "skip_metadata_api_check": "true",
    "s3_use_path_style": true } } }"#;

#[test]
fn aws_resources_are_planned_and_made_as_by_terraform() {
    let (Some(mirror), Some(endpoint)) =
        (given("NIXOPS4_PLUGIN_MIRROR"), given("AWS_ENDPOINT_URL"))
    else {
        return;
    };
    let endpoint = endpoint.to_string_lossy().into_owned();
    let mut sandbox = Sandbox::new();
    use_mirror(&mut sandbox, &mirror);
    sandbox.set("AWS_ENDPOINT_URL", &endpoint);
    sandbox.set("AWS_ACCESS_KEY_ID", "test");
    sandbox.set("AWS_SECRET_ACCESS_KEY", "test");
    let case = Case {
        provider: ("aws", SETTINGS),
        settings: PROVIDER,
        config: include_str!("aws.json"),
        changed: None,
        reset: &|| reset(&endpoint),
    };
    case.compare(&sandbox);
}

/// Has the loopback API forget everything.
fn reset(endpoint: &str) {
    let address = endpoint.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).expect("the API is there");
    std::io::Write::write_all(
        &mut stream,
        b"POST /moto-api/reset HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
    )
    .expect("the request is sent");
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).expect("an answer");
    assert!(answer.contains(" 200 "), "{answer}");
}
