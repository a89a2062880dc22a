//! The built-in connectors: sources, transforms, sinks and formats.
//!
//! Each is one file or folder with its configuration, whose doc comments are its manual, and a `register` function.
//! They use the same SDK as any other connector. How to add one: `connectors/CONTRIBUTING.md`.

pub mod address;
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
pub mod begin;
pub mod formats;
#[cfg(feature = "kafka")]
pub mod groups;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
mod rate;
#[cfg(feature = "s3")]
mod s3;
pub mod sinks;
pub mod sources;
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
pub mod taps;
#[cfg(test)]
mod testing;
pub mod transforms;

use std::process::ExitCode;

use catchwater_sdk::Registry;

/// The argument with which a program starts itself to run a jq program in a process of its own.
#[cfg(feature = "jq")]
const JQ_WORKER: &str = "jq-worker";

/// Makes all of them known.
pub fn register(registry: &mut Registry) {
    sources::register(registry);
    transforms::register(registry);
    sinks::register(registry);
    formats::register(registry);
}

/// Does what this process was started for, if that was by a connector that runs the program once more: `jq` runs foreign
/// programs in processes of their own. A binary with these connectors calls it before anything else, and ends with what it
/// answers.
pub fn worker() -> Option<ExitCode> {
    #[cfg(feature = "jq")]
    if catchwater_sdk::worker::is(JQ_WORKER) {
        return Some(transforms::jq::serve());
    }
    None
}

/// The connector of the guide is compiled and run as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../../CONTRIBUTING.md")]
struct Contributing;
