//! What a plugin logs and counts, bounded; kept over all instances of one step. (Invariant 9)

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::Context;
use catchwater_sdk::counters::Counters;
use tracing::{Level, debug, error, info, trace, warn};

const LINE_CHARACTERS_MAX: usize = 2000;
const COUNTERS_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 64;

/// The log and the counters of a step's plugin.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Nothing is written: the plugin is only asked what it is.
    is_silent: bool,
    plugin: String,
    pipeline: String,
    step: Arc<str>,
    lines_max: u32,
    since: Instant,
    lines: u32,
    left_out: u64,
    counters: BTreeMap<String, u64>,
    /// Where they are added up with those of the pipeline's other tasks.
    shared: Counters,
}

// === impl Journal ===

impl Journal {
    pub(crate) fn new(plugin: &str, context: &Context, lines_max: u32) -> Journal {
        Journal {
            is_silent: false,
            plugin: plugin.to_owned(),
            pipeline: context.pipeline.to_string(),
            step: Arc::clone(&context.component),
            lines_max,
            since: Instant::now(),
            lines: 0,
            left_out: 0,
            counters: BTreeMap::new(),
            shared: context.counters.clone(),
        }
    }

    /// One that nobody reads.
    pub(crate) fn silent() -> Journal {
        let mut journal = Journal::new("", &Context::unattached("", PathBuf::new()), 0);
        journal.is_silent = true;
        journal
    }

    /// A line, unless there were too many within this second.
    pub(crate) fn log(&mut self, level: Level, message: &str) {
        if self.is_silent {
            return;
        }
        if self.since.elapsed() >= Duration::from_secs(1) {
            self.begin_second();
        }
        if self.lines >= self.lines_max {
            self.left_out += 1;
            return;
        }
        self.lines += 1;
        self.write(level, &plain(message));
    }

    fn begin_second(&mut self) {
        (self.since, self.lines) = (Instant::now(), 0);
        self.tell_left_out();
    }

    fn tell_left_out(&mut self) {
        let lines = std::mem::take(&mut self.left_out);
        if lines > 0 {
            let Journal { plugin, pipeline, step, lines_max, .. } = self;
            warn!(%plugin, %pipeline, %step, lines, log_max = lines_max, "left out lines that the plugin logs");
        }
    }

    fn write(&self, level: Level, message: &str) {
        let Journal { plugin, pipeline, step, .. } = self;
        match level {
            Level::ERROR => error!(%plugin, %pipeline, %step, "{message}"),
            Level::WARN => warn!(%plugin, %pipeline, %step, "{message}"),
            Level::INFO => info!(%plugin, %pipeline, %step, "{message}"),
            Level::DEBUG => debug!(%plugin, %pipeline, %step, "{message}"),
            Level::TRACE => trace!(%plugin, %pipeline, %step, "{message}"),
        }
    }

    /// Adds to a counter; one more than may be is forgotten.
    pub(crate) fn count(&mut self, name: String, delta: u64) {
        let is_known = self.counters.contains_key(&name);
        if self.is_silent || !is_known && (self.counters.len() >= COUNTERS_MAX || !is_name(&name)) {
            return;
        }
        self.shared.add(&self.step, &name, delta);
        let count = self.counters.entry(name).or_default();
        *count = count.saturating_add(delta);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.tell_left_out();
        if self.counters.is_empty() {
            return;
        }
        let counts = self.counters.iter().fold(String::new(), |mut text, (name, count)| {
            let _ = write!(text, "{}{name}={count}", if text.is_empty() { "" } else { " " });
            text
        });
        info!(plugin = %self.plugin, pipeline = %self.pipeline, step = %self.step, %counts, "the plugin counted");
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX && !text.contains(char::is_control)
}

/// As much of a text as a line may have, without what a terminal would obey.
pub(crate) fn plain(text: &str) -> String {
    catchwater_sdk::plain(text.chars().take(LINE_CHARACTERS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_few_and_have_names_that_can_be_shown() {
        let context = Context::unattached("test", PathBuf::new());
        let mut journal = Journal::new("hand", &context, 0);
        for _ in 0..2 {
            (0..100).for_each(|i| journal.count(format!("n{i:02}"), u64::MAX));
            journal.count("a\nb".into(), 1);
            journal.count("x".repeat(65), 1);
        }
        assert_eq!((journal.counters.len(), context.counters.all().len()), (COUNTERS_MAX, COUNTERS_MAX));
        assert!(journal.counters.values().all(|count| *count == u64::MAX));
        assert!(journal.counters.keys().all(|name| name.len() == 3));
    }

    #[test]
    fn lines_beyond_the_limit_are_counted_and_what_a_terminal_obeys_is_escaped() {
        let mut journal = Journal::new("hand", &Context::unattached("test", PathBuf::new()), 2);
        (0..5).for_each(|_| journal.log(Level::DEBUG, "line"));
        assert_eq!(journal.left_out, 3);
        assert_eq!(plain("a\x1b[31m\n"), "a\\u{1b}[31m\\n");
        assert_eq!(plain(&"x".repeat(5000)).len(), LINE_CHARACTERS_MAX);
    }
}
