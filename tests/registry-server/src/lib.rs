//! Provider registries and mirrors on loopback, for tests.
//!
//! A [`Server`] speaks TLS and answers as it is told to; [`registry`], [`network_mirror`] and
//! [`oci_mirror`] tell it to be one of those. A test then spoils what it is about with
//! [`Server::set`].

mod keys;
mod proxy;
mod publish;
mod server;

pub use keys::SigningKey;
pub use proxy::Proxy;
pub use publish::{
    Package, Release, archive, network_mirror, oci_mirror, platform, registry, sha256,
};
pub use server::{Reply, Request, Server};
