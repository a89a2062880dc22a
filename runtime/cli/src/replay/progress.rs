//! How far it is: a bar on a terminal, else a line now and then.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use catchwater_engine::status::Status;
use catchwater_lake::replay::Tally;
use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};

use crate::output::{complaints_are_watched, note};

/// How often the bar moves, and how often a line is written.
const REDRAW_EVERY: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows how far a replay is.
pub(super) struct Progress {
    /// How many events there are, if that was known at once.
    total: Option<u64>,
    tally: Arc<Tally>,
    status: Arc<Status>,
}

impl Progress {
    pub(super) fn new(total: Option<u64>, tally: Arc<Tally>, status: Arc<Status>) -> Progress {
        Progress { total, tally, status }
    }

    /// Until it is aborted.
    pub(super) async fn run(self) {
        if complaints_are_watched() { self.draw().await } else { self.write().await }
    }

    async fn draw(self) {
        let (bar, template) = match self.total {
            Some(total) => (ProgressBar::new(total), "{bar:30} {human_pos} of {human_len}, {per_sec}, {eta} left{msg}"),
            None => (ProgressBar::new_spinner(), "{spinner} {human_pos} events, {per_sec}{msg}"),
        };
        let bar = Cleared(bar.with_style(ProgressStyle::with_template(template).expect("the template is sound")));
        loop {
            tokio::time::sleep(REDRAW_EVERY).await;
            bar.0.set_position(self.tally.sent.load(Relaxed));
            bar.0.set_message(self.troubles());
            bar.0.tick();
        }
    }

    async fn write(self) {
        let (mut at, mut sent) = (Instant::now(), 0);
        loop {
            tokio::time::sleep(LINE_EVERY).await;
            let now = self.tally.sent.load(Relaxed);
            let rate = (now - sent) as f64 / at.elapsed().as_secs_f64();
            (at, sent) = (Instant::now(), now);
            note(&self.line(now, self.tally.confirmed.load(Relaxed), rate));
        }
    }

    fn line(&self, sent: u64, confirmed: u64, rate: f64) -> String {
        let of = self.total.map(|total| format!(" of {}", HumanCount(total))).unwrap_or_default();
        let left = self.total.filter(|_| rate > 0.0).map(|total| total.saturating_sub(sent) as f64 / rate);
        let left = left
            .map(|seconds| format!(", {} left", HumanDuration(Duration::from_secs_f64(seconds))))
            .unwrap_or_default();
        let (sent, confirmed) = (HumanCount(sent), HumanCount(confirmed));
        format!("{sent}{of} events sent, {confirmed} confirmed, {rate:.0}/s{left}{}", self.troubles())
    }

    fn troubles(&self) -> String {
        self.status
            .troubles()
            .into_iter()
            .map(|(component, trouble)| format!("; {component} waits: {trouble}"))
            .collect()
    }
}

/// A bar that is gone once nobody moves it any more.
struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(total: Option<u64>, sent: u64, rate: f64, expected: &str) {
        let progress = Progress::new(total, Arc::default(), Arc::default());
        assert_eq!(progress.line(sent, sent / 2, rate), expected);
    }

    #[test]
    fn says_what_is_left_where_that_is_known() {
        check(Some(60_000), 30_000, 500.0, "30,000 of 60,000 events sent, 15,000 confirmed, 500/s, 60 seconds left");
        check(Some(60_000), 0, 0.0, "0 of 60,000 events sent, 0 confirmed, 0/s");
        check(None, 1200, 100.4, "1,200 events sent, 600 confirmed, 100/s");
    }
}
