//! The `wasm` transform: hands batches to an instance, and finds the record to blame where one breaks off.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use catchwater_sdk::config::Role;
use catchwater_sdk::transform::{Output, Transform};
use catchwater_sdk::{Batch, Context, Result};
use tracing::debug;

use crate::aside::aside;
use crate::columns::lend;
use crate::config::Config;
use crate::edit::Edit;
use crate::fault::Fault;
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::plugins::Plugins;
use crate::step::{Halt, Step, broke_off};

/// A part of a batch gets as much smaller a time than the batch, but no smaller one than this.
const TIME_MIN: Duration = Duration::from_millis(100);
/// It is copied for each batch, and written at each checkpoint.
const STATE_BYTES_MAX: usize = 4 << 20;

/// A step whose work a plugin does.
pub(crate) struct Wasm {
    step: Step,
    instance: Option<Instance>,
}

// === impl Wasm ===

impl Wasm {
    /// Compiles the plugin if need be, and asks it about its configuration; nothing outside is touched.
    pub(crate) fn new(plugins: &Arc<Plugins>, config: Config, context: &Context) -> Result<Wasm> {
        let mut step = Step::new(plugins, config, context, Role::Transform)?;
        let kept = context.state.as_deref().and_then(|kept| unpack(&step.plugin, kept));
        if let Some((version, state)) = kept {
            (step.opening.state, step.opening.state_version) = (Some(state), version);
        }
        Ok(Wasm { step, instance: None })
    }

    /// Has these records processed, or says nothing of any of them.
    fn attempt(&mut self, batch: &Batch, part: Range<usize>, out: &mut Output<'_>) -> Result<(), Halt> {
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.step.start()?,
        };
        let some = if part.len() == batch.len() { batch.clone() } else { batch.select(&Vec::from_iter(part.clone())) };
        let time = time_for(self.step.bounds.time, part.len(), batch.len());
        let outcome = match self.step.answered(lend(&some, |lent| instance.process(lent, time))) {
            Ok(outcome) => outcome,
            Err(Halt::Failed(error)) => {
                // One with a state may have half of the batch in it: the next call begins with the state before.
                self.instance = (self.step.plugin.state_version() == 0).then_some(instance);
                return Err(Halt::Failed(error));
            }
            Err(fault) => return Err(fault),
        };
        let edit = Edit::check(outcome, part.len())?;
        self.remember(&mut instance)?;
        edit.apply(batch, part, out);
        self.instance = Some(instance);
        Ok(())
    }

    /// Takes the state over, so that an instance that comes after this one goes on where it was.
    fn remember(&mut self, instance: &mut Instance) -> Result<(), Halt> {
        if self.step.plugin.state_version() > 0 {
            let state = self.step.answered(instance.snapshot())?;
            if state.len() > STATE_BYTES_MAX {
                return Err(
                    Fault::answer(format!("a state of {} bytes, and {STATE_BYTES_MAX} may be", state.len())).into()
                );
            }
            (self.step.opening.state, self.step.opening.state_version) =
                (Some(state), self.step.plugin.state_version());
        }
        Ok(())
    }

    /// Looks among these records, which made an instance break off, for those to blame: halves them until each stands
    /// alone. Its order stays that of the batch.
    fn search(&mut self, batch: &Batch, part: Range<usize>, fault: Fault, out: &mut Output<'_>) -> Result<()> {
        if part.len() == 1 {
            let reason = self.step.blame(batch.get(part.start), &fault)?;
            out.reject(part.start, reason);
            return Ok(());
        }
        let middle = part.start + part.len() / 2;
        for half in [part.start..middle, middle..part.end] {
            if let Err(fault) = broke_off(self.attempt(batch, half.clone(), out))? {
                self.search(batch, half, fault, out)?;
            }
        }
        Ok(())
    }

    /// Has all of them processed: if that breaks off, once more, and then without those to blame.
    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        let all = 0..batch.len();
        let Err(first) = broke_off(self.attempt(batch, all.clone(), out))? else { return Ok(()) };
        debug!(plugin = self.step.plugin.name(), fault = %first, "the plugin breaks off; once more");
        let Err(fault) = broke_off(self.attempt(batch, all.clone(), out))? else { return Ok(()) };
        let before = self.step.opening.state.clone();
        self.search(batch, all, fault, out).inspect_err(|_| {
            // The parts that went well are processed anew, and must not be found in the state already.
            (self.step.opening.state, self.instance) = (before, None);
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
        self.step.opening.state.as_deref().map(|state| pack(&self.step.plugin, self.step.opening.state_version, state))
    }
}

impl Drop for Wasm {
    fn drop(&mut self) {
        self.step.end(self.instance.take());
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

fn time_for(whole: Duration, records: usize, of: usize) -> Duration {
    whole.mul_f64(records as f64 / of as f64).max(TIME_MIN).min(whole)
}
