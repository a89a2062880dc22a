//! What a server shows of itself, without waiting for a change that is under way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use catchwater_engine::plan::Planned;
use catchwater_engine::status::Status;

use super::reload::Reloaded;
use super::shapes::{Origin, Wanted};

/// Everything that is shown.
#[derive(Default)]
pub(crate) struct View {
    /// By name.
    pub(crate) pipelines: BTreeMap<String, Shown>,
    /// How reloads went.
    pub(crate) last: Reloaded,
    /// How many reloads there were, by how they ended.
    pub(crate) outcomes: BTreeMap<&'static str, u64>,
    /// The files that pipelines read when they were planned.
    pub(crate) files: BTreeSet<PathBuf>,
}

/// A pipeline as it is shown.
pub(crate) struct Shown {
    /// What should run.
    pub(crate) planned: Arc<Planned>,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// Whether it should run.
    pub(crate) wanted: Wanted,
    /// How it runs.
    pub(crate) status: Arc<Status>,
    /// Why its last change was put back; what was wanted is then not what runs.
    pub(crate) put_back: Option<PutBack>,
}

/// A change that did not work.
#[derive(Clone)]
pub(crate) struct PutBack {
    /// What was wanted.
    pub(crate) planned: Arc<Planned>,
    /// Why it did not work.
    pub(crate) reason: String,
}
