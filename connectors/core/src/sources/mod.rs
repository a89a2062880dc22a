//! What reads from elsewhere.

mod file;
mod generate;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "kafka")]
mod kafka;
mod lines;
mod stdin;

use catchwater_sdk::Registry;

pub(crate) fn register(registry: &mut Registry) {
    file::register(registry);
    generate::register(registry);
    #[cfg(feature = "http")]
    http::register(registry);
    #[cfg(feature = "kafka")]
    kafka::register(registry);
    stdin::register(registry);
}
