//! From the log to the state: the newest checkpoint that can be read, then every entry after it.

use catchwater_sdk::{Error, Result};
use futures::{StreamExt, TryStreamExt, stream};
use tracing::warn;

use super::checkpoint;
use super::log::{Listing, Log, entry_path};
use super::state::State;

/// How many entries are fetched at the same time.
const FETCHES_MAX: usize = 16;

/// Reads the state of a table, with the version of the checkpoint that it began with. A table that does not exist has none.
pub(super) async fn replay(log: &Log) -> Result<(State, Option<i64>)> {
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
async fn replay_listed(log: &Log, listing: Listing) -> Result<Option<(State, Option<i64>)>> {
    let (mut state, checkpoint) = newest_checkpoint(log, &listing).await?;
    let tail: Vec<i64> = listing.entries.range(state.next_version()..).copied().collect();
    match tail.first() {
        Some(first) if *first != state.next_version() && state.version.is_none() => return Ok(None),
        None if state.version.is_none() && !listing.checkpoints.is_empty() => return Ok(None),
        _ => {}
    }
    if let Some(missing) = (state.next_version()..).zip(&tail).find_map(|(at, found)| (at != *found).then_some(at)) {
        return Err(damaged(log, format!("{} is missing, and later entries are there", entry_path(missing))));
    }
    let mut entries =
        stream::iter(tail).map(async |version| Ok((version, log.read(version).await?))).buffered(FETCHES_MAX);
    while let Some((version, entry)) = entries.try_next().await? {
        let entry =
            entry.ok_or_else(|| Error::unavailable(format!("read {}: it has just gone", entry_path(version))))?;
        let _ = state.apply(version, entry)?;
    }
    Ok(Some((state, checkpoint)))
}

/// The state as of the newest checkpoint that can be read; before all entries if there is none.
async fn newest_checkpoint(log: &Log, listing: &Listing) -> Result<(State, Option<i64>)> {
    for (version, files) in listing.checkpoints.iter().rev() {
        match checkpoint::read(log.store(), files).await? {
            Ok(entry) => {
                let mut state = State::default();
                let _ = state.apply(*version, entry)?;
                return Ok((state, Some(*version)));
            }
            Err(damage) => {
                let table = log.store().url();
                warn!(%table, checkpoint = version, %damage, "damaged checkpoint, reading older ones and the entries after them");
            }
        }
    }
    Ok((State::default(), None))
}

fn damaged(log: &Log, damage: String) -> Error {
    Error::refused(format!(
        "read the log of {}: {damage}; put the files back from a copy of the lake",
        log.store().url()
    ))
}
