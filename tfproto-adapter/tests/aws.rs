//! The AWS provider against a loopback API, through the whole adapter.
//!
//! Needs a mirror with the provider in `NIXOPS4_PLUGIN_MIRROR` and the API's address in
//! `AWS_ENDPOINT_URL`; says so and passes where they are not given.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use nixops4_core::AttrPath;
use nixops4_core::provider::{
    Action, ApplyKind, ApplyRequest, ConfiguredProvider, Identifier, ImportRequest, Mode,
    PlanRequest, PlannedChange, Provider, ReadDataRequest, ResourceState,
};
use nixops4_core::value::Value;
use nixops4_testutils::skipped;
use nixops4_tfproto::discovery::{Constraints, Environment, Request, SourceSpec, locate};
use nixops4_tfproto::provider::{PluginOptions, TfProvider};
use serde_json::json;

struct Aws {
    provider: Arc<TfProvider>,
    instance: Arc<dyn ConfiguredProvider>,
    _home: tempfile::TempDir,
}

fn plain(json: serde_json::Value) -> Value {
    Value::from_plain_json(&json).expect("a value")
}

/// Finds, starts and configures the provider; `None` where there is none.
async fn aws() -> Option<Aws> {
    let (mirror, endpoint) = (
        std::env::var_os("NIXOPS4_PLUGIN_MIRROR"),
        std::env::var("AWS_ENDPOINT_URL"),
    );
    let (Some(mirror), Ok(endpoint)) = (mirror, endpoint) else {
        skipped("NIXOPS4_PLUGIN_MIRROR and AWS_ENDPOINT_URL are not both set");
        return None;
    };
    let home = tempfile::tempdir().expect("a directory");
    let executable = find(&home, &PathBuf::from(mirror))?;
    let options = PluginOptions {
        cache_dir: Some(home.path().join(".cache/nixops4")),
        ..PluginOptions::new("aws", executable)
    };
    let provider = TfProvider::new(options);
    let config = plain(json!({
        "region": "eu-central-1",
        "access_key": "test",
        "secret_key": "test",
        "skip_credentials_validation": true,
        "skip_requesting_account_id": true,
        "skip_metadata_api_check": "true",
        "s3_use_path_style": true,
        "endpoints": { "ec2": endpoint, "ssm": endpoint, "s3": endpoint, "sts": endpoint },
    }));
    let found = provider.validate_config(&config).await.expect("validated");
    assert!(!found.has_errors(), "{found:?}");
    let instance = provider
        .clone()
        .configure(&config)
        .await
        .expect("configured")
        .value;
    Some(Aws {
        provider,
        instance,
        _home: home,
    })
}

fn find(home: &tempfile::TempDir, mirror: &PathBuf) -> Option<PathBuf> {
    let rc = home.path().join(".tofurc");
    let text = format!("provider_installation {{ filesystem_mirror {{ path = {mirror:?} }} }}");
    std::fs::write(rc, text).expect("a file");
    let variables = vec![(OsString::from("HOME"), home.path().as_os_str().to_owned())];
    let request = Request {
        source: SourceSpec::parse("hashicorp/aws").expect("a source"),
        constraints: Constraints::parse(">= 5").expect("constraints"),
    };
    match locate(&request, &Environment::new(variables, home.path()), None) {
        Ok(located) => Some(located.executable),
        Err(error) => {
            skipped(&error.to_string());
            None
        }
    }
}

impl Aws {
    async fn plan(
        &self,
        type_name: &str,
        prior: Option<&ResourceState>,
        inputs: &Value,
    ) -> PlannedChange {
        let request = PlanRequest {
            type_name,
            prior,
            inputs,
            stateful: true,
            ignore_changes: &[],
            ignore_all_changes: false,
            force_replace: false,
        };
        let validated = self
            .provider
            .validate(Mode::Managed, type_name, inputs)
            .await;
        assert!(
            !validated.clone().expect("validated").has_errors(),
            "{validated:?}"
        );
        self.instance.plan(request).await.expect("a plan").value
    }

