//! What a replay settles when it begins: times, ends, and which events are the newest.

use std::collections::BTreeSet;
use std::sync::Arc;

use catchwater_query::Query;
use catchwater_sdk::{Partition, Result};
use tracing::warn;

use super::board::Tally;
use super::config::Config;
use super::job::Job;
use super::prune::{Prune, newest};
use super::selection::{Named, Oldest, Place, Selection, Verdict, believable_time, range_of};
use super::survey::Surveyed;
use super::view::View;
use crate::search::unknown_fields;

/// What is asked of each event, before anything was looked at.
pub(super) fn selection(config: &Config, now_micros: i64) -> Result<Selection> {
    Ok(Selection {
        query: config.query.clone().unwrap_or_else(Query::everything),
        since: config.since_at(now_micros)?,
        until: config.until_at(now_micros)?,
        oldest: None,
        replayed: config.replayed,
    })
}

/// Warns of fields that no event of the collection has: mostly a typing error, and else nothing would be said of it.
pub(super) fn warn_of_unknown_fields(selection: &Selection, view: &View) {
    let Some(collection) = view.collection() else { return };
    for (field, near) in unknown_fields(&selection.query, &view.snapshot) {
        let help = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        warn!("no event of {collection} has a field `{field}`{help}");
    }
}

/// Settles a replay of what is in view.
pub(super) async fn settle(
    config: &Config,
    selection: &Selection,
    view: &View,
    surveyed: &Surveyed,
    tally: &Tally,
) -> Result<Job> {
    let (_, atlas) = view.survey(surveyed, selection, tally).await?;
    let ends = view.ends(&atlas);
    let mut job = Job::new(config.fingerprint(), selection.since, selection.until, &ends);
    if let Some(count) = config.last {
        job.oldest = oldest(config, selection, view, count).await?;
    }
    Ok(job)
}

/// The time and place of the oldest of the newest `count` events; none if there are no more than that.
async fn oldest(config: &Config, selection: &Selection, view: &View, count: u64) -> Result<Option<Oldest>> {
    let prune = Prune::new(selection, &view.snapshot);
    let mut files: Vec<_> = view.candidates(selection).map(|file| (newest(file), file)).collect();
    files.sort_by_key(|(newest, _)| std::cmp::Reverse(*newest));
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut top = BTreeSet::new();
    let mut partitions = Partitions::default();
    let mut were_more = false;
    for (newest, file) in files {
        let is_full = top.len() >= count;
        if is_full && top.first().is_some_and(|(micros, ..): &(i64, Named, Place)| newest < *micros) {
            were_more = true;
            break;
        }
        let mut events = prune.events(view.snapshot.open(file).await?).await?;
        while let Some(batch) = events.next().await? {
            for event in batch.iter().filter(|event| selection.judge(*event) == Verdict::Sent) {
                let record = event.record();
                let place = Place { position: record.position(), index: record.index() };
                let micros = believable_time(event);
                if !partitions.wanted(config, record.partition(), place.position)
                    || (top.len() >= count && top.first().is_some_and(|(least, ..)| micros < *least))
                {
                    were_more = true;
                    continue;
                }
                top.insert((micros, Named::of(record.partition()), place));
                if top.len() > count {
                    top.pop_first();
                    were_more = true;
                }
            }
        }
    }
    let oldest = |(micros, partition, place)| Oldest { micros, partition, place };
    Ok(top.pop_first().filter(|_| were_more).map(oldest))
}

/// Which positions of the partition at hand are wanted; neighbours mostly have the same.
#[derive(Default)]
struct Partitions(Option<(Partition, std::ops::Range<i64>)>);

impl Partitions {
    fn wanted(&mut self, config: &Config, partition: &Partition, position: i64) -> bool {
        if self.0.as_ref().is_none_or(|(known, _)| known != partition) {
            let range = range_of(partition, config.partitions.as_deref(), config.positions.as_deref());
            self.0 = Some((partition.clone(), range));
        }
        self.0.as_ref().is_some_and(|(_, range)| range.contains(&position))
    }
}

/// The partition under which a record of some round is sent: positions only ever go forward, so each round but the first
/// has incarnations of its own.
pub(super) fn sent_as(partition: &Arc<Partition>, round: u32) -> Arc<Partition> {
    match round {
        0 => Arc::clone(partition),
        round => Arc::new(Partition {
            incarnation: format!("{}~{}", partition.incarnation, round + 1).into(),
            ..Partition::clone(partition)
        }),
    }
}
