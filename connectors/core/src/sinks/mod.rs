//! What stores records elsewhere.

#[cfg(feature = "kafka")]
mod kafka;

use catchwater_sdk::Registry;

pub(crate) fn register(registry: &mut Registry) {
    #[cfg(feature = "kafka")]
    kafka::register(registry);
}
