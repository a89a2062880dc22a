//! Commands that ask a server.

mod client;
pub(crate) mod pipelines;
pub(crate) mod plan;