    async fn apply(
        &self,
        kind: ApplyKind,
        prior: Option<&ResourceState>,
        inputs: &Value,
        change: &PlannedChange,
        type_name: &str,
    ) -> Option<ResourceState> {
        let request = ApplyRequest {
            kind,
            type_name,
            prior,
            inputs,
            stateful: true,
            change,
            progress: Default::default(),
        };
        let response = self.instance.apply(request).await.expect("an answer");
        assert!(
            !response.diagnostics.has_errors(),
            "{:?}",
            response.diagnostics
        );
        response.state
    }

    async fn create(&self, type_name: &str, inputs: &Value) -> ResourceState {
        let change = self.plan(type_name, None, inputs).await;
        assert_eq!(change.action, Action::Create);
        let made = self
            .apply(ApplyKind::Create, None, inputs, &change, type_name)
            .await;
        made.expect("an object")
    }

    async fn delete(&self, state: &ResourceState) {
        let change = self
            .instance
            .plan_delete(state)
            .await
            .expect("a plan")
            .value;
        assert_eq!(change.action, Action::Delete);
        let null = Value::null();
        let left = self
            .apply(
                ApplyKind::Delete,
                Some(state),
                &null,
                &change,
                &state.type_name,
            )
            .await;
        assert_eq!(left, None);
        assert_eq!(self.instance.read(state).await.expect("read").value, None);
    }

    /// Reads the object again and plans with the same inputs: nothing is to be done.
    async fn assert_settled(&self, state: &ResourceState) -> ResourceState {
        let read = self
            .instance
            .read(state)
            .await
            .expect("read")
            .value
            .expect("an object");
        let change = self
            .plan(&state.type_name, Some(&read), &state.inputs)
            .await;
        assert_eq!(
            change.action,
            Action::NoOp,
            "{} {}",
            state.type_name,
            diff(&read, &change)
        );
        read
    }
}

fn diff(state: &ResourceState, change: &PlannedChange) -> String {
    format!(
        "\nis      {}\nplanned {}",
        state.outputs.to_plain_json(),
        change.outputs.to_plain_json()
    )
}

