//! The lake sink as the engine drives it, its tables as outsiders read them.

mod delivery;
mod files;
mod schema;
mod support;
