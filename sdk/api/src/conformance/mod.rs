//! One suite per role, which every connector passes, and [`doubles`] for whoever tests what calls them.
//!
//! A suite panics at the first broken promise and says which. It knows nothing of a runtime: call it inside of one, and
//! set a deadline around it, since a connector that breaks its contract may wait for ever.

pub mod doubles;
mod format;
mod samples;
mod sink;
mod source;
mod transform;

#[cfg(test)]
mod tests;

pub use format::format;
pub use sink::{SinkWorld, sink};
pub use source::{SourceWorld, source};
pub use transform::transform;