fn output(state: &ResourceState, name: &str) -> String {
    let value = state
        .outputs
        .get(&AttrPath::root().child(name))
        .expect("an output");
    value.as_str().expect("a string").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn network_parameter_and_bucket_live_through_their_lives() {
    let Some(aws) = aws().await else { return };
    let vpc_inputs = plain(json!({ "cidr_block": "10.0.0.0/16", "tags": { "Name": "a" } }));
    let planned = aws.plan("aws_vpc", None, &vpc_inputs).await;
    let id = AttrPath::root().child("id");
    assert!(planned.outputs.get(&id).expect("an output").is_unknown());

    // What depends on it can be planned before it exists.
    let unknown = Value::attrs([
        ("vpc_id", Value::unknown()),
        ("cidr_block", "10.0.1.0/24".into()),
    ]);
    assert_eq!(
        aws.plan("aws_subnet", None, &unknown).await.action,
        Action::Create
    );

    let vpc = aws.create("aws_vpc", &vpc_inputs).await;
    let vpc = aws.assert_settled(&vpc).await;
    let vpc_id = output(&vpc, "id");
    assert!(vpc_id.starts_with("vpc-"));
    let subnet_inputs = plain(json!({ "vpc_id": vpc_id, "cidr_block": "10.0.1.0/24" }));
    let subnet = aws.create("aws_subnet", &subnet_inputs).await;
    aws.assert_settled(&subnet).await;

    // In place, and by replacement.
    let tagged = plain(json!({ "cidr_block": "10.0.0.0/16", "tags": { "Name": "b" } }));
    let change = aws.plan("aws_vpc", Some(&vpc), &tagged).await;
    assert_eq!(change.action, Action::Update);
    let vpc = aws
        .apply(ApplyKind::Update, Some(&vpc), &tagged, &change, "aws_vpc")
        .await;
    let vpc = aws.assert_settled(&vpc.expect("an object")).await;
    let moved = plain(json!({ "vpc_id": vpc_id, "cidr_block": "10.0.2.0/24" }));
    let change = aws.plan("aws_subnet", Some(&subnet), &moved).await;
    assert_eq!(change.action, Action::Replace);
    assert_eq!(change.replace_paths, [AttrPath::root().child("cidr_block")]);
    assert!(change.outputs.get(&id).expect("an output").is_unknown());
    let null = Value::null();
    let left = aws
        .apply(
            ApplyKind::Delete,
            Some(&subnet),
            &null,
            &change,
            "aws_subnet",
        )
        .await;
    assert_eq!(left, None);
    let subnet = aws
        .apply(ApplyKind::Create, None, &moved, &change, "aws_subnet")
        .await;
    let subnet = aws.assert_settled(&subnet.expect("an object")).await;
    assert_eq!(output(&subnet, "cidr_block"), "10.0.2.0/24");

    // A secret input and output.
    let secret = Value::attrs([
        ("name", "/p".into()),
        ("type", "SecureString".into()),
        ("value", Value::from("hunter2")),
    ]);
    let parameter = aws.create("aws_ssm_parameter", &secret).await;
    let value = AttrPath::root().child("value");
    assert!(
        parameter
            .outputs
            .get(&value)
            .expect("an output")
            .marks
            .sensitive
    );
    let described = aws
        .provider
        .resource_type(Mode::Managed, "aws_ssm_parameter")
        .await;
    assert!(
        described
            .expect("described")
            .sensitive_inputs
            .contains(&value)
    );
    let parameter = aws.assert_settled(&parameter).await;

    let bucket = aws
        .create(
            "aws_s3_bucket",
            &plain(json!({ "bucket": "one", "force_destroy": true })),
        )
        .await;
    let bucket = aws.assert_settled(&bucket).await;

    // Nested blocks written as lists of attribute sets, and one alone.
    let group_inputs = plain(json!({
        "vpc_id": vpc_id, "name": "g",
        "ingress": [
            { "from_port": 80, "to_port": 80, "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"] },
            { "from_port": 443, "to_port": "443", "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"] },
        ],
        "egress": { "from_port": 0, "to_port": 0, "protocol": "-1", "cidr_blocks": ["0.0.0.0/0"] },
        "timeouts": { "create": "5m" },
    }));
    let group = aws.create("aws_security_group", &group_inputs).await;
    let group = aws.assert_settled(&group).await;

    let import = ImportRequest {
        type_name: "aws_vpc",
        object: &Identifier::Id(vpc_id.clone()),
        inputs: &tagged,
    };
    let imported = aws.instance.import(import).await.expect("imported").value;
    assert_eq!(output(&imported, "arn"), output(&vpc, "arn"));

    for state in [group, bucket, parameter, subnet, vpc] {
        aws.delete(&state).await;
    }
    aws.instance.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_sources_and_complaints() {
    let Some(aws) = aws().await else { return };
    let inputs = plain(json!({ "state": "available" }));
    let request = ReadDataRequest {
        type_name: "aws_availability_zones",
        inputs: &inputs,
    };
    let zones = aws.instance.read_data(request).await.expect("read").value;
    let names = zones
        .get(&AttrPath::root().child("names"))
        .expect("an output");
    assert!(!names.as_list().expect("a list").is_empty());

    let complaints = async |type_name: &str, inputs: serde_json::Value| {
        let found = aws
            .provider
            .validate(Mode::Managed, type_name, &plain(inputs))
            .await;
        let one = |diagnostic: &nixops4_core::diagnostic::Diagnostic| {
            format!("{diagnostic}|{}", diagnostic.hints.join("|"))
        };
        found
            .expect("validated")
            .0
            .iter()
            .map(one)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(
        complaints("aws_vpc", json!({ "cidr_blok": "10.0.0.0/16" })).await,
        "aws_vpc has no input \"cidr_blok\" (at cidr_blok)|did you mean \"cidr_block\"?"
    );
    assert_eq!(
        complaints("aws_vcp", json!({})).await,
        "provider aws has no resource type \"aws_vcp\"|did you mean \"aws_vpc\"?"
    );
    let from_provider = complaints("aws_vpc", json!({ "cidr_block": "not-a-network" })).await;
    assert!(from_provider.contains("(at cidr_block)"), "{from_provider}");
    let nested = json!({ "name": "t", "attribute": [{ "name": "k", "type": "X" }], "hash_key": "k",
        "billing_mode": "PAY_PER_REQUEST" });
    let from_provider = complaints("aws_dynamodb_table", nested).await;
    assert!(from_provider.contains("(at attribute"), "{from_provider}");
    aws.instance.close().await;
}
