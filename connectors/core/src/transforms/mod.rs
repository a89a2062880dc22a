//! What changes or sorts out records on their way.

mod filter;
mod headers;
mod require;
#[cfg(test)]
mod testing;

use catchwater_sdk::Registry;

pub(crate) fn register(registry: &mut Registry) {
    filter::register(registry);
    headers::register(registry);
    require::register(registry);
}
