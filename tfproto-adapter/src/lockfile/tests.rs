//! What Terraform writes is read, and written again as it was; what it refuses is refused.

use proptest::prelude::*;

use super::*;

/// Laid out by Terraform 1.11 itself, with a third entry of the same form.
const WRITTEN: &str = r#"# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "example.com:8443/acme/thing" {
  version = "0.1.0-beta.1"
}

provider "registry.terraform.io/hashicorp/aws" {
  version     = "5.100.0"
  constraints = ">= 5.0.0, != 5.99.0, ~> 5.100"
  hashes = [
    "h1:edXOJWE4ORX8Fm+dpVpICzMZJat4AX0VRCAy/xkcOc0=",
    "zh:00ff",
  ]
}

provider "registry.terraform.io/hashicorp/null" {
  version = "3.2.1"
  hashes = [
    "future:a",
    "h1:x",
  ]
}
"#;

fn source(text: &str) -> ProviderSource {
    SourceSpec::parse(text)
        .expect("a source")
        .candidates()
        .remove(0)
}

#[test]
fn what_is_written_is_what_was_read() {
    for text in [
        WRITTEN.to_owned(),
        WRITTEN.replace("\"terraform init\"", "\"tofu init\""),
    ] {
        let lock = LockFile::parse(&text).expect("a lock file");
        assert_eq!(lock.to_string(), text);
    }
    let lock = LockFile::parse(WRITTEN).expect("a lock file");
    let aws = lock
        .get(&source("registry.terraform.io/hashicorp/aws"))
        .expect("an entry");
    assert_eq!(aws.version, Version::new(5, 100, 0));
    let zh = PackageHash::parse("zh:00ff").expect("a hash");
    assert!(aws.accepts([&zh]));
    assert!(!aws.accepts([&PackageHash::parse("zh:00").expect("a hash")]));
}

#[test]
fn errors_have_a_line() {
    let provider = |content: &str| format!("provider \"h.com/n/t\" {{\n{content}\n}}\n");
    let cases = [
        (
            "provider \"n/t\" {\n}".to_owned(),
            "line 1: \"n/t\" must be written with its registry host",
        ),
        (
            "provider \"h.com/N/t\" {\n}".to_owned(),
            "line 1: \"h.com/N/t\" must be written as \"h.com/n/t\"",
        ),
        (
            "\nprovider {\n}".to_owned(),
            "line 2: a provider is written as: provider \"host/namespace/type\" { … }",
        ),
        (
            "provider \"h.com/n/t\" = {\n}".to_owned(),
            "line 1: expected \"{\", found \"=\"",
        ),
        (
            "color = \"red\"".to_owned(),
            "line 1: \"color\" does not belong into a lock file",
        ),
        (provider(""), "line 1: \"version\" is missing"),
        (
            provider("version = \"1.2\""),
            "line 2: \"1.2\" is not a version: unexpected end of input while parsing minor version number",
        ),
        (
            provider("version = \"1.2.3\"\nversion = \"1.2.3\""),
            "line 3: \"version\" is set twice",
        ),
        (
            provider("version = \"1.2.3\"\nconstraints = \"^1\""),
            "line 3: invalid version constraint \"^1\": \"^1\": unexpected character '^' while parsing \
             major version number",
        ),
        (
            provider("version = \"1.2.3\"\nhashes = []"),
            "line 3: \"hashes\" is empty; without hashes it is left out",
        ),
        (
            provider("version = \"1.2.3\"\nhashes = [\"x\"]"),
            "line 3: \"x\" is not a hash",
        ),
        (
            provider("version = \"1.2.3\"\nhash = 1"),
            "line 3: \"hash\" does not belong to a locked provider",
        ),
        (
            provider("version = \"1.2.3\"").repeat(2),
            "line 4: h.com/n/t is locked twice",
        ),
        ("{}".to_owned(), "line 1: expected a name, found \"{\""),
    ];
    for (text, message) in cases {
        let error = LockFile::parse(&text).expect_err("an error");
        assert_eq!(error.to_string(), message, "{text}");
    }
    let lock = LockFile::parse("module \"x\" {}").expect("a lock file");
    assert!(lock.warnings[0].starts_with("line 1: locked modules"));
}

#[test]
fn hashes_are_kept_while_the_version_stays() {
    let mut lock = LockFile::parse(WRITTEN).expect("a lock file");
    let aws = source("registry.terraform.io/hashicorp/aws");
    let entry = |version| LockedProvider {
        version,
        constraints: Constraints::default(),
        hashes: PackageHash::parse("zh:11").into_iter().collect(),
    };
    lock.set(aws.clone(), entry(Version::new(5, 100, 0)));
    assert_eq!(lock.get(&aws).expect("an entry").hashes.len(), 3);
    lock.set(aws.clone(), entry(Version::new(5, 101, 0)));
    assert_eq!(lock.get(&aws).expect("an entry").hashes.len(), 1);
    lock.retain(|source| *source == aws);
    assert_eq!(lock.providers().count(), 1);
}

#[test]
fn saved_files_replace_each_other() {
    let dir = tempfile::tempdir().expect("a directory");
    assert_eq!(LockFile::load(dir.path()).expect("no error"), None);
    let lock = LockFile::parse(WRITTEN).expect("a lock file");
    lock.save(dir.path()).expect("saved");
    lock.save(dir.path()).expect("saved again");
    let loaded = LockFile::load(dir.path())
        .expect("no error")
        .expect("a file");
    assert_eq!(loaded, lock);
    assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 1);
    std::fs::write(dir.path().join(LOCK_FILE), "x").expect("a file");
    let error = LockFile::load(dir.path())
        .expect_err("an error")
        .to_string();
    assert!(
        error.contains(".terraform.lock.hcl, line 1: expected"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z\"{}=\\[\\]#/*\n ,.:0-9>~!\\\\-]{0,200}") {
        let _ = LockFile::parse(&text);
    }

    #[test]
    fn damage_is_refused_or_read_and_written_alike(
        at in 0..WRITTEN.len(), with in "[a-z\"{}=\\[\\]#/\n,0-9]{0,4}", cut in 0..40usize,
    ) {
        let mut text = WRITTEN.as_bytes().to_vec();
        let end = (at + cut).min(text.len());
        text.splice(at..end, with.bytes());
        let text = String::from_utf8_lossy(&text);
        if let Ok(lock) = LockFile::parse(&text) {
            let written = lock.to_string();
            let again = LockFile::parse(&written).expect("what is written is readable");
            prop_assert_eq!(again.to_string(), written);
        }
    }
}
