//! JSON Schemas of the wire formats, made from their types.
//!
//! They are checked in as `proto/schemas/*.json` for people who write a program in another
//! language; a test keeps them current.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value as Json, json};

use crate::{evaluator, events, native, plan, state};

/// Every schema, with the name of its file.
pub fn all() -> Vec<(&'static str, Json)> {
    vec![
        ("native-provider.json", native_provider()),
        ("native-provider-v0.json", native_provider_v0()),
        ("evaluator.json", evaluator_protocol()),
        ("run-events.json", run_events()),
        ("plan.json", plan_file()),
        ("state-log.json", state_log()),
    ]
}

fn run_events() -> Json {
    titled::<events::EventLine>("NixOps4 run events, version 1")
}

fn plan_file() -> Json {
    titled::<plan::PlanFile>("NixOps4 plan file, version 1")
}

fn titled<T: schemars::JsonSchema>(title: &str) -> Json {
    let mut schema = generator().into_root_schema_for::<T>();
    schema.insert("title".into(), title.into());
    schema.to_value()
}

fn native_provider() -> Json {
    let mut generator = generator();
    let methods = native::method_schemas(&mut generator);
    let lines = vec![
        generator.subschema_for::<native::Request>(),
        generator.subschema_for::<native::Reply>(),
        generator.subschema_for::<native::Notification>(),
    ];
    protocol(
        generator,
        "NixOps4 native provider protocol, version 1",
        lines,
        methods,
    )
}

fn native_provider_v0() -> Json {
    let mut generator = generator();
    let lines = vec![
        generator.subschema_for::<native::v0::Request>(),
        generator.subschema_for::<native::v0::Response>(),
    ];
    protocol(
        generator,
        "NixOps4 provider protocol, version 0",
        lines,
        Vec::new(),
    )
}

fn evaluator_protocol() -> Json {
    use evaluator as e;
    let mut generator = generator();
    let mut methods = Vec::new();
    macro_rules! methods {
        ($($method:ty),*) => {$(methods.push((
            <$method as e::Method>::NAME,
            generator.subschema_for::<$method>(),
            generator.subschema_for::<<$method as e::Method>::Response>(),
        ));)*};
    }
    methods!(
        e::Hello,
        e::Load,
        e::Walk,
        e::DescribeProvider,
        e::ListProviders,
        e::ListOperations,
        e::DescribeOperation,
        e::SetOutputs,
        e::Locate,
        e::Eval,
        e::OpenScope,
        e::ExtendScope,
        e::CheckInput,
        e::EnterInput,
        e::ListDependencies,
        e::CompleteInput,
        e::Configure,
        e::Cancel
    );
    generator.subschema_for::<e::WalkItem>();
    generator.subschema_for::<e::OperationHead>();
    generator.subschema_for::<e::Printed>();
    let lines = vec![
        generator.subschema_for::<e::Request>(),
        generator.subschema_for::<e::Reply>(),
        generator.subschema_for::<crate::functions::AnswerLine>(),
    ];
    protocol(
        generator,
        "NixOps4 evaluator protocol, version 1",
        lines,
        methods,
    )
}

fn state_log() -> Json {
    let mut generator = generator();
    let event = generator.subschema_for::<state::Event>();
    let document = generator.subschema_for::<state::Document>();
    generator.subschema_for::<state::EventKind>();
    json!({
        "$schema": DIALECT,
        "title": "NixOps4 state log, version 1",
        "description": "One event of the log. `document` is what the events fold to.",
        "anyOf": [event],
        "document": document,
        "$defs": generator.take_definitions(true),
    })
}

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().into_generator()
}

/// One document: any line of the protocol, and under `methods` what goes with each method's name.
fn protocol(
    mut generator: SchemaGenerator,
    title: &str,
    lines: Vec<Schema>,
    methods: Vec<(&'static str, Schema, Schema)>,
) -> Json {
    let methods: Map<_, _> = methods
        .into_iter()
        .map(|(name, params, result)| {
            (
                name.to_owned(),
                json!({ "params": params, "result": result }),
            )
        })
        .collect();
    let mut document = json!({
        "$schema": DIALECT,
        "title": title,
        "description": "One line of the protocol. `methods` maps each method to the types of its parameters and result.",
        "anyOf": lines,
        "$defs": generator.take_definitions(true),
    });
    if !methods.is_empty() {
        document["methods"] = methods.into();
    }
    document
}
