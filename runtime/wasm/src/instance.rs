//! One running copy of a plugin, and what it may take.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::Level;
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};

use crate::bindings::{clock, egress, host, lifecycle, random, sink, source, state, transform, types};
use crate::config::Bounds;
use crate::exports::{Exports, Work};
use crate::fault::{Circumstances, Fault};
use crate::footprint::ELEMENT_BYTES;
use crate::journal::{Journal, plain};
use crate::machine::{Machine, worked};
use crate::outside::Outside;
use crate::plugin::Plugin;

/// What a call of the plugin's answers: what it came to, or what the plugin says that is wrong; or how the instance broke off.
pub(crate) type Answer<R> = Result<Result<R, types::Failure>, Fault>;

/// Instances, tables and memories that a plugin may have; an interpreter with its libraries has the most.
const PARTS_MAX: usize = 64;

/// An instance. After a [`Fault`] it must not be called again.
pub(crate) struct Instance {
    store: Store<State>,
    exports: Exports,
    bounds: Bounds,
}

/// What the host keeps for an instance.
pub(crate) struct State {
    memory: Memory,
    journal: Arc<Mutex<Journal>>,
    outside: Outside,
    /// The last line that it logged as an error in the call at hand.
    said: Option<String>,
    /// What this thread will have worked when the call at hand has taken all of its time.
    until: Duration,
}

/// Counts what an instance takes.
struct Memory {
    taken: usize,
    max: usize,
    refused: bool,
}

// === impl Instance ===

