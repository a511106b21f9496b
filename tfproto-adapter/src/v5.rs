//! Protocol 5 in terms of protocol 6, field by field.
//!
//! Every impl takes its message apart completely, so that a field added to a `.proto` file does not
//! compile until it is decided here what becomes of it. The few fields that only protocol 6 has are
//! listed with their message: absent on the way up, dropped on the way down.

use std::collections::BTreeMap;

use nixops4_proto::tfplugin::prost_types::Timestamp;
use nixops4_proto::tfplugin::{v5, v6};

/// Conversion of a message to the same message of the other protocol version.
pub trait Convert<T> {
    /// Converts.
    fn convert(self) -> T;
}

macro_rules! identical {
    ($($ty:ty),*) => {$(
        impl Convert<$ty> for $ty {
            fn convert(self) -> $ty {
                self
            }
        }
    )*};
}

identical!(String, bool, u8, i32, i64, Timestamp);

impl<A: Convert<B>, B> Convert<Vec<B>> for Vec<A> {
    fn convert(self) -> Vec<B> {
        self.into_iter().map(Convert::convert).collect()
    }
}

impl<A: Convert<B>, B> Convert<Option<B>> for Option<A> {
    fn convert(self) -> Option<B> {
        self.map(Convert::convert)
    }
}

impl<A: Convert<B>, B> Convert<BTreeMap<String, B>> for BTreeMap<String, A> {
    fn convert(self) -> BTreeMap<String, B> {
        self.into_iter()
            .map(|(key, value)| (key, value.convert()))
            .collect()
    }
}

/// Messages with the same fields; `+` lists those that only protocol 6 has.
macro_rules! messages {
    ($($($path:ident)::+ { $($field:ident),* } $(+ { $($new:ident),* })?)*) => {$(
        messages! { @one ($($path)::+) ($($path)::+) { $($field),* } { $($($new),*)? } }
    )*};
    (@one ($($old:ident)::+) ($($new:ident)::+) { $($field:ident),* } { $($added:ident),* }) => {
        impl Convert<v6::$($new)::+> for v5::$($old)::+ {
            fn convert(self) -> v6::$($new)::+ {
                let Self { $($field),* } = self;
                v6::$($new)::+ { $($field: $field.convert(),)* $($added: Default::default()),* }
            }
        }

        impl Convert<v5::$($old)::+> for v6::$($new)::+ {
            fn convert(self) -> v5::$($old)::+ {
                let Self { $($field,)* $($added: _),* } = self;
                v5::$($old)::+ { $($field: $field.convert()),* }
            }
        }
    };
}

/// Messages that have another name in protocol 6.
macro_rules! renamed {
    ($($($old:ident)::+ => $($new:ident)::+ { $($field:ident),* })*) => {$(
        messages! { @one ($($old)::+) ($($new)::+) { $($field),* } {} }
    )*};
}

// What other messages are made of.
messages! {
    DynamicValue { msgpack, json }
    Diagnostic { severity, summary, detail, attribute }
    FunctionError { text, function_argument }
    AttributePath { steps }
    attribute_path::Step { selector }
    RawState { json, flatmap }
    ResourceIdentityData { identity_data }
    ClientCapabilities { deferral_allowed, write_only_attributes_allowed }
        + { store_planned_private, computed_blocks_allowed }
    ServerCapabilities {
        plan_destroy, get_provider_schema_optional, move_resource_state, generate_resource_config
    }
    Deferred { reason }
}

