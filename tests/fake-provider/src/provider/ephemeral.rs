//! Ephemeral resources: tokens that have to be renewed.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use nixops4_proto::tfplugin::prost_types::Timestamp;
use nixops4_proto::tfplugin::v6;
use nixops4_tfproto::cty::Value;

use super::{Answered, Provider, decode, encode, put, schema};

impl Provider {
    /// Accepts any configuration of a token.
    pub fn validate_ephemeral(
        &self,
        request: v6::validate_ephemeral_resource_config::Request,
    ) -> Answered<v6::validate_ephemeral_resource_config::Response> {
        decode(
            &schema::implied(&schema::ephemeral()),
            request.config.as_ref(),
        )?;
        Ok(v6::validate_ephemeral_resource_config::Response::default())
    }

    /// Makes a token.
    pub fn open_ephemeral(
        &self,
        request: v6::open_ephemeral_resource::Request,
    ) -> Answered<v6::open_ephemeral_resource::Response> {
        let ty = schema::implied(&schema::ephemeral());
        let mut result = decode(&ty, request.config.as_ref())?;
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        put(
            &mut result,
            "value",
            Value::string(format!("token-{serial}")),
        );
        Ok(v6::open_ephemeral_resource::Response {
            result: encode(&ty, &result)?,
            private: Some(serial.to_string().into_bytes()),
            renew_at: self.renew_at(),
            ..Default::default()
        })
    }

    /// Renews a token.
    pub fn renew_ephemeral(
        &self,
        request: v6::renew_ephemeral_resource::Request,
    ) -> Answered<v6::renew_ephemeral_resource::Response> {
        Ok(v6::renew_ephemeral_resource::Response {
            private: request.private,
            renew_at: self.renew_at(),
            ..Default::default()
        })
    }

    /// Forgets a token.
    pub fn close_ephemeral(
        &self,
        _: v6::close_ephemeral_resource::Request,
    ) -> Answered<v6::close_ephemeral_resource::Response> {
        Ok(v6::close_ephemeral_resource::Response::default())
    }

    fn renew_at(&self) -> Option<Timestamp> {
        let after = Duration::from_millis(self.renew_after_ms?);
        Some(Timestamp::from(SystemTime::now() + after))
    }
}
