//! Turns for work on large rows.
//!
//! To understand a payload or to write a page of it takes several times its size for a moment. With ordinary batches that is
//! little; with rows of 10 MB and a task for each core it would be more than what the rest of the budget leaves. So whoever
//! works on large rows waits for a turn, and as many have one at once as memory allows, in the order in which they asked.

use std::sync::Arc;

use catchwater_sdk::Context;
use tokio::sync::{Mutex, watch};

/// What is smaller asks nobody: no ordinary batch is so large.
const LARGE_BYTES: usize = 4 << 20;

/// So many times its size does work on a row take: when it is understood, the parser's two copies, the decoded text and the
/// column that grows; when it is written, a page, the compressed page and the file.
const TIMES: usize = 4;

/// Whose turn it is in this process.
#[derive(Debug)]
pub(crate) struct Turns {
    taken_bytes: watch::Sender<usize>,
    /// Who is next.
    next: Mutex<()>,
}

/// The turns as a sink asks for them.
#[derive(Debug)]
pub(crate) struct Heavy {
    turns: Arc<Turns>,
    bytes_max: usize,
}

/// Over when it is dropped.
#[must_use = "the turn is over when it is dropped"]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    bytes: usize,
}

// === impl Turns, Turn ===

impl Default for Turns {
    fn default() -> Turns {
        Turns { taken_bytes: watch::Sender::new(0), next: Mutex::new(()) }
    }
}

impl Turns {
    /// Waits until so many bytes fit beside those of others; more than fit at all have their turn alone.
    async fn take(&self, bytes: usize, bytes_max: usize) -> Turn<'_> {
        let _next = self.next.lock().await;
        let mut taken = self.taken_bytes.subscribe();
        let fits = |taken: &usize| *taken == 0 || *taken + bytes <= bytes_max;
        // Only who is next adds, so what fits when the wait is over still fits below.
        taken.wait_for(fits).await.expect("the sender is here");
        self.taken_bytes.send_modify(|taken| *taken += bytes);
        Turn { turns: self, bytes }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.taken_bytes.send_modify(|taken| *taken -= self.bytes);
    }
}

// === impl Heavy ===

impl Heavy {
    /// For a sink: half as much as its copies in all tasks may hold in buffers.
    pub(crate) fn new(turns: &Arc<Turns>, context: &Context) -> Heavy {
        let buffers = context.memory_bytes.saturating_mul(context.tasks.into());
        Heavy { turns: Arc::clone(turns), bytes_max: usize::try_from(buffers / 2).unwrap_or(usize::MAX) }
    }

    /// The turn for work on so many bytes of payload at once; none is needed where they are not large.
    pub(crate) async fn turn(&self, bytes: usize) -> Option<Turn<'_>> {
        match bytes > LARGE_BYTES {
            true => Some(self.turns.take(bytes.saturating_mul(TIMES), self.bytes_max).await),
            false => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn heavy(turns: &Arc<Turns>) -> Heavy {
        Heavy { turns: Arc::clone(turns), bytes_max: 10 * TIMES * LARGE_BYTES }
    }

    #[test]
    fn large_rows_are_worked_on_together_only_as_far_as_they_fit() {
        let turns = Arc::default();
        let (first, second) = (heavy(&turns), heavy(&turns));
        let turn = first.turn(6 * LARGE_BYTES).now_or_never().expect("the first waits for nobody");
        assert!(second.turn(5 * LARGE_BYTES).now_or_never().is_none());
        assert!(second.turn(4 * LARGE_BYTES).now_or_never().is_some());
        drop(turn);
        assert!(second.turn(5 * LARGE_BYTES).now_or_never().is_some());
    }

    #[test]
    fn one_that_fits_nowhere_has_its_turn_alone_and_is_not_overtaken() {
        let turns = Arc::default();
        let heavy = heavy(&turns);
        let turn = heavy.turn(2 * LARGE_BYTES).now_or_never().expect("the first waits for nobody");
        let mut giant = Box::pin(heavy.turn(99 * LARGE_BYTES));
        assert!(giant.as_mut().now_or_never().is_none());
        assert!(heavy.turn(2 * LARGE_BYTES).now_or_never().is_none(), "the giant asked before");
        drop(turn);
        assert!(giant.now_or_never().is_some());
    }

    #[test]
    fn ordinary_batches_ask_nobody() {
        let turns = Arc::default();
        assert!(heavy(&turns).turn(LARGE_BYTES).now_or_never().is_some_and(|turn| turn.is_none()));
    }
}
