//! Measures how fast values are decoded and encoded: a security group of 2,000 rules twice over,
//! with many tags and a long policy, as the largest values of the AWS provider look.
//!
//! `cargo run --release -p nixops4-tfproto --example codec`

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use nixops4_tfproto::cty::{Type, Value, msgpack};

const ROUNDS: usize = 5;
const RUNS: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let ty = group_type();
    let value = group();
    let bytes = msgpack::encode(&ty, &value)?;
    println!("{} bytes", bytes.len());
    for _ in 0..ROUNDS {
        let decode = measure(bytes.len(), || {
            msgpack::decode(&ty, black_box(&bytes)).is_ok()
        });
        let encode = measure(bytes.len(), || {
            msgpack::encode(&ty, black_box(&value)).is_ok()
        });
        println!("decode {decode:.0} MB/s, encode {encode:.0} MB/s");
    }
    Ok(())
}

/// Megabytes in a second.
fn measure(size: usize, run: impl Fn() -> bool) -> f64 {
    let start = Instant::now();
    for _ in 0..RUNS {
        assert!(black_box(run()));
    }
    (size * RUNS) as f64 / 1e6 / start.elapsed().as_secs_f64()
}

fn rule_type() -> Type {
    Type::object([
        ("cidr_blocks", Type::list(Type::String)),
        ("description", Type::String),
        ("from_port", Type::Number),
        ("protocol", Type::String),
        ("self", Type::Bool),
        ("to_port", Type::Number),
    ])
}

fn group_type() -> Type {
    Type::object([
        ("id", Type::String),
        ("ingress", Type::set(rule_type())),
        ("egress", Type::list(rule_type())),
        ("policy", Type::String),
        ("tags", Type::map(Type::String)),
    ])
}

fn rule(port: i64) -> Value {
    let blocks = ["10.0.0.0/16", "192.168.0.0/24"].map(Value::string);
    Value::object([
        ("cidr_blocks", Value::List(blocks.into())),
        (
            "description",
            Value::string(format!("rule number {port} for the load balancer")),
        ),
        ("from_port", Value::int(port)),
        ("protocol", Value::string("tcp")),
        ("self", Value::Bool(false)),
        ("to_port", Value::int(port + 1)),
    ])
}

fn group() -> Value {
    let tag = |i: i64| {
        (
            format!("tag-{i}"),
            Value::string(format!("the value of tag {i}")),
        )
    };
    Value::object([
        ("id", Value::string("sg-0123456789abcdef0")),
        ("ingress", Value::set((0..2000).map(rule))),
        ("egress", Value::List((0..2000).map(rule).collect())),
        ("policy", Value::string("x".repeat(20_000))),
        ("tags", Value::map((0..500).map(tag))),
    ])
}
