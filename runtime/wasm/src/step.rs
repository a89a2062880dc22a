//! What all steps that a plugin does have in common: the plugin is found, asked about its configuration, granted what it
//! wants, and started.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use catchwater_sdk::config::Role;
use catchwater_sdk::{Context, Error, RecordRef, Result};
use tracing::{debug, warn};

use crate::bindings::lifecycle;
use crate::bindings::types::{self, FailureKind};
use crate::config::{Bounds, Config};
use crate::fault::Fault;
use crate::grants::Grants;
use crate::instance::{Answer, Instance};
use crate::journal::{Journal, plain};
use crate::kept::Kept;
use crate::outside::Outside;
use crate::plugin::Plugin;
use crate::plugins::Plugins;

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
    /// The compiled code is in the data folder, or cannot be there.
    is_kept: bool,
}

/// What a plugin is told when it is opened.
pub(crate) struct Opening {
    pipeline: String,
    step: String,
    task: u32,
    tasks: u32,
    config: String,
    /// The last snapshot of the instance before, and the version of who wrote it.
    pub(crate) state: Option<Vec<u8>>,
    pub(crate) state_version: u32,
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
        context.reads(&plugins.path_of(&config.plugin));
        let text = serde_json::Value::Object(config.config).to_string();
        let trial = Trial { role, bounds, config: &text, grants: &config.grants, context };
        let Passed { plugin, opening, outside } = trial.find(plugins, &config.plugin)?;
        let journal = Journal::new(plugin.name(), context, bounds.log_lines);
        Ok(Step {
            plugins: Arc::clone(plugins),
            plugin,
            bounds,
            opening,
            failures: Failures { max: *config.failures_max as usize, at: VecDeque::new(), in_a_row: 0 },
            journal: Arc::new(Mutex::new(journal)),
            outside,
            is_kept: false,
        })
    }

    /// A new instance, opened.
    pub(crate) fn start(&mut self) -> Result<Instance, Halt> {
        if !std::mem::replace(&mut self.is_kept, true) {
            self.plugins.keep_compiled(&self.plugin);
        }
        let journal = Arc::clone(&self.journal);
        let mut instance = Instance::new(&self.plugin, self.bounds, journal, self.outside.clone())?;
        self.answered(instance.open(self.opening.lent()))?;
        Ok(instance)
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
        answer?.map_err(|failure| Halt::Failed(failed(&self.plugin, &failure)))
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

/// What the plugin said of itself, as what the engine does about it.
fn failed(plugin: &Plugin, failure: &types::Failure) -> Error {
    let text = format!("plugin {}: {}", plugin.name(), plain(&failure.message));
    match failure.kind {
        FailureKind::Config => Error::config(text).at_key("config"),
        FailureKind::Unavailable => Error::unavailable(text),
        FailureKind::Refused => Error::refused(text),
        FailureKind::Data => Error::data(text),
    }
}

// === impl Opening ===

impl Opening {
    /// With the state that the plugin in this place was left with; that of another plugin is none of its.
    fn new(plugin: &Plugin, config: &str, context: &Context) -> Opening {
        let kept = kept(plugin, context).filter(|kept| plugin.state_version() > 0 && kept.version > 0);
        Opening {
            pipeline: context.pipeline.to_string(),
            step: context.component.to_string(),
            task: u32::from(context.task),
            tasks: u32::from(context.tasks),
            config: config.to_owned(),
            state: kept.as_ref().map(|kept| kept.state.to_vec()),
            state_version: kept.map_or(0, |kept| kept.version),
        }
    }

    fn lent(&self) -> lifecycle::Opening<'_> {
        lifecycle::Opening {
            pipeline: &self.pipeline,
            step: &self.step,
            task: self.task,
            tasks: self.tasks,
            config: &self.config,
            state: self.state.as_deref(),
            state_version: self.state_version,
            attributes: &[],
        }
    }
}

fn kept<'a>(plugin: &Plugin, context: &'a Context) -> Option<Kept<'a>> {
    context.state.as_deref().and_then(Kept::unpack).filter(|kept| kept.name == plugin.title().0)
}

