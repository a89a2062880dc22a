//! What a task needs to build its components, once at its start and again after it abandoned what it held.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use catchwater_sdk::claim::Claims;
use catchwater_sdk::clock::Clock;
use catchwater_sdk::config::Mistake;
use catchwater_sdk::files::Files;
use catchwater_sdk::format::Format;
use catchwater_sdk::sink::BoxSink;
use catchwater_sdk::source::{BoxSource, SourceTraits};
use catchwater_sdk::{Context, Error, Positions, Registry, Result};
use tokio::sync::mpsc;

use crate::backoff::Backoff;
use crate::plan::Planned;
use crate::spec::{Component, OnError, Retry, Sink, When};
use crate::states::{self, Remembered};
use crate::status::Status;
use crate::task::{Driver, Report, Router, Stage, Stages};

/// What all pipelines of a process share.
#[derive(Clone, Debug)]
pub struct Host {
    /// The folder for positions of sources that have no other place.
    pub data_dir: Arc<Path>,
    /// The name under which brokers know this process; it survives a restart.
    pub instance: Arc<str>,
    /// How many bytes all sinks together may hold in buffers.
    pub memory_bytes: u64,
    /// Tells the time of day.
    pub clock: Arc<dyn Clock>,
    /// Gives memory that was freed back to the system: called when large records were, and not for ordinary ones.
    pub give_back: fn(),
}

/// One task's view of its pipeline.
#[derive(Clone)]
pub(crate) struct Blueprint {
    pub(crate) planned: Arc<Planned>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) host: Host,
    pub(crate) status: Arc<Status>,
    pub(crate) number: u16,
    /// What one sink of one task may hold.
    pub(crate) sink_memory_bytes: u64,
}

/// A sink with its branch, built and, unless it says so, untouched.
pub(crate) struct Parts {
    pub(crate) step: Arc<str>,
    pub(crate) sink: BoxSink,
    pub(crate) stages: Vec<Stage>,
    pub(crate) on_error: OnError,
    pub(crate) dead_letters: bool,
    /// Opened already.
    pub(crate) is_open: bool,
}

impl Blueprint {
    pub(crate) fn build_source(&self) -> Result<BoxSource> {
        let source = &self.planned.spec.source;
        self.registry.build_source(&source.type_name, &source.node, &self.context(source)).map_err(built_before)
    }

    /// The transforms before the sinks. They remember what those before them did.
    pub(crate) fn build_stages(&self) -> Result<Vec<Stage>> {
        self.planned.spec.transforms.iter().map(|transform| self.build_step(transform, None)).collect()
    }

    /// The same for a task that runs by another plan and whose transforms remember this; none for one that stays.
    pub(crate) fn build_changed_stages(
        &self,
        running: &Planned,
        remembered: &Remembered,
    ) -> Result<Vec<Option<Stage>>> {
        let stays = |transform| self.planned.has_same_transform(running, transform);
        let build = |transform| (!stays(transform)).then(|| self.build_step(transform, Some(remembered))).transpose();
        self.planned.spec.transforms.iter().map(build).collect()
    }

    /// It goes on after those that remember this, where they run; else after what was kept.
    fn build_step(&self, transform: &Component, running: Option<&Remembered>) -> Result<Stage> {
        let state = match running.and_then(|remembered| remembered.get(transform.name.as_str())) {
            Some(state) => Some(state.as_slice().into()),
            None => states::read(&self.states(), &transform.name)?,
        };
        let context = Context { state, takes_over: running.is_some(), ..self.context(transform) };
        self.build_stage(transform, &context)
    }

    /// The transforms of a sink's own branch.
    pub(crate) fn build_branch(&self, sink: &Sink) -> Result<Vec<Stage>> {
        sink.transforms.iter().map(|transform| self.build_stage(transform, &self.context(transform))).collect()
    }

    /// The folder in which is kept what its transforms remember.
    pub(crate) fn states(&self) -> PathBuf {
        states::folder(self.data_dir(), self.pipeline(), self.number)
    }

    /// The sinks in order; the dead letters' last.
    pub(crate) fn build_sinks(&self) -> Result<Vec<Parts>> {
        let spec = &self.planned.spec;
        let letters = spec.dead_letters.iter().map(|letters| self.build_sink(letters, Vec::new(), true));
        spec.sinks.iter().map(|sink| self.build_sink_with_branch(sink)).chain(letters).collect()
    }

