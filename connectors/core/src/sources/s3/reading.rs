//! One object on its way: downloaded, unpacked and cut into records as far as they are asked for.

use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use bytes::{Buf, Bytes};
use catchwater_sdk::config::Size;
use catchwater_sdk::{Batch, BatchBuilder, Error, Field, Limit, Partition, Record, Result, ResultExt};
use tokio::task::JoinSet;
use tracing::debug;

use super::listing::Found;
use super::object::{END, Object};
use super::{Config, Records};
use crate::s3::{Bucket, Compression, Opened, Unpacker};
use crate::sources::lines::Lines;

/// So much is unpacked at most before records are made of it.
const BLOCK_BYTES: usize = 1 << 20;

/// So much of an object that is too large to be a record is kept, to recognise it by.
const HEAD_BYTES: usize = 1024;

/// An object that is being read.
pub(super) struct Reading {
    pub(super) partition: Arc<Partition>,
    bucket: Bucket,
    found: Found,
    shown: String,
    records: Records,
    line_max: Size,
    compression: Compression,
    unpacker: Unpacker,
    /// What was unpacked before is not wanted.
    skip: u64,
    /// A request outlives the call that made it: many calls are given up before it is answered.
    opening: JoinSet<Result<Option<Opened>>>,
    body: Option<Body>,
    /// The byte of the object, packed, that is downloaded next.
    downloaded_to: u64,
    /// What was downloaded and not unpacked yet.
    packed: Bytes,
    /// All of it was unpacked.
    is_unpacked: bool,
    lines: Lines,
    whole: Vec<u8>,
}

/// A download.
struct Body {
    bytes: ByteStream,
    /// The object's byte that it goes on with.
    at: u64,
    /// Whether it has brought anything that was not there before.
    is_new: bool,
}

/// What came of reading.
pub(super) enum Progress {
    /// Records, or at least a new position.
    Records(Batch),
    /// The store says that the object is not there any more as it was.
    Missing,
}

/// What came of downloading.
enum Downloaded {
    Bytes(Bytes),
    All,
    Missing,
}

/// What came of downloading and unpacking.
enum Fed {
    Block,
    End,
    Missing,
    /// What is packed cannot be unpacked.
    Damaged(std::io::Error),
}

// === impl Body ===

impl Body {
    /// What of these bytes, the next ones, lies behind a byte of the object.
    fn behind(&mut self, byte: u64, mut bytes: Bytes) -> Bytes {
        let known = byte.saturating_sub(self.at).min(bytes.len() as u64);
        self.at += bytes.len() as u64;
        bytes.advance(known as usize);
        self.is_new |= !bytes.is_empty();
        bytes
    }
}

// === impl Reading ===

impl Reading {
    /// Reads on where the object stands. Nothing is contacted yet.
    pub(super) fn new(bucket: &Bucket, config: &Config, object: &Object) -> Result<Reading> {
        let found = object.found.clone();
        let compression = config.compression.unwrap_or_else(|| Compression::of_name(&found.key));
        let at = object.at.max(0) as u64;
        Ok(Reading {
            partition: Arc::clone(&object.partition),
            bucket: bucket.clone(),
            shown: format!("s3 object {}", found.key),
            records: config.records,
            line_max: config.line_max,
            compression,
            unpacker: Unpacker::new(compression).or_bug(|| "prepare to unpack".into())?,
            skip: if compression == Compression::None { 0 } else { at },
            opening: JoinSet::new(),
            body: None,
            // A plain object can be read from the middle; a packed one is unpacked from its start.
            downloaded_to: if compression == Compression::None { at } else { 0 },
            packed: Bytes::new(),
            is_unpacked: false,
            lines: Lines::new(config.line_max, at),
            whole: Vec::new(),
            found,
        })
    }

    /// Cancel safe: what was downloaded stays, and counts once a batch holds it.
    pub(super) async fn read(&mut self, limit: Limit) -> Result<Progress> {
        loop {
            let mut batch = BatchBuilder::new(limit);
            let origin = batch.origin(&self.partition);
            if self.records == Records::Lines {
                self.push_lines(&mut batch, origin);
            }
            if !batch.is_empty() {
                return Ok(Progress::Records(batch.finish()));
            }
            match self.feed().await? {
                Fed::Block if self.is_too_large() => self.reject(&mut batch, origin, self.too_large()),
                Fed::Block => continue,
                Fed::Missing => return Ok(Progress::Missing),
                Fed::End => self.push_last(&mut batch, origin),
                Fed::Damaged(error) => self.reject(&mut batch, origin, self.damaged(&error)),
            }
            batch.advance(origin, END);
            return Ok(Progress::Records(batch.finish()));
        }
    }

    fn push_lines(&mut self, batch: &mut BatchBuilder, origin: u32) {
        let properties = [Field::text("key", &self.found.key)];
        self.lines.push_all(batch, origin, &self.shown, &properties);
    }

