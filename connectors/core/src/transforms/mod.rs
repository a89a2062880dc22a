//! What changes or sorts out records on their way.

mod headers;
mod require;
#[cfg(test)]
mod testing;

use catchwater_sdk::Registry;

pub(crate) fn register(registry: &mut Registry) {
    headers::register(registry);
    require::register(registry);
}
