//! What changes or sorts out records on their way.

mod dedupe;
mod drop;
mod fields;
mod filter;
mod headers;
#[cfg(feature = "jq")]
pub(crate) mod jq;
mod mask;
mod rename;
mod require;
mod sample;
#[cfg(test)]
mod testing;
mod throttle;

use catchwater_sdk::Registry;

pub(crate) fn register(registry: &mut Registry) {
    dedupe::register(registry);
    drop::register(registry);
    filter::register(registry);
    headers::register(registry);
    #[cfg(feature = "jq")]
    jq::register(registry);
    mask::register(registry);
    rename::register(registry);
    require::register(registry);
    sample::register(registry);
    throttle::register(registry);
}
