//! What several commands share.

use std::process::ExitCode;
use std::sync::Arc;

use catchwater_lake::read::Lake;
use catchwater_sdk::format::Format;
use catchwater_sdk::{Error, Registry, Result};

use crate::output::complain;

/// Where the lake is.
#[derive(clap::Args)]
pub(crate) struct LakeOption {
    /// The lake: the folder that its collections are in, a path or `s3://bucket/prefix`.
    #[arg(long, env = "CATCHWATER_LAKE", default_value = "./lake", value_name = "PATH")]
    pub(crate) lake: String,
}

impl LakeOption {
    /// Opens it. Payloads are understood as JSON.
    pub(crate) fn open(&self, registry: &Registry) -> Result<Lake> {
        Lake::open(&self.lake, json(registry)?)
    }
}

/// How payloads are understood.
pub(crate) fn json(registry: &Registry) -> Result<Arc<dyn Format>> {
    registry.find_format("json").cloned().ok_or_else(|| Error::bug("find the format `json`"))
}

/// Does a command's work on threads of its own, and says what went wrong. Any error exits with `failed`.
pub(crate) fn finish(failed: u8, work: impl Future<Output = Result<ExitCode>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a process that starts can start its threads");
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done.unwrap_or_else(|error| {
        complain(&error.chain());
        ExitCode::from(failed)
    })
}
