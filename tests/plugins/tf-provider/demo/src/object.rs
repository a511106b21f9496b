//! The resource types, and what they have in common: [`Objects`] serves any [`Object`].

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tf_provider::schema::{
    Attribute, AttributeConstraint, AttributeType, Block, Description, Schema,
};
use tf_provider::value::{Value, ValueEmpty, ValueMap, ValueString};
use tf_provider::{AttributePath, Diagnostics, Resource, map};

use crate::store::Store;

type Text = ValueString<'static>;
type Labels = ValueMap<'static, Text>;

/// A kind of object of the service.
pub trait Object: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The type's name without the provider's.
    const KIND: &'static str;

    fn block() -> Block;

    fn id(&self) -> &Text;

    /// Makes everything that the service decides unknown.
    fn forget_computed(&mut self);

    /// Decides everything that the service decides.
    fn compute(&mut self, id: String, number: u32);

    /// Attributes that differ from `prior` and cannot be changed in place.
    fn forces_replacement(&self, prior: &Self) -> Option<&'static str>;
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Network {
    id: Text,
    cidr: Text,
    name: Text,
    labels: Labels,
    gateway: Text,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Host {
    id: Text,
    network_id: Text,
    name: Text,
    labels: Labels,
    password: Text,
    address: Text,
}

fn attribute(attr_type: AttributeType, constraint: AttributeConstraint, text: &str) -> Attribute {
    Attribute {
        attr_type,
        constraint,
        description: Description::plain(text),
        ..Default::default()
    }
}

fn required(text: &str) -> Attribute {
    attribute(AttributeType::String, AttributeConstraint::Required, text)
}

fn optional(text: &str) -> Attribute {
    attribute(AttributeType::String, AttributeConstraint::Optional, text)
}

fn computed(text: &str) -> Attribute {
    attribute(AttributeType::String, AttributeConstraint::Computed, text)
}

fn labels() -> Attribute {
    let map = AttributeType::Map(AttributeType::String.into());
    attribute(map, AttributeConstraint::Optional, "Free text by name.")
}

impl Object for Network {
    const KIND: &'static str = "network";

    fn block() -> Block {
        Block {
            attributes: map! {
                "id" => computed("The service's name for the network."),
                "cidr" => required("The range of addresses; another one makes another network."),
                "name" => optional("A name for people."),
                "labels" => labels(),
                "gateway" => computed("The address of the router."),
            },
            description: Description::plain("A network."),
            ..Block::default()
        }
    }

    fn id(&self) -> &Text {
        &self.id
    }

    fn forget_computed(&mut self) {
        self.id = Value::Unknown;
        self.gateway = Value::Unknown;
    }

    fn compute(&mut self, id: String, _: u32) {
        let cidr = self
            .cidr
            .as_ref_option()
            .map(|cidr| cidr.to_string())
            .unwrap_or_default();
        let range = cidr.split('/').next().unwrap_or_default();
        let prefix = range.rsplit_once('.').map_or(range, |(prefix, _)| prefix);
        self.gateway = Value::Value(format!("{prefix}.1").into());
        self.id = Value::Value(id.into());
    }

    fn forces_replacement(&self, prior: &Self) -> Option<&'static str> {
        (self.cidr != prior.cidr).then_some("cidr")
    }
}

impl Object for Host {
    const KIND: &'static str = "host";

    fn block() -> Block {
        let password = Attribute {
            sensitive: true,
            ..optional("Opens the console.")
        };
        Block {
            attributes: map! {
                "id" => computed("The service's name for the host."),
                "network_id" => required("The network; another one makes another host."),
                "name" => optional("A name for people."),
                "labels" => labels(),
                "password" => password,
                "address" => computed("Where it answers."),
            },
            description: Description::plain("A host in a network."),
            ..Block::default()
        }
    }

    fn id(&self) -> &Text {
        &self.id
    }

    fn forget_computed(&mut self) {
        self.id = Value::Unknown;
        self.address = Value::Unknown;
    }

    fn compute(&mut self, id: String, number: u32) {
        let network = self.network_id.as_ref_option().map(|id| id.to_string());
        let name = format!(
            "host-{number}.{}.demo.internal",
            network.unwrap_or_default()
        );
        self.address = Value::Value(name.into());
        self.id = Value::Value(id.into());
    }

