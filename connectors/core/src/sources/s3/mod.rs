//! Reads objects of a bucket, in the order of their keys: once to the last, or for as long as there are new ones.
//!
//! Each object is a partition. Its identity is its key with its ETag: an object that was written anew under an old key is
//! another one, and is read as such.

mod listing;
mod object;
mod objects;
mod reading;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration as StdDuration, Instant};

use catchwater_sdk::config::{Duration, Size};
use catchwater_sdk::source::{Polled, Source, SourceTraits};
use catchwater_sdk::{Limit, Partition, Positions, Registry, Result, ResultExt, async_trait};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::task::JoinSet;

use self::listing::{Found, Listing};
use self::objects::Objects;
use crate::s3::{Bucket, Compression, Connection};

/// Reads objects of an S3 bucket: their lines, or each as one record.
///
/// Objects are read one after the other in the order of their keys. It ends behind the last, or with `follow` looks again
/// and again for keys that it has not seen, wherever they sort, and for objects that were written anew. An interrupted run
/// goes on at the line where it was. The property `key` of a record names its object.
///
/// How far each object is read is kept in the data folder for as long as the object is there, so that 20,000 objects at most
/// can be read by one pipeline; divide larger archives by `url` and `pattern`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(rename = "..")]
    connection: Connection,

    /// Which objects below `url`, by what their keys have behind it: a pattern with `*`, `?`, `[abc]` and `**`. Only keys that
    /// begin as it does are listed.
    #[schemars(extend("examples" = ["**/*.ndjson.gz"], "x-names" = ["key_pattern", "glob"]))]
    pattern: Option<String>,

    /// What a record is.
    #[serde(default)]
    #[schemars(extend("x-names" = ["format", "codec", "scanner"]))]
    records: Records,

    /// How objects are packed. Default: by the end of the key, `.gz` or `.zst`.
    compression: Option<Compression>,

    /// Stay, and read objects as they come.
    #[serde(default)]
    follow: bool,

    /// How often to look for new objects, with `follow`. Each look lists all keys below `url` that begin as `pattern`, a
    /// request for each thousand.
    #[serde(default = "every")]
    #[schemars(extend("x-min" = "100ms", "x-names" = ["poll_interval", "interval"]))]
    every: Duration,

    /// The longest line that is taken, or with `records: objects` the largest object, unpacked. A longer one is rejected with its
    /// place and its first 1024 bytes.
    #[serde(default = "line_max")]
    #[schemars(extend("x-min" = "1KiB", "x-max" = "256MiB", "x-names" = ["record_max", "max_line_bytes", "max_buffer"]))]
    line_max: Size,
}

/// What a record is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Records {
    /// Each line, without its newline: NDJSON, CSV, logs. Empty lines, too.
    #[default]
    Lines,
    /// Each object as a whole.
    Objects,
}

fn every() -> Duration {
    Duration::seconds(30)
}

fn line_max() -> Size {
    Size::mib(16)
}

/// How long the engine may take to let go of objects that are gone. All of them is committed by then.
const RELEASE_WITHIN: StdDuration = StdDuration::from_secs(60);

pub(crate) fn register(registry: &mut Registry) {
    registry.source("s3", |config: Config, _| Ok(Box::new(S3Source::new(config)?)));
}

struct S3Source {
    bucket: Bucket,
    listing: Listing,
    objects: Objects,
    follow: bool,
    every: StdDuration,
    /// None until the first look.
    next_look: Option<Instant>,
    looking: JoinSet<Result<Vec<Found>>>,
}

// === impl S3Source ===

impl S3Source {
    fn new(config: Config) -> Result<S3Source> {
        let bucket = config.connection.bucket()?;
        let listing = Listing::new(bucket.clone(), config.pattern.as_deref())?;
        let (follow, every) = (config.follow, config.every.get());
        let objects = Objects::new(bucket.clone(), config);
        Ok(S3Source { bucket, listing, objects, follow, every, next_look: None, looking: JoinSet::new() })
    }

    /// Cancel safe: a look that was begun is awaited by the next call.
    async fn look(&mut self) -> Result<()> {
        if self.looking.is_empty() {
            let listing = self.listing.clone();
            self.looking.spawn(async move { listing.look().await });
        }
        let found = self.looking.join_next().await.expect("a look is under way");
        self.objects.note(found.or_bug(|| "list objects".into())??)?;
        self.next_look = Some(Instant::now() + self.every);
        Ok(())
    }

    fn is_time_to_look(&self) -> bool {
        let is_due = self.next_look.is_none_or(|next| self.follow && Instant::now() >= next);
        is_due || !self.looking.is_empty() || self.objects.is_in_doubt()
    }

    /// What must be said before anything else is read.
    fn event(&mut self) -> Option<Polled> {
        if let Some(assignments) = self.objects.take_new() {
            return Some(Polled::Assigned(assignments));
        }
        let gone = self.objects.take_gone()?;
        Some(Polled::Revoking(gone, Instant::now() + RELEASE_WITHIN))
    }
}

#[async_trait]
impl Source for S3Source {
    fn traits(&self) -> SourceTraits {
        SourceTraits {
            capture: None,
            rereadable: true,
            keeps_positions: false,
            shareable: false,
            unacknowledged_max: None,
            commit_within: None,
            may_return: false,
        }
    }

    /// A look can take long, and whoever opens it waits for this.
    async fn open(&mut self) -> Result<()> {
        self.bucket.touch().await
    }

    async fn poll(&mut self, limit: Limit) -> Result<Polled> {
        loop {
            if self.is_time_to_look() {
                self.look().await?;
            }
            if let Some(event) = self.event() {
                return Ok(event);
            }
            if let Some(batch) = self.objects.read(limit).await? {
                return Ok(Polled::Records(batch));
            }
            if self.objects.is_in_doubt() {
                continue;
            }
            match self.next_look.filter(|_| self.follow) {
                Some(next) => tokio::time::sleep_until(next.into()).await,
                None => return Ok(Polled::End),
            }
        }
    }

    async fn start(&mut self, at: &Positions) -> Result<()> {
        self.objects.start(at);
        Ok(())
    }

    async fn release(&mut self, partitions: &[Arc<Partition>]) -> Result<()> {
        self.objects.release(partitions);
        Ok(())
    }

    async fn confirm(&mut self) -> Result<()> {
        Ok(())
    }

    async fn commit(&mut self, positions: &Positions) -> Result<()> {
        self.objects.note_commit(positions);
        Ok(())
    }

    async fn close(self: Box<Self>, _leave: bool) -> Result<()> {
        Ok(())
    }

    fn lag(&self) -> Option<u64> {
        Some(self.objects.behind_bytes())
    }
}