    fn push_last(&mut self, batch: &mut BatchBuilder, origin: u32) {
        let properties = [Field::text("key", &self.found.key)];
        match self.records {
            Records::Lines => self.lines.push_last(batch, origin, &self.shown, &properties),
            Records::Objects => {
                let record = Record { properties: &properties, ..Record::payload(&self.whole) };
                batch.push(origin, 0, END, record);
            }
        }
    }

    /// Hands back what cannot be read, at its place and with its first bytes.
    fn reject(&mut self, batch: &mut BatchBuilder, origin: u32, reason: String) {
        let properties = [Field::text("key", &self.found.key)];
        let head = &self.whole[..self.whole.len().min(HEAD_BYTES)];
        let record = Record { properties: &properties, ..Record::payload(head) };
        batch.reject(origin, self.lines.start() as i64, END, record, reason);
    }

    fn is_too_large(&self) -> bool {
        self.whole.len() > self.line_max.as_usize()
    }

    fn too_large(&self) -> String {
        format!("{} is larger than `line_max`, {}; its first {HEAD_BYTES} bytes are kept", self.shown, self.line_max)
    }

    fn damaged(&self, error: &std::io::Error) -> String {
        format!(
            "{} cannot be unpacked as {:?} behind byte {}: {error}",
            self.shown,
            self.compression,
            self.lines.fed_to()
        )
    }

    /// Downloads and unpacks the next block.
    async fn feed(&mut self) -> Result<Fed> {
        if self.is_unpacked {
            return Ok(Fed::End);
        }
        let mut block = Vec::new();
        while block.is_empty() {
            if self.packed.is_empty() {
                match self.download().await? {
                    Downloaded::Bytes(bytes) => self.packed = bytes,
                    Downloaded::All => return Ok(self.finish(block)),
                    Downloaded::Missing => return Ok(Fed::Missing),
                }
            }
            if let Err(error) = self.unpack(&mut block) {
                return Ok(Fed::Damaged(error));
            }
        }
        self.keep(block);
        Ok(Fed::Block)
    }

    fn unpack(&mut self, block: &mut Vec<u8>) -> std::io::Result<()> {
        while !self.packed.is_empty() && block.len() < BLOCK_BYTES {
            let taken = self.unpacker.unpack(&self.packed, block)?;
            self.packed = self.packed.slice(taken..);
        }
        self.drop_known(block);
        Ok(())
    }

    /// What was read before is unpacked again and left out.
    fn drop_known(&mut self, block: &mut Vec<u8>) {
        let known = self.skip.min(block.len() as u64);
        block.drain(..known as usize);
        self.skip -= known;
    }

    fn finish(&mut self, mut block: Vec<u8>) -> Fed {
        self.is_unpacked = true;
        if let Err(error) = self.unpacker.finish(&mut block) {
            return Fed::Damaged(error);
        }
        self.drop_known(&mut block);
        if block.is_empty() {
            return Fed::End;
        }
        self.keep(block);
        Fed::Block
    }

    fn keep(&mut self, block: Vec<u8>) {
        match self.records {
            Records::Lines => drop(self.lines.feed(block)),
            Records::Objects => self.whole.extend_from_slice(&block),
        }
    }

    /// The next bytes of the object. A download that is cut goes on where it was, unless nothing came of it.
    async fn download(&mut self) -> Result<Downloaded> {
        loop {
            let Some(body) = &mut self.body else {
                if self.downloaded_to >= self.found.size {
                    return Ok(Downloaded::All);
                }
                let Some(opened) = self.open().await? else { return Ok(Downloaded::Missing) };
                self.body = Some(Body { bytes: opened.body, at: opened.from, is_new: false });
                continue;
            };
            match body.bytes.try_next().await {
                Ok(Some(bytes)) => {
                    let bytes = body.behind(self.downloaded_to, bytes);
                    self.downloaded_to += bytes.len() as u64;
                    if !bytes.is_empty() {
                        return Ok(Downloaded::Bytes(bytes));
                    }
                }
                Ok(None) if self.downloaded_to < self.found.size => return Err(self.cut_short()),
                Ok(None) => return Ok(Downloaded::All),
                // What is beyond the size that was listed, as where the store unpacks it, is asked for from the start.
                Err(error) if body.is_new && self.downloaded_to < self.found.size => {
                    debug!(object = self.shown, at = self.downloaded_to, %error, "a download was cut, and goes on");
                    self.body = None;
                }
                Err(error) => {
                    self.body = None;
                    return Err(error).or_unavailable(|| format!("read {}", self.shown));
                }
            }
        }
    }

    async fn open(&mut self) -> Result<Option<Opened>> {
        if self.opening.is_empty() {
            let read = self.bucket.clone().read(self.found.key.clone(), self.found.condition(), self.downloaded_to);
            self.opening.spawn(read);
        }
        let opened = self.opening.join_next().await.expect("a request is under way");
        opened.or_bug(|| format!("read {}", self.shown))?
    }

    fn cut_short(&mut self) -> Error {
        self.body = None;
        let (at, size) = (self.downloaded_to, self.found.size);
        Error::unavailable(format!("read {}: the store gave {at} bytes of the {size} that it lists", self.shown))
    }
}
