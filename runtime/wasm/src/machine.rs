//! The engine that compiles and runs all plugins of a process, and the thread that tells it the time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use catchwater_sdk::{Error, Result};
use wasmtime::{Config, Engine};

use crate::trim;
use crate::warm::Shelf;

/// How exactly a plugin's time is kept.
pub(crate) const TICK: Duration = Duration::from_millis(10);
/// What a plugin's calls within itself may take. It is part of the stack of the thread that calls it, which has 2 MiB.
pub(crate) const STACK_BYTES: usize = 512 << 10;

/// The engine of a process.
pub(crate) struct Machine {
    pub(crate) engine: Engine,
    /// What of its version, settings and processor decides whether it can run what another compiled, and what was made of a
    /// plugin before that.
    pub(crate) kin: u64,
    /// Its instances that wait for a step.
    pub(crate) shelf: Arc<Shelf>,
}

// === impl Machine ===

impl Machine {
    pub(crate) fn start() -> Result<Machine> {
        let mut config = Config::new();
        config.wasm_component_model(true).epoch_interruption(true).max_wasm_stack(STACK_BYTES);
        let engine =
            Engine::new(&config).map_err(|error| Error::bug(format!("start the engine of plugins: {error}")))?;
        let shelf = Arc::new(Shelf::default());
        keep_time(&engine, Arc::clone(&shelf))?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        trim::VERSION.hash(&mut hasher);
        Ok(Machine { engine, kin: hasher.finish(), shelf })
    }

    /// So many ticks, and the one that has begun.
    pub(crate) fn ticks(time: Duration) -> u64 {
        let ticks = time.as_nanos().div_ceil(TICK.as_nanos());
        u64::from(u32::try_from(ticks).unwrap_or(u32::MAX)) + 1 // the engine adds it to the time, and must not overflow
    }
}

/// How long this thread has worked: a machine that is overloaded must not end a plugin that would have ended by itself.
pub(crate) fn worked() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the system writes a time to where `time` stands, and keeps nothing of it. It knows this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Plugins look at a counter on every loop and call; what moves it on is a thread that ends with the engine. It also sees to it
/// that no instance waits for longer than it may.
fn keep_time(engine: &Engine, shelf: Arc<Shelf>) -> Result<()> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            shelf.sweep(Instant::now());
            thread::sleep(TICK);
        }
    };
    let started = thread::Builder::new().name("plugin-time".into()).spawn(tick);
    started.map(drop).map_err(|error| Error::refused("start the thread that ends plugins in time").because(error))
}
