//! Stores records as objects of a bucket, each put there whole.
//!
//! An object's name says which record it begins with, and its metadata with which it ends. It is put there only if nothing has
//! the name; who finds the name taken asks the object how far it goes, and goes on behind it. So what a crash makes come
//! again is not stored again, and a process that was overtaken replaces nothing.
//!
//! A source that cannot be read again gives the same numbers to other records after a crash, and a name by them would prove
//! nothing. There each object has a name of its own; it keeps that until it is stored, whatever answers are lost.

mod group;
mod put;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use catchwater_sdk::config::{Duration, Size, Template};
use catchwater_sdk::sink::{Durable, Rejected, Room, Sink, SinkTraits};
use catchwater_sdk::source::SourceTraits;
use catchwater_sdk::{
    Barrier, BarrierKind, Batch, Context, Partition, Positions, RecordRef, Registry, Result, ResultExt, async_trait,
};
use schemars::JsonSchema;
use serde::Deserialize;

use self::group::Group;
use super::encoding::Encoding;
use super::path;
use crate::s3::{Bucket, Compression, Connection, id};

/// Stores records as objects of an S3 bucket: one line each, packed.
///
/// An object is there whole or not at all. It holds records of one key and one partition, in order; its name ends in the
/// position of the first, such as `orders/0-00000000000000001200-5f3a9c01e2b44d76.ndjson.gz`, and its metadata
/// (`catchwater-last`) has that of the last. Objects are named in order, and none overlaps another: where a source can be read
/// again and the transforms decide the same once more, each record is in exactly one object, whatever crashes. Where they
/// decide otherwise after one, a record can come twice, or be taken for one that an object holds already.
///
/// What a source cannot read again, such as requests and messages of a queue, is in at least one object; what is sent again is
/// stored again. After a crash other records can get the same positions there, so each object has a name that none has had.
///
/// The store has to have conditional writes (`If-None-Match`).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(rename = "..")]
    connection: Connection,

    /// What stands between `url` and the object's own name. What a placeholder stands for never adds a folder of its own: other
    /// characters than letters, digits, `.`, `_` and `-` become `%XX`.
    #[serde(default = "key")]
    #[schemars(extend("default" = "${stream}", "x-names" = ["key_prefix", "object_key", "path"]))]
    #[schemars(extend("examples" = ["${stream}/date=${time:%Y-%m-%d}"]))]
    key: Template,

    /// How a record is written.
    #[serde(default)]
    #[schemars(extend("x-names" = ["format", "codec"]))]
    encoding: Encoding,

    /// How objects are packed.
    #[serde(default)]
    compression: Compression,

    /// Put what there is at least this often. Shorter shows records sooner and makes more and smaller objects.
    #[serde(default = "every")]
    #[schemars(extend("x-min" = "100ms", "x-names" = ["flush_interval", "batch_timeout", "rotate_interval"]))]
    every: Duration,

    /// Put what there is when it takes this much, unpacked and all keys together. It is put sooner when it takes the sink's part
    /// of `--memory`, of which many keys need more than one, and when an object reaches 32 MiB, packed: it is put with one
    /// request, which has to get through in time.
    #[serde(default = "size")]
    #[schemars(extend("x-min" = "64KiB", "x-max" = "256MiB", "x-names" = ["batch_size", "max_bytes", "flush_size"]))]
    size: Size,
}

/// An object of this size, packed, is put. It has to get through in one request: an upload in parts would leave them behind
/// where a process ends in the middle.
const OBJECT_BYTES_MAX: usize = 32 << 20;

/// What S3 takes.
const KEY_BYTES_MAX: usize = 1024;

fn key() -> Template {
    Template::read("${stream}").expect("it is a template")
}

fn every() -> Duration {
    Duration::seconds(60)
}

fn size() -> Size {
    Size::mib(64)
}

pub(crate) fn register(registry: &mut Registry) {
    registry.sink("s3", |config: Config, context| Ok(Box::new(S3Sink::new(config, context)?)));
}

struct S3Sink {
    bucket: Bucket,
    key: Template,
    encoding: Encoding,
    compression: Compression,
    every: StdDuration,
    bytes_max: usize,
    held_bytes_max: usize,
    /// Who captures: others' objects have other names.
    capture: Arc<str>,
    /// Whether a position tells which record it is.
    rereadable: bool,
    is_probed: bool,
    /// What waits to be put, by key and partition.
    groups: BTreeMap<(String, Arc<Partition>), Group>,
    /// How much that is, unpacked.
    bytes: usize,
    /// How much memory it takes.
    held_bytes: usize,
    /// Whether an object is as large as one gets.
    is_one_full: bool,
    rejected: Vec<Rejected>,
    /// The newest barrier before which everything is in the bucket.
    durable: Option<u64>,
}

