//! What all steps that a plugin does have in common: it is started, started anew where it broke off, and blamed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use catchwater_sdk::config::Role;
use catchwater_sdk::{Context, Error, RecordRef, Result};
use tracing::{debug, warn};

use crate::config::{Bounds, Config};
use crate::fault::Fault;
use crate::instance::{Answer, Instance};
use crate::journal::Journal;
use crate::outside::Outside;
use crate::plugin::Plugin;
use crate::plugins::Plugins;
use crate::trial::{Opening, Passed, Trial};
use crate::warm::{Place, Warm};

const WINDOW: Duration = Duration::from_secs(60);

/// A place in a pipeline at which a plugin works.
pub(crate) struct Step {
    plugins: Arc<Plugins>,
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) bounds: Bounds,
    pub(crate) opening: Opening,
    failures: Failures,
    journal: Arc<Mutex<Journal>>,
    pub(crate) outside: Outside,
    /// Where the instance waits that was made to see that the plugin can work here.
    place: Place,
    /// The compiled code is in the data folder, or cannot be there.
    is_kept: bool,
}

/// When the plugin broke off, lately.
struct Failures {
    max: usize,
    at: VecDeque<Instant>,
    /// How often it broke off with nothing done in between, where no record is to blame.
    in_a_row: usize,
}

/// Why a call came to nothing.
pub(crate) enum Halt {
    /// The instance broke off, and is gone.
    Fault(Fault),
    /// The plugin said itself what is wrong.
    Failed(Error),
}

// === impl Step ===

impl Step {
    /// Compiles the plugin if need be, and asks it about its configuration; nothing outside is touched.
    pub(crate) fn new(plugins: &Arc<Plugins>, mut config: Config, context: &Context, role: Role) -> Result<Step> {
        plugins.ceiling().hold(&mut config)?;
        let bounds = config.bounds();
        let path = plugins.path_of(&config.plugin);
        context.reads(&path);
        let text = serde_json::Value::Object(config.config).to_string();
        let trial = Trial { role, bounds, config: &text, grants: &config.grants, context };
        let Passed { plugin, opening, outside, place } = trial.find(plugins, &config.plugin)?;
        context.has_read(&path, plugin.contents());
        let journal = Journal::new(plugin.name(), context, bounds.log_lines);
        Ok(Step {
            plugins: Arc::clone(plugins),
            plugin,
            bounds,
            opening,
            failures: Failures { max: *config.failures_max as usize, at: VecDeque::new(), in_a_row: 0 },
            journal: Arc::new(Mutex::new(journal)),
            outside,
            place,
            is_kept: false,
        })
    }

    /// An instance, opened: first the one that was made already, if it waits still.
    pub(crate) fn start(&mut self) -> Result<Instance, Halt> {
        if !std::mem::replace(&mut self.is_kept, true) {
            self.plugins.keep_compiled(&self.plugin);
        }
        let (mut instance, is_open) = match self.place.take() {
            Some(warm) => self.take_over(warm),
            None => {
                let journal = Arc::clone(&self.journal);
                (Instance::new(&self.plugin, self.bounds, journal, self.outside.clone())?, false)
            }
        };
        if !is_open {
            self.answered(instance.open(self.opening.lent()))?;
        }
        Ok(instance)
    }

    /// What it said when it was opened is heard now, as if it were opened here.
    fn take_over(&self, warm: Warm) -> (Instance, bool) {
        let Warm { mut instance, told, is_open, .. } = warm;
        let [mut journal, mut told] =
            [&self.journal, &told].map(|one| one.lock().unwrap_or_else(PoisonError::into_inner));
        journal.tell(&mut told);
        instance.hand_to(self.bounds, Arc::clone(&self.journal), self.outside.clone());
        (instance, is_open)
    }

    /// As [`Step::start`], where no record could be to blame that it breaks off.
    pub(crate) fn begin(&mut self) -> Result<Instance, Halt> {
        self.start().map_err(|halt| match halt {
            Halt::Fault(fault) => Halt::Failed(self.broken(&fault)),
            failed => failed,
        })
    }

    /// Lets an instance end by itself, where there is one.
    pub(crate) fn end(&self, instance: Option<Instance>) {
        if let Some(mut instance) = instance
            && let Err(fault) = instance.close()
        {
            debug!(plugin = self.plugin.name(), %fault, "the plugin breaks off at its end");
        }
    }

    /// What becomes of the pipeline when the plugin breaks off and no record is to blame: another attempt later, unless there
    /// were too many.
    pub(crate) fn broken(&mut self, fault: &Fault) -> Error {
        let name = self.plugin.name();
        self.failures.in_a_row += 1;
        let in_a_row = self.failures.in_a_row;
        if !self.failures.is_one_too_many() && in_a_row <= self.failures.max {
            return Error::unavailable(format!("plugin {name} breaks off: {fault}"));
        }
        let max = self.failures.max;
        Error::refused(format!(
            "plugin {name} breaks off more than {max} times within a minute, or with nothing done in between \
             (`failures_max`); the last time: {fault}"
        ))
    }

    /// Something was done in between.
    pub(crate) fn worked(&mut self) {
        self.failures.in_a_row = 0;
    }

    /// The reason for which this record, at which the plugin breaks off, is rejected; an error when there are too many.
    pub(crate) fn blame(&mut self, record: RecordRef<'_>, fault: &Fault) -> Result<String> {
        let (name, max) = (self.plugin.name(), self.failures.max);
        let (partition, position) = (record.partition(), record.position());
        warn!(plugin = name, record = %format!("{partition} at {position}"), %fault, "the plugin breaks off");
        if self.failures.is_one_too_many() {
            let text = format!(
                "plugin {name}: more than {max} records within a minute make it break off (`failures_max`); \
                 the last is {partition} at {position}: {fault}"
            );
            return Err(Error::refused(text));
        }
        Ok(format!("plugin.trap: plugin {name}: {fault}"))
    }

    /// What an answer comes to for the pipeline.
    pub(crate) fn answered<R>(&self, answer: Answer<R>) -> Result<R, Halt> {
        answer?.map_err(|failure| Halt::Failed(self.plugin.failure(&failure)))
    }
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Halt {
        Halt::Fault(fault)
    }
}

/// How the instance broke off, if it did; what the plugin itself said is the step's own error.
pub(crate) fn broke_off<R>(attempt: Result<R, Halt>) -> Result<Result<R, Fault>> {
    match attempt {
        Ok(done) => Ok(Ok(done)),
        Err(Halt::Fault(fault)) => Ok(Err(fault)),
        Err(Halt::Failed(error)) => Err(error),
    }
}

// === impl Failures ===

impl Failures {
    /// Notes one. Whether there were too many within a minute.
    fn is_one_too_many(&mut self) -> bool {
        let now = Instant::now();
        self.at.push_back(now);
        self.at.retain(|at| now.duration_since(*at) < WINDOW);
        self.at.len() > self.max
    }
}
