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
use crate::kept::Kept;
use crate::keyed::Keyed;
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
        Ok(Wasm { step: Step::new(plugins, config, context, Role::Transform)?, instance: None })
    }

    /// Has these records processed, or says nothing of any of them.
    fn attempt(&mut self, batch: &Batch, part: Range<usize>, out: &mut Output<'_>) -> Result<(), Halt> {
        let tried = self.hand_over(batch, part, out);
        self.step.outside.settle(tried.is_ok());
        tried
    }

    fn hand_over(&mut self, batch: &Batch, part: Range<usize>, out: &mut Output<'_>) -> Result<(), Halt> {
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
                let remembers = self.step.plugin.state_version() > 0 || self.step.outside.keyed().is_some();
                self.instance = (!remembers).then_some(instance);
                return Err(Halt::Failed(error));
            }
            Err(fault) => return Err(fault),
        };
        let edit = Edit::check(outcome, &some, self.step.bounds.output_bytes)?;
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
        let before = (self.step.opening.state.clone(), self.step.outside.keyed().map(Keyed::copy));
        let searched = self.search(batch, all, fault, out);
        if searched.is_err() {
            // The parts that went well are processed anew, and must not be found in the state already.
            (self.step.opening.state, self.instance) = (before.0, None);
            let keyed = self.step.outside.keyed().zip(before.1);
            keyed.into_iter().for_each(|(keyed, before)| keyed.go_back_to(before));
        }
        searched
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
        let (state, keyed) = (self.step.opening.state.as_deref(), self.step.outside.keyed().map(Keyed::to_bytes));
        (state.is_some() || keyed.is_some()).then(|| {
            let (name, version) = (self.step.plugin.title().0, self.step.opening.state_version);
            Kept { name, version, state: state.unwrap_or_default(), keyed: &keyed.unwrap_or_default() }.pack()
        })
    }
}

impl Drop for Wasm {
    fn drop(&mut self) {
        self.step.end(self.instance.take());
    }
}

fn time_for(whole: Duration, records: usize, of: usize) -> Duration {
    whole.mul_f64(records as f64 / of as f64).max(TIME_MIN).min(whole)
}