impl Instance {
    /// A new one, with nothing called but what the compiler put at its start.
    pub(crate) fn new(
        plugin: &Plugin,
        bounds: Bounds,
        journal: Arc<Mutex<Journal>>,
        outside: Outside,
    ) -> Result<Instance, Fault> {
        let memory = Memory { taken: 0, max: bounds.memory_bytes, refused: false };
        let state = State { memory, journal, outside, said: None, until: Duration::ZERO };
        let mut store = Store::new(plugin.engine(), state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(bounds.output_bytes);
        store.epoch_deadline_callback(|store| match store.data().until.saturating_sub(worked()) {
            Duration::ZERO => Ok(UpdateDeadline::Interrupt),
            left => Ok(UpdateDeadline::Continue(Machine::ticks(left))),
        });
        give_time(&mut store, bounds.time);
        let (prepared, places) = plugin.prepared();
        let exports = prepared.instantiate(&mut store).and_then(|instance| places.load(&mut store, &instance));
        match exports {
            Ok(exports) => Ok(Instance { store, exports, bounds }),
            Err(error) => Err(fault(&mut store, &error, bounds, bounds.time)),
        }
    }

    /// From here on it is held by these bounds, its journal is this one, and it has this outside.
    pub(crate) fn hand_to(&mut self, bounds: Bounds, journal: Arc<Mutex<Journal>>, outside: Outside) {
        self.bounds = bounds;
        self.store.set_hostcall_fuel(bounds.output_bytes);
        let state = self.store.data_mut();
        (state.memory.max, state.journal, state.outside) = (bounds.memory_bytes, journal, outside);
    }

    pub(crate) fn describe(&mut self) -> Result<lifecycle::Description, Fault> {
        self.call(|exports, store| exports.lifecycle.call_describe(store))
    }

    pub(crate) fn validate(&mut self, config: &str) -> Result<Vec<lifecycle::Issue>, Fault> {
        self.call(|exports, store| exports.lifecycle.call_validate(store, config))
    }

    pub(crate) fn open(&mut self, opening: lifecycle::Opening<'_>) -> Answer<()> {
        self.call(|exports, store| exports.lifecycle.call_open(store, opening))
    }

    pub(crate) fn snapshot(&mut self) -> Answer<Vec<u8>> {
        self.call(|exports, store| exports.lifecycle.call_snapshot(store))
    }

    pub(crate) fn close(&mut self) -> Result<(), Fault> {
        self.call(|exports, store| exports.lifecycle.call_close(store))
    }

    /// Hands a batch over to a transform, for which it may take so long.
    pub(crate) fn process(&mut self, batch: types::Batch<'_>, time: Duration) -> Answer<types::Outcome> {
        self.call_within(time, |exports, store| transform(exports)?.call_process(store, batch))
    }

    pub(crate) fn partitions(&mut self) -> Answer<Vec<source::Beginning>> {
        self.call(|exports, store| source(exports)?.call_partitions(store))
    }

    pub(crate) fn start_at(&mut self, places: &[source::Place]) -> Answer<()> {
        self.call(|exports, store| source(exports)?.call_start(store, places))
    }

    pub(crate) fn read(&mut self, records_max: u32, bytes_max: u64) -> Answer<source::Reading> {
        self.call(|exports, store| source(exports)?.call_read(store, records_max, bytes_max))
    }

    /// Hands a batch over to a sink.
    pub(crate) fn write(&mut self, batch: types::Batch<'_>) -> Answer<Vec<types::Rejection>> {
        self.call(|exports, store| sink(exports)?.call_write(store, batch))
    }

    pub(crate) fn flush(&mut self) -> Answer<Vec<types::Rejection>> {
        self.call(|exports, store| sink(exports)?.call_flush(store))
    }

    fn call<R>(&mut self, call: impl FnOnce(&Exports, &mut Store<State>) -> wasmtime::Result<R>) -> Result<R, Fault> {
        self.call_within(self.bounds.time, call)
    }

    fn call_within<R>(
        &mut self,
        time: Duration,
        call: impl FnOnce(&Exports, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        give_time(&mut self.store, time);
        self.store.data_mut().said = None;
        self.store.data_mut().memory.refused = false;
        self.store.data_mut().outside.begin_call();
        let answer = call(&self.exports, &mut self.store);
        answer.map_err(|error| fault(&mut self.store, &error, self.bounds, time))
    }
}

fn transform(exports: &Exports) -> wasmtime::Result<&transform::Guest> {
    match &exports.work {
        Work::Transform(transform) => Ok(transform),
        _ => Err(wasmtime::Error::msg("it is no transform")),
    }
}

fn source(exports: &Exports) -> wasmtime::Result<&source::Guest> {
    match &exports.work {
        Work::Source(source) => Ok(source),
        _ => Err(wasmtime::Error::msg("it is no source")),
    }
}

fn sink(exports: &Exports) -> wasmtime::Result<&sink::Guest> {
    match &exports.work {
        Work::Sink(sink) => Ok(sink),
        _ => Err(wasmtime::Error::msg("it is no sink")),
    }
}

fn give_time(store: &mut Store<State>, time: Duration) {
    store.set_epoch_deadline(Machine::ticks(time));
    store.data_mut().until = worked() + time;
}

fn fault(store: &mut Store<State>, error: &wasmtime::Error, bounds: Bounds, time: Duration) -> Fault {
    let state = store.data_mut();
    let wanted_memory = state.memory.refused;
    Fault::of_call(error, &Circumstances { bounds, time, wanted_memory, said: state.said.take() })
}

// === impl State ===

impl State {
    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl types::Host for State {}

impl host::Host for State {
    fn log(&mut self, level: host::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            host::Level::Trace => Level::TRACE,
            host::Level::Debug => Level::DEBUG,
            host::Level::Info => Level::INFO,
            host::Level::Warn => Level::WARN,
            host::Level::Error => Level::ERROR,
        };
        if level == Level::ERROR {
            self.said = Some(plain(&message));
        }
        self.journal().log(level, &message);
        Ok(())
    }

    fn count(&mut self, name: String, delta: u64) -> wasmtime::Result<()> {
        self.journal().count(name, delta);
        Ok(())
    }
}

impl clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<i64> {
        self.outside.now()
    }
}

impl random::Host for State {
    fn bytes(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        self.outside.random(count)
    }
}

impl state::Host for State {
    fn get(&mut self, key: Vec<u8>) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.outside.state()?.get(&key))
    }

    fn set(&mut self, key: Vec<u8>, value: Vec<u8>) -> wasmtime::Result<Result<(), ()>> {
        Ok(self.outside.state()?.set(key, value).then_some(()).ok_or(()))
    }

    fn remove(&mut self, key: Vec<u8>) -> wasmtime::Result<()> {
        self.outside.state()?.remove(key);
        Ok(())
    }
}

impl egress::Host for State {
    fn send(&mut self, request: egress::Request) -> wasmtime::Result<Result<egress::Response, egress::Trouble>> {
        let answer = self.outside.send(request)?;
        if let Err(trouble) = &answer
            && trouble.kind == egress::TroubleKind::Denied
        {
            self.journal().log(Level::WARN, &format!("a request is denied: {}", trouble.message));
        }
        Ok(answer)
    }
}

// === impl Memory ===

impl Memory {
    /// A refusal is an answer that the plugin may handle; most end by themselves then.
    fn take(&mut self, bytes: usize) -> bool {
        let taken = self.taken.saturating_add(bytes);
        self.refused |= taken > self.max;
        if taken <= self.max {
            self.taken = taken;
        }
        taken <= self.max
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.take(desired.saturating_sub(current)))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.take(desired.saturating_sub(current).saturating_mul(ELEMENT_BYTES)))
    }

    fn instances(&self) -> usize {
        PARTS_MAX
    }

    fn tables(&self) -> usize {
        PARTS_MAX
    }

    fn memories(&self) -> usize {
        PARTS_MAX
    }
}
