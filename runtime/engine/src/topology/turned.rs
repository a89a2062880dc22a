//! What became of pipelines that had to change.

use catchwater_sdk::Error;
use tracing::{info, warn};

/// What became of a pipeline that had to change.
#[derive(Debug)]
pub struct Turned {
    /// Which.
    pub pipeline: String,
    /// What had to be done.
    pub change: Change,
    /// Why that did not work. A pipeline that was to be changed then runs as before; one that was to stop has, and what it had
    /// not stored is read again if it comes back.
    pub trouble: Option<Error>,
}

/// What is done to a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It did not run before.
    Start,
    /// It runs otherwise than before, and its source reads on.
    Adapt,
    /// It runs otherwise than before, and was stopped for that.
    Replace,
    /// It no longer runs.
    Stop,
}

impl Turned {
    pub(super) fn new(pipeline: String, change: Change, trouble: Option<Error>) -> Turned {
        let sign = match change {
            Change::Start => "started",
            Change::Adapt => "changed while it runs",
            Change::Replace => "replaced",
            Change::Stop => "stopped",
        };
        match &trouble {
            None => info!(%pipeline, "{sign}"),
            Some(error) => {
                warn!(%pipeline, ?change, error = %error.chain(), "the change did not work as it should");
            }
        }
        Turned { pipeline, change, trouble }
    }
}
