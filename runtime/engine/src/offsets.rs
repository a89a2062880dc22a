//! Where a pipeline that does not run goes on, and how an operator moves it.
//!
//! Its own source is asked: it takes its partitions as it would to run, says where each goes on, and lets them go. So one
//! way serves every source that keeps positions, in another system or in the data folder.

use std::sync::Arc;
use std::time::Duration;

use catchwater_sdk::source::{Assignment, Polled, SourceTraits};
use catchwater_sdk::{Error, Limit, Partition, Positions, Result};
use tokio::time::timeout;

use crate::blueprint::Blueprint;
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
}

/// Another place for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Topic, queue or file.
    pub stream: String,
    /// The number of the partition.
    pub partition: i32,
    /// Its next position.
    pub position: i64,
}

/// Where each partition goes on.
pub(crate) async fn read(blueprint: &Blueprint) -> Result<Vec<Offset>> {
    let (upstream, assignments) = take(blueprint).await?;
    upstream.close(true).await?;
    Ok(assignments.into_iter().map(offset).collect())
}

/// Moves partitions, backward too (Invariant 2: this is an operator's reset). Refused where that would have no effect.
pub(crate) async fn set(blueprint: &Blueprint, moves: &[Move]) -> Result<()> {
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
    let partitions = partitions(assignments);
    let positions = moves.iter().map(|to| to.among(&partitions)).collect::<Result<Positions>>()?;
    refuse_kept_by_sinks(blueprint, upstream.traits(), &partitions).await?;
    upstream.reset(&positions).await
}

/// Its source with its partitions.
async fn take(blueprint: &Blueprint) -> Result<(Upstream, Vec<Assignment>)> {
    let mut upstream = Upstream::new(blueprint.build_source()?);
    refuse_without(upstream.traits())?;
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

fn refuse_without(traits: &SourceTraits) -> Result<()> {
    match traits.rereadable && traits.unacknowledged_max.is_none() {
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
    Offset { partition: assignment.partition, position: assignment.at, is_committed: assignment.committed }
}

impl Move {
    fn among(&self, partitions: &[Arc<Partition>]) -> Result<(Arc<Partition>, i64)> {
        let is_it =
            |partition: &&Arc<Partition>| *partition.stream == *self.stream && partition.number == self.partition;
        let found = partitions.iter().find(is_it).cloned();
        let unknown = || {
            let known: Vec<_> = partitions.iter().map(ToString::to_string).collect();
            Error::refused(format!(
                "{}[{}] is none of its partitions: {}",
                self.stream,
                self.partition,
                known.join(", ")
            ))
        };
        found.map(|partition| (partition, self.position)).ok_or_else(unknown)
    }
}
