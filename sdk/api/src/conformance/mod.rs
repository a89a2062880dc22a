//! One suite per role, which every connector passes, and [`doubles`] for whoever tests what calls them.
//!
//! A suite knows nothing of a runtime: call it inside of one, and set a deadline around it, since a connector that
//! breaks its contract may wait for ever.

pub mod doubles;