/// What a plugin must stand before it gets the place.
struct Trial<'a> {
    role: Role,
    bounds: Bounds,
    config: &'a str,
    grants: &'a Grants,
    context: &'a Context,
}

/// What stood it.
struct Passed {
    plugin: Arc<Plugin>,
    opening: Opening,
    outside: Outside,
}

// === impl Trial ===

impl Trial<'_> {
    /// The plugin, if this configuration opens it, and what it may do. A pipeline that runs already and builds its steps anew
    /// goes on with the plugin that it had when the file has become a bad one meanwhile: whoever put it there was told so by
    /// the reload.
    fn find(&self, plugins: &Plugins, name: &str) -> Result<Passed> {
        let found = plugins.load(name).map_err(|error| error.at_key("plugin"));
        let found = found.and_then(|plugin| self.passes(plugin));
        let Err(error) = &found else { return found };
        let is_built_anew = self.context.format.is_some() && !self.context.takes_over;
        let before = plugins.before(name).into_iter().filter(|_| is_built_anew);
        match before.into_iter().find_map(|plugin| self.passes(plugin).ok()) {
            Some(before) => {
                warn!(plugin = name, error = %error.chain(), "the plugin's file is no good; the one before goes on");
                Ok(before)
            }
            None => found,
        }
    }

    fn passes(&self, plugin: Arc<Plugin>) -> Result<Passed> {
        let (name, is, role) = (plugin.name(), plugin.role(), self.role);
        if is != role {
            return Err(Error::config(format!("{name} is a {is}, and this is the place of a {role}")).at_key("plugin"));
        }
        let outside = self.grant(&plugin)?;
        let opening = Opening::new(&plugin, self.config, self.context);
        if let (Some(keyed), Some(kept)) = (outside.keyed(), kept(&plugin, self.context)) {
            keyed.read(kept.keyed);
        }
        self.check(&plugin, &opening, &outside)?;
        Ok(Passed { plugin, opening, outside })
    }

    fn grant(&self, plugin: &Plugin) -> Result<Outside> {
        if self.role == Role::Transform && !self.grants.egress.is_empty() {
            return Err(Error::config("is for sources and sinks: a transform waits for nobody").at_key("grants.egress"));
        }
        if self.role != Role::Transform && self.grants.state {
            return Err(Error::config("is for transforms").at_key("grants.state"));
        }
        match plugin.needs().beyond(self.grants.all()) {
            Some(want) => {
                let grant = if want == "egress" { "egress: [{to: https://HOST}]" } else { &format!("{want}: true") };
                let text = format!("{} wants `{want}`, which is not granted: `grants: {{{grant}}}`", plugin.name());
                Err(Error::config(text).at_key("grants"))
            }
            None => Outside::new(plugin.needs(), self.grants, self.context),
        }
    }

    /// Names the first of the plugin's own complaints at its key, and the others behind it. A transform without a complaint
    /// is opened, for trial and with the state that it will go on with: it has nothing that it could touch.
    fn check(&self, plugin: &Plugin, opening: &Opening, outside: &Outside) -> Result<()> {
        let broken = |fault| {
            let text = format!("plugin {} breaks off while it checks its configuration: {fault}", plugin.name());
            Error::config(text).at_key("plugin")
        };
        let issues =
            plugin.ask(self.bounds, Outside::default(), |instance| instance.validate(self.config)).map_err(broken)?;
        let Some(first) = issues.first() else {
            if self.role != Role::Transform {
                return Ok(());
            }
            let opened = plugin.ask(self.bounds, outside.clone(), |instance| instance.open(opening.lent()));
            outside.settle(false);
            return opened.map_err(broken)?.map_err(|failure| failed(plugin, &failure));
        };
        let (dot, key) = (if first.key.is_empty() || first.key.starts_with('[') { "" } else { "." }, plain(&first.key));
        let messages: Vec<_> = issues.iter().map(|issue| plain(&issue.message)).collect();
        Err(Error::config(messages.join("; ")).at_key(format!("config{dot}{key}")))
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
