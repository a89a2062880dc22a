//! What reads from elsewhere.

mod file;
mod generate;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "kafka")]
pub(crate) mod kafka;
mod lines;
#[cfg(feature = "rabbitmq")]
pub(crate) mod rabbitmq;
#[cfg(feature = "s3")]
mod s3;
mod stdin;

use catchwater_sdk::Registry;

pub(crate) fn register(registry: &mut Registry) {
    file::register(registry);
    generate::register(registry);
    #[cfg(feature = "http")]
    http::register(registry);
    #[cfg(feature = "kafka")]
    kafka::register(registry);
    #[cfg(feature = "rabbitmq")]
    rabbitmq::register(registry);
    #[cfg(feature = "s3")]
    s3::register(registry);
    stdin::register(registry);
}
