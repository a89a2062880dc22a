//! All objects of a source, read one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use catchwater_sdk::source::Assignment;
use catchwater_sdk::{Batch, Error, Limit, Partition, Positions, Result};
use tracing::warn;

use super::Config;
use super::listing::Found;
use super::object::{END, Object, Stage};
use super::reading::{Progress, Reading};
use crate::s3::Bucket;

/// The objects by the order of their keys.
pub(super) struct Objects {
    bucket: Bucket,
    config: Config,
    stream: Arc<str>,
    /// By key and tag.
    all: BTreeMap<(String, String), Object>,
    reading: Option<Reading>,
    /// The store said of it that it is not there: the next look tells.
    missing: Option<Arc<Partition>>,
}

// === impl Objects ===

impl Objects {
    pub(super) fn new(bucket: Bucket, config: Config) -> Objects {
        let stream = config.connection.url.as_str().into();
        Objects { bucket, config, stream, all: BTreeMap::new(), reading: None, missing: None }
    }

    /// Takes note of what a look has found. An object that is listed and cannot be had is waited for.
    pub(super) fn note(&mut self, found: Vec<Found>) -> Result<()> {
        self.all.values_mut().for_each(|object| object.is_gone = true);
        for found in found {
            let name = (found.key.clone(), found.tag());
            let new = || Object::new(found, &self.stream);
            self.all.entry(name).or_insert_with(new).is_gone = false;
        }
        self.all.retain(|_, object| !(object.is_gone && object.stage == Stage::New));
        let missing = self.missing.take();
        let Some(object) = self.all.values_mut().find(|object| Some(&object.partition) == missing.as_ref()) else {
            return Ok(());
        };
        if !object.is_gone {
            let key = &object.found.key;
            return Err(Error::unavailable(format!(
                "read s3 object {key}: the store lists it, and says that it is not there"
            )));
        }
        warn!(key = %object.found.key, "an object was deleted or written anew before it was read to its end");
        object.is_lost = true;
        Ok(())
    }

    /// Whether a look has to tell what became of an object.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.missing.is_some()
    }

    /// Objects that nobody was told of yet.
    pub(super) fn take_new(&mut self) -> Option<Vec<Assignment>> {
        let mut assignments = Vec::new();
        for object in self.all.values_mut().filter(|object| object.stage == Stage::New) {
            object.stage = Stage::Assigned;
            let name = Some(object.found.key.as_str().into());
            assignments.push(Assignment { partition: Arc::clone(&object.partition), at: 0, committed: false, name });
        }
        (!assignments.is_empty()).then_some(assignments)
    }

    /// Objects that are gone, and of which all that was read is stored.
    pub(super) fn take_gone(&mut self) -> Option<Vec<Arc<Partition>>> {
        let reading = self.reading.as_ref().map(|reading| Arc::clone(&reading.partition));
        let mut gone = Vec::new();
        for object in self.all.values_mut().filter(|object| object.is_settled()) {
            if object.at == END || reading.as_ref() != Some(&object.partition) {
                object.stage = Stage::Released;
                gone.push(Arc::clone(&object.partition));
            }
        }
        (!gone.is_empty()).then_some(gone)
    }

    /// Reads on from these positions.
    pub(super) fn start(&mut self, at: &Positions) {
        (self.reading, self.missing) = (None, None);
        for object in self.all.values_mut() {
            if let Some(at) = at.get(&object.partition) {
                (object.at, object.committed, object.stage) = (at, at, Stage::Reading);
            }
        }
    }

    pub(super) fn release(&mut self, partitions: &[Arc<Partition>]) {
        self.all.retain(|_, object| !partitions.contains(&object.partition));
        self.reading.take_if(|reading| partitions.contains(&reading.partition));
    }

    pub(super) fn note_commit(&mut self, positions: &Positions) {
        for object in self.all.values_mut() {
            object.committed = positions.get(&object.partition).unwrap_or(0).max(object.committed);
        }
    }

    /// In packed bytes, as nobody knows what is in objects that were not read.
    pub(super) fn behind_bytes(&self) -> u64 {
        self.all.values().filter(|object| object.at < END && !object.is_lost).map(|object| object.found.size).sum()
    }

    /// The next records, or `None` once all objects are at their end or one is in doubt.
    pub(super) async fn read(&mut self, limit: Limit) -> Result<Option<Batch>> {
        loop {
            let Some(reading) = &mut self.reading else {
                let Some(next) = self.all.values().find(|object| object.is_open()) else { return Ok(None) };
                self.reading = Some(Reading::new(&self.bucket, &self.config, next)?);
                continue;
            };
            let progress = reading.read(limit).await;
            if progress.is_err() {
                // What was downloaded may be torn: the next attempt begins at the last record that was handed out.
                self.reading = None;
                return progress.map(|_| None);
            }
            let object = self.all.values_mut().find(|object| object.partition == reading.partition);
            match (progress?, object) {
                (Progress::Records(batch), Some(object)) => {
                    object.at = batch.positions().get(&object.partition).unwrap_or(object.at);
                    self.reading.take_if(|_| object.at == END);
                    return Ok(Some(batch));
                }
                (Progress::Missing, Some(object)) => {
                    self.missing = Some(Arc::clone(&object.partition));
                    self.reading = None;
                    return Ok(None);
                }
                (_, None) => self.reading = None,
            }
        }
    }
}
