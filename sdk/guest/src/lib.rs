//! Plugins for Catchwater in Rust.
//!
//! A transform is a struct with the [`Transform`] trait and one line, [`transform!`]. It gets records in batches and says
//! of each what becomes of it:
//!
//! ```
//! use catchwater_plugin::{Batch, Failure, Opening, Output, Transform};
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     /// Records with smaller payloads are dropped.
//!     bytes_min: usize,
//! }
//!
//! struct Large(Config);
//!
//! impl Transform for Large {
//!     type Config = Config;
//!
//!     fn open(config: Config, _: &Opening) -> Result<Large, Failure> {
//!         Ok(Large(config))
//!     }
//!
//!     fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Failure> {
//!         for record in batch {
//!             match record.payload() {
//!                 Some(payload) if payload.len() < self.0.bytes_min => out.drop_record(record),
//!                 _ => out.keep(record),
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! catchwater_plugin::transform!(Large);
//! # fn main() {}
//! ```
//!
//! A plugin has no file, no network, no clock and no randomness. What it may do beside its work is [`log`] and [`count`].
//! When it panics, the record to blame becomes a dead letter with the panic's message, and a new instance goes on.

mod batch;
#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod exports;
mod host;
mod output;

pub use batch::{Batch, Field, Kind, Record, Records, Timestamp, TimestampKind};
pub use host::{Level, count, log};
pub use output::{NewRecord, Output};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// A plugin that stands between a source and a sink.
pub trait Transform: Sized + 'static {
    /// Its configuration. Its doc comments are what users read; what `serde` refuses is shown to them at its line.
    type Config: DeserializeOwned + JsonSchema;

    /// The version of what [`snapshot`](Transform::snapshot) gives; 0 for a plugin without a state.
    const STATE_VERSION: u32 = 0;

    /// What is wrong with a configuration beyond its types. Called before anything starts, without effect.
    fn check(_config: &Self::Config) -> Result<(), Mistake> {
        Ok(())
    }

    /// Called once, before the first batch, with the state of the instance that was here before.
    fn open(config: Self::Config, opening: &Opening) -> Result<Self, Failure>;

    /// Says of each record of the batch what becomes of it: keep, replace, drop or reject.
    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Failure>;

    /// What a new instance needs to go on in place of this one. Asked for after each batch and kept with each checkpoint, so
    /// keep it small: the host refuses more than 4 MiB.
    fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The last call; it may never come.
    fn close(&mut self) {}
}

/// Where an instance stands.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// The pipeline's name.
    pub pipeline: String,
    /// The step's name within the pipeline.
    pub step: String,
    /// Which copy of the pipeline this is, from 0.
    pub task: u32,
    /// How many copies there are.
    pub tasks: u32,
    /// The last snapshot of the instance before, if there was one.
    pub state: Option<Vec<u8>>,
    /// The version of who wrote it.
    pub state_version: u32,
}

/// A mistake in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The path of the key, such as `fields[0].name`; empty for the whole.
    pub key: String,
    /// What is wrong; lowercase, reads on after the key.
    pub message: String,
}

/// Why a plugin cannot go on; the kind is an instruction to the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The configuration cannot work: the pipeline does not start.
    Config(String),
    /// Something that the plugin needs is away: the same call again, later.
    Unavailable(String),
    /// Going on would harm: stop and tell the operator.
    Refused(String),
    /// The records at hand cannot be processed: the host halves the batch until it has found which.
    Data(String),
}

impl Mistake {
    /// A mistake at a key.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Mistake {
        Mistake { key: key.into(), message: message.into() }
    }
}
