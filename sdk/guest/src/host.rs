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

/// The time of day, as microseconds since the Unix epoch. For a plugin that wants [`Want::Clock`](crate::Want::Clock).
pub fn now() -> i64 {
    #[cfg(target_family = "wasm")]
    return crate::bindings::catchwater::plugin::clock::now();
    #[cfg(not(target_family = "wasm"))]
    {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| since.as_micros() as i64)
    }
}

/// Bytes that nobody can foretell, at most 64 KiB. For a plugin that wants [`Want::Random`](crate::Want::Random). In tests on
/// the author's own machine they are the same each time.
pub fn random(count: usize) -> Vec<u8> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::catchwater::plugin::random::bytes(count as u32);
    #[cfg(not(target_family = "wasm"))]
    (0..count).map(|number| (number * 151 + 7) as u8).collect()
}
