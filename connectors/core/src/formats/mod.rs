//! How payloads are understood.

pub mod json;

use catchwater_sdk::Registry;

pub(crate) fn register(registry: &mut Registry) {
    json::register(registry);
}
