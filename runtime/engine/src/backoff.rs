//! How long to wait before the same call again: exponential backoff with full jitter.
//!
//! The wait is uniform between zero and a ceiling that doubles: those who failed together do not come back together
//! (M. Brooker, "Exponential Backoff And Jitter").

use std::time::Duration;

use crate::spec::Retry;

/// The waits of one call that is tried again and again.
#[derive(Debug)]
pub(crate) struct Backoff {
    initial: Duration,
    max: Duration,
    attempts_max: Option<u32>,
    attempts: u32,
    random: fastrand::Rng,
}

impl Backoff {
    /// Nothing was tried yet.
    pub(crate) fn new(retry: &Retry, random: fastrand::Rng) -> Backoff {
        Backoff {
            initial: retry.initial.get(),
            max: retry.max.get(),
            attempts_max: retry.attempts,
            attempts: 0,
            random,
        }
    }

    /// After a failed attempt: how long to wait, or `None` when it was the last.
    pub(crate) fn failed(&mut self) -> Option<Duration> {
        self.attempts += 1;
        if self.attempts_max.is_some_and(|max| self.attempts >= max) {
            return None;
        }
        let doublings = (self.attempts - 1).min(20);
        let ceiling = self.initial.saturating_mul(1 << doublings).min(self.max);
        Some(ceiling.mul_f64(self.random.f64()))
    }

    /// How often it was tried since it last worked.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// It worked.
    pub(crate) fn worked(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff(attempts: Option<u32>) -> Backoff {
        let retry = Retry { attempts, ..Retry::default() };
        Backoff::new(&retry, fastrand::Rng::with_seed(7))
    }

    #[test]
    fn waits_longer_and_longer_up_to_the_ceiling() {
        let mut backoff = backoff(None);
        let waits: Vec<_> = (0..50).map(|_| backoff.failed().expect("no limit")).collect();
        assert!(waits[0] <= Retry::default().initial.get());
        assert!(waits.iter().all(|wait| *wait <= Retry::default().max.get()));
        assert!(waits[20..].iter().max() > waits[..3].iter().max());
    }

    #[test]
    fn gives_up_after_the_last_attempt_and_starts_anew_once_it_worked() {
        let mut backoff = backoff(Some(2));
        assert!(backoff.failed().is_some());
        assert!(backoff.failed().is_none());
        backoff.worked();
        assert!(backoff.failed().is_some());
    }
}
