//! The contracts of Catchwater.
//!
//! A connector is a [`Source`](source::Source), a [`Transform`](transform::Transform), a [`Sink`](sink::Sink) or a
//! [`Format`](format::Format). Whoever writes one, built in or not, uses this crate and nothing else of Catchwater:
//! a configuration struct whose doc comments are its manual, a constructor without side effects, and the trait of its role.
//! [`conformance`] holds one suite per role, which every connector passes.
//!
//! Records travel in a [`Batch`]: flat buffers, cheap to filter and to share, with a table of where they came
//! from. A [`Barrier`] travels with them and carries the positions of everything before it.

pub mod batch;
pub mod claim;
pub mod clock;
pub mod config;
pub mod conformance;
pub mod context;
pub mod counters;
pub mod error;
pub mod files;
pub mod format;
mod nearest;
mod plain;
pub mod position;
pub mod ready;
pub mod record;
pub mod registry;
mod render;
pub mod sink;
pub mod source;
pub mod transform;
pub mod value;
pub mod worker;

pub use async_trait::async_trait;
pub use batch::{Batch, BatchBuilder, Limit};
pub use context::Context;
pub use error::{Error, ErrorKind, Result, ResultExt};
pub use nearest::nearest;
pub use plain::plain;
pub use position::{Barrier, BarrierKind, Partition, Positions};
pub use record::{Field, FieldKind, Record, RecordRef, Timestamp, TimestampKind};
pub use registry::Registry;
pub use value::Value;
