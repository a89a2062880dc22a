//! Where a pipeline that does not run goes on, and how an operator moves it.
//!
//! Its own source is asked: it takes its partitions as it would to run, says where each goes on, and lets them go. So one
//! way serves every source that keeps positions, in another system or in the data folder. What is committed in the data
//! folder can be read there, also while it runs.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use catchwater_sdk::source::{Assignment, Polled, SourceTraits};
use catchwater_sdk::{Error, Limit, Partition, Positions, Result};
use tokio::time::timeout;

use crate::blueprint::Blueprint;
use crate::plan::Planned;
use crate::positions_file::{self, Kept};
use crate::task::Upstream;

/// How long a source may take to get its partitions: a group that others were in has to settle first.
const ASSIGNED_WITHIN: Duration = Duration::from_secs(30);

/// Where one partition goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offset {
    /// Which.
    pub partition: Arc<Partition>,
    /// Its next position.
    pub position: i64,
    /// Whether that was committed; else the source's `start` leads there.
    pub is_committed: bool,
    /// What people know the partition by, where stream and number do not say that.
    pub name: Option<Arc<str>>,
}

/// Another place for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Topic, queue or file; the name of one where the stream has several.
    pub stream: String,
    /// The number of the partition.
    pub partition: i32,
    /// Its next position, 0 or more; `None` forgets what was committed.
    pub position: Option<i64>,
}

/// What is committed of a pipeline whose source has no other place than the data folder, whether or not it runs. Of the
/// lives of one file that is the newest.
pub fn kept(data_dir: &Path, pipeline: &str) -> Result<Vec<Offset>> {
    let mut called = HashSet::new();
    let mut is_newest = |offset: &Offset| called.insert((offset.called().to_owned(), offset.partition.number));
    let newest_first = all_kept(data_dir, pipeline)?.into_iter().rev();
    let mut offsets: Vec<_> = newest_first.filter(|offset| is_newest(offset)).collect();
    offsets.reverse();
    Ok(offsets)
}

fn all_kept(data_dir: &Path, pipeline: &str) -> Result<Vec<Offset>> {
    let offset = |Kept { partition, position, name }| Offset { partition, position, is_committed: true, name };
    Ok(positions_file::kept(data_dir, pipeline)?.into_iter().map(offset).collect())
}

/// Where each partition goes on.
pub(crate) async fn read(blueprint: &Blueprint) -> Result<Vec<Offset>> {
    let (upstream, assignments) = take(blueprint).await?;
    upstream.close(true).await?;
    Ok(assignments.into_iter().map(offset).collect())
}

/// Moves partitions, backward too (Invariant 2: this is an operator's reset). Refused where that would have no effect.
pub(crate) async fn set(blueprint: &Blueprint, moves: &[Move]) -> Result<()> {
    moves.iter().try_for_each(Move::refuse_negative)?;
    let (mut upstream, assignments) = take(blueprint).await?;
    let moved = move_to(blueprint, &mut upstream, &assignments, moves).await;
    let closed = upstream.close(true).await;
    moved.and(closed)
}

/// Refuses where another place would have no effect. The source is not asked where no sink keeps positions.
pub(crate) async fn refuse_in_vain(blueprint: &Blueprint) -> Result<()> {
    let traits = blueprint.build_source()?.traits();
    if keeper(blueprint, &traits, &[], |_| true).await?.is_none() {
        return Ok(());
    }
    let (upstream, assignments) = take(blueprint).await?;
    let refused = refuse_kept_by_sinks(blueprint, upstream.traits(), &partitions(&assignments)).await;
    let closed = upstream.close(true).await;
    refused.and(closed)
}

async fn move_to(
    blueprint: &Blueprint,
    upstream: &mut Upstream,
    assignments: &[Assignment],
    moves: &[Move],
) -> Result<()> {
    let offsets: Vec<_> = assignments.iter().cloned().map(offset).collect();
    let place = |to: &Move| to.position.map(|at| Ok((to.among(&offsets)?, at)));
    let positions = moves.iter().filter_map(place).collect::<Result<Positions>>()?;
    refuse_kept_by_sinks(blueprint, upstream.traits(), &partitions(assignments)).await?;
    let committed = all_kept(blueprint.data_dir(), blueprint.pipeline())?.into_iter();
    let forgotten = committed.filter(|offset| moves.iter().any(|to| to.position.is_none() && to.means(offset)));
    upstream.reset(&positions, &forgotten.map(|offset| offset.partition).collect::<Vec<_>>()).await
}

