//! What a pipeline grants a plugin.

use std::collections::BTreeMap;

use catchwater_sdk::config::{Duration, Secret, Size};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::Bound;
use crate::wants::Wants;

/// The keys under `grants`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grants {
    /// It may know the time of day.
    #[serde(default)]
    pub(crate) clock: bool,
    /// It may have random bytes.
    #[serde(default)]
    pub(crate) random: bool,
    /// It may keep values by key, which are kept with the checkpoint; for transforms.
    #[serde(default)]
    pub(crate) state: bool,
    /// How many bytes of keys and values it may keep, 64 for each added. They are written at checkpoints.
    #[serde(default = "state_max")]
    #[schemars(extend("x-min" = "1KiB", "x-max" = "64MiB"))]
    pub(crate) state_max: Bound<Size>,
    /// Where Catchwater sends HTTP requests for it; for sources and sinks. No redirect is followed and no proxy used. Each entry
    /// has `to`: scheme, host and port, such as `https://api.example.com`. A name reaches only addresses of the internet;
    /// written with its port, such as `http://api.internal:8080`, also those of a private network and of this machine. Addresses
    /// of one link, where clouds tell secrets, are reached only as they are, such as `http://169.254.10.1`. An entry may have
    /// `headers` that Catchwater adds to each request to it, such as credentials: the plugin does not see them, and what it says
    /// of them itself is left out.
    #[serde(default)]
    pub(crate) egress: Vec<Destination>,
    /// How many requests it may have sent in one call, which reads or stores one batch.
    #[serde(default = "requests_max")]
    #[schemars(range(min = 1, max = 10000))]
    pub(crate) requests_max: Bound<u32>,
    /// How long the requests of one call may take together.
    #[serde(default = "requests_time_max")]
    #[schemars(extend("x-min" = "100ms", "x-max" = "10m"))]
    pub(crate) requests_time_max: Bound<Duration>,
    /// How many bytes the body of a request or of an answer may have.
    #[serde(default = "body_max")]
    #[schemars(extend("x-min" = "1KiB", "x-max" = "256MiB"))]
    pub(crate) body_max: Bound<Size>,
}

/// An address that may be reached.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Destination {
    /// Scheme, host and port.
    #[schemars(extend("examples" = ["https://api.example.com"], "x-names" = ["url", "host", "address"]))]
    pub(crate) to: String,
    /// Headers that Catchwater adds.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Secret>,
}

fn state_max() -> Bound<Size> {
    Bound::unsaid(Size::mib(4))
}

fn requests_max() -> Bound<u32> {
    Bound::unsaid(20)
}

fn requests_time_max() -> Bound<Duration> {
    Bound::unsaid(Duration::seconds(30))
}

fn body_max() -> Bound<Size> {
    Bound::unsaid(Size::mib(8))
}

// === impl Grants ===

impl Default for Grants {
    /// Nothing.
    fn default() -> Grants {
        Grants {
            clock: false,
            random: false,
            state: false,
            state_max: state_max(),
            egress: Vec::new(),
            requests_max: requests_max(),
            requests_time_max: requests_time_max(),
            body_max: body_max(),
        }
    }
}

impl Grants {
    pub(crate) fn all(&self) -> Wants {
        Wants { clock: self.clock, random: self.random, egress: !self.egress.is_empty(), state: self.state }
    }
}
