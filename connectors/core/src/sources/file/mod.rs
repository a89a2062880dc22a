//! Reads lines of files: once to their end, or for as long as they grow.
//!
//! Each file is a partition. What makes a file the same one over restarts and renames is its [`Identity`](identity::Identity), not its
//! name: rotation by rename changes nothing, a file that was truncated and begins anew is another one.

mod files;
mod identity;
mod look;
mod reader;

use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::config::Size;
use catchwater_sdk::source::{Polled, Source, SourceTraits};
use catchwater_sdk::{Limit, Partition, Positions, Registry, Result, ResultExt, async_trait};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::task::JoinHandle;

use self::files::Files;
use self::look::{Found, Pattern};

/// Reads lines of files, each a record: byte for byte, without the newline, empty lines too.
///
/// Ends behind the last file, or goes on with `follow`. What follows a last newline is a record if the file is not
/// followed. A file is known again by its inode, birth and first line, also when it was renamed; rotation by rename or by
/// truncation is noticed. To miss nothing of what is rotated while the pipeline is stopped, give a pattern that matches
/// the rotated files too, such as `app.log*`. With a pattern the property `path` of a record names its file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// A path, or a pattern with `*`, `?`, `[abc]` and `**`; files are read in the order of their names. This text is
    /// also what `${stream}` stands for.
    #[schemars(extend("examples" = ["./events.ndjson", "/var/log/app.log*"], "x-names" = ["paths", "include", "file", "filename"]))]
    path: String,
    /// Stay at the end and read on as files grow, are rotated, and appear. Each followed file is kept open.
    #[serde(default)]
    #[schemars(extend("x-names" = ["tail"]))]
    follow: bool,
    /// The longest line that is taken. A longer one is rejected with its place and its first 1024 bytes, and reading goes
    /// on behind it.
    #[serde(default = "line_max")]
    #[schemars(extend("x-names" = ["max_line_bytes", "max_buffer"]))]
    line_max: Size,
}

fn line_max() -> Size {
    Size::mib(16)
}

/// How often followed files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// How long the engine may take to let go of a file that is gone. All of it is committed by then.
const RELEASE_WITHIN: Duration = Duration::from_secs(60);

pub(crate) fn register(registry: &mut Registry) {
    registry.source("file", |config: Config, _| Ok(Box::new(FileSource::new(config)?)));
}

struct FileSource {
    pattern: Pattern,
    files: Files,
    opened: bool,
    next_look: Instant,
    looking: Option<JoinHandle<Result<Vec<Found>>>>,
}

// === impl FileSource ===

impl FileSource {
    fn new(config: Config) -> Result<FileSource> {
        let pattern = Pattern::new(&config.path, config.follow).map_err(|error| error.at_key("path"))?;
        let files = Files::new(&config, pattern.is_many());
        Ok(FileSource { pattern, files, opened: false, next_look: Instant::now(), looking: None })
    }

    /// Cancel safe: a look that was begun is awaited by the next call.
    async fn look(&mut self) -> Result<()> {
        let pattern = &self.pattern;
        let begin = || {
            let pattern = pattern.clone();
            tokio::task::spawn_blocking(move || pattern.look())
        };
        let found = self.looking.get_or_insert_with(begin).await;
        self.looking = None;
        self.next_look = Instant::now() + LOOK_INTERVAL;
        self.files.note(found.or_bug(|| "look at files".into())??);
        Ok(())
    }

    /// What must be said before anything else is read.
    fn event(&mut self) -> Option<Polled> {
        if let Some(assignments) = self.files.take_new() {
            return Some(Polled::Assigned(assignments));
        }
        let done = self.files.take_done()?;
        Some(Polled::Revoking(done, Instant::now() + RELEASE_WITHIN))
    }
}

#[async_trait]
impl Source for FileSource {
    fn traits(&self) -> SourceTraits {
        SourceTraits {
            capture: None,
            rereadable: true,
            keeps_positions: false,
            shareable: false,
            unacknowledged_max: None,
            commit_within: None,
            may_return: false,
        }
    }

    async fn open(&mut self) -> Result<()> {
        if !self.opened {
            self.look().await?;
            self.opened = true;
        }
        Ok(())
    }

    async fn poll(&mut self, limit: Limit) -> Result<Polled> {
        loop {
            // A look that was begun comes before any read: what it has found must not be older than what was read.
            let is_time = self.pattern.follows() && Instant::now() >= self.next_look;
            if self.looking.is_some() || is_time {
                self.look().await?;
            }
            if let Some(event) = self.event() {
                return Ok(event);
            }
            if let Some(batch) = self.files.read(limit).await? {
                return Ok(Polled::Records(batch));
            }
            if !self.pattern.follows() {
                return Ok(Polled::End);
            }
            tokio::time::sleep_until(self.next_look.into()).await;
        }
    }

    async fn start(&mut self, at: &Positions) -> Result<()> {
        self.files.start(at)
    }

    async fn release(&mut self, partitions: &[Arc<Partition>]) -> Result<()> {
        self.files.release(partitions);
        Ok(())
    }

    async fn confirm(&mut self) -> Result<()> {
        Ok(())
    }

    async fn commit(&mut self, positions: &Positions) -> Result<()> {
        self.files.note_commit(positions);
        Ok(())
    }

    async fn close(self: Box<Self>, _leave: bool) -> Result<()> {
        Ok(())
    }

    fn lag(&self) -> Option<u64> {
        Some(self.files.behind_bytes())
    }
}

#[cfg(test)]
mod tests;
