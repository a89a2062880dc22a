//! Writing an entry until it is certain what became of it.

use std::time::Duration;

use bytes::Bytes;
use catchwater_sdk::{Error, ErrorKind, Result};
use catchwater_storage::Created;
use tracing::warn;
use uuid::Uuid;

use super::entry::Entry;
use super::log::{Log, entry_path};

/// What became of an entry.
#[derive(Debug)]
pub(super) enum Published {
    /// It is in the log, as this version.
    Ours(i64),
    /// Another has its place.
    Other(Box<Entry>),
}

/// Growing waits with full jitter, so that writers that collided do not collide again.
#[derive(Debug)]
pub(super) struct Waits {
    next: Duration,
    max: Duration,
}

/// Writes an entry as that version. An error means that it is not there and will not be.
pub(super) async fn publish(log: &Log, version: i64, commit: Uuid, bytes: Bytes) -> Result<Published> {
    let mut waits = Waits::for_store();
    let mut attempts = 0;
    loop {
        fail::fail_point!("lake::before_log_entry", |_| std::process::abort());
        let answer = attempt(log, version, commit, &bytes).await;
        fail::fail_point!("lake::after_log_entry", |_| std::process::abort());
        attempts += 1;
        match answer {
            Ok(published) => return Ok(published),
            // Nothing was tried before, so nothing can be there.
            Err(error) if error.kind() == ErrorKind::Refused && attempts == 1 => return Err(error),
            Err(error) => warn!(
                entry = entry_path(version), table = %log.store().url(), attempts, error = %error.chain(),
                "unknown whether a log entry was written, will write it again"
            ),
        }
        waits.wait().await;
    }
}

async fn attempt(log: &Log, version: i64, commit: Uuid, bytes: &Bytes) -> Result<Published> {
    if log.create(version, bytes.clone()).await? == Created::New {
        return Ok(Published::Ours(version));
    }
    match log.read(version).await? {
        Some(entry) if entry.commit == Some(commit) => Ok(Published::Ours(version)),
        Some(entry) => Ok(Published::Other(Box::new(entry))),
        None => Err(Error::unavailable(format!("read {}: it was there and is gone", entry_path(version)))),
    }
}

// === impl Waits ===

impl Waits {
    /// While others commit, too: an entry takes them milliseconds.
    pub(super) fn for_others() -> Waits {
        Waits { next: Duration::from_millis(2), max: Duration::from_millis(200) }
    }

    /// While the store is away.
    fn for_store() -> Waits {
        Waits { next: Duration::from_millis(50), max: Duration::from_secs(5) }
    }

    pub(super) async fn wait(&mut self) {
        tokio::time::sleep(self.next.mul_f64(fastrand::f64())).await;
        self.next = (self.next * 2).min(self.max);
    }
}
