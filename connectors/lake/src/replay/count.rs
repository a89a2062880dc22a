//! How many events a replay would send, and what some of them look like; nothing is sent.

use std::sync::Arc;

use catchwater_sdk::clock::{Clock, SystemClock};
use catchwater_sdk::format::Format;
use catchwater_sdk::{RecordRef, Result};

use super::config::Config;
use super::prune::Prune;
use super::rows::select;
use super::selection::{Selection, Verdict, believable_time, range_of};
use super::settle::{selection, warn_of_unknown_fields};
use super::view::View;
use crate::read::{Event, Lake, LiveFile};
use crate::rows::date::iso;
use crate::search::Sifted;

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Count {
    /// Events that would be sent. A row that was stored twice counts twice here.
    pub events: u64,
    /// Events that are left out since a replay had sent them before.
    pub replayed: u64,
    /// Files of the collection.
    pub files: u64,
    /// Files that had to be read; of the others the log tells enough.
    pub files_read: u64,
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

/// Counts what the log alone tells; none if files have to be read.
pub async fn quick_count(config: &Config, format: &Arc<dyn Format>) -> Result<Option<u64>> {
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
    let mut count = Count { files: view.snapshot.files().len() as u64, ..Count::default() };
    warn_of_unknown_fields(&selection, &view);
    let prune = Prune::new(&selection, &view.snapshot);
    for file in view.candidates(&selection) {
        let certain = file.rows().filter(|_| is_certain(config, file, &prune));
        if certain.is_none() || count.samples.len() < samples {
            read(&mut count, config, &view, file, &prune, certain.is_some(), samples).await?;
        }
        count.events += certain.unwrap_or_default();
    }
    count.events = bounded(config, count.events);
    Ok(count)
}

async fn look(config: &Config, format: &Arc<dyn Format>) -> Result<(View, Selection)> {
    let collection = Lake::open(&config.path, Arc::clone(format))?.collection(&config.collection).await?;
    Ok((View::open(collection).await?, selection(config, SystemClock.now_micros())?))
}

/// Whether every row of a file would be sent.
fn is_certain(config: &Config, file: &LiveFile, prune: &Prune<'_>) -> bool {
    config.partitions.is_none() && config.positions.is_none() && prune.holds_only(file)
}

fn bounded(config: &Config, events: u64) -> u64 {
    let bounds = [config.last, config.limit].into_iter().flatten();
    bounds.fold(events, u64::min)
}

async fn read(
    count: &mut Count,
    config: &Config,
    view: &View,
    file: &LiveFile,
    prune: &Prune<'_>,
    only_samples: bool,
    samples: usize,
) -> Result<()> {
    let mut opened = view.snapshot.open(file).await?;
    count.files_read += u64::from(!only_samples);
    let Sifted { may, .. } = prune.rows(&mut opened).await?;
    let rows = select(opened.row_groups(), 0..may.len() as u64, &may);
    let mut events = opened.events(rows).await?;
    while let Some(batch) = events.next().await? {
        for event in batch.iter().filter(|event| in_range(config, event.record())) {
            match prune.selection().judge(event) {
                Verdict::Other => {}
                Verdict::Replayed => count.replayed += 1,
                Verdict::Sent => {
                    count.events += u64::from(!only_samples);
                    if count.samples.len() < samples {
                        count.samples.push(Sample::of(event));
                    } else if only_samples {
                        return Ok(());
                    }
                }
            }
        }
    }
    Ok(())
}

fn in_range(config: &Config, record: RecordRef<'_>) -> bool {
    let (partitions, positions) = (config.partitions.as_deref(), config.positions.as_deref());
    (partitions.is_none() && positions.is_none())
        || range_of(record.partition(), partitions, positions).contains(&record.position())
}

impl Sample {
    fn of(event: Event<'_>) -> Sample {
        let record = event.record();
        Sample {
            time: iso(believable_time(event)).unwrap_or_default(),
            partition: record.partition().to_string(),
            position: record.position(),
            key: record.key().map(<[u8]>::to_vec),
            payload: record.payload().map(<[u8]>::to_vec),
        }
    }
}
