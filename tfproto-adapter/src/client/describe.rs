//! The description of everything that a provider has, which is not taken apart.

use http::Uri;
use http::uri::PathAndQuery;
use nixops4_proto::tfplugin::Description;
use nixops4_proto::tfplugin::tonic_prost::ProstCodec;
use tonic::client::Grpc;
use tonic::{Request, Status};

use super::{Client, Kind, MAX_ANSWER, Source};
use crate::connection::ORIGIN;
use crate::error::RpcError;
use crate::handshake::Protocol;

impl<S: Source> Client<S> {
    /// Asks for the description of everything that the provider has, in the messages of the protocol
    /// that comes with it.
    pub async fn get_provider_schema(&self) -> Result<(Protocol, Description), RpcError> {
        let (rpc, kind) = ("GetProviderSchema", Kind::Pure);
        let using = self.enter(rpc, kind).await?;
        let plugin = &using.entered.started.plugin;
        let (protocol, connection) = (plugin.protocol(), plugin.connection());
        let path = PathAndQuery::from_static(match protocol {
            Protocol::V5 => "/tfplugin5.Provider/GetSchema",
            Protocol::V6 => "/tfplugin6.Provider/GetProviderSchema",
        });
        let call = async |_| {
            let mut grpc = Grpc::with_origin(connection, Uri::from_static(ORIGIN))
                .max_decoding_message_size(MAX_ANSWER);
            let ready = grpc.ready().await;
            ready.map_err(|error| Status::from_error(error.into()))?;
            // The request has no fields in either protocol.
            let codec = ProstCodec::<(), Description>::default();
            grpc.unary(Request::new(()), path, codec).await
        };
        let description = self.call_with(&using, rpc, kind, call).await?;
        Ok((protocol, description))
    }
}
