//! What flows, every few seconds: one line a pipeline.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use catchwater_engine::status::Status;
use tracing::info;

const EVERY: Duration = Duration::from_secs(5);

/// Watches running pipelines.
pub(crate) struct Progress {
    pipelines: Vec<Watched>,
}

struct Watched {
    name: String,
    status: Arc<Status>,
    read: u64,
    read_bytes: u64,
    at: Instant,
}

impl Progress {
    pub(crate) fn new(statuses: Vec<(String, Arc<Status>)>) -> Progress {
        let watch = |(name, status)| Watched { name, status, read: 0, read_bytes: 0, at: Instant::now() };
        Progress { pipelines: statuses.into_iter().map(watch).collect() }
    }

    /// Until it is aborted.
    pub(crate) async fn run(mut self) {
        loop {
            tokio::time::sleep(EVERY).await;
            for watched in &mut self.pipelines {
                info!("{}", watched.line());
            }
        }
    }
}

impl Watched {
    fn line(&mut self) -> String {
        let (read, bytes) = (self.status.read.load(Relaxed), self.status.read_bytes.load(Relaxed));
        let seconds = self.at.elapsed().as_secs_f64();
        let rate = |now: u64, before: u64| (now - before) as f64 / seconds;
        let (records, mib) = (rate(read, self.read), rate(bytes, self.read_bytes) / f64::from(1 << 20));
        (self.read, self.read_bytes, self.at) = (read, bytes, Instant::now());
        let mut line = format!("{}: {read} records, {records:.0}/s, {mib:.1} MiB/s", self.name);
        if let Some(lag) = self.status.lag() {
            let _ = write!(line, ", lag {lag}");
        }
        let _ = write!(line, ", {}", committed(self.status.committed_micros.load(Relaxed)));
        for (count, what) in [(&self.status.dead_lettered, "dead-lettered"), (&self.status.dropped, "dropped")] {
            match count.load(Relaxed) {
                0 => {}
                count => drop(write!(line, ", {count} {what}")),
            }
        }
        for (component, trouble) in self.status.troubles() {
            let _ = write!(line, "; {component} waits: {trouble}");
        }
        line
    }
}

fn committed(micros: i64) -> String {
    if micros == 0 {
        return "nothing committed yet".into();
    }
    let now = catchwater_sdk::clock::Clock::now_micros(&catchwater_sdk::clock::SystemClock);
    format!("committed {:.1} s ago", (now - micros).max(0) as f64 / 1e6)
}
