//! What a server shows of itself, without waiting for a change that is under way.

use std::collections::BTreeMap;
use std::sync::Arc;

use catchwater_engine::plan::Planned;
use catchwater_engine::status::Status;

use super::plan::Named;
use super::reload::Reloaded;
use super::shapes::{Origin, Wanted};

/// Everything that is shown.
#[derive(Default)]
pub(crate) struct View {
    /// By name.
    pub(crate) pipelines: BTreeMap<String, Shown>,
    /// How reloads went.
    pub(crate) last: Reloaded,
    /// What the last reload has found wrong.
    pub(crate) found: Found,
    /// How many reloads there were, by how they ended.
    pub(crate) outcomes: BTreeMap<&'static str, u64>,
    /// The files that pipelines read when they were planned, or would have.
    pub(crate) files: Named,
}

/// What a reload has found wrong.
#[derive(Clone, Default)]
pub(crate) struct Found {
    /// With pipelines: those of the folder, or those that were made through the API.
    pub(crate) pipelines: Option<String>,
    /// With the server's settings.
    pub(crate) settings: Option<String>,
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
    /// Why it can neither run nor be planned; what is shown is then an outline of it.
    pub(crate) unsound: Option<String>,
}

/// A change that did not work.
#[derive(Clone)]
pub(crate) struct PutBack {
    /// What was wanted.
    pub(crate) planned: Arc<Planned>,
    /// What runs instead.
    pub(crate) runs: Arc<Planned>,
    /// Why it did not work.
    pub(crate) reason: String,
}

impl Found {
    /// All of it.
    pub(crate) fn report(&self) -> Option<String> {
        let all: Vec<_> = [&self.pipelines, &self.settings].into_iter().flatten().map(String::as_str).collect();
        (!all.is_empty()).then(|| all.join("\n\n"))
    }
}

impl Shown {
    /// What runs as long as somebody wants that, where anything can.
    pub(crate) fn runs(&self) -> Option<&Arc<Planned>> {
        let wanted = self.unsound.is_none().then_some(&self.planned);
        self.put_back.as_ref().map(|put_back| &put_back.runs).or(wanted)
    }
}
