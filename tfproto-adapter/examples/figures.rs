//! Measures the adapter with a real plugin: how long until its schema can be used, and what a
//! planning call costs beyond the plugin's own time.
//!
//! `cargo run --release -p nixops4-tfproto --example figures -- PLUGIN CONFIG TYPE INPUTS`, the
//! configuration and the inputs being JSON.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nixops4_core::provider::{Mode, PlanRequest, Provider};
use nixops4_core::value::Value;
use nixops4_proto::tfplugin::v6;
use nixops4_tfproto::check::check;
use nixops4_tfproto::client::Client;
use nixops4_tfproto::convert::to_wire;
use nixops4_tfproto::launch::Launch;
use nixops4_tfproto::lifecycle::proposed_state;
use nixops4_tfproto::provider::{PluginOptions, TfProvider};
use nixops4_tfproto::schema::{Block, Kind};

const CALLS: usize = 500;

struct Measured {
    options: PluginOptions,
    config: Value,
    type_name: String,
    inputs: Value,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [plugin, config, type_name, inputs] = &arguments[..] else {
        return Err("expected: PLUGIN CONFIG TYPE INPUTS".into());
    };
    let value = |json: &str| -> Result<Value, Box<dyn Error>> {
        Ok(Value::from_plain_json(&serde_json::from_str(json)?)?)
    };
    let cache = tempfile::tempdir()?;
    let measured = Measured {
        options: PluginOptions {
            cache_dir: Some(cache.path().to_owned()),
            ..PluginOptions::new("measured", plugin)
        },
        config: value(config)?,
        type_name: type_name.clone(),
        inputs: value(inputs)?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measured.schema(cache.path()))?;
    runtime.block_on(measured.calls())
}

impl Measured {
    async fn schema(&self, cache: &std::path::Path) -> Result<(), Box<dyn Error>> {
        for what in ["first", "cached", "cached"] {
            let start = Instant::now();
            // Nothing of what an earlier one has read.
            let provider = TfProvider::new(PluginOptions {
                pool: Arc::default(),
                ..self.options.clone()
            });
            provider
                .resource_type(Mode::Managed, &self.type_name)
                .await?;
            println!("schema of one type, {what}: {:.1?}", start.elapsed());
            provider.close().await;
        }
        let mut size = 0;
        for entry in std::fs::read_dir(cache.join("schemas"))? {
            size += entry?.metadata()?.len();
        }
        println!("schema cache: {:.2} MB", size as f64 / 1e6);
        Ok(())
    }

    async fn calls(&self) -> Result<(), Box<dyn Error>> {
        let provider = TfProvider::new(self.options.clone());
        let schemas = provider.schemas().await?;
        let schema = schemas
            .get(Kind::Resource, &self.type_name)?
            .ok_or("no such type")?;
        let instance = provider.clone().configure(&self.config).await?.value;
        let mut ours = Vec::new();
        for _ in 0..CALLS {
            let request = PlanRequest {
                type_name: &self.type_name,
                prior: None,
                inputs: &self.inputs,
                stateful: true,
                ignore_changes: &[],
                ignore_all_changes: false,
                force_replace: false,
            };
            let start = Instant::now();
            instance.plan(request).await?;
            ours.push(start.elapsed());
        }
        instance.close().await;
        let raw = self
            .raw_calls(
                &schema.block,
                schemas
                    .get(Kind::Provider, "")?
                    .ok_or("no configuration")?
                    .block
                    .as_ref(),
            )
            .await?;
        let (ours, raw) = (median(ours), median(raw));
        println!(
            "plan: {ours:.1?} a call, of which the bare call is {raw:.1?} (medians of {CALLS})"
        );
        println!("overhead: {:.1?}", ours.saturating_sub(raw));
        Ok(())
    }

    /// The same calls without anything around them.
    async fn raw_calls(
        &self,
        block: &Block,
        config: &Block,
    ) -> Result<Vec<Duration>, Box<dyn Error>> {
        let fits = |diagnostics| format!("{diagnostics:?}");
        let wire = |block: &Block, value: &_| to_wire(&block.object_type(), value);
        let client = Client::launch(&Launch::new("measured", &self.options.executable)).await?;
        client.get_provider_schema().await?;
        let checked = check("provider", config, &self.config).map_err(fits)?;
        let configure = v6::configure_provider::Request {
            terraform_version: "1.13.0".to_owned(),
            config: Some(wire(config, &checked.value)?),
            ..Default::default()
        };
        client.configure_provider(configure).await?;
        let checked = check(&self.type_name, block, &self.inputs).map_err(fits)?;
        let null = nixops4_tfproto::cty::Value::Null;
        let request = v6::plan_resource_change::Request {
            type_name: self.type_name.clone(),
            prior_state: Some(wire(block, &null)?),
            proposed_new_state: Some(wire(block, &proposed_state(block, &null, &checked.value))?),
            config: Some(wire(block, &checked.value)?),
            ..Default::default()
        };
        let mut times = Vec::new();
        for _ in 0..CALLS {
            let request = request.clone();
            let start = Instant::now();
            client.plan_resource_change(request).await?;
            times.push(start.elapsed());
        }
        client.shutdown().await;
        Ok(times)
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
