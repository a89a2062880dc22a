//! How a plugin broke off, in words that name the limit.

use std::fmt;
use std::time::Duration;

use wasmtime::Trap;

use crate::config::Bounds;
use crate::machine::STACK_BYTES;

/// Why an instance cannot go on: it trapped, reached a limit, or its answer is wrong.
#[derive(Debug)]
pub(crate) struct Fault(String);

/// What else is known of a call that broke off.
pub(crate) struct Circumstances {
    pub(crate) bounds: Bounds,
    /// What the call was allowed.
    pub(crate) time: Duration,
    /// It was refused memory.
    pub(crate) wanted_memory: bool,
    /// What it logged last as an error: a panic's message.
    pub(crate) said: Option<String>,
}

// === impl Fault ===

impl Fault {
    /// An answer that is wrong.
    pub(crate) fn answer(what: impl fmt::Display) -> Fault {
        Fault(format!("its answer is wrong: {what}"))
    }

    pub(crate) fn of_call(error: &wasmtime::Error, circumstances: &Circumstances) -> Fault {
        let Circumstances { bounds, time, wanted_memory, said } = circumstances;
        let trap = error.downcast_ref::<Trap>();
        Fault(match trap {
            Some(Trap::Interrupt) => format!("it takes longer than {time:?} (`time_max`): does it end?"),
            Some(Trap::StackOverflow) => {
                format!("its calls are too deep for a stack of {}: does its recursion end?", mib(STACK_BYTES))
            }
            _ if *wanted_memory => {
                format!("it asked for more than {} of memory (`memory_max`)", mib(bounds.memory_bytes))
            }
            _ if is_too_much(error) => format!("it answers with more than {} (`output_max`)", mib(bounds.output_bytes)),
            Some(Trap::UnreachableCodeReached) if said.is_some() => said.clone().unwrap_or_default(),
            Some(trap) => format!("it trapped: {}", trap.to_string().trim_start_matches("wasm trap: ")),
            None => format!("it failed: {}", innermost(error)),
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The engine has no type for it that others may see.
fn is_too_much(error: &wasmtime::Error) -> bool {
    format!("{error:#}").contains("too much data is being copied")
}

fn innermost(error: &wasmtime::Error) -> String {
    error.chain().last().map_or_else(|| error.to_string(), ToString::to_string)
}

fn mib(bytes: usize) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}
