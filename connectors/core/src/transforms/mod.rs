//! What changes or sorts out records on their way.

mod dedupe;
mod drop;
mod extract;
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

use catchwater_sdk::transform::Output;
use catchwater_sdk::{Batch, RecordRef, Registry};

pub(crate) fn register(registry: &mut Registry) {
    dedupe::register(registry);
    drop::register(registry);
    extract::register(registry);
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

/// Keeps the records that stay and drops the others; one that cannot be judged is rejected with the reason.
fn sort_out(batch: &Batch, out: &mut Output<'_>, mut stays: impl FnMut(RecordRef<'_>) -> Result<bool, String>) {
    for (i, record) in batch.iter().enumerate() {
        match stays(record) {
            Ok(true) => out.keep(i),
            Ok(false) => out.drop_record(i),
            Err(reason) => out.reject(i, reason),
        }
    }
}