// === impl S3Sink ===

impl S3Sink {
    /// Touches nothing (Invariant 6).
    fn new(config: Config, context: &Context) -> Result<S3Sink> {
        Ok(S3Sink {
            bucket: config.connection.bucket()?,
            key: config.key,
            encoding: config.encoding,
            compression: config.compression,
            every: config.every.get(),
            bytes_max: config.size.as_usize(),
            held_bytes_max: usize::try_from(context.memory_bytes).unwrap_or(usize::MAX),
            capture: Arc::clone(&context.pipeline),
            rereadable: false,
            is_probed: false,
            groups: BTreeMap::new(),
            bytes: 0,
            held_bytes: 0,
            is_one_full: false,
            rejected: Vec::new(),
            durable: None,
        })
    }

    /// Takes a record into its group, or says why it cannot be stored.
    fn take(&mut self, record: RecordRef<'_>, partition: &Arc<Partition>, line: &mut Vec<u8>) -> Result<(), String> {
        let mut key = String::new();
        path::render(&self.key, record, &mut key)?;
        if self.bucket.prefix().len() + key.len() + put::NAME_BYTES_MAX > KEY_BYTES_MAX {
            return Err(format!("its object's key would be longer than the {KEY_BYTES_MAX} bytes that S3 takes"));
        }
        line.clear();
        self.encoding.write(record, line)?;
        let group = self.groups.entry((key, Arc::clone(partition))).or_default();
        let held_before = group.held_bytes(self.compression);
        group.push(record.position(), line, self.compression).map_err(|error| format!("pack a record: {error}"))?;
        self.bytes += line.len();
        self.held_bytes = (self.held_bytes + group.held_bytes(self.compression)).saturating_sub(held_before);
        self.is_one_full |= group.packed_bytes() >= OBJECT_BYTES_MAX;
        Ok(())
    }

    /// Puts all groups. Those that are there are not put again if another fails.
    async fn put(&mut self) -> Result<()> {
        let id = || (!self.rereadable).then(id);
        for ((key, partition), group) in &mut self.groups {
            while let Some(object) = group.object(self.compression, id()).or_bug(|| "pack records".into())? {
                let name = put::name(key, partition, &self.capture, object, self.compression);
                match put::create(&self.bucket, &name, object).await? {
                    put::Outcome::Stored => group.stored(),
                    put::Outcome::Has(last) => {
                        group.stored_through(last, self.compression).or_bug(|| "pack records".into())?
                    }
                }
            }
        }
        self.groups.retain(|_, group| group.is_remembered());
        (self.bytes, self.held_bytes, self.is_one_full) = (0, 0, false);
        Ok(())
    }
}

#[async_trait]
impl Sink for S3Sink {
    fn traits(&self) -> SinkTraits {
        SinkTraits { cut_interval: Some(self.every), hot_log: false, beside: true }
    }

    async fn open(&mut self, source: &SourceTraits) -> Result<()> {
        if let Some(capture) = &source.capture {
            self.capture = Arc::clone(capture);
        }
        self.rereadable = source.rereadable;
        if !self.is_probed {
            self.bucket.probe().await?;
            self.is_probed = true;
        }
        Ok(())
    }

    async fn stored(&mut self, _: &[Arc<Partition>]) -> Result<Option<Positions>> {
        Ok(None)
    }

    async fn write(&mut self, batch: &Batch) -> Result<Room> {
        let mut rejected = BTreeMap::<String, Vec<usize>>::new();
        let mut line = Vec::new();
        for (i, record) in batch.iter().enumerate() {
            let partition = Arc::clone(&batch.origins()[record.origin()].partition);
            if let Err(reason) = self.take(record, &partition, &mut line) {
                rejected.entry(reason).or_default().push(i);
            }
        }
        let rejected = rejected.into_iter();
        self.rejected.extend(rejected.map(|(reason, rows)| Rejected { records: batch.select(&rows), reason }));
        let is_full = self.bytes >= self.bytes_max || self.held_bytes >= self.held_bytes_max || self.is_one_full;
        Ok(if is_full { Room::Full } else { Room::Left })
    }

    /// A `Mark` puts nothing; it is durable all the same when nothing is held.
    async fn barrier(&mut self, barrier: &Barrier) -> Result<Durable> {
        let is_empty = self.groups.values().all(Group::is_empty);
        if barrier.kind == BarrierKind::Cut || is_empty {
            self.put().await?;
            self.durable = Some(barrier.number);
        }
        let rejected = std::mem::take(&mut self.rejected);
        Ok(Durable { through: self.durable, rejected, events: Vec::new() })
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
