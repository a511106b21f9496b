//! What the script may change in any answer, whatever its message.

use nixops4_proto::tfplugin::prost::Message;
use nixops4_proto::tfplugin::v6;

/// A request.
pub trait Request: Message + Default {
    /// The type it is about; empty if it is about none.
    fn type_name(&self) -> &str {
        ""
    }
}

/// An answer with the parts that the script may change.
pub trait Answer: Message + Default {
    /// The main value.
    fn value(&mut self) -> Option<&mut Option<v6::DynamicValue>> {
        None
    }

    /// The complaints.
    fn diagnostics(&mut self) -> Option<&mut Vec<v6::Diagnostic>> {
        None
    }

    /// Everything else.
    fn extras(&mut self) -> Extras<'_> {
        Extras::default()
    }
}

/// Parts that only some answers have.
#[derive(Debug, Default)]
pub struct Extras<'a> {
    pub private: Option<&'a mut Vec<u8>>,
    pub requires_replace: Option<&'a mut Vec<v6::AttributePath>>,
    pub legacy_type_system: Option<&'a mut bool>,
    pub deferred: Option<&'a mut Option<v6::Deferred>>,
}

macro_rules! requests {
    ($($name:ident $(.$field:ident)?),* $(,)?) => {$(
        impl Request for v6::$name::Request {
            $(fn type_name(&self) -> &str {
                &self.$field
            })?
        }
    )*};
}

requests! {
    get_metadata, get_provider_schema, get_resource_identity_schemas, validate_provider_config,
    configure_provider, get_functions, call_function, stop_provider,
    validate_resource_config.type_name, validate_data_resource_config.type_name,
    validate_ephemeral_resource_config.type_name, validate_list_resource_config.type_name,
    validate_action_config.type_name, validate_state_store.type_name,
    upgrade_resource_state.type_name, upgrade_resource_identity.type_name,
    read_resource.type_name, plan_resource_change.type_name, apply_resource_change.type_name,
    import_resource_state.type_name, move_resource_state.target_type_name,
    generate_resource_config.type_name, read_data_source.type_name,
    open_ephemeral_resource.type_name, renew_ephemeral_resource.type_name,
    close_ephemeral_resource.type_name, list_resource.type_name, plan_action.action_type,
    invoke_action.action_type, configure_state_store.type_name, lock_state.type_name,
    unlock_state.type_name, get_states.type_name, delete_state.type_name,
    read_state_bytes.type_name,
}

impl Request for v6::write_state_bytes::RequestChunk {}

macro_rules! answers {
    ($($name:ident { $($part:ident $(= $field:ident)?),* })*) => {$(
        impl Answer for v6::$name::Response {
            $(answers!(@part $part $($field)?);)*
        }
    )*};
    (@part value $field:ident) => {
        fn value(&mut self) -> Option<&mut Option<v6::DynamicValue>> {
            Some(&mut self.$field)
        }
    };
    (@part diagnostics) => {
        fn diagnostics(&mut self) -> Option<&mut Vec<v6::Diagnostic>> {
            Some(&mut self.diagnostics)
        }
    };
}

answers! {
    get_metadata { diagnostics }
    get_provider_schema { diagnostics }
    get_resource_identity_schemas { diagnostics }
    validate_provider_config { diagnostics }
    configure_provider { diagnostics }
    get_functions { diagnostics }
    call_function { value = result }
    stop_provider {}
    validate_resource_config { diagnostics }
    validate_data_resource_config { diagnostics }
    validate_ephemeral_resource_config { diagnostics }
    validate_list_resource_config { diagnostics }
    validate_action_config { diagnostics }
    validate_state_store { diagnostics }
    upgrade_resource_state { value = upgraded_state, diagnostics }
    upgrade_resource_identity { diagnostics }
    move_resource_state { value = target_state, diagnostics }
    generate_resource_config { value = config, diagnostics }
    read_data_source { value = state, diagnostics }
    open_ephemeral_resource { value = result, diagnostics }
    renew_ephemeral_resource { diagnostics }
    close_ephemeral_resource { diagnostics }
    import_resource_state { diagnostics }
    plan_action { diagnostics }
    configure_state_store { diagnostics }
    lock_state { diagnostics }
    unlock_state { diagnostics }
    get_states { diagnostics }
    delete_state { diagnostics }
    write_state_bytes { diagnostics }
    read_state_bytes { diagnostics }
}

impl Answer for v6::read_resource::Response {
    fn value(&mut self) -> Option<&mut Option<v6::DynamicValue>> {
        Some(&mut self.new_state)
    }

    fn diagnostics(&mut self) -> Option<&mut Vec<v6::Diagnostic>> {
        Some(&mut self.diagnostics)
    }

    fn extras(&mut self) -> Extras<'_> {
        Extras {
            private: Some(&mut self.private),
            deferred: Some(&mut self.deferred),
            ..Extras::default()
        }
    }
}

impl Answer for v6::plan_resource_change::Response {
    fn value(&mut self) -> Option<&mut Option<v6::DynamicValue>> {
        Some(&mut self.planned_state)
    }

    fn diagnostics(&mut self) -> Option<&mut Vec<v6::Diagnostic>> {
        Some(&mut self.diagnostics)
    }

    fn extras(&mut self) -> Extras<'_> {
        Extras {
            private: Some(&mut self.planned_private),
            requires_replace: Some(&mut self.requires_replace),
            legacy_type_system: Some(&mut self.legacy_type_system),
            deferred: Some(&mut self.deferred),
        }
    }
}

impl Answer for v6::apply_resource_change::Response {
    fn value(&mut self) -> Option<&mut Option<v6::DynamicValue>> {
        Some(&mut self.new_state)
    }

    fn diagnostics(&mut self) -> Option<&mut Vec<v6::Diagnostic>> {
        Some(&mut self.diagnostics)
    }

    fn extras(&mut self) -> Extras<'_> {
        Extras {
            private: Some(&mut self.private),
            legacy_type_system: Some(&mut self.legacy_type_system),
            ..Extras::default()
        }
    }
}

impl Answer for v6::list_resource::Event {
    fn diagnostics(&mut self) -> Option<&mut Vec<v6::Diagnostic>> {
        Some(&mut self.diagnostic)
    }
}

impl Answer for v6::invoke_action::Event {}
