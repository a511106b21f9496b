//! One method for each call of protocol 6.

use nixops4_proto::tfplugin::{v5, v6};

use tonic::Status;

use super::{Client, Events, Kind, Service, Source};
use crate::error::{RpcError, RpcFailure};
use crate::v5::Convert;

/// Calls with one request and one answer, which both protocol versions have.
///
/// `Kind "Rpc" method(messages)`, and after `=` the same of protocol 5 where the names differ.
macro_rules! calls {
    ($($(#[$doc:meta])* $kind:ident $rpc:literal $new:ident($messages:ident)
        $(= $old:ident($old_messages:ident))?;)*) => {
        impl<S: Source> Client<S> {$(
            $(#[$doc])*
            pub async fn $new(
                &self,
                request: v6::$messages::Request,
            ) -> Result<v6::$messages::Response, RpcError> {
                let call = async |service| match service {
                    Service::V6(mut client) => client.$new(request).await,
                    Service::V5(mut client) => {
                        let call = calls!(
                            @old client request $new($messages) $($old($old_messages))?
                        );
                        Ok(call.await?.map(Convert::convert))
                    }
                };
                self.call($rpc, Kind::$kind, call).await
            }
        )*}
    };
    (@old $client:ident $request:ident $new:ident($messages:ident)) => {
        $client.$new(Convert::<v5::$messages::Request>::convert($request))
    };
    (@old $client:ident $request:ident $new:ident($messages:ident) $old:ident($old_messages:ident)) => {
        $client.$old(Convert::<v5::$old_messages::Request>::convert($request))
    };
}

/// Calls with one request that are answered in pieces, which both protocol versions have.
macro_rules! streams {
    ($($(#[$doc:meta])* $kind:ident $rpc:literal $method:ident;)*) => {
        impl<S: Source> Client<S> {$(
            $(#[$doc])*
            pub async fn $method(
                &self,
                request: v6::$method::Request,
            ) -> Result<Events<v6::$method::Event>, RpcError> {
                let (rpc, kind) = ($rpc, Kind::$kind);
                let using = self.enter(rpc, kind).await?;
                let (provider, patience) = (&self.provider, self.patience.of(kind));
                match &using.entered.started.service {
                    Service::V6(client) => {
                        let call = async |_| client.clone().$method(request).await;
                        let pieces = self.call_with(&using, rpc, kind, call).await?;
                        Ok(Events::new(provider, using, rpc, patience, pieces))
                    }
                    Service::V5(client) => {
                        let request = Convert::<v5::$method::Request>::convert(request);
                        let call = async |_| client.clone().$method(request).await;
                        let pieces = self.call_with(&using, rpc, kind, call).await?;
                        Ok(Events::lifted(provider, using, rpc, patience, pieces))
                    }
                }
            }
        )*}
    };
}

calls! {
    /// Asks for the names of everything that the provider has.
    Pure "GetMetadata" get_metadata(get_metadata);
    /// Asks for the shapes of identities.
    Pure "GetResourceIdentitySchemas" get_resource_identity_schemas(get_resource_identity_schemas);
    /// Checks a configuration of the provider.
    Pure "ValidateProviderConfig" validate_provider_config(validate_provider_config)
        = prepare_provider_config(prepare_provider_config);
    /// Checks the configuration of a managed resource.
    Pure "ValidateResourceConfig" validate_resource_config(validate_resource_config)
        = validate_resource_type_config(validate_resource_type_config);
    /// Checks the configuration of a data source.
    Pure "ValidateDataResourceConfig" validate_data_resource_config(validate_data_resource_config)
        = validate_data_source_config(validate_data_source_config);
    /// Brings stored state up to the current schema.
    Pure "UpgradeResourceState" upgrade_resource_state(upgrade_resource_state);
    /// Brings a stored identity up to the current schema.
    Pure "UpgradeResourceIdentity" upgrade_resource_identity(upgrade_resource_identity);
    /// Gives the provider its configuration.
    Asking "ConfigureProvider" configure_provider(configure_provider) = configure(configure);
    /// Looks at an object again.
    Asking "ReadResource" read_resource(read_resource);
    /// Works out what a change will lead to.
    Asking "PlanResourceChange" plan_resource_change(plan_resource_change);
    /// Makes a planned change. Must not be cancelled: ask with [`Client::stop`] instead.
    Changing "ApplyResourceChange" apply_resource_change(apply_resource_change);
    /// Finds an existing object.
    Asking "ImportResourceState" import_resource_state(import_resource_state);
    /// Takes over the state of another type.
    Pure "MoveResourceState" move_resource_state(move_resource_state);
    /// Writes a configuration that would lead to a state.
    Pure "GenerateResourceConfig" generate_resource_config(generate_resource_config);
    /// Reads a data source.
    Asking "ReadDataSource" read_data_source(read_data_source);
    /// Checks the configuration of an ephemeral resource.
    Pure "ValidateEphemeralResourceConfig" validate_ephemeral_resource_config(
        validate_ephemeral_resource_config
    );
    /// Opens an ephemeral resource.
    Asking "OpenEphemeralResource" open_ephemeral_resource(open_ephemeral_resource);
    /// Keeps an ephemeral resource alive.
    Asking "RenewEphemeralResource" renew_ephemeral_resource(renew_ephemeral_resource);
    /// Ends an ephemeral resource.
    Asking "CloseEphemeralResource" close_ephemeral_resource(close_ephemeral_resource);
    /// Checks the configuration of a search.
    Pure "ValidateListResourceConfig" validate_list_resource_config(validate_list_resource_config);
    /// Asks for functions that only a configured provider knows.
    Pure "GetFunctions" get_functions(get_functions);
    /// Calls a function.
    Pure "CallFunction" call_function(call_function);
    /// Checks that an action can be done.
    Asking "PlanAction" plan_action(plan_action);
    /// Checks the configuration of an action.
    Pure "ValidateActionConfig" validate_action_config(validate_action_config);
}

streams! {
    /// Searches for existing objects.
    Asking "ListResource" list_resource;
    /// Does an action; the last event says how it ended.
    Changing "InvokeAction" invoke_action;
}

/// Calls that protocol 5 does not have.
macro_rules! new_calls {
    ($($(#[$doc:meta])* $kind:ident $rpc:literal $new:ident($messages:ident);)*) => {
        impl<S: Source> Client<S> {$(
            $(#[$doc])*
            pub async fn $new(
                &self,
                request: v6::$messages::Request,
            ) -> Result<v6::$messages::Response, RpcError> {
                let call = async |service| match service {
                    Service::V6(mut client) => client.$new(request).await,
                    Service::V5(_) => Err(unknown()),
                };
                self.call($rpc, Kind::$kind, call).await
            }
        )*}
    };
}

new_calls! {
    /// Gives a state store its configuration.
    Asking "ConfigureStateStore" configure_state_store(configure_state_store);
    /// Locks one state.
    Changing "LockState" lock_state(lock_state);
    /// Unlocks one state.
    Changing "UnlockState" unlock_state(unlock_state);
    /// Lists the states in a store.
    Asking "GetStates" get_states(get_states);
    /// Deletes one state.
    Changing "DeleteState" delete_state(delete_state);
}

/// What protocol 5 answers to a call that it does not have.
fn unknown() -> Status {
    Status::unimplemented("protocol 5 does not have this call")
}

impl<S: Source> Client<S> {
    /// Checks the configuration of a state store.
    pub async fn validate_state_store_config(
        &self,
        request: v6::validate_state_store::Request,
    ) -> Result<v6::validate_state_store::Response, RpcError> {
        let call = async |service| match service {
            Service::V6(mut client) => client.validate_state_store_config(request).await,
            Service::V5(_) => Err(unknown()),
        };
        self.call("ValidateStateStoreConfig", Kind::Pure, call)
            .await
    }

    /// Reads one state in chunks.
    pub async fn read_state_bytes(
        &self,
        request: v6::read_state_bytes::Request,
    ) -> Result<Events<v6::read_state_bytes::Response>, RpcError> {
        let (rpc, kind) = ("ReadStateBytes", Kind::Asking);
        let using = self.enter(rpc, kind).await?;
        let call = async |service| match service {
            Service::V6(mut client) => client.read_state_bytes(request).await,
            Service::V5(_) => Err(unknown()),
        };
        let pieces = self.call_with(&using, rpc, kind, call).await?;
        Ok(Events::new(
            &self.provider,
            using,
            rpc,
            self.patience.of(kind),
            pieces,
        ))
    }

    /// Writes one state in chunks; only the first has a `meta`.
    pub async fn write_state_bytes(
        &self,
        chunks: Vec<v6::write_state_bytes::RequestChunk>,
    ) -> Result<v6::write_state_bytes::Response, RpcError> {
        let call = async |service| match service {
            Service::V6(mut client) => client.write_state_bytes(tokio_stream::iter(chunks)).await,
            Service::V5(_) => Err(unknown()),
        };
        self.call("WriteStateBytes", Kind::Changing, call).await
    }

    /// Asks running calls to come to an early end. They still answer; later calls work.
    pub async fn stop(&self) -> Result<(), RpcError> {
        let rpc = "StopProvider";
        let call = async |service| match service {
            Service::V6(mut client) => client.stop_provider(v6::stop_provider::Request {}).await,
            Service::V5(mut client) => {
                let answer = client.stop(v5::stop::Request {}).await?;
                Ok(answer.map(Convert::convert))
            }
        };
        let response: v6::stop_provider::Response = self.call(rpc, Kind::Pure, call).await?;
        match response.error.is_empty() {
            true => Ok(()),
            false => Err(self.error(rpc, RpcFailure::Refused(response.error), true)),
        }
    }
}