    fn forces_replacement(&self, prior: &Self) -> Option<&'static str> {
        (self.network_id != prior.network_id).then_some("network_id")
    }
}

/// Serves one kind of object as a resource type.
pub struct Objects<T> {
    store: Arc<Store>,
    kind: PhantomData<fn() -> T>,
}

impl<T> Objects<T> {
    pub fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            kind: PhantomData,
        }
    }
}

/// The object's identifier, which it has from its creation on.
fn id_of<T: Object>(object: &T) -> &str {
    object
        .id()
        .as_ref_option()
        .map(AsRef::as_ref)
        .unwrap_or_default()
}

/// Turns an input or output error into a diagnostic.
trait Report<R> {
    fn report(self, diags: &mut Diagnostics, summary: &'static str) -> Option<R>;
}

impl<R> Report<R> for std::io::Result<R> {
    fn report(self, diags: &mut Diagnostics, summary: &'static str) -> Option<R> {
        self.map_err(|error| diags.root_error(summary, error.to_string()))
            .ok()
    }
}

#[async_trait]
impl<T: Object> Resource for Objects<T> {
    type State<'a> = T;
    type PrivateState<'a> = ValueEmpty;
    type ProviderMetaState<'a> = ValueEmpty;

    fn schema(&self, _: &mut Diagnostics) -> Option<Schema> {
        Some(Schema {
            version: 0,
            block: T::block(),
        })
    }

    async fn read<'a>(
        &self,
        diags: &mut Diagnostics,
        state: T,
        private: ValueEmpty,
        _: ValueEmpty,
    ) -> Option<(T, ValueEmpty)> {
        let found = self
            .store
            .read(id_of(&state))
            .report(diags, "The object cannot be read");
        match found {
            Some(found) => found.map(|object| (object, private)),
            None => Some((state, private)),
        }
    }

    async fn plan_create<'a>(
        &self,
        _: &mut Diagnostics,
        mut proposed: T,
        _: T,
        _: ValueEmpty,
    ) -> Option<(T, ValueEmpty)> {
        proposed.forget_computed();
        Some((proposed, ValueEmpty::default()))
    }

    async fn plan_update<'a>(
        &self,
        _: &mut Diagnostics,
        prior: T,
        proposed: T,
        _: T,
        private: ValueEmpty,
        _: ValueEmpty,
    ) -> Option<(T, ValueEmpty, Vec<AttributePath>)> {
        let replace = proposed.forces_replacement(&prior).map(AttributePath::new);
        Some((proposed, private, replace.into_iter().collect()))
    }

    async fn plan_destroy<'a>(
        &self,
        _: &mut Diagnostics,
        _: T,
        private: ValueEmpty,
        _: ValueEmpty,
    ) -> Option<ValueEmpty> {
        Some(private)
    }

    async fn create<'a>(
        &self,
        diags: &mut Diagnostics,
        mut planned: T,
        _: T,
        private: ValueEmpty,
        _: ValueEmpty,
    ) -> Option<(T, ValueEmpty)> {
        let summary = "The object cannot be created";
        let (id, number) = self.store.create(T::KIND).report(diags, summary)?;
        planned.compute(id.clone(), number);
        self.store.write(&id, &planned).report(diags, summary)?;
        Some((planned, private))
    }

    async fn update<'a>(
        &self,
        diags: &mut Diagnostics,
        prior: T,
        planned: T,
        _: T,
        private: ValueEmpty,
        _: ValueEmpty,
    ) -> Option<(T, ValueEmpty)> {
        let written = self.store.write(id_of(&prior), &planned);
        match written.report(diags, "The object cannot be changed") {
            Some(()) => Some((planned, private)),
            None => Some((prior, private)),
        }
    }

    async fn destroy<'a>(
        &self,
        diags: &mut Diagnostics,
        state: T,
        _: ValueEmpty,
        _: ValueEmpty,
    ) -> Option<()> {
        self.store
            .delete(id_of(&state))
            .report(diags, "The object cannot be deleted")
    }

    async fn import<'a>(&self, diags: &mut Diagnostics, id: String) -> Option<(T, ValueEmpty)> {
        let found = self
            .store
            .read(&id)
            .report(diags, "The object cannot be read")?;
        if found.is_none() {
            diags.root_error_short(format!("There is no object {id}"));
        }
        found.map(|object| (object, ValueEmpty::default()))
    }
}
