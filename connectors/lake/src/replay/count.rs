//! How many events a replay would send, and what some of them look like; nothing is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use catchwater_sdk::clock::{Clock, SystemClock};
use catchwater_sdk::format::Format;
use catchwater_sdk::{RecordRef, Result};
use futures::{StreamExt, TryStreamExt, future, stream};

use super::config::Config;
use super::prune::Prune;
use super::recount::recount;
use super::selection::{Selection, Verdict, believable_time, range_of};
use super::settle::{selection, warn_of_unknown_fields};
use super::view::View;
use crate::read::{Event, LiveFile};
use crate::rows::date::iso;
use crate::task::Task;

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Count {
    /// Events that would be sent. A row that was stored twice counts twice here, but not where files alone are read.
    pub events: u64,
    /// Events that are left out since a replay had sent them before.
    pub replayed: u64,
    /// Files of the collection.
    pub files: u64,
    /// Files that had to be read; of the others the log tells enough.
    pub files_read: u64,
    /// How much of what files without a log say is damaged or not proven.
    pub unproven: u64,
    /// Some of the events.
    pub samples: Vec<Sample>,
}

/// An event to look at.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When it happened, in RFC 3339.
    pub time: String,
    /// Stream and partition.
    pub partition: String,
    /// Its place there.
    pub position: i64,
    /// None is no key.
    pub key: Option<Vec<u8>>,
    /// None is a tombstone.
    pub payload: Option<Vec<u8>>,
}

/// So many files are read at once.
const FILES_MAX: usize = 4;

/// Counts several files at a time.
struct Counter {
    config: Config,
    view: View,
    prune: Prune,
    /// How many samples are wanted.
    samples: usize,
    /// How many were found, in all files.
    sampled: AtomicUsize,
}

/// Counts what the log alone tells; none if files have to be read.
pub async fn quick_count(config: &Config, format: &Arc<dyn Format>) -> Result<Option<u64>> {
    if config.files {
        return Ok(None);
    }
    let (view, selection) = look(config, format).await?;
    let prune = Prune::new(&selection, &view.snapshot);
    let mut events = 0;
    for file in view.candidates(&selection) {
        match file.rows().filter(|_| is_certain(config, file, &prune)) {
            Some(rows) => events += rows,
            None => return Ok(None),
        }
    }
    Ok(Some(bounded(config, events)))
}

/// Counts, and takes some samples.
pub async fn count(config: &Config, format: &Arc<dyn Format>, samples: usize) -> Result<Count> {
    config.check()?;
    let (view, selection) = look(config, format).await?;
    if config.files {
        return recount(config, &view, selection, samples).await;
    }
    warn_of_unknown_fields(&selection, &view);
    let files: Vec<LiveFile> = view.candidates(&selection).cloned().collect();
    let counter = Arc::new(Counter::new(config, view, &selection, samples));
    let count = Count { files: counter.view.snapshot.files().len() as u64, ..Count::default() };
    let counts = stream::iter(files).map(|file| {
        let counter = Arc::clone(&counter);
        Task::begin("count the events of a file", async move { counter.file(&file).await }).done()
    });
    let at_once = std::thread::available_parallelism().map_or(2, |cores| cores.get().min(FILES_MAX));
    let mut count = counts.buffered(at_once).try_fold(count, |sum, more| future::ok(sum.and(more))).await?;
    count.samples.truncate(samples);
    Ok(Count { events: bounded(config, count.events), ..count })
}

async fn look(config: &Config, format: &Arc<dyn Format>) -> Result<(View, Selection)> {
    Ok((View::of(config, format).await?, selection(config, SystemClock.now_micros())?))
}

/// Whether every row of a file would be sent.
fn is_certain(config: &Config, file: &LiveFile, prune: &Prune) -> bool {
    config.partitions.is_none() && config.positions.is_none() && prune.holds_only(file)
}

fn bounded(config: &Config, events: u64) -> u64 {
    let bounds = [config.last, config.limit].into_iter().flatten();
    bounds.fold(events, u64::min)
}

fn in_range(config: &Config, record: RecordRef<'_>) -> bool {
    let (partitions, positions) = (config.partitions.as_deref(), config.positions.as_deref());
    range_of(record.partition(), partitions, positions).contains(&record.position())
}

// === impl Counter ===

impl Counter {
    fn new(config: &Config, view: View, selection: &Selection, samples: usize) -> Counter {
        let prune = Prune::new(selection, &view.snapshot);
        Counter { config: config.clone(), prune, view, samples, sampled: AtomicUsize::new(0) }
    }

    async fn file(&self, file: &LiveFile) -> Result<Count> {
        let certain = file.rows().filter(|_| is_certain(&self.config, file, &self.prune));
        let mut count = match certain {
            Some(events) => Count { events, ..Count::default() },
            None => self.read(file).await?,
        };
        if count.events > 0 {
            count.samples = self.some_of(file).await?;
        }
        Ok(count)
    }

    async fn read(&self, file: &LiveFile) -> Result<Count> {
        let mut count = Count { files_read: 1, ..Count::default() };
        let mut file = self.view.snapshot.open(file).await?;
        let mut rows = self.prune.judged(&mut file, self.has_ranges()).await?;
        while let Some(rows) = rows.next().await? {
            for event in self.prune.likely(&rows, &file)?.iter() {
                match self.judge(event) {
                    Verdict::Other => {}
                    Verdict::Replayed => count.replayed += 1,
                    Verdict::Sent => count.events += 1,
                }
            }
        }
        Ok(count)
    }

    /// Samples, with all that is shown of them, as long as any are wanted. Each file gives as many as are wanted of all: so
    /// those of the first files are shown, whichever is read first.
    async fn some_of(&self, file: &LiveFile) -> Result<Vec<Sample>> {
        let mut samples = Vec::new();
        if self.sampled.load(Ordering::Relaxed) >= self.samples {
            return Ok(samples);
        }
        let mut events = self.prune.events(self.view.snapshot.open(file).await?).await?;
        while samples.len() < self.samples
            && let Some(batch) = events.next().await?
        {
            let sent = batch.iter().filter(|event| self.judge(*event) == Verdict::Sent);
            samples.extend(sent.take(self.samples - samples.len()).map(Sample::of));
        }
        self.sampled.fetch_add(samples.len(), Ordering::Relaxed);
        Ok(samples)
    }

    fn judge(&self, event: Event<'_>) -> Verdict {
        match self.has_ranges() && !in_range(&self.config, event.record()) {
            true => Verdict::Other,
            false => self.prune.selection().judge(event),
        }
    }

    fn has_ranges(&self) -> bool {
        self.config.partitions.is_some() || self.config.positions.is_some()
    }
}

// === impl Count, Sample ===

impl Count {
    fn and(mut self, more: Count) -> Count {
        self.events += more.events;
        self.replayed += more.replayed;
        self.files_read += more.files_read;
        self.samples.extend(more.samples);
        self
    }
}

impl Sample {
    fn of(event: Event<'_>) -> Sample {
        Sample::at(believable_time(event), event.record())
    }

    pub(super) fn at(micros: i64, record: RecordRef<'_>) -> Sample {
        Sample {
            time: iso(micros).unwrap_or_default(),
            partition: record.partition().to_string(),
            position: record.position(),
            key: record.key().map(<[u8]>::to_vec),
            payload: record.payload().map(<[u8]>::to_vec),
        }
    }
}
