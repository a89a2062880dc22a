//! How the engine treats a pipeline; each key stands at the top of its document.

use catchwater_sdk::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The keys of a pipeline that are the engine's own.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How many copies of the pipeline run in this process, each with its own share of the partitions.
    /// Without it one per core, for a source that can be shared; else one.
    #[schemars(range(min = 1, max = 256), extend("x-names" = ["tasks.max", "task_count", "workers", "threads"]))]
    pub tasks: Option<u16>,

    /// How often the sinks are asked to be safe, so that the source can be told what is done with.
    #[schemars(extend("x-min" = "10ms"))]
    pub checkpoint_interval: Duration,

    /// When no record has come for this long, the sinks store what they hold.
    #[schemars(extend("x-min" = "10ms", "x-names" = ["idle_timeout"]))]
    pub idle: Duration,

    /// How long stopping may take; what is not stored by then is abandoned, and read again at the next start.
    #[schemars(extend("x-min" = "10ms", "x-names" = ["shutdown_timeout", "drain"]))]
    pub drain_timeout: Duration,

    /// How a call is tried again while another system is away.
    pub retry: Retry,
}

/// Exponential backoff with full jitter: each wait is random, up to a ceiling that doubles from `initial` to `max`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// The longest first wait.
    #[schemars(extend("x-min" = "1ms"))]
    pub initial: Duration,

    /// The longest wait.
    #[schemars(extend("x-min" = "1ms", "x-names" = ["max_interval", "max_backoff"]))]
    pub max: Duration,

    /// After how many failed attempts in a row the pipeline fails. Without it, never: an outage passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), extend("x-names" = ["max_retries", "max_attempts", "retries"]))]
    pub attempts: Option<u32>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            tasks: None,
            checkpoint_interval: Duration::seconds(1),
            idle: Duration::seconds(2),
            drain_timeout: Duration::seconds(30),
            retry: Retry::default(),
        }
    }
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { initial: Duration::millis(100), max: Duration::seconds(30), attempts: None }
    }
}
