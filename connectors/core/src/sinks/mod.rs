//! What stores records elsewhere.

pub(crate) mod encoding;
mod file;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "kafka")]
mod kafka;
mod path;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
#[cfg(feature = "s3")]
mod s3;
mod stdout;

use catchwater_sdk::Registry;

pub use encoding::{write_field, write_json};

pub(crate) fn register(registry: &mut Registry) {
    file::register(registry);
    #[cfg(feature = "http")]
    http::register(registry);
    #[cfg(feature = "kafka")]
    kafka::register(registry);
    #[cfg(feature = "rabbitmq")]
    rabbitmq::register(registry);
    #[cfg(feature = "s3")]
    s3::register(registry);
    stdout::register(registry);
}