    /// The sinks in order, for a task that runs by another plan; none for one that stays.
    pub(crate) fn build_changed_sinks(&self, running: &Planned) -> Result<Vec<Option<Parts>>> {
        let stays = |sink| self.planned.has_same_sink(running, sink);
        let build = |sink| (!stays(sink)).then(|| self.build_sink_with_branch(sink)).transpose();
        self.planned.spec.sinks.iter().map(build).collect()
    }

    fn build_sink_with_branch(&self, sink: &Sink) -> Result<Parts> {
        self.build_sink(&sink.component, self.build_branch(sink)?, false)
    }

    fn build_sink(&self, component: &Component, stages: Vec<Stage>, dead_letters: bool) -> Result<Parts> {
        let context = self.context(component);
        let sink = self.registry.build_sink(&component.type_name, &component.node, &context).map_err(built_before)?;
        // A dead letter that cannot be stored must not be lost: the pipeline stops instead.
        let on_error = if dead_letters { OnError::Fail } else { component.on_error };
        Ok(Parts { step: component.name.as_str().into(), sink, stages, on_error, dead_letters, is_open: false })
    }

    fn build_stage(&self, component: &Component, context: &Context) -> Result<Stage> {
        let transform =
            self.registry.build_transform(&component.type_name, &component.node, context).map_err(built_before)?;
        let when = match &component.when {
            When::Matching(query) => Some(query.clone()),
            When::Always | When::Otherwise => None,
        };
        Ok(Stage::new(component.name.as_str().into(), transform, component.on_error, when))
    }

    fn context(&self, component: &Component) -> Context {
        Context {
            pipeline: self.planned.spec.name.as_str().into(),
            component: component.name.as_str().into(),
            task: self.number,
            tasks: self.planned.tasks,
            data_dir: self.host.data_dir.to_path_buf(),
            instance: Arc::clone(&self.host.instance),
            memory_bytes: self.sink_memory_bytes,
            clock: Arc::clone(&self.host.clock),
            format: Some(Arc::clone(&self.planned.format)),
            claims: Claims::default(),
            files: Files::default(),
            ready: self.planned.ready.clone(),
            counters: self.status.counters.clone(),
            state: None,
            takes_over: false,
        }
    }

    pub(crate) fn driver(
        &self,
        number: usize,
        part: Parts,
        source: &SourceTraits,
        reports: mpsc::Sender<Report>,
    ) -> Driver {
        Driver {
            number,
            task: self.number,
            step: part.step,
            sink: part.sink,
            is_open: part.is_open,
            stages: Stages::new(part.stages),
            on_error: part.on_error,
            source: self.named(source),
            backoff: Backoff::new(self.retry(), self.random()),
            status: Arc::clone(&self.status),
            reports,
            give_back: self.host.give_back,
        }
    }

    /// The source's traits with its capture named.
    pub(crate) fn named(&self, source: &SourceTraits) -> SourceTraits {
        let capture = source.capture.clone().unwrap_or_else(|| self.planned.spec.name.as_str().into());
        SourceTraits { capture: Some(capture), ..source.clone() }
    }

    pub(crate) fn format(&self) -> &Arc<dyn Format> {
        &self.planned.format
    }

    pub(crate) fn retry(&self) -> &Retry {
        &self.planned.spec.settings.retry
    }

    pub(crate) fn random(&self) -> fastrand::Rng {
        fastrand::Rng::new()
    }

    pub(crate) fn pipeline(&self) -> &str {
        &self.planned.spec.name
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.host.data_dir
    }

    pub(crate) fn source_step(&self) -> Arc<str> {
        self.planned.spec.source.name.as_str().into()
    }

    pub(crate) fn source_on_error(&self) -> OnError {
        self.planned.spec.source.on_error
    }

    /// Which records go to which of the sinks.
    pub(crate) fn router(&self) -> Router {
        let sinks = self.planned.spec.sinks.iter();
        Router::new(sinks.map(|sink| sink.component.when.clone()).collect(), self.planned.spec.unmatched)
    }

    pub(crate) fn has_dead_letters(&self) -> bool {
        self.planned.spec.dead_letters.is_some()
    }

    pub(crate) fn checkpoint_interval(&self) -> Duration {
        self.planned.spec.settings.checkpoint_interval.get()
    }

    pub(crate) fn idle(&self) -> Duration {
        self.planned.spec.settings.idle.get()
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    pub(crate) fn status(&self) -> &Status {
        &self.status
    }

    pub(crate) fn note_commit(&self, positions: &Positions) {
        self.status.note_committed(positions);
        self.status.committed_micros.store(self.host.clock.now_micros(), Relaxed);
    }
}

/// The plan built every component once; one that cannot be built now changed its mind.
fn built_before(mistake: Mistake) -> Error {
    Error::config(mistake.to_string())
}
