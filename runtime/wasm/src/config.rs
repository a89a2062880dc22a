//! The configuration of a step that a plugin does, whatever it does.

use std::borrow::Cow;
use std::ops::Deref;

use catchwater_sdk::config::{Duration, Size};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::grants::Grants;

/// Runs a plugin: a WASM component that makes records out of records, and can harm no more than its own step.
///
/// A plugin has no file, no network, no clock and no randomness, only its configuration and the records; the time of day
/// and chance it can be granted. Whatever it does, it ends at the limits below. When it traps, runs too long or gives an
/// answer that does not add up, it gets a new instance and the batch once more; if that fails again, the record to blame
/// is found and becomes a dead letter, and the rest goes on. Plugins speak the interface in `sdk/wit`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct TransformConfig(pub(crate) Config);

/// Reads with a plugin: a WASM component that knows another system, and can harm no more than its own pipeline.
///
/// A plugin has no file, no clock and no randomness, and reaches nothing but what `grants` names. Its positions are kept
/// in the data folder. Whatever it does, it ends at the limits below. When it traps, runs too long, or gives an answer
/// that does not add up or goes backward, a new instance takes its place and reads on at the last position. Plugins speak
/// the interface in `sdk/wit`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(transform = show_source)]
pub(crate) struct SourceConfig(pub(crate) Config);

/// Stores with a plugin: a WASM component that knows another system, and can harm no more than its own sink.
///
/// A plugin has no file, no clock and no randomness, and reaches nothing but what `grants` names. Records are stored at
/// least once: what was not flushed yet is handed over again to the instance that takes the place of one that broke off.
/// Whatever it does, it ends at the limits below. When it traps or runs too long twice, the record to blame is found and
/// becomes a dead letter, and the rest goes on. Plugins speak the interface in `sdk/wit`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(transform = show_sink)]
pub(crate) struct SinkConfig(pub(crate) Config);

/// See [`TransformConfig`], [`SourceConfig`] and [`SinkConfig`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The plugin: a name, which stands for `NAME.wasm` in the folder of plugins, or a path to a `.wasm` file.
    #[schemars(length(min = 1), extend("examples" = ["mask", "./plugins/mask.wasm"], "x-names" = ["module", "path", "file"]))]
    pub(crate) plugin: String,
    /// The plugin's own configuration. `catchwater check` asks the plugin whether it is right.
    #[serde(default)]
    #[schemars(extend("x-names" = ["settings", "with", "args"]))]
    pub(crate) config: Map<String, Value>,
    /// What it may do outside: nothing, if it is not named here. A plugin says what it wants, and `catchwater check` names
    /// what is not granted.
    #[serde(default)]
    pub(crate) grants: Grants,
    /// How long it may take for one batch, as processor time. A transform gets as much smaller a time for smaller parts of
    /// a batch, among which a record to blame is looked for, at least 100 ms.
    #[serde(default = "time_max")]
    #[schemars(extend("x-min" = "10ms", "x-max" = "10m", "x-names" = ["timeout"]))]
    pub(crate) time_max: Bound<Duration>,
    /// How much memory it may take.
    #[serde(default = "memory_max")]
    #[schemars(extend("x-min" = "1MiB", "x-max" = "4GiB", "x-names" = ["memory"]))]
    pub(crate) memory_max: Bound<Size>,
    /// How many bytes its answer to one batch may have.
    #[serde(default = "output_max")]
    #[schemars(extend("x-min" = "1KiB", "x-max" = "1GiB"))]
    pub(crate) output_max: Bound<Size>,
    /// How many lines a second it may log. What is beyond is counted and left out.
    #[serde(default = "log_max")]
    #[schemars(range(min = 0, max = 10000))]
    pub(crate) log_max: Bound<u32>,
    /// How many records within a minute may make it fail; for a source, how often it may break off within a minute or
    /// without having read in between. With more, the pipeline stops: the plugin is to blame then, and not the records.
    #[serde(default = "failures_max")]
    #[schemars(range(min = 0, max = 100000))]
    pub(crate) failures_max: Bound<u32>,
}

fn show_source(schema: &mut Schema) {
    show(schema, "poll");
}

fn show_sink(schema: &mut Schema) {
    show(schema, "bulk");
}

/// What stands in the example is a plugin that fits there.
fn show(schema: &mut Schema, plugin: &str) {
    if let Some(examples) = schema.pointer_mut("/properties/plugin/examples") {
        *examples = json!([plugin, format!("./plugins/{plugin}.wasm")]);
    }
}

fn time_max() -> Bound<Duration> {
    Bound::unsaid(Duration::seconds(1))
}

fn memory_max() -> Bound<Size> {
    Bound::unsaid(Size::mib(128))
}

fn output_max() -> Bound<Size> {
    Bound::unsaid(Size::mib(64))
}

fn log_max() -> Bound<u32> {
    Bound::unsaid(100)
}

fn failures_max() -> Bound<u32> {
    Bound::unsaid(20)
}

/// What may be at most, and whether the pipeline says so: a [`Ceiling`](crate::ceiling::Ceiling) lowers a default, and
/// refuses what is said. Dereferences to what may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound<T> {
    pub(crate) most: T,
    pub(crate) is_said: bool,
}

// === impl Bound ===

impl<T> Bound<T> {
    /// A default.
    pub(crate) fn unsaid(most: T) -> Bound<T> {
        Bound { most, is_said: false }
    }
}

impl<T> Deref for Bound<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.most
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bound<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bound<T>, D::Error> {
        T::deserialize(deserializer).map(|most| Bound { most, is_said: true })
    }
}

/// So that a schema can name the default.
impl<T: Serialize> Serialize for Bound<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.most.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Bound<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// What an instance may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) time: std::time::Duration,
    pub(crate) memory_bytes: usize,
    pub(crate) output_bytes: usize,
    pub(crate) log_lines: u32,
}

impl Config {
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            time: self.time_max.get(),
            memory_bytes: self.memory_max.as_usize(),
            output_bytes: self.output_max.as_usize(),
            log_lines: *self.log_max,
        }
    }
}

impl Default for Bounds {
    /// Those of a plugin that is only asked what it is.
    fn default() -> Bounds {
        Bounds { time: time_max().get(), memory_bytes: memory_max().as_usize(), output_bytes: 1 << 20, log_lines: 0 }
    }
}
