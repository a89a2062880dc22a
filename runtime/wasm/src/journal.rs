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
/// So much text is held back.
const HELD_BYTES_MAX: usize = 1 << 20;

/// The log and the counters of a step's plugin.
#[derive(Debug)]
pub(crate) struct Journal {
    voice: Voice,
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

/// What becomes of what is logged and counted.
#[derive(Debug)]
enum Voice {
    /// It is written, and added up.
    Heard,
    /// It is forgotten: the plugin is only asked what it is.
    Silent,
    /// It waits until it is [told](Journal::tell).
    Held { lines: Vec<(Level, String)>, bytes: usize },
}

// === impl Journal ===

impl Journal {
    pub(crate) fn new(plugin: &str, context: &Context, lines_max: u32) -> Journal {
        Journal {
            voice: Voice::Heard,
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
        Journal::with(Voice::Silent, 0)
    }

    /// One of which it is not known yet whether anybody will read it.
    pub(crate) fn held(lines_max: u32) -> Journal {
        Journal::with(Voice::Held { lines: Vec::new(), bytes: 0 }, lines_max)
    }

    fn with(voice: Voice, lines_max: u32) -> Journal {
        let mut journal = Journal::new("", &Context::unattached("", PathBuf::new()), lines_max);
        journal.voice = voice;
        journal
    }

    /// Writes what the other held back, and adds it up, as if it were said now.
    pub(crate) fn tell(&mut self, held: &mut Journal) {
        if let Voice::Held { lines, bytes } = &mut held.voice {
            *bytes = 0;
            lines.drain(..).for_each(|(level, message)| self.log(level, &message));
        }
        self.left_out += std::mem::take(&mut held.left_out);
        std::mem::take(&mut held.counters).into_iter().for_each(|(name, count)| self.count(name, count));
    }

    /// A line, unless there were too many within this second.
    pub(crate) fn log(&mut self, level: Level, message: &str) {
        match &mut self.voice {
            Voice::Heard => self.log_now(level, message),
            Voice::Silent => {}
            Voice::Held { lines, bytes } if lines.len() < self.lines_max as usize && *bytes < HELD_BYTES_MAX => {
                let message: String = message.chars().take(LINE_CHARACTERS_MAX).collect();
                *bytes += message.len();
                lines.push((level, message));
            }
            Voice::Held { .. } => self.left_out += 1,
        }
    }

    fn log_now(&mut self, level: Level, message: &str) {
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
        if matches!(self.voice, Voice::Silent) || !is_known && (self.counters.len() >= COUNTERS_MAX || !is_name(&name))
        {
            return;
        }
        self.shared.add(&self.step, &name, delta);
        let count = self.counters.entry(name).or_default();
        *count = count.saturating_add(delta);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if !matches!(self.voice, Voice::Heard) {
            return;
        }
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
    fn what_was_held_back_is_told_once_and_counts_against_the_same_limits() {
        let context = Context::unattached("test", PathBuf::new());
        let (mut journal, mut held) = (Journal::new("hand", &context, 2), Journal::held(2));
        (0..3).for_each(|_| held.log(Level::DEBUG, "line"));
        held.count("opened".into(), 3);
        assert!(context.counters.all().is_empty() && journal.lines == 0);
        (0..2).for_each(|_| journal.tell(&mut held));
        journal.log(Level::DEBUG, "one more");
        assert_eq!((journal.lines, journal.left_out, journal.counters["opened"]), (2, 2, 3));
        assert_eq!(context.counters.all().len(), 1);
    }

    #[test]
    fn what_is_held_back_takes_no_memory_without_an_end() {
        let mut held = Journal::held(u32::MAX);
        (0..10_000).for_each(|_| held.log(Level::DEBUG, &"x".repeat(5000)));
        let Voice::Held { lines, .. } = &held.voice else { panic!("it holds back") };
        assert!(lines.iter().map(|(_, line)| line.len()).sum::<usize>() < HELD_BYTES_MAX + LINE_CHARACTERS_MAX);
        assert_eq!(lines.len() as u64 + held.left_out, 10_000);
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
