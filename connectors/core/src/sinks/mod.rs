//! What stores records elsewhere.

use catchwater_sdk::Registry;

pub(crate) fn register(_registry: &mut Registry) {}
