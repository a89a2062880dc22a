//! The `wasm` transform: hands batches to an instance, and finds the record to blame where one breaks off.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use catchwater_sdk::transform::{Output, Transform};
use catchwater_sdk::{Batch, Context, Error, Result};
use tracing::{debug, warn};

use crate::aside::aside;
use crate::bindings::lifecycle::Opening;
use crate::bindings::types::{self, FailureKind};
use crate::columns::Columns;
use crate::config::{Bounds, Config};
use crate::edit::Edit;
use crate::fault::Fault;
use crate::instance::Instance;
use crate::journal::{Journal, plain};
use crate::plugin::Plugin;
use crate::plugins::Plugins;

/// A part of a batch gets as much smaller a time than the batch, but no smaller one than this.
const TIME_MIN: Duration = Duration::from_millis(100);
/// It is copied for each batch, and written at each checkpoint.
const STATE_BYTES_MAX: usize = 4 << 20;
const WINDOW: Duration = Duration::from_secs(60);

/// A step whose work a plugin does.
pub(crate) struct Wasm {
    plugins: Arc<Plugins>,
    plugin: Arc<Plugin>,
    bounds: Bounds,
    opening: Opening,
    journal: Arc<Mutex<Journal>>,
    columns: Columns,
    instance: Option<Instance>,
    failures: Failures,
    /// The compiled code is in the data folder, or cannot be there.
    is_kept: bool,
}

/// When records made the plugin fail, lately.
struct Failures {
    max: usize,
    at: VecDeque<Instant>,
}

/// Why a part of a batch is not done.
enum Halt {
    /// The instance broke off, and is gone.
    Fault(Fault),
    /// The plugin said itself what is wrong.
    Failed(Error),
}

// === impl Wasm ===

impl Wasm {
    /// Compiles the plugin if need be, and asks it about its configuration; nothing outside is touched.
    pub(crate) fn new(plugins: &Arc<Plugins>, config: Config, context: &Context) -> Result<Wasm> {
        let bounds = config.bounds();
        context.reads(&plugins.path_of(&config.plugin));
        let opening = opening(serde_json::Value::Object(config.config).to_string(), context);
        let plugin = find(plugins, &config.plugin, &opening, context)?;
        let journal = Journal::new(plugin.name(), context, bounds.log_lines);
        let (state_version, state) = context.state.as_deref().and_then(|kept| unpack(&plugin, kept)).unzip();
        Ok(Wasm {
            plugins: Arc::clone(plugins),
            bounds,
            opening: Opening { state, state_version: state_version.unwrap_or(0), ..opening },
            plugin,
            journal: Arc::new(Mutex::new(journal)),
            columns: Columns::new(),
            instance: None,
            failures: Failures { max: config.failures_max as usize, at: VecDeque::new() },
            is_kept: false,
        })
    }

    /// Has these records processed, or says nothing of any of them.
    fn attempt(&mut self, batch: &Batch, part: Range<usize>, out: &mut Output<'_>) -> Result<(), Halt> {
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.start()?,
        };
        let some = if part.len() == batch.len() { batch.clone() } else { batch.select(&Vec::from_iter(part.clone())) };
        let time = time_for(self.bounds.time, part.len(), batch.len());
        let outcome = match instance.process(self.columns.of(&some), time)? {
            Ok(outcome) => outcome,
            Err(failure) => {
                // One with a state may have half of the batch in it: the next call begins with the state before.
                self.instance = (self.plugin.state_version() == 0).then_some(instance);
                return Err(Halt::Failed(failed(&self.plugin, &failure)));
            }
        };
        let edit = Edit::check(outcome, part.len())?;
        self.remember(&mut instance)?;
        edit.apply(batch, part.start, out);
        self.instance = Some(instance);
        Ok(())
    }

    /// A new instance with the last state.
    fn start(&mut self) -> Result<Instance, Halt> {
        if !std::mem::replace(&mut self.is_kept, true) {
            self.plugins.keep_compiled(&self.plugin);
        }
        let mut instance = Instance::new(&self.plugin, self.bounds, Arc::clone(&self.journal))?;
        instance.open(&self.opening)?.map_err(|failure| Halt::Failed(failed(&self.plugin, &failure)))?;
        Ok(instance)
    }

    /// Takes the state over, so that an instance that comes after this one goes on where it was.
    fn remember(&mut self, instance: &mut Instance) -> Result<(), Halt> {
        if self.plugin.state_version() > 0 {
            let state = instance.snapshot()?.map_err(|failure| Halt::Failed(failed(&self.plugin, &failure)))?;
            if state.len() > STATE_BYTES_MAX {
                return Err(
                    Fault::answer(format!("a state of {} bytes, and {STATE_BYTES_MAX} may be", state.len())).into()
                );
            }
            (self.opening.state, self.opening.state_version) = (Some(state), self.plugin.state_version());
        }
        Ok(())
    }

    /// Looks among these records, which made an instance break off, for those to blame: halves them until each stands
    /// alone. Its order stays that of the batch.
    fn search(&mut self, batch: &Batch, part: Range<usize>, fault: Fault, out: &mut Output<'_>) -> Result<()> {
        if part.len() == 1 {
            return self.blame(batch, part.start, &fault, out);
        }
        let middle = part.start + part.len() / 2;
        for half in [part.start..middle, middle..part.end] {
            if let Some(fault) = broke_off(self.attempt(batch, half.clone(), out))? {
                self.search(batch, half, fault, out)?;
            }
        }
        Ok(())
    }

    fn blame(&mut self, batch: &Batch, i: usize, fault: &Fault, out: &mut Output<'_>) -> Result<()> {
        let record = batch.get(i);
        let (partition, position) = (record.partition(), record.position());
        warn!(plugin = self.plugin.name(), record = %format!("{partition} at {position}"), %fault, "the plugin breaks off");
        if self.failures.is_one_too_many() {
            let (name, max) = (self.plugin.name(), self.failures.max);
            let text = format!(
                "plugin {name}: more than {max} records within a minute make it break off (`failures_max`); \
                 the last is {partition} at {position}: {fault}"
            );
            return Err(Error::refused(text));
        }
        out.reject(i, format!("plugin.trap: plugin {}: {fault}", self.plugin.name()));
        Ok(())
    }

    /// Has all of them processed: if that breaks off, once more, and then without those to blame.
    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        let all = 0..batch.len();
        let Some(first) = broke_off(self.attempt(batch, all.clone(), out))? else { return Ok(()) };
        debug!(plugin = self.plugin.name(), fault = %first, "the plugin breaks off; once more");
        let Some(fault) = broke_off(self.attempt(batch, all.clone(), out))? else { return Ok(()) };
        let before = self.opening.state.clone();
        self.search(batch, all, fault, out).inspect_err(|_| {
            // The parts that went well are processed anew, and must not be found in the state already.
            (self.opening.state, self.instance) = (before, None);
        })
    }
}

