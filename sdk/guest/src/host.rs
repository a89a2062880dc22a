//! What a plugin may ask of the host. In tests on the author's own machine there is none; lines go to standard error then.

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Every step.
    Trace,
    /// For who looks for a mistake.
    Debug,
    /// What went on.
    Info,
    /// Somebody should look.
    Warn,
    /// Something failed.
    Error,
}

/// A line in the log of the process. The host bounds how many and how long.
pub fn log(level: Level, message: &str) {
    #[cfg(target_family = "wasm")]
    {
        use crate::bindings::catchwater::plugin::host;
        let level = match level {
            Level::Trace => host::Level::Trace,
            Level::Debug => host::Level::Debug,
            Level::Info => host::Level::Info,
            Level::Warn => host::Level::Warn,
            Level::Error => host::Level::Error,
        };
        host::log(level, message);
    }
    #[cfg(not(target_family = "wasm"))]
    eprintln!("{level:?}: {message}");
}

/// Adds to a counter of the plugin's own: the server shows it with its metrics, and the log tells it at the end.
pub fn count(name: &str, delta: u64) {
    #[cfg(target_family = "wasm")]
    crate::bindings::catchwater::plugin::host::count(name, delta);
    #[cfg(not(target_family = "wasm"))]
    let _ = (name, delta);
}