// Schemas.
messages! {
    Schema { version, block }
    schema::Block {
        version, attributes, block_types, description, description_kind, deprecated,
        deprecation_message
    } + { computed }
    schema::Attribute {
        name, r#type, description, required, optional, computed, sensitive, description_kind,
        deprecated, write_only, deprecation_message
    } + { nested_type }
    schema::NestedBlock { type_name, block, nesting, min_items, max_items }
    Function {
        parameters, variadic_parameter, r#return, summary, description, description_kind,
        deprecation_message
    }
    function::Parameter {
        name, r#type, allow_null_value, allow_unknown_values, description, description_kind
    }
    function::Return { r#type }
    ActionSchema { schema }
    ResourceIdentitySchema { version, identity_attributes }
    resource_identity_schema::IdentityAttribute {
        name, r#type, required_for_import, optional_for_import, description
    }
}

// The provider as a whole.
messages! {
    get_metadata::Request {}
    get_metadata::EphemeralMetadata { type_name }
    get_metadata::FunctionMetadata { name }
    get_metadata::DataSourceMetadata { type_name }
    get_metadata::ResourceMetadata { type_name }
    get_metadata::ListResourceMetadata { type_name }
    get_metadata::ActionMetadata { type_name }
    get_provider_schema::Request {}
    get_provider_schema::Response {
        provider, resource_schemas, data_source_schemas, functions, ephemeral_resource_schemas,
        list_resource_schemas, action_schemas, diagnostics, provider_meta, server_capabilities
    } + { state_store_schemas }
    get_resource_identity_schemas::Request {}
    get_resource_identity_schemas::Response { identity_schemas, diagnostics }
    get_functions::Request {}
    get_functions::Response { functions, diagnostics }
    call_function::Request { name, arguments }
    call_function::Response { result, error }
}
renamed! {
    prepare_provider_config::Request => validate_provider_config::Request { config }
    configure::Request => configure_provider::Request {
        terraform_version, config, client_capabilities
    }
    configure::Response => configure_provider::Response { diagnostics }
    stop::Request => stop_provider::Request {}
    stop::Response => stop_provider::Response { error }
}

// Managed resources and data sources.
messages! {
    upgrade_resource_state::Request { type_name, version, raw_state }
    upgrade_resource_state::Response { upgraded_state, diagnostics }
    upgrade_resource_identity::Request { type_name, version, raw_identity }
    upgrade_resource_identity::Response { upgraded_identity, diagnostics }
    read_resource::Request {
        type_name, current_state, private, provider_meta, client_capabilities, current_identity
    }
    read_resource::Response { new_state, diagnostics, private, deferred, new_identity }
    plan_resource_change::Request {
        type_name, prior_state, proposed_new_state, config, prior_private, provider_meta,
        client_capabilities, prior_identity
    } + { planned_private }
    plan_resource_change::Response {
        planned_state, requires_replace, planned_private, diagnostics, legacy_type_system,
        deferred, planned_identity
    }
    apply_resource_change::Request {
        type_name, prior_state, planned_state, config, planned_private, provider_meta,
        planned_identity
    }
    apply_resource_change::Response {
        new_state, private, diagnostics, legacy_type_system, new_identity
    }
    import_resource_state::Request { type_name, id, client_capabilities, identity }
    import_resource_state::ImportedResource { type_name, state, private, identity }
    import_resource_state::Response { imported_resources, diagnostics, deferred }
    move_resource_state::Request {
        source_provider_address, source_type_name, source_schema_version, source_state,
        target_type_name, source_private, source_identity, source_identity_schema_version
    }
    move_resource_state::Response { target_state, diagnostics, target_private, target_identity }
    generate_resource_config::Request { type_name, state }
    generate_resource_config::Response { config, diagnostics }
    read_data_source::Request { type_name, config, provider_meta, client_capabilities }
    read_data_source::Response { state, diagnostics, deferred }
}
renamed! {
    validate_resource_type_config::Request => validate_resource_config::Request {
        type_name, config, client_capabilities
    }
    validate_resource_type_config::Response => validate_resource_config::Response { diagnostics }
    validate_data_source_config::Request => validate_data_resource_config::Request {
        type_name, config
    }
    validate_data_source_config::Response => validate_data_resource_config::Response {
        diagnostics
    }
}

// Ephemeral resources, searches, actions.
messages! {
    validate_ephemeral_resource_config::Request { type_name, config }
    validate_ephemeral_resource_config::Response { diagnostics }
    open_ephemeral_resource::Request { type_name, config, client_capabilities }
    open_ephemeral_resource::Response { diagnostics, renew_at, result, private, deferred }
    renew_ephemeral_resource::Request { type_name, private }
    renew_ephemeral_resource::Response { diagnostics, renew_at, private }
    close_ephemeral_resource::Request { type_name, private }
    close_ephemeral_resource::Response { diagnostics }
    list_resource::Request { type_name, config, include_resource_object, limit }
    list_resource::Event { identity, display_name, resource_object, diagnostic }
    validate_list_resource_config::Request { type_name, config, include_resource_object, limit }
    validate_list_resource_config::Response { diagnostics }
    plan_action::Request { action_type, config, client_capabilities }
    plan_action::Response { diagnostics, deferred }
    invoke_action::Request { action_type, config, client_capabilities }
    invoke_action::Event { r#type }
    invoke_action::event::Progress { message }
    invoke_action::event::Completed { diagnostics }
    validate_action_config::Request { type_name, config }
    validate_action_config::Response { diagnostics }
}

impl Convert<v6::get_metadata::Response> for v5::get_metadata::Response {
    fn convert(self) -> v6::get_metadata::Response {
        let Self {
            server_capabilities,
            diagnostics,
            data_sources,
            resources,
            functions,
            ephemeral_resources,
            list_resources,
            mut actions,
            actions_of_plugin_go,
        } = self;
        // A plugin uses one of the two numbers, depending on what it is made with.
        actions.extend(actions_of_plugin_go);
        v6::get_metadata::Response {
            server_capabilities: server_capabilities.convert(),
            diagnostics: diagnostics.convert(),
            data_sources: data_sources.convert(),
            resources: resources.convert(),
            functions: functions.convert(),
            ephemeral_resources: ephemeral_resources.convert(),
            list_resources: list_resources.convert(),
            state_stores: Vec::new(),
            actions: actions.convert(),
        }
    }
}

impl Convert<v6::validate_provider_config::Response> for v5::prepare_provider_config::Response {
    fn convert(self) -> v6::validate_provider_config::Response {
        // The prepared configuration is not to be used: Configure gets the original.
        let Self {
            prepared_config: _,
            diagnostics,
        } = self;
        v6::validate_provider_config::Response {
            diagnostics: diagnostics.convert(),
        }
    }
}

impl Convert<v5::get_metadata::Response> for v6::get_metadata::Response {
    fn convert(self) -> v5::get_metadata::Response {
        let Self {
            server_capabilities,
            diagnostics,
            data_sources,
            resources,
            functions,
            ephemeral_resources,
            list_resources,
            state_stores: _,
            actions,
        } = self;
        v5::get_metadata::Response {
            server_capabilities: server_capabilities.convert(),
            diagnostics: diagnostics.convert(),
            data_sources: data_sources.convert(),
            resources: resources.convert(),
            functions: functions.convert(),
            ephemeral_resources: ephemeral_resources.convert(),
            list_resources: list_resources.convert(),
            actions: Vec::new(),
            // As nearly every plugin there is sends them.
            actions_of_plugin_go: actions.convert(),
        }
    }
}

impl Convert<v5::prepare_provider_config::Response> for v6::validate_provider_config::Response {
    fn convert(self) -> v5::prepare_provider_config::Response {
        let Self { diagnostics } = self;
        v5::prepare_provider_config::Response {
            prepared_config: None,
            diagnostics: diagnostics.convert(),
        }
    }
}

/// The alternatives of a `oneof`.
macro_rules! alternatives {
    ($from:ty => $to:ty { $($variant:ident),* }) => {
        impl Convert<$to> for $from {
            fn convert(self) -> $to {
                match self {
                    $(Self::$variant(inner) => <$to>::$variant(inner.convert())),*
                }
            }
        }
    };
}

mod selector {
    pub use nixops4_proto::tfplugin::v5::attribute_path::step::Selector as V5;
    pub use nixops4_proto::tfplugin::v6::attribute_path::step::Selector as V6;
}

mod action_event {
    pub use nixops4_proto::tfplugin::v5::invoke_action::event::Type as V5;
    pub use nixops4_proto::tfplugin::v6::invoke_action::event::Type as V6;
}

alternatives!(selector::V5 => selector::V6 { AttributeName, ElementKeyString, ElementKeyInt });
alternatives!(selector::V6 => selector::V5 { AttributeName, ElementKeyString, ElementKeyInt });
alternatives!(action_event::V5 => action_event::V6 { Progress, Completed });
alternatives!(action_event::V6 => action_event::V5 { Progress, Completed });

#[cfg(test)]
mod tests {
    use super::*;
    use nixops4_proto::tfplugin::prost::Message;

    #[test]
    fn attributes_keep_their_meaning_although_the_numbers_differ() {
        let old = v5::schema::Attribute {
            name: "secret".to_owned(),
            r#type: b"\"string\"".to_vec(),
            write_only: true,
            deprecation_message: "use another".to_owned(),
            ..Default::default()
        };
        let new: v6::schema::Attribute = old.clone().convert();
        assert!(new.write_only);
        assert_eq!(new.deprecation_message, "use another");
        // The same bytes read with the other numbers would say something else.
        let misread = v6::schema::Attribute::decode(old.encode_to_vec().as_slice());
        assert!(misread.is_err() || misread.is_ok_and(|attribute| attribute != new));
        let back: v5::schema::Attribute = new.convert();
        assert_eq!(back, old);
    }

    #[test]
    fn actions_are_found_under_both_numbers() {
        let action = |name: &str| v5::get_metadata::ActionMetadata {
            type_name: name.to_owned(),
        };
        let old = v5::get_metadata::Response {
            actions: vec![action("a")],
            actions_of_plugin_go: vec![action("b")],
            ..Default::default()
        };
        let new: v6::get_metadata::Response = old.convert();
        let names: Vec<String> = new
            .actions
            .into_iter()
            .map(|action| action.type_name)
            .collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn paths_and_diagnostics_are_lifted() {
        use v5::attribute_path::{Step, step::Selector};
        let step = |selector| Step {
            selector: Some(selector),
        };
        let old = v5::Diagnostic {
            severity: v5::diagnostic::Severity::Warning.into(),
            summary: "s".to_owned(),
            detail: "d".to_owned(),
            attribute: Some(v5::AttributePath {
                steps: vec![
                    step(Selector::AttributeName("a".to_owned())),
                    step(Selector::ElementKeyInt(3)),
                    Step { selector: None },
                ],
            }),
        };
        let new: v6::Diagnostic = old.clone().convert();
        assert_eq!(new.severity(), v6::diagnostic::Severity::Warning);
        assert_eq!(new.attribute.as_ref().unwrap().steps.len(), 3);
        assert_eq!(Convert::<v5::Diagnostic>::convert(new), old);
    }
}
