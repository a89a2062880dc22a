//! What one `Cut` stores in one collection, until its fate is known.

use std::collections::HashMap;
use std::sync::Arc;

use catchwater_sdk::{Partition, Result};
use catchwater_storage::Store;
use tokio::runtime::{Handle, RuntimeFlavor};
use uuid::Uuid;

use crate::committer::Part;
use crate::heavy::Heavy;
use crate::rows::{Cut, date};
use crate::shred::{LakeSchema, Options};
use crate::table::{AddFile, Move};
use crate::writer::{Covered, Encoder, Footer};

/// A partition's positions in the table.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    app_id: String,
    /// As it was when the partition was assigned.
    pub(crate) floor: Option<i64>,
    /// As it is, as far as we know: what the next commit expects to find.
    pub(crate) stored: Option<i64>,
}

/// Rows and positions on their way into the table.
pub(crate) struct Staged {
    id: Uuid,
    /// None if only positions moved.
    cut: Option<Cut>,
    /// From where to where each partition moves.
    pub(crate) steps: Vec<(Arc<Partition>, Place, i64)>,
    /// How the hot log moves in this table, where there is one.
    pub(crate) logged: Option<Move>,
    /// What is written already; all buckets' files, once none is missing.
    files: Vec<AddFile>,
}

// === impl Place ===

impl Place {
    pub(crate) fn new(app_id: String, stored: Option<i64>) -> Place {
        Place { app_id, floor: stored, stored }
    }
}

// === impl Staged ===

impl Staged {
    pub(crate) fn new(cut: Option<Cut>, steps: Vec<(Arc<Partition>, Place, i64)>, logged: Option<Move>) -> Staged {
        Staged { id: Uuid::now_v7(), cut, steps, logged, files: Vec::new() }
    }

    /// Writes the files that are not written yet.
    pub(crate) async fn store_files(&mut self, store: &Store, capture: &str, heavy: &Heavy) -> Result<()> {
        let Some(cut) = &self.cut else { return Ok(()) };
        let covered = self.covered(capture);
        let (encoder, largest_bytes) = (Encoder::new(cut), cut.largest_payload_bytes());
        for (number, bucket) in cut.buckets().iter().enumerate().skip(self.files.len()) {
            fail::fail_point!("lake::before_data_file", |_| std::process::abort());
            let footer = Footer::new(self.id, number + 1, cut.buckets().len(), &covered);
            let turn = heavy.turn(largest_bytes).await;
            let encoded = blocking(|| encoder.encode(bucket, &footer))?;
            drop(turn);
            // A name that nothing had before: an attempt that failed half-way leaves at most an orphan.
            let path = format!("{}/{}.parquet", date::folder(bucket.date), Uuid::now_v7());
            let size = encoded.bytes.len();
            store.put_new(&path, encoded.bytes).await?;
            fail::fail_point!("lake::after_data_file", |_| std::process::abort());
            self.files.push(AddFile {
                path,
                date: bucket.date.map(date::text),
                size: size as i64,
                stats: encoded.stats,
                tags: HashMap::from([("catchwater.commit".to_owned(), self.id.to_string())]),
            });
        }
        Ok(())
    }

    /// What the committer is to commit.
    pub(crate) fn to_part(&self, capture: &str) -> Part {
        let to_move = |(_, place, to): &(Arc<Partition>, Place, i64)| Move {
            app_id: place.app_id.clone(),
            from: place.stored,
            to: *to,
        };
        Part {
            files: self.files.clone(),
            moves: self.steps.iter().map(to_move).chain(self.logged.clone()).collect(),
            schema: self.cut.as_ref().map(|cut| Arc::clone(cut.schema())),
            changes: self.changes(),
            covered: self.covered(capture),
        }
    }

    /// Makes the payload columns again; the files that had the old ones are gone.
    pub(crate) fn shred_again(&mut self, committed: Arc<LakeSchema>, options: &Arc<Options>) {
        self.id = Uuid::now_v7();
        if let Some(cut) = &mut self.cut {
            blocking(|| cut.shred_again(committed, options));
        }
    }

    /// Deletes the files: the log said for certain that they are not in the table. Should that fail they are orphans.
    pub(crate) async fn discard_files(&mut self, store: &Store) {
        for file in self.files.drain(..) {
            if let Err(error) = store.delete(&file.path).await {
                tracing::debug!(path = %file.path, %error, "uncommitted file left behind");
            }
        }
    }

    fn changes(&self) -> Vec<String> {
        self.cut.iter().flat_map(Cut::events).map(ToString::to_string).collect()
    }

    fn covered(&self, capture: &str) -> Vec<Covered> {
        self.steps.iter().map(|(partition, place, to)| Covered::new(capture, partition, place.stored, *to)).collect()
    }
}

/// Encoding takes a core for a while: other tasks of this worker are moved away meanwhile, where there are others.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
