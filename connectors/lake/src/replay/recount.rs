//! Counts what a replay would send by merging it: where no log tells which files count, a row may be in several.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use catchwater_sdk::{Limit, Partition, RecordRef, Result};

use super::board::Tally;
use super::config::Config;
use super::count::{Count, Sample};
use super::job::Job;
use super::merge::{Manner, Merge, Part};
use super::pace::Pace;
use super::selection::{Selection, range_of};
use super::settle::settle;
use super::survey::Surveyed;
use super::view::View;

/// Counts each event once, and takes some samples.
pub(super) async fn recount(config: &Config, view: &View, selection: Selection, samples: usize) -> Result<Count> {
    let (tally, surveyed) = (Arc::new(Tally::default()), Surveyed::default());
    view.warn_of_findings(&tally);
    let job = settle(config, &selection, view, &surveyed, &tally).await?;
    let selection = Selection { since: job.since, until: job.until, oldest: job.oldest.clone(), ..selection };
    let (files, atlas) = view.survey(&surveyed, &selection, &tally).await?;
    let mut count = Count {
        files: view.snapshot.files().len() as u64,
        files_read: files.len() as u64,
        unproven: tally.unproven.load(Relaxed),
        ..Count::default()
    };
    let (snapshot, parts) = (Arc::clone(&view.snapshot), parts(config, &job));
    let manner = Manner { pace: Pace::new(None, None, None), limit: config.limit, provenance: None };
    let mut merge = Merge::new(snapshot, files, &atlas, parts, selection.into(), manner, Arc::clone(&tally));
    while let Some(portion) = read(&mut merge, view).await? {
        count.events += portion.len() as u64;
        count.samples.extend(portion.iter().take(samples - count.samples.len()).map(sample));
    }
    Ok(Count { replayed: tally.replayed.load(Relaxed), ..count })
}

async fn read(merge: &mut Merge, view: &View) -> Result<Option<catchwater_sdk::Batch>> {
    match merge.next(Limit::default()).await {
        Ok(portion) => Ok(portion.map(|portion| portion.batch)),
        Err(error) => Err(view.explain(error).await),
    }
}

fn parts(config: &Config, job: &Job) -> Vec<Part> {
    let part = |(partition, end): (Arc<Partition>, i64)| {
        let wanted = range_of(&partition, config.partitions.as_deref(), config.positions.as_deref());
        let range = wanted.start..end.min(wanted.end);
        Part { sent_as: Arc::clone(&partition), partition, wanted, range, sent_before: i64::MIN }
    };
    job.ends().into_iter().map(part).collect()
}

fn sample(record: RecordRef<'_>) -> Sample {
    Sample::at(record.timestamp().map_or(0, |timestamp| timestamp.micros), record)
}
