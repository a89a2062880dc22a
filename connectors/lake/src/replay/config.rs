//! What a user says about a replay.

use catchwater_query::Query;
use catchwater_query::time::Moment;
use catchwater_sdk::clock::{Clock, SystemClock};
use catchwater_sdk::config::Duration;
use catchwater_sdk::{Error, Result};
use catchwater_storage::Store;
use schemars::JsonSchema;
use serde::Deserialize;

use super::pace::{Rate, Rounds, Speed};

/// So many newest events can be asked for: their times are compared in memory.
const LAST_MAX: u64 = 1_000_000;

/// Sends a part of a lake's collection back, as the records that it was made of.
///
/// What arrives is the original: payload, key, headers, properties and timestamp, byte for byte, and in each partition in
/// its order. Across partitions the order is roughly that of time. A record is sent at least once: after a crash the replay
/// goes on behind what was confirmed, whatever was compacted in between. Files that cannot match are not read.
///
/// A replay ends with what was in the collection when it began, unless it follows. Run again after its end, it sends what
/// has come since.
///
/// Where a record goes is the sink's business: with `topic: ${stream}` and `partition: keep` the Kafka sink keeps both.
/// Writing into a stream that feeds the collection is refused, unless `allow_loop` says that it is wanted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder of the lake: a path, a `file://` URL or `s3://bucket/prefix`.
    #[schemars(extend("x-names" = ["lake"], "examples" = ["./lake"]))]
    pub path: String,

    /// The collection.
    #[schemars(extend("x-names" = ["table", "topic", "stream"], "examples" = ["orders"]))]
    pub collection: String,

    /// Read the collection's Parquet files alone, as when the table's log is lost. Rows that are there more than once, by an
    /// orphan, half a commit or a rewrite, are sent once; what the files cannot prove is told in the log. Queries are asked of
    /// every record then, and rule no file out.
    #[serde(default)]
    #[schemars(extend("x-names" = ["files_only", "salvage"]))]
    pub files: bool,

    /// Which events, in the query language. Default: all.
    #[schemars(extend("x-names" = ["where", "filter"]))]
    pub query: Option<Query>,

    /// Not those before this time: RFC 3339, a date, or an age such as `1h` or `7d`. An event's time is its own
    /// timestamp, or else when it came in.
    #[schemars(extend("x-names" = ["from", "start", "after"], "examples" = ["2026-11-01", "1h"]))]
    pub since: Option<String>,

    /// Only those before this time.
    #[schemars(extend("x-names" = ["to", "end", "before"], "examples" = ["2026-11-22T10:30:00Z"]))]
    pub until: Option<String>,

    /// Only the newest so many of them, by time; at most a million.
    #[schemars(range(min = 1, max = 1_000_000), extend("x-names" = ["tail", "newest"]))]
    pub last: Option<u64>,

    /// Only the first so many of them, in the order in which they are sent.
    #[schemars(range(min = 1), extend("x-names" = ["max", "count"]))]
    pub limit: Option<u64>,

    /// Only these partitions, by number. Default: all.
    pub partitions: Option<Vec<i32>>,

    /// Only these ranges of positions.
    pub positions: Option<Vec<PositionRange>>,

    /// How fast: so many records (`500/s`) or so much payload (`10MiB/s`) by time. Default: as fast as they are taken.
    #[schemars(extend("x-names" = ["throttle"]))]
    pub rate: Option<Rate>,

    /// How fast, as a multiple of the original cadence: `1x` takes as long as it took, `2x` half of that. The time of each
    /// record counts from the first, so that nothing drifts and nothing is dropped; what comes out of order goes at once.
    pub speed: Option<Speed>,

    /// With `speed`: a longer gap in the original takes only this long, before it is sped up.
    #[schemars(extend("x-names" = ["max_gap", "max_wait"]))]
    pub gap_max: Option<Duration>,

    /// Go on with what is committed to the collection from now on.
    #[serde(default)]
    #[schemars(extend("x-names" = ["continuous", "tail_follow"]))]
    pub follow: bool,

    /// Send it all so many times, or `forever`. One that loops begins anew after a crash.
    #[serde(rename = "loop")]
    #[schemars(extend("x-names" = ["repeat", "rounds"]))]
    pub rounds: Option<Rounds>,

    /// Add headers that say which replay sent a record and where the original stood: `catchwater-replay`,
    /// `catchwater-stream`, `catchwater-partition` and `catchwater-position`. A lake keeps the first as `_replay`.
    #[serde(default)]
    pub provenance: bool,

    /// Send also what a replay had sent before it was captured (again). Left out otherwise.
    #[serde(default)]
    pub replayed: bool,

    /// Let records go to the very stream that they came from. This forces `provenance`, so that the copies are known as
    /// such in the lake, and no replay sends them once more.
    #[serde(default)]
    #[schemars(extend("x-names" = ["allow_loops"]))]
    pub allow_loop: bool,
}