/// Its source with its partitions.
async fn take(blueprint: &Blueprint) -> Result<(Upstream, Vec<Assignment>)> {
    let mut upstream = Upstream::new(blueprint.build_source()?);
    refuse_without(&blueprint.planned)?;
    let assigned = timeout(ASSIGNED_WITHIN, assigned(&mut upstream, blueprint)).await;
    let assigned = assigned.unwrap_or_else(|_| {
        Err(Error::unavailable(format!("the source got no partition within {} s", ASSIGNED_WITHIN.as_secs())))
    });
    match assigned {
        Ok(assignments) => Ok((upstream, assignments)),
        Err(error) => {
            let _ = upstream.close(true).await; // what went wrong before says more
            Err(error)
        }
    }
}

async fn assigned(upstream: &mut Upstream, blueprint: &Blueprint) -> Result<Vec<Assignment>> {
    upstream.open(blueprint.data_dir(), blueprint.pipeline()).await?;
    loop {
        match upstream.poll(Limit::default()).await? {
            Polled::Assigned(assignments) if !assignments.is_empty() => return Ok(assignments),
            Polled::End => return Err(Error::refused("the source has no partition")),
            _ => {}
        }
    }
}

fn refuse_without(planned: &Planned) -> Result<()> {
    match planned.has_offsets() {
        true => Ok(()),
        false => Err(Error::refused("the source cannot be read again from another place: it has no offsets")),
    }
}

/// A table's positions win over those of the source, so that moving these would do nothing.
async fn refuse_kept_by_sinks(blueprint: &Blueprint, traits: &SourceTraits, all: &[Arc<Partition>]) -> Result<()> {
    match keeper(blueprint, traits, all, |stored| !stored.is_empty()).await? {
        None => Ok(()),
        Some(sink) => Err(Error::refused(format!(
            "sink `{sink}` keeps positions with what it stored, and those win: read again into another collection, or replay"
        ))),
    }
}

/// The first sink that keeps positions, if those of some partitions are `such`.
async fn keeper(
    blueprint: &Blueprint,
    traits: &SourceTraits,
    of: &[Arc<Partition>],
    such: fn(&Positions) -> bool,
) -> Result<Option<String>> {
    for part in blueprint.build_sinks()? {
        let mut sink = part.sink;
        sink.open(&blueprint.named(traits)).await?;
        let stored = sink.stored(of).await?;
        sink.close().await?;
        if stored.is_some_and(|positions| such(&positions)) {
            return Ok(Some(part.step.to_string()));
        }
    }
    Ok(None)
}

fn partitions(assignments: &[Assignment]) -> Vec<Arc<Partition>> {
    assignments.iter().map(|assignment| Arc::clone(&assignment.partition)).collect()
}

fn offset(assignment: Assignment) -> Offset {
    let Assignment { partition, at: position, committed: is_committed, name } = assignment;
    Offset { partition, position, is_committed, name }
}

// === impl Offset ===

impl Offset {
    /// What people know the partition by, beside its number.
    pub fn called(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.partition.stream)
    }
}

// === impl Move ===

impl Move {
    /// Some sources would take it for their beginning, and read all of it again.
    fn refuse_negative(&self) -> Result<()> {
        match self.position {
            Some(position @ ..0) => Err(Error::refused(format!(
                "{}[{}] cannot go on at {position}: a position counts from the beginning, which is 0 or more",
                self.stream, self.partition
            ))),
            _ => Ok(()),
        }
    }

    fn means(&self, offset: &Offset) -> bool {
        let names = [offset.called(), &offset.partition.stream];
        offset.partition.number == self.partition && names.contains(&self.stream.as_str())
    }

    /// The partition that is meant.
    fn among(&self, offsets: &[Offset]) -> Result<Arc<Partition>> {
        let found: Vec<_> = offsets.iter().filter(|offset| self.means(offset)).collect();
        if let [only] = found[..] {
            return Ok(Arc::clone(&only.partition));
        }
        let names = |offsets: &[&Offset]| {
            let name = |offset: &&Offset| format!("{}[{}]", offset.called(), offset.partition.number);
            offsets.iter().map(name).collect::<Vec<_>>().join(", ")
        };
        let (asked, all) = (format!("{}[{}]", self.stream, self.partition), offsets.iter().collect::<Vec<_>>());
        Err(Error::refused(match found.is_empty() {
            true => format!("{asked} is none of its partitions: {}", names(&all)),
            false => format!("{asked} may be any of these, name one: {}", names(&found)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_position_is_refused_by_name() {
        let check = |position: Option<i64>| {
            let to = Move { stream: "orders".into(), partition: 3, position };
            to.refuse_negative().map_err(|error| error.to_string())
        };
        assert_eq!((check(Some(0)), check(None)), (Ok(()), Ok(())));
        let refused = check(Some(-5)).expect_err("it is refused");
        assert!(refused.contains("orders[3] cannot go on at -5"), "{refused}");
    }
}
