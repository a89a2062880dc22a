//! The built-in connectors: sources, transforms, sinks and formats.
//!
//! Each is one file or folder with its configuration, whose doc comments are its manual, and a `register` function.
//! They use the same SDK as any other connector. How to add one: `connectors/CONTRIBUTING.md`.

pub mod formats;
#[cfg(feature = "kafka")]
mod kafka;
mod rate;
pub mod sinks;
pub mod sources;
#[cfg(test)]
mod testing;
pub mod transforms;

use catchwater_sdk::Registry;

/// Makes all of them known.
pub fn register(registry: &mut Registry) {
    sources::register(registry);
    transforms::register(registry);
    sinks::register(registry);
    formats::register(registry);
}

/// The connector of the guide is compiled and run as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../../CONTRIBUTING.md")]
struct Contributing;
