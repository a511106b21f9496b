//! Feeds damaged bytes to what reads foreign words: the MessagePack decoder, the handshake parser
//! and the reader of lock files. They may refuse, but not panic, and not take long.
//!
//! `cargo run --release -p nixops4-tfproto --example fuzz -- [RUNS [WHAT]]`, by default 10 million
//! each of everything; WHAT is `values`, `dynamic values`, `handshakes` or `lock files`.

use std::error::Error;
use std::time::Instant;

use nixops4_tfproto::cty::{Type, Value, msgpack};
use nixops4_tfproto::handshake;
use nixops4_tfproto::lockfile::LockFile;

fn main() -> Result<(), Box<dyn Error>> {
    let runs = std::env::args()
        .nth(1)
        .map_or(Ok(10_000_000), |runs| runs.parse())?;
    let only = std::env::args().nth(2);
    let fuzz = |what: &str, seed: &[u8], random: &mut Random, run: &dyn Fn(&[u8]) -> bool| {
        if only.as_ref().is_none_or(|only| only == what) {
            fuzz(what, runs, seed, random, run);
        }
    };
    let ty = value_type();
    let plain = msgpack::encode(&ty, &value())?;
    let dynamic = msgpack::encode(&Type::Dynamic, &Value::dynamic(ty.clone(), value()))?;
    let certificate = "MIICTjCCAbCgAwIBAgIRAKZ/".repeat(4);
    let line = format!("1|5|unix|/tmp/plugin123|grpc|{certificate}").into_bytes();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    fuzz("values", &plain, &mut random, &|bytes| {
        msgpack::decode(&ty, bytes).is_ok()
    });
    fuzz("dynamic values", &dynamic, &mut random, &|bytes| {
        msgpack::decode(&Type::Dynamic, bytes).is_ok()
    });
    fuzz("handshakes", &line, &mut random, &|bytes| {
        handshake::parse(&String::from_utf8_lossy(bytes)).is_ok()
    });
    fuzz("lock files", LOCK.as_bytes(), &mut random, &|bytes| {
        let Ok(lock) = LockFile::parse(&String::from_utf8_lossy(bytes)) else {
            return false;
        };
        // What is accepted is understood: written out, it says the same.
        let written = lock.to_string();
        let again = LockFile::parse(&written).map(|lock| lock.to_string());
        assert_eq!(again.as_deref(), Ok(written.as_str()));
        true
    });
    Ok(())
}

const LOCK: &str = r#"# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "registry.terraform.io/hashicorp/aws" {
  version     = "5.100.0"
  constraints = ">= 5.0.0, ~> 5.100, != 5.99.0" // why
  hashes = [
    "h1:edXOJWE4ORX8Fm+dpVpICzMZJat4AX0VRCAy/xkcOc0=", /* one */
    "zh:00ff",
  ]
}

provider "example.com:8443/acme/thing" {
  version = "0.1.0-beta.1+\u0041"
}
"#;

fn fuzz(what: &str, runs: u64, seed: &[u8], random: &mut Random, run: &dyn Fn(&[u8]) -> bool) {
    let start = Instant::now();
    let accepted = (0..runs).filter(|_| run(&random.damage(seed))).count();
    println!(
        "{what}: {runs} runs in {:.1?}, {accepted} accepted",
        start.elapsed()
    );
}

fn value_type() -> Type {
    let rule = Type::object([
        ("blocks", Type::list(Type::String)),
        ("port", Type::Number),
        ("self", Type::Bool),
    ]);
    Type::object([
        ("any", Type::Dynamic),
        ("id", Type::String),
        ("pair", Type::tuple([Type::Bool, Type::Number])),
        ("rules", Type::set(rule)),
        ("tags", Type::map(Type::String)),
    ])
}

fn value() -> Value {
    let rule = Value::object([
        (
            "blocks",
            Value::List(vec![Value::string("10.0.0.0/8"), Value::Null]),
        ),
        (
            "port",
            Value::Number("0.1".parse().unwrap_or_else(|_| 1.into())),
        ),
        ("self", Value::Bool(true)),
    ]);
    Value::object([
        (
            "any",
            Value::dynamic(Type::list(Type::Number), Value::List(vec![Value::int(300)])),
        ),
        ("id", Value::string("thing-é")),
        ("pair", Value::Tuple(vec![Value::UNKNOWN, Value::int(-7)])),
        ("rules", Value::set([rule, Value::UNKNOWN])),
        (
            "tags",
            Value::map([("a", Value::string("b")), ("c", Value::Null)]),
        ),
    ])
}

/// A small generator of the xorshift kind: the runs are the same every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap_or(0)
    }

    /// A copy with up to four bytes replaced, flipped, inserted or cut off.
    fn damage(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            let (at, byte) = (self.below(bytes.len()), self.next().to_le_bytes()[0]);
            match self.below(4) {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << self.below(8),
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at + 1),
            }
        }
        bytes
    }
}
