//! The lake sink's configuration.

use catchwater_sdk::config::{Duration, Size, Template};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::shred::{Options, Pins};

/// Stores records in a lake: one Delta Lake table of Parquet files per collection.
///
/// Each record is kept byte for byte, with key, headers and origin, in columns that begin with `_`. Beside them stand the
/// fields of its payload, in columns whose types are inferred while they are written and which grow as the payloads do. A
/// record is in the table exactly once, whatever crashes, if its source can be read again.
///
/// Records of a source that cannot, such as a webhook, are first written and synced to a hot log in the data folder
/// (`--data-dir`), some 50 times a second; then the source is told that they are safe, long before they are in the table.
/// While a commit is under way nothing is told: one that waits for its store to come back makes the source wait as well.
/// What a crash leaves there is brought into the table exactly once when the pipeline starts again, under the same name and
/// with the same data folder: keep that on a disk that stays. What is damaged there is told with file and place.
///
/// DuckDB, Polars, pyarrow and `deltalake` read the tables as they are. Other readers of Delta, such as Spark, Trino and
/// Athena, are not tested here:
///
/// ```text
/// DuckDB      SELECT status, count(*) FROM delta_scan('lake/orders') WHERE date = '2026-11-22' GROUP BY ALL
/// Polars      pl.scan_delta("lake/orders").filter(pl.col("_position") > 1000).collect()
/// pyarrow     files = pyarrow.fs.SubTreeFileSystem("lake/orders", pyarrow.fs.LocalFileSystem())
///             deltalake.DeltaTable("lake/orders").to_pyarrow_table(columns=["_payload"], filesystem=files)
/// ```
///
/// A glob over the files, such as `read_parquet('lake/orders/*/*.parquet', union_by_name=true)`, also sees files that the
/// table no longer counts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The folder of the lake: a path, a `file://` URL or `s3://bucket/prefix`. Each collection is a folder in it. Endpoint,
    /// region and credentials of S3 come from where AWS's own tools have them; `docs/s3.md` says more.
    #[schemars(extend("examples" = ["./lake", "s3://bucket/lake"]))]
    pub(crate) path: String,

    /// The collection that a record goes to: text with `${stream}`, `${partition}` and `${source}`.
    #[serde(default = "collection")]
    #[schemars(extend("default" = "${stream}", "x-names" = ["table"]))]
    pub(crate) collection: Template,

    /// Commit at least this often while records flow. Shorter shows records sooner and makes more and smaller files. A
    /// commit also happens when the flow stops, and when the buffer is full.
    #[serde(default = "commit_interval")]
    #[schemars(extend("x-min" = "50ms", "x-names" = ["flush_interval", "rotate_interval"]))]
    pub(crate) commit_interval: Duration,

    /// How many bytes of records are held in memory until they are committed; by default this sink's share of the
    /// process's memory. More makes larger files.
    #[serde(default)]
    #[schemars(extend("x-min" = "1MiB", "x-max" = "512MiB"))]
    pub(crate) buffer: Option<Size>,

    /// Whether records of a source that cannot be read again are safe once they are in the hot log. With `false` they are
    /// only once they are in the table: such a source makes the lake commit more often, and its senders wait longer.
    #[serde(default = "hot_log")]
    pub(crate) hot_log: bool,

    /// How many bytes the hot log may take on the disk of the data folder. At half of that a commit is forced; until it is
    /// done, the source waits.
    #[serde(default = "hot_log_max")]
    #[schemars(extend("x-min" = "16MiB"))]
    pub(crate) hot_log_max: Size,

    /// Types of columns that are not to be inferred, such as `customer.zip: string`: the path in the payload, and one of
    /// `boolean`, `long`, `double`, `decimal`, `timestamp`, `date`, `string`, `json`, `map` and `struct`. A value that does
    /// not fit goes to a column beside it.
    #[serde(default)]
    pub(crate) schema: Pins,

    /// How many columns a table may have, fields of nested objects counted. What lies past the bound stays in `_payload`,
    /// and `_error` says so.
    #[serde(default = "columns_max")]
    pub(crate) columns_max: usize,

    /// How deep objects and lists may be nested in columns. What lies deeper stays in `_payload` as well.
    #[serde(default = "depth_max")]
    pub(crate) depth_max: usize,

    /// Let several consumer groups (or pipelines) store the same stream in the same collection, so that its records are
    /// there several times. Usually this is a mistake and refused.
    #[serde(default)]
    pub(crate) allow_other_captures: bool,
}

fn collection() -> Template {
    Template::read("${stream}").expect("it is a template")
}

fn commit_interval() -> Duration {
    Duration::seconds(60)
}

fn hot_log() -> bool {
    true
}

fn hot_log_max() -> Size {
    Size::mib(512)
}

fn columns_max() -> usize {
    Options::default().columns_max
}

fn depth_max() -> usize {
    Options::default().depth_max
}
