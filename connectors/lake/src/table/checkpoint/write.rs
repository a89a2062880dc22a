//! Making checkpoints, beside the commits: no commit waits for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use catchwater_sdk::Result;
use catchwater_sdk::clock::Clock;
use tokio::runtime::Handle;
use tracing::{debug, warn};

use super::INTERVAL;
use super::actions::Actions;
use super::encode::encode;
use crate::table::log::Log;
use crate::table::replay::replay;

/// Makes checkpoints of one table, one at a time.
#[derive(Clone, Debug)]
pub(in crate::table) struct Checkpoints {
    log: Log,
    /// The newest that we know of.
    newest: Arc<AtomicI64>,
    running: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
}

/// Lets the next one begin, also if this one panicked.
struct Running(Arc<AtomicBool>);

impl Checkpoints {
    /// For a table whose newest checkpoint is of that version.
    pub(in crate::table) fn new(log: Log, newest: Option<i64>, clock: Arc<dyn Clock>) -> Checkpoints {
        let newest = Arc::new(AtomicI64::new(newest.unwrap_or(-1)));
        Checkpoints { log, newest, running: Arc::default(), clock }
    }

    /// Begins one in the background if it is due.
    pub(in crate::table) fn committed(&self, version: i64) {
        if !passes_multiple(self.newest.load(Ordering::Relaxed), version) || self.running.swap(true, Ordering::AcqRel) {
            return;
        }
        let (this, running, runtime) = (self.clone(), Running(Arc::clone(&self.running)), Handle::current());
        // For a table of many files this computes for seconds.
        tokio::task::spawn_blocking(move || {
            let _running = running;
            if let Err(error) = runtime.block_on(this.make(version)) {
                warn!(table = %this.log.store().url(), version, error = %error.chain(), "checkpoint not made, the next is in {INTERVAL} versions");
            }
            this.newest.fetch_max(version, Ordering::Relaxed);
        });
    }

    pub(in crate::table) async fn make(&self, version: i64) -> Result<()> {
        let made = self.log.last_checkpoint().await?.unwrap_or(-1);
        if !passes_multiple(made, version) {
            debug!(version, made, "another process has made the checkpoint");
            return Ok(());
        }
        let (actions, _) = replay::<Actions>(&self.log).await?;
        // Others go on committing: this is as of what is there by now.
        let version = actions.version().unwrap_or(version);
        let checkpoint = encode(actions.rows(self.clock.now_micros() / 1000)?)?;
        self.log.create_checkpoint(version, checkpoint.rows, checkpoint.bytes.into()).await
    }
}

/// Whether there is a multiple of the interval above `made` up to `version`. Version 0 is none.
fn passes_multiple(made: i64, version: i64) -> bool {
    version / INTERVAL > made.max(0) / INTERVAL
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_due_once_per_interval() {
        let due = |made, version| passes_multiple(made, version);
        assert_eq!([due(-1, 0), due(-1, 99), due(-1, 100), due(-1, 101)], [false, false, true, true]);
        assert_eq!([due(100, 199), due(101, 200), due(100, 350)], [false, true, true]);
    }
}