impl Transform for Wasm {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        match batch.is_empty() {
            true => Ok(()),
            false => aside(|| self.process(batch, out)),
        }
    }

    fn state(&self) -> Option<Vec<u8>> {
        self.opening.state.as_deref().map(|state| pack(&self.plugin, self.opening.state_version, state))
    }
}

impl Drop for Wasm {
    fn drop(&mut self) {
        if let Some(mut instance) = self.instance.take()
            && let Err(fault) = instance.close()
        {
            debug!(plugin = self.plugin.name(), %fault, "the plugin breaks off at its end");
        }
    }
}

/// How the instance broke off, if it did; what the plugin itself said is the step's own error.
fn broke_off(attempt: Result<(), Halt>) -> Result<Option<Fault>> {
    match attempt {
        Ok(()) => Ok(None),
        Err(Halt::Fault(fault)) => Ok(Some(fault)),
        Err(Halt::Failed(error)) => Err(error),
    }
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Halt {
        Halt::Fault(fault)
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

/// What the plugin is told when it is opened; it has no state yet.
fn opening(config: String, context: &Context) -> Opening {
    Opening {
        pipeline: context.pipeline.to_string(),
        step: context.component.to_string(),
        task: u32::from(context.task),
        tasks: u32::from(context.tasks),
        config,
        state: None,
        state_version: 0,
        attributes: Vec::new(),
    }
}

/// A state with the plugin's own name and the version of who wrote it, in a line before it.
fn pack(plugin: &Plugin, version: u32, state: &[u8]) -> Vec<u8> {
    [format!("{} {version}\n", plugin.title().0).as_bytes(), state].concat()
}

/// The version and the state; nothing where another plugin stood in this place.
fn unpack(plugin: &Plugin, kept: &[u8]) -> Option<(u32, Vec<u8>)> {
    let end = kept.iter().position(|byte| *byte == b'\n')?;
    let (name, version) = std::str::from_utf8(&kept[..end]).ok()?.rsplit_once(' ')?;
    let state = (version.parse().ok()?, kept[end + 1..].to_vec());
    (name == plugin.title().0 && plugin.state_version() > 0).then_some(state)
}

/// The plugin, if this configuration opens it. A pipeline that runs already and builds its steps anew goes on with the plugin
/// that it had when the file has become a bad one meanwhile: whoever put it there was told so by the reload.
fn find(plugins: &Plugins, name: &str, opening: &Opening, context: &Context) -> Result<Arc<Plugin>> {
    let found = plugins.load(name).map_err(|error| error.at_key("plugin"));
    let found = found.and_then(|plugin| check(&plugin, opening).map(|()| plugin));
    let Err(error) = &found else { return found };
    let is_running = context.format.is_some();
    let before = plugins.before(name).into_iter().filter(|_| is_running).find(|plugin| check(plugin, opening).is_ok());
    match before {
        Some(before) => {
            warn!(plugin = name, error = %error.chain(), "the plugin's file is no good; the one before goes on");
            Ok(before)
        }
        None => found,
    }
}

/// Names the first of the plugin's own complaints at its key, and the others behind it. One without a complaint is opened, for
/// trial: it has nothing that it could touch.
fn check(plugin: &Plugin, opening: &Opening) -> Result<()> {
    let broken = |fault| {
        let text = format!("plugin {} breaks off while it checks its configuration: {fault}", plugin.name());
        Error::config(text).at_key("plugin")
    };
    let issues = plugin.ask(|instance| instance.validate(&opening.config)).map_err(broken)?;
    let Some(first) = issues.first() else {
        let opened = plugin.ask(|instance| instance.open(opening)).map_err(broken)?;
        return opened.map_err(|failure| failed(plugin, &failure));
    };
    let (dot, key) = (if first.key.is_empty() || first.key.starts_with('[') { "" } else { "." }, plain(&first.key));
    let messages: Vec<_> = issues.iter().map(|issue| plain(&issue.message)).collect();
    Err(Error::config(messages.join("; ")).at_key(format!("config{dot}{key}")))
}

fn time_for(whole: Duration, records: usize, of: usize) -> Duration {
    whole.mul_f64(records as f64 / of as f64).max(TIME_MIN).min(whole)
}

// === impl Failures ===

impl Failures {
    fn is_one_too_many(&mut self) -> bool {
        let now = Instant::now();
        self.at.push_back(now);
        self.at.retain(|at| now.duration_since(*at) < WINDOW);
        self.at.len() > self.max
    }
}
