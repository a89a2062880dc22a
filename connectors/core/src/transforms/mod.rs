//! What changes or sorts out records on their way.

use catchwater_sdk::Registry;

pub(crate) fn register(_registry: &mut Registry) {}
