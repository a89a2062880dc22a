//! The clock is injected, so that tests decide what time it is.

use std::fmt::Debug;

/// Tells the time of day; waiting is the engine's business.
pub trait Clock: Debug + Send + Sync {
    /// Microseconds since the Unix epoch, UTC.
    fn now_micros(&self) -> i64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_micros(&self) -> i64 {
        jiff::Timestamp::now().as_microsecond()
    }
}
