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
//! A source has the [`Source`] trait and [`source!`], a sink [`Sink`] and [`sink!`].
//!
//! A plugin has no file. What it may do beside its work is [`log`] and [`count`], and what it [wants](Want) and a pipeline
//! grants: [`now`], [`random`], for transforms [`state`] and, for sources and sinks, [`Request`]. When it panics, the record to blame becomes a dead
//! letter with the panic's message, and a new instance goes on.

mod arrivals;
mod batch;
#[doc(hidden)]
pub mod bindings;
mod egress;
#[doc(hidden)]
pub mod exports;
mod host;
pub mod json;
mod output;
mod rejects;
pub mod state;

pub use arrivals::Arrivals;
pub use batch::{Batch, Field, Kind, Record, Records, Timestamp, TimestampKind};
pub use egress::{Request, Response, Trouble};
pub use host::{Level, count, log, now, random};
pub use output::{NewRecord, Output};
pub use rejects::Rejects;

use std::time::Duration;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// A plugin that stands between a source and a sink.
pub trait Transform: Sized + 'static {
    /// Its configuration. Its doc comments are what users read; what `serde` refuses is shown to them at its line.
    type Config: DeserializeOwned + JsonSchema;

    /// The version of what [`snapshot`](Transform::snapshot) gives; 0 for a plugin without a state.
    const STATE_VERSION: u32 = 0;

    /// What it wants beyond log and counters: [`Want::Clock`], [`Want::Random`], [`Want::State`].
    const WANTS: &'static [Want] = &[];

    /// What is wrong with a configuration beyond its types. Called before anything starts, without effect.
    fn check(_config: &Self::Config) -> Result<(), Mistake> {
        Ok(())
    }

    /// Called once, before the first batch, with the state of the instance that was here before.
    fn open(config: Self::Config, opening: &Opening) -> Result<Self, Failure>;

    /// Says of each record of the batch what becomes of it: keep, replace, drop or reject.
    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Failure>;

    /// What a new instance needs to go on in place of this one. Asked for after each batch and kept with each checkpoint, so
    /// keep it small: the host refuses more than 4 MiB. [`state`] is for more, or for what changes a little at a time. For a
    /// plugin with a [`STATE_VERSION`](Transform::STATE_VERSION): one without is not opened if there is something in it.
    fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The last call; it may never come.
    fn close(&mut self) {}
}

/// A plugin that a pipeline begins with.
///
/// Its state is its positions, and the host keeps them: a new instance is started where the last one was. So it must be able
/// to read again from any position that it gave.
pub trait Source: Sized + 'static {
    /// Its configuration. Its doc comments are what users read; what `serde` refuses is shown to them at its line.
    type Config: DeserializeOwned + JsonSchema;

    /// What it wants beyond log and counters.
    const WANTS: &'static [Want] = &[];

    /// What is wrong with a configuration beyond its types. Called before anything starts, without effect.
    fn check(_config: &Self::Config) -> Result<(), Mistake> {
        Ok(())
    }

    /// Called once, before all else. The state of an `opening` is for transforms.
    fn open(config: Self::Config, opening: &Opening) -> Result<Self, Failure>;

    /// What there is to read: each partition once, the same ones each time.
    fn partitions(&mut self) -> Result<Vec<Partition>, Failure>;

    /// Reading goes on at this position of a partition, by its number in the answer of `partitions`.
    fn start(&mut self, partition: usize, position: i64) -> Result<(), Failure>;

    /// The next records, until `out` is full or there are none for now.
    fn read(&mut self, out: &mut Arrivals) -> Result<Next, Failure>;

    /// The last call; it may never come.
    fn close(&mut self) {}
}

/// A plugin that a pipeline ends with.
///
/// The host keeps what it took until a flush went well, and hands it to the instance that comes after a lost one: a record
/// may be stored twice, and none is missing.
pub trait Sink: Sized + 'static {
    /// Its configuration. Its doc comments are what users read; what `serde` refuses is shown to them at its line.
    type Config: DeserializeOwned + JsonSchema;

    /// What it wants beyond log and counters.
    const WANTS: &'static [Want] = &[];

    /// What is wrong with a configuration beyond its types. Called before anything starts, without effect.
    fn check(_config: &Self::Config) -> Result<(), Mistake> {
        Ok(())
    }

    /// Called once, before all else. The state of an `opening` is for transforms.
    fn open(config: Self::Config, opening: &Opening) -> Result<Self, Failure>;

    /// Takes the batch but for the records that it rejects, by their number in the batch; or fails, and takes none of it.
    fn write(&mut self, batch: &Batch, rejects: &mut Rejects) -> Result<(), Failure>;

    /// Stores what was taken, but for the records that it rejects now: by their number among those that were taken since the
    /// last flush, from 0. When it fails, nothing is forgotten: it is called again.
    fn flush(&mut self, rejects: &mut Rejects) -> Result<(), Failure>;

    /// The last call; it may never come.
    fn close(&mut self) {}
}

/// What a plugin may want beyond log and counters. A pipeline grants it, or does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// The time of day: [`now`].
    Clock,
    /// Chance: [`random`].
    Random,
    /// Values by key that are kept: [`state`]. For transforms.
    State,
    /// Requests to the addresses that the pipeline grants: [`Request`]. For sources and sinks.
    Egress,
}

/// One ordered sequence of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The system: a host's name, an account.
    pub source: String,
    /// What it is called there: a path, a table. Catchwater calls it the stream.
    pub stream: String,
    /// Any text, another one when the stream was made anew and old positions mean nothing.
    pub incarnation: String,
    /// 0 where a stream has but one.
    pub number: i32,
    /// Where reading begins when nothing was read yet.
    pub begins_at: i64,
}

/// When there will be more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Perhaps at once.
    Now,
    /// Not before this time has passed.
    Wait(Duration),
    /// Never.
    End,
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

impl Want {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Want::Clock => "clock",
            Want::Random => "random",
            Want::State => "state",
            Want::Egress => "egress",
        }
    }
}

impl Partition {
    /// The one partition of a stream, read from position 0.
    pub fn new(source: impl Into<String>, stream: impl Into<String>) -> Partition {
        let (source, stream) = (source.into(), stream.into());
        Partition { source, stream, incarnation: "1".into(), number: 0, begins_at: 0 }
    }
}

impl Mistake {
    /// A mistake at a key.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Mistake {
        Mistake { key: key.into(), message: message.into() }
    }

    /// The same under a key: `[0]` becomes `fields[0]`.
    pub fn within(self, key: &str) -> Mistake {
        let dot = if self.key.is_empty() || self.key.starts_with('[') { "" } else { "." };
        Mistake { key: format!("{key}{dot}{}", self.key), message: self.message }
    }
}

impl From<Mistake> for Failure {
    fn from(Mistake { key, message }: Mistake) -> Failure {
        Failure::Config(if key.is_empty() { message } else { format!("{key}: {message}") })
    }
}
