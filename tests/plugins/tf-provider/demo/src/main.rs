//! A small real provider plugin (protocol 6) on the `tf-provider` framework: a make-believe network
//! service whose objects are JSON files in a folder, so they outlive the plugin's process.
//!
//! | type | replaced by a change of | computed |
//! |---|---|---|
//! | `demo_network` | `cidr` | `id`, `gateway` |
//! | `demo_host` | `network_id` | `id`, `address` |

mod object;
mod store;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use object::{Host, Network, Objects};
use serde::{Deserialize, Serialize};
use store::Store;
use tf_provider::schema::{
    Attribute, AttributeConstraint, AttributeType, Block, Description, Schema,
};
use tf_provider::value::{ValueEmpty, ValueString};
use tf_provider::{Diagnostics, DynamicResource, Provider, map, serve};

#[derive(Default)]
struct Demo {
    store: Arc<Store>,
}

#[derive(Serialize, Deserialize)]
struct Config {
    directory: ValueString<'static>,
}

#[async_trait]
impl Provider for Demo {
    type Config<'a> = Config;
    type MetaState<'a> = ValueEmpty;

    fn schema(&self, _: &mut Diagnostics) -> Option<Schema> {
        let directory = Attribute {
            attr_type: AttributeType::String,
            description: Description::plain("The folder that the objects live in."),
            constraint: AttributeConstraint::Required,
            ..Attribute::default()
        };
        Some(Schema {
            version: 0,
            block: Block {
                attributes: map! { "directory" => directory },
                description: Description::plain("A make-believe network service."),
                ..Block::default()
            },
        })
    }

    async fn configure<'a>(
        &self,
        diags: &mut Diagnostics,
        _: String,
        config: Self::Config<'a>,
    ) -> Option<()> {
        let Some(directory) = config.directory.as_ref_option() else {
            diags.root_error_short("The directory must be known");
            return None;
        };
        self.store
            .open(PathBuf::from(directory.as_ref()))
            .map_err(|error| diags.root_error("The directory cannot be used", error.to_string()))
            .ok()
    }

    fn get_resources(
        &self,
        _: &mut Diagnostics,
    ) -> Option<HashMap<String, Box<dyn DynamicResource>>> {
        Some(map! {
            "network" => Objects::<Network>::new(self.store.clone()),
            "host" => Objects::<Host>::new(self.store.clone()),
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    serve("demo", Demo::default()).await
}
