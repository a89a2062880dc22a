//! From the log to the state: the newest checkpoint that can be read, then every entry after it.

use catchwater_sdk::{Error, Result};
use futures::{StreamExt, TryStreamExt, stream};
use tracing::warn;

use super::checkpoint;
use super::entry::Entry;
use super::files::Files;
use super::log::{Listing, Log, entry_path};
use super::state::State;

/// How many entries are fetched at the same time.
const FETCHES_MAX: usize = 16;

/// What the entries of a log add up to.
pub(super) trait Sum: Default {
    /// Whether it needs the files.
    const FILES: Files;

    /// The version of the next entry; 0 if there was none yet.
    fn next_version(&self) -> i64;

    /// Takes the next entry in, or a checkpoint as the first.
    fn apply(&mut self, version: i64, entry: Entry) -> Result<()>;
}

impl Sum for State {
    const FILES: Files = Files::Skip;

    fn next_version(&self) -> i64 {
        self.next_version()
    }

    fn apply(&mut self, version: i64, entry: Entry) -> Result<()> {
        self.apply(version, entry).map(drop)
    }
}

/// Adds a log up, with the version of the checkpoint that it began with. A table that does not exist has no version.
pub(super) async fn replay<S: Sum>(log: &Log) -> Result<(S, Option<i64>)> {
    let hint = log.last_checkpoint().await?;
    if let Some(version) = hint
        && let Some(found) = replay_listed(log, log.list(version).await?).await?
    {
        return Ok(found);
    }
    let listing = log.list(0).await?;
    replay_listed(log, listing).await?.ok_or_else(|| {
        let first = entry_path(0);
        damaged(
            log,
            format!("there is no checkpoint that can be read, and the entries from {first} on are not all there"),
        )
    })
}

/// None if there is nothing among what was listed that one could begin with.
async fn replay_listed<S: Sum>(log: &Log, listing: Listing) -> Result<Option<(S, Option<i64>)>> {
    let (mut sum, checkpoint) = newest_checkpoint::<S>(log, &listing).await?;
    let tail: Vec<i64> = listing.entries.range(sum.next_version()..).copied().collect();
    match tail.first() {
        Some(first) if *first != 0 && sum.next_version() == 0 => return Ok(None),
        None if sum.next_version() == 0 && !listing.checkpoints.is_empty() => return Ok(None),
        _ => {}
    }
    if let Some(missing) = (sum.next_version()..).zip(&tail).find_map(|(at, found)| (at != *found).then_some(at)) {
        return Err(damaged(log, format!("{} is missing, and later entries are there", entry_path(missing))));
    }
    let mut entries = stream::iter(tail)
        .map(async |version| Ok((version, log.read_with(version, S::FILES).await?)))
        .buffered(FETCHES_MAX);
    while let Some((version, entry)) = entries.try_next().await? {
        let entry =
            entry.ok_or_else(|| Error::unavailable(format!("read {}: it has just gone", entry_path(version))))?;
        sum.apply(version, entry)?;
    }
    Ok(Some((sum, checkpoint)))
}

/// The sum as of the newest checkpoint that can be read; of nothing if there is none.
async fn newest_checkpoint<S: Sum>(log: &Log, listing: &Listing) -> Result<(S, Option<i64>)> {
    for (version, files) in listing.checkpoints.iter().rev() {
        match checkpoint::read(log.store(), files, S::FILES).await? {
            Ok(entry) => {
                let mut sum = S::default();
                sum.apply(*version, entry)?;
                return Ok((sum, Some(*version)));
            }
            Err(damage) => {
                let table = log.store().url();
                warn!(%table, checkpoint = version, %damage, "damaged checkpoint, reading older ones and the entries after them");
            }
        }
    }
    Ok((S::default(), None))
}

fn damaged(log: &Log, damage: String) -> Error {
    Error::refused(format!(
        "read the log of {}: {damage}; put the files back from a copy of the lake",
        log.store().url()
    ))
}
