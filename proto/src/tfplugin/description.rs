//! What a provider says of all its types, not taken apart.

use std::collections::BTreeMap;

use super::v6;

/// `GetProviderSchema.Response` of both protocols, with every description as the bytes it came in.
///
/// A run needs a few of the thousands of types that a large provider has: taking the rest apart
/// would cost as much as having them sent. On the wire an embedded message is the same as its bytes.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Description {
    /// The provider's configuration: a `Schema`.
    #[prost(bytes = "vec", optional, tag = "1")]
    pub provider: Option<Vec<u8>>,
    /// The managed resource types: a `Schema` each.
    #[prost(btree_map = "string, bytes", tag = "2")]
    pub resource_schemas: BTreeMap<String, Vec<u8>>,
    /// The data sources: a `Schema` each.
    #[prost(btree_map = "string, bytes", tag = "3")]
    pub data_source_schemas: BTreeMap<String, Vec<u8>>,
    /// What the plugin complains about; the same message in both protocols.
    #[prost(message, repeated, tag = "4")]
    pub diagnostics: Vec<v6::Diagnostic>,
    /// The provider's meta arguments: a `Schema`.
    #[prost(bytes = "vec", optional, tag = "5")]
    pub provider_meta: Option<Vec<u8>>,
    /// What the plugin can do: `ServerCapabilities`.
    #[prost(bytes = "vec", optional, tag = "6")]
    pub server_capabilities: Option<Vec<u8>>,
    /// The functions: a `Function` each.
    #[prost(btree_map = "string, bytes", tag = "7")]
    pub functions: BTreeMap<String, Vec<u8>>,
    /// The ephemeral resource types: a `Schema` each.
    #[prost(btree_map = "string, bytes", tag = "8")]
    pub ephemeral_resource_schemas: BTreeMap<String, Vec<u8>>,
    /// The resource types that can be listed: a `Schema` each.
    #[prost(btree_map = "string, bytes", tag = "9")]
    pub list_resource_schemas: BTreeMap<String, Vec<u8>>,
    /// The state stores, in protocol 6 only: a `Schema` each.
    #[prost(btree_map = "string, bytes", tag = "10")]
    pub state_store_schemas: BTreeMap<String, Vec<u8>>,
    /// The actions: an `ActionSchema` each.
    #[prost(btree_map = "string, bytes", tag = "11")]
    pub action_schemas: BTreeMap<String, Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::super::{v5, v6};
    use super::*;

    /// A response of a protocol in which each field is set, and what is to be read of it.
    macro_rules! response {
        ($v:ident $($new:tt)*) => {{
            let block = $v::schema::Block { description: "text".to_owned(), ..Default::default() };
            let schema = |version| $v::Schema { version, block: Some(block.clone()) };
            let named = |version| [("name".to_owned(), schema(version))].into();
            let action = $v::ActionSchema { schema: Some(schema(11)) };
            let function = $v::Function { summary: "text".to_owned(), ..Default::default() };
            let response = $v::get_provider_schema::Response {
                provider: Some(schema(1)),
                resource_schemas: named(2),
                data_source_schemas: named(3),
                diagnostics: vec![$v::Diagnostic {
                    severity: 1,
                    summary: "bad".to_owned(),
                    detail: "very".to_owned(),
                    attribute: None,
                }],
                provider_meta: Some(schema(5)),
                server_capabilities: Some($v::ServerCapabilities {
                    move_resource_state: true,
                    ..Default::default()
                }),
                functions: [("name".to_owned(), function.clone())].into(),
                ephemeral_resource_schemas: named(8),
                list_resource_schemas: named(9),
                action_schemas: [("name".to_owned(), action.clone())].into(),
                $($new)*
            };
            let bytes = |version| schema(version).encode_to_vec();
            let named = |bytes: Vec<u8>| BTreeMap::from([("name".to_owned(), bytes)]);
            let expected = Description {
                provider: Some(bytes(1)),
                resource_schemas: named(bytes(2)),
                data_source_schemas: named(bytes(3)),
                diagnostics: vec![v6::Diagnostic {
                    severity: 1,
                    summary: "bad".to_owned(),
                    detail: "very".to_owned(),
                    attribute: None,
                }],
                provider_meta: Some(bytes(5)),
                server_capabilities: response.server_capabilities.map(|c| c.encode_to_vec()),
                functions: named(function.encode_to_vec()),
                ephemeral_resource_schemas: named(bytes(8)),
                list_resource_schemas: named(bytes(9)),
                state_store_schemas: BTreeMap::new(),
                action_schemas: named(action.encode_to_vec()),
            };
            (response, expected)
        }};
    }

    #[test]
    fn it_is_the_answer_of_protocol_5() {
        let (response, expected) = response!(v5);
        assert_eq!(
            Description::decode(&*response.encode_to_vec()),
            Ok(expected)
        );
    }

    #[test]
    fn it_is_the_answer_of_protocol_6() {
        let store = v6::Schema {
            version: 10,
            block: None,
        };
        let stores = BTreeMap::from([("name".to_owned(), store.clone())]);
        let (response, mut expected) = response!(v6 state_store_schemas: stores,);
        expected.state_store_schemas = [("name".to_owned(), store.encode_to_vec())].into();
        assert_eq!(
            Description::decode(&*response.encode_to_vec()),
            Ok(expected)
        );
    }
}
