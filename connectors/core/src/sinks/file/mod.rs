//! Appends records to files, one line each.

mod appender;
mod files;

use std::collections::BTreeMap;
use std::sync::Arc;

use catchwater_sdk::config::Template;
use catchwater_sdk::sink::{Durable, Rejected, Room, Sink, SinkTraits};
use catchwater_sdk::source::SourceTraits;
use catchwater_sdk::{Barrier, Batch, Error, Partition, Positions, Registry, Result, ResultExt, async_trait};
use schemars::JsonSchema;
use serde::Deserialize;

use self::files::Files;
use super::encoding::Encoding;
use super::path;

/// Appends records to files, one line each.
///
/// What is written is on disk before its positions are committed, so a crash loses nothing; lines written since the
/// last commit come once more (at least once). A line that a crash tore in two stays as it is, and the record follows
/// whole on a line of its own. Files that exist are appended to; folders are made.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The file. With placeholders such as `${stream}` or `${time:%Y-%m-%d}` there are several; what a placeholder
    /// stands for never adds a folder of its own: other characters than letters, digits, `.`, `_` and `-` become `%XX`.
    #[schemars(extend("examples" = ["./events.ndjson", "./events/${stream}-${time:%Y-%m-%d}.ndjson"], "x-names" = ["file", "filename"]))]
    path: Template,
    /// How a record is written.
    #[serde(default)]
    #[schemars(extend("x-names" = ["format", "codec"]))]
    encoding: Encoding,
}

/// So much waits in memory at most before it is written.
const BUFFER_BYTES_MAX: usize = 1 << 20;

pub(crate) fn register(registry: &mut Registry) {
    registry.sink("file", |config: Config, _| Ok(Box::new(FileSink::new(config)?)));
}

struct FileSink {
    config: Config,
    /// Away while a thread that may block has them.
    files: Option<Files>,
    rejected: Vec<Rejected>,
}

// === impl FileSink ===

impl FileSink {
    fn new(config: Config) -> Result<FileSink> {
        if config.path.constant().is_some_and(|path| path.is_empty() || path.ends_with('/')) {
            return Err(Error::config("a path to a file is needed").at_key("path"));
        }
        Ok(FileSink { config, files: Some(Files::default()), rejected: Vec::new() })
    }

    /// Does what may block off the threads that must not.
    async fn blocking(&mut self, work: impl FnOnce(&mut Files) -> Result<()> + Send + 'static) -> Result<()> {
        let mut files = self.files.take().ok_or_else(lost)?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&mut files);
            (files, result)
        });
        let (files, result) = done.await.or_bug(|| "write to files".into())?;
        self.files = Some(files);
        result
    }

    /// Takes a batch into memory: that cannot fail half way.
    fn take(&mut self, batch: &Batch) -> Result<()> {
        let files = self.files.as_mut().ok_or_else(lost)?;
        let mut rejected = BTreeMap::<String, Vec<usize>>::new();
        let mut path = String::new();
        for (i, record) in batch.iter().enumerate() {
            let named = path::render(&self.config.path, record, &mut path);
            let written = named.and_then(|()| self.config.encoding.write(record, files.waiting(&path)));
            if let Err(reason) = written {
                rejected.entry(reason).or_default().push(i);
            }
        }
        let rejected = rejected.into_iter();
        self.rejected.extend(rejected.map(|(reason, rows)| Rejected { records: batch.select(&rows), reason }));
        Ok(())
    }
}

/// A call that was given up half way took the files with it.
fn lost() -> Error {
    Error::stale("the files were left by a call that was given up")
}

#[async_trait]
impl Sink for FileSink {
    fn traits(&self) -> SinkTraits {
        SinkTraits::default()
    }

    /// A file that is the same for each record is made now, so that a path that cannot work is known at once.
    async fn open(&mut self, _: &SourceTraits) -> Result<()> {
        let Some(path) = self.config.path.constant().map(str::to_owned) else { return Ok(()) };
        self.blocking(move |files| files.open(&path)).await
    }

    async fn stored(&mut self, _: &[Arc<Partition>]) -> Result<Option<Positions>> {
        Ok(None)
    }

    async fn write(&mut self, batch: &Batch) -> Result<Room> {
        // Room is made before the batch is taken: if that fails, nothing of the batch was taken.
        if self.files.as_ref().is_none_or(|files| files.waiting_bytes() >= BUFFER_BYTES_MAX) {
            self.blocking(Files::flush).await?;
        }
        self.take(batch)?;
        Ok(Room::Left)
    }

    async fn barrier(&mut self, barrier: &Barrier) -> Result<Durable> {
        self.blocking(Files::sync).await?;
        let rejected = std::mem::take(&mut self.rejected);
        Ok(Durable { through: Some(barrier.number), rejected, events: Vec::new() })
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
