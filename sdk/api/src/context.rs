//! What a component is told when it is built.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::claim::{Claim, Claims};
use crate::clock::{Clock, SystemClock};
use crate::counters::Counters;
use crate::files::Files;
use crate::format::Format;
use crate::ready::Ready;

/// Where a component stands. Building one has no side effects (Invariant 6), so nothing here may be touched before `open`.
#[derive(Clone, Debug)]
pub struct Context {
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// The component's name within the pipeline.
    pub component: Arc<str>,
    /// Which of the pipeline's tasks this copy belongs to, from 0.
    pub task: u16,
    /// How many tasks the pipeline has in this process.
    pub tasks: u16,
    /// A folder for this process alone: positions, instance id. It exists once the pipeline runs.
    pub data_dir: PathBuf,
    /// A name for this process that survives a restart; a static group member is known by it.
    pub instance: Arc<str>,
    /// How many bytes this component may hold in buffers.
    pub memory_bytes: u64,
    /// Tells the time of day.
    pub clock: Arc<dyn Clock>,
    /// How the payloads of the pipeline's source are understood; known once the pipeline runs.
    pub format: Option<Arc<dyn Format>>,
    /// What the component says that it works on alone.
    pub claims: Claims,
    /// Which files the component says that it reads.
    pub files: Files,
    /// What components leave when they are planned, and take when they run.
    pub ready: Ready,
    /// What the component counts itself.
    pub counters: Counters,
    /// What a transform in its place last said that it remembers, if it goes on after one.
    pub state: Option<Arc<[u8]>>,
    /// It takes the place of a transform that runs. Where it cannot, building it fails, and the one before goes on.
    pub takes_over: bool,
}

impl Context {
    /// A context for `check` and for tests: nothing in it points anywhere but to `data_dir`.
    pub fn unattached(pipeline: &str, data_dir: PathBuf) -> Context {
        Context {
            pipeline: pipeline.into(),
            component: pipeline.into(),
            task: 0,
            tasks: 1,
            data_dir,
            instance: "unattached".into(),
            memory_bytes: 64 << 20,
            clock: Arc::new(SystemClock),
            format: None,
            claims: Claims::default(),
            files: Files::default(),
            ready: Ready::default(),
            counters: Counters::default(),
            state: None,
            takes_over: false,
        }
    }

    /// Says, while the component is built, that it works on something that bears no second one.
    pub fn claim(&self, claim: Claim) {
        self.claims.add(claim);
    }

    /// Says, while the component is built, that it reads this file once it is opened: a certificate, a schema.
    pub fn reads(&self, path: &Path) {
        self.files.add(path, None);
    }

    /// The same of a file that the component had to read by then: `contents` is another number for each of its contents, so
    /// that nobody reads it once more to tell whether it has changed.
    pub fn has_read(&self, path: &Path, contents: u64) {
        self.files.add(path, Some(contents));
    }

    /// Leaves something, while the component is planned, for the one that runs in its place.
    pub fn leave_ready(&self, thing: impl Any + Send) {
        self.ready.leave(&self.component, Box::new(thing));
    }

    /// What the component left that was planned in this place, if nobody took it before.
    pub fn take_ready<T: Any>(&self) -> Option<T> {
        self.ready.take(&self.component)?.downcast().ok().map(|thing| *thing)
    }
}
