//! What is kept of schemas reads back as it was, and damage is noticed.

use std::sync::Arc;

use nixops4_proto::tfplugin::v6::schema;

use super::super::{Block, FieldKind, Nesting, Schemas, TypeSchema};
use super::*;

fn attribute(name: &str, ty: &str) -> schema::Attribute {
    schema::Attribute {
        name: name.to_owned(),
        r#type: ty.as_bytes().to_vec(),
        optional: true,
        ..Default::default()
    }
}

fn schema_of(attributes: Vec<schema::Attribute>, blocks: Vec<schema::NestedBlock>) -> v6::Schema {
    let block = schema::Block {
        attributes,
        block_types: blocks,
        ..Default::default()
    };
    v6::Schema {
        version: 3,
        block: Some(block),
    }
}

fn description() -> Description {
    let block = schema::NestedBlock {
        type_name: "rule".to_owned(),
        block: schema_of(vec![attribute("port", "\"number\"")], Vec::new()).block,
        nesting: schema::nested_block::NestingMode::Set as i32,
        min_items: 1,
        max_items: 5,
    };
    let server_capabilities = v6::ServerCapabilities {
        get_provider_schema_optional: true,
        ..Default::default()
    };
    let response = v6::get_provider_schema::Response {
        provider: Some(schema_of(
            vec![attribute("region", "\"string\"")],
            Vec::new(),
        )),
        resource_schemas: [
            (
                "t_a".to_owned(),
                schema_of(
                    vec![attribute("z", "\"string\""), attribute("id", "\"string\"")],
                    vec![block],
                ),
            ),
            (
                "t_bad".to_owned(),
                schema_of(vec![attribute("x", "\"shoe\"")], Vec::new()),
            ),
        ]
        .into(),
        data_source_schemas: [("t_d".to_owned(), schema_of(Vec::new(), Vec::new()))].into(),
        server_capabilities: Some(server_capabilities),
        ..Default::default()
    };
    Description::decode(&*response.encode_to_vec()).expect("the same message")
}

fn saved() -> (tempfile::TempDir, std::path::PathBuf, Hash) {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, hash) = (dir.path().join("deep/x.schema"), blake3::hash(b"binary"));
    Image::build(Protocol::V6, &description(), &BTreeMap::new())
        .save(&path, &hash)
        .expect("saved");
    (dir, path, hash)
}

fn names(block: &Block) -> Vec<&str> {
    block.fields().iter().map(|field| &*field.name).collect()
}

#[test]
fn what_was_saved_is_read_type_by_type() {
    let (_dir, path, hash) = saved();
    let schemas = Schemas::new(Image::open(&path, &hash).expect("an image"));
    assert!(schemas.capabilities().get_provider_schema_optional);
    assert_eq!(
        schemas.names(Kind::Resource).collect::<Vec<_>>(),
        ["t_a", "t_bad"]
    );
    assert_eq!(schemas.names(Kind::DataSource).collect::<Vec<_>>(), ["t_d"]);
    assert_eq!(schemas.names(Kind::List).count(), 0);
    let schema = schemas
        .get(Kind::Resource, "t_a")
        .expect("valid")
        .expect("there");
    assert_eq!(
        (schema.version, names(&schema.block)),
        (3, vec!["id", "rule", "z"])
    );
    let FieldKind::Block(rule) = &schema.block.field("rule").expect("a field").kind else {
        panic!("not a block")
    };
    assert_eq!(
        (rule.nesting, rule.min_items, rule.max_items),
        (Nesting::Set, 1, 5)
    );
    let ty = schema.block.object_type().to_string();
    assert_eq!(
        ty,
        "object({id = string, rule = set(object({port = number})), z = string})"
    );
    assert!(Arc::ptr_eq(
        &schema,
        &schemas
            .get(Kind::Resource, "t_a")
            .expect("valid")
            .expect("there")
    ));
    assert_eq!(schemas.get(Kind::Resource, "t_d"), Ok(None));
}

#[test]
fn what_an_old_plugin_says_is_lifted() {
    let attribute = v5::schema::Attribute {
        name: "password".to_owned(),
        r#type: b"\"string\"".to_vec(),
        optional: true,
        // A field whose number means something else in protocol 6.
        write_only: true,
        ..Default::default()
    };
    let block = v5::schema::Block {
        attributes: vec![attribute],
        ..Default::default()
    };
    let schema = v5::Schema {
        version: 2,
        block: Some(block),
    };
    let description = Description {
        resource_schemas: [("t".to_owned(), schema.encode_to_vec())].into(),
        ..Default::default()
    };
    let built = Image::build(Protocol::V5, &description, &BTreeMap::new());
    let dir = tempfile::tempdir().expect("a directory");
    let (path, hash) = (dir.path().join("x.schema"), blake3::hash(b"binary"));
    built.save(&path, &hash).expect("saved");
    for image in [built, Image::open(&path, &hash).expect("an image")] {
        let read: v6::Schema = image
            .read(Kind::Resource, "t")
            .expect("valid")
            .expect("there");
        assert_eq!(read.version, 2);
        assert!(read.block.expect("a block").attributes[0].write_only);
    }
}

#[test]
fn a_bad_type_spoils_no_other() {
    let schemas = Schemas::new(Image::build(Protocol::V6, &description(), &BTreeMap::new()));
    let error = schemas
        .get(Kind::Resource, "t_bad")
        .expect_err("invalid")
        .to_string();
    assert!(
        error.starts_with("the provider's schema of t_bad is invalid: x: invalid type"),
        "{error}"
    );
    assert!(
        schemas
            .get(Kind::Resource, "t_a")
            .is_ok_and(|schema| schema.is_some())
    );
}

#[test]
fn foreign_and_damaged_files_are_no_images() {
    let (_dir, path, hash) = saved();
    assert!(Image::open(&path, &blake3::hash(b"other")).is_none());
    let whole = std::fs::read(&path).expect("the file");
    let in_index = HEADER + 20;
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("truncated header", whole[..20].to_vec()),
        ("truncated index", whole[..HEADER + 10].to_vec()),
        (
            "other text",
            b"hello, this is some other file that happens to lie here and is long".to_vec(),
        ),
        (
            "flipped bit",
            whole
                .iter()
                .enumerate()
                .map(|(i, b)| b ^ u8::from(i == in_index))
                .collect(),
        ),
    ] {
        std::fs::write(&path, bytes).expect("a file");
        assert!(Image::open(&path, &hash).is_none(), "{what}");
    }
    // Damage in the body is found when the entry is read.
    std::fs::write(&path, &whole[..whole.len() - 1]).expect("a file");
    let image = Image::open(&path, &hash).expect("an image");
    assert!(image.read::<v6::Schema>(Kind::DataSource, "t_d").is_err());
}

#[test]
fn contradictory_schemas_are_refused() {
    let twice = schema_of(
        vec![attribute("a", "\"string\""), attribute("a", "\"bool\"")],
        Vec::new(),
    );
    let error = TypeSchema::from_message("t", twice)
        .expect_err("invalid")
        .to_string();
    assert!(
        error.ends_with("an attribute or block name occurs twice"),
        "{error}"
    );
    let negative = v6::Schema {
        version: -1,
        block: None,
    };
    assert!(TypeSchema::from_message("t", negative).is_err());
    let nameless = schema::NestedBlock {
        type_name: "b".to_owned(),
        ..Default::default()
    };
    let error = TypeSchema::from_message("t", schema_of(Vec::new(), vec![nameless]));
    assert!(
        error
            .expect_err("invalid")
            .to_string()
            .ends_with("b: its nesting mode is unknown")
    );
}