/// A part of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PositionRange {
    /// The stream, where the collection has several.
    pub stream: Option<String>,
    /// The partition.
    pub partition: i32,
    /// The first position. Default: the first that there is.
    pub from: Option<i64>,
    /// The first position that is left out again. Default: none is.
    pub to: Option<i64>,
}

impl Config {
    /// Checks what a schema cannot say. Touches nothing.
    pub(super) fn check(&self) -> Result<()> {
        Store::check(&self.path).map_err(|error| error.at_key("path"))?;
        if self.collection.is_empty() {
            return Err(Error::config("a collection needs a name").at_key("collection"));
        }
        let now_micros = SystemClock.now_micros();
        let (since, until) = (moment("since", self.since.as_deref(), now_micros)?, self.until_at(now_micros)?);
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            return Err(Error::config("nothing is before `until` and not before `since`").at_key("until"));
        }
        self.check_counts()?;
        self.check_pace()
    }

    fn check_counts(&self) -> Result<()> {
        let zero = |count: Option<u64>| count == Some(0);
        match () {
            () if zero(self.last) || self.last > Some(LAST_MAX) => {
                Err(Error::config(format!("must be from 1 to {LAST_MAX}")).at_key("last"))
            }
            () if zero(self.limit) => Err(Error::config("must be 1 or more").at_key("limit")),
            () if self.files && self.follow => {
                Err(Error::config("new commits are told by the table's log, and `files` reads none").at_key("follow"))
            }
            () if self.follow && self.rounds.is_some() => {
                Err(Error::config("a replay that follows has no end from which it could begin again").at_key("loop"))
            }
            () => Ok(()),
        }
    }

    fn check_pace(&self) -> Result<()> {
        if self.rate.is_some() && self.speed.is_some() {
            return Err(Error::config("`rate` and `speed` exclude each other").at_key("speed"));
        }
        if self.gap_max.is_some() && self.speed.is_none() {
            return Err(Error::config("gaps have a length only with `speed`").at_key("gap_max"));
        }
        Ok(())
    }

    /// The time of `since`.
    pub(super) fn since_at(&self, now_micros: i64) -> Result<Option<i64>> {
        moment("since", self.since.as_deref(), now_micros)
    }

    /// The time of `until`.
    pub(super) fn until_at(&self, now_micros: i64) -> Result<Option<i64>> {
        moment("until", self.until.as_deref(), now_micros)
    }

    /// What decides which events are meant: an interrupted replay goes on only under the same.
    pub(super) fn fingerprint(&self) -> String {
        let Config {
            path, collection, files, query, since, until, last, limit, partitions, positions, replayed, ..
        } = self;
        let query = query.as_ref().map(Query::as_str);
        format!("{:?}", (path, collection, files, query, since, until, last, limit, partitions, positions, replayed))
    }
}

fn moment(key: &str, text: Option<&str>, now_micros: i64) -> Result<Option<i64>> {
    let Some(text) = text else { return Ok(None) };
    match Moment::parse_relative(text, now_micros) {
        Ok(moment) => Ok(Some(moment.start)),
        Err(problem) => Err(Error::config(problem.to_string()).at_key(key)),
    }
}
