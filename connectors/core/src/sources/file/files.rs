//! All files of a source, read in turn.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::config::Size;
use catchwater_sdk::source::Assignment;
use catchwater_sdk::{Batch, Error, Limit, Partition, Positions, Result};
use tracing::warn;

use super::Config;
use super::look::Found;
use super::reader::{Reader, Stage};

/// How long who had a file open when it was renamed or deleted may still write to it.
const LEAVE: Duration = Duration::from_secs(5);
/// After so many batches it is another file's turn, if that has something.
const TURN_BATCHES: u32 = 64;

/// The files by order of discovery.
pub(super) struct Files {
    readers: Vec<Reader>,
    /// The one whose turn it is.
    turn: usize,
    batches: u32,
    stream: Arc<str>,
    follow: bool,
    named: bool,
    line_max: Size,
}

// === impl Files ===

impl Files {
    /// `named` says that records must carry the name of their file.
    pub(super) fn new(config: &Config, named: bool) -> Files {
        let (stream, readers) = (config.path.as_str().into(), Vec::new());
        Files { readers, turn: 0, batches: 0, stream, follow: config.follow, named, line_max: config.line_max }
    }

    /// Takes note of what a look has found.
    pub(super) fn note(&mut self, found: Vec<Found>) {
        let mut seen = vec![false; self.readers.len()];
        for found in found {
            match self.note_one(found) {
                Some(i) if i < seen.len() => seen[i] = true,
                _ => {}
            }
        }
        for (reader, _) in self.readers.iter_mut().zip(seen).filter(|(_, seen)| !seen) {
            leave(reader);
        }
    }

    /// Answers the reader that the file has.
    fn note_one(&mut self, found: Found) -> Option<usize> {
        let alive = |reader: &Reader| !reader.is_cut && !matches!(reader.stage, Stage::Done | Stage::Released);
        let known =
            self.readers.iter().position(|reader| alive(reader) && reader.identity.is_same_place(&found.identity));
        let Some(i) = known else {
            self.add(found, 0);
            return None;
        };
        let reader = &mut self.readers[i];
        let same = reader.identity == found.identity;
        if same && !reader.is_cut(found.len) {
            grow(reader, found.len);
            return Some(i);
        }
        let life = if same { reader.life + 1 } else { 0 };
        if reader.stage == Stage::New {
            *reader = Reader::new(found, &self.stream, life, self.named, self.line_max);
            return Some(i);
        }
        cut(reader, found.len);
        self.add(found, life);
        Some(i)
    }

    fn add(&mut self, found: Found, life: u32) {
        self.readers.push(Reader::new(found, &self.stream, life, self.named, self.line_max));
    }

    /// Files that nobody was told of yet.
    pub(super) fn take_new(&mut self) -> Option<Vec<Assignment>> {
        let mut assignments = Vec::new();
        for reader in self.readers.iter_mut().filter(|reader| reader.stage == Stage::New) {
            reader.stage = Stage::Assigned;
            assignments.push(reader.assignment());
        }
        (!assignments.is_empty()).then_some(assignments)
    }

    /// Files that are gone, read, and stored: nobody need keep their positions in mind. Before all of a file is stored
    /// it must not be given up, since nothing could read it again.
    pub(super) fn take_done(&mut self) -> Option<Vec<Arc<Partition>>> {
        let stored = |reader: &&mut Reader| reader.stage == Stage::Done && reader.committed >= reader.read_to();
        let mut done = Vec::new();
        for reader in self.readers.iter_mut().filter(stored).filter(|_| self.follow) {
            reader.stage = Stage::Released;
            done.push(Arc::clone(&reader.partition));
        }
        (!done.is_empty()).then_some(done)
    }

    /// Reads on from these positions.
    pub(super) fn start(&mut self, at: &Positions) -> Result<()> {
        for i in 0..self.readers.len() {
            let reader = &mut self.readers[i];
            let Some(at) = at.get(&reader.partition) else { continue };
            let at = at.max(0) as u64;
            if at <= reader.len || reader.is_cut {
                reader.seek(at);
                continue;
            }
            if !self.follow {
                return Err(cut_while_stopped(reader, at));
            }
            // It was truncated while nobody looked, and began again with the same line.
            let (again, life) = (reader.found_again(), reader.life + 1);
            (reader.is_cut, reader.stage) = (true, Stage::Done);
            self.add(again, life);
        }
        Ok(())
    }

    pub(super) fn release(&mut self, partitions: &[Arc<Partition>]) {
        self.readers.retain(|reader| !partitions.contains(&reader.partition));
    }

    pub(super) fn note_commit(&mut self, positions: &Positions) {
        for reader in &mut self.readers {
            let at = positions.get(&reader.partition).map_or(0, |at| at.max(0) as u64);
            reader.committed = reader.committed.max(at);
        }
    }

    pub(super) fn behind_bytes(&self) -> u64 {
        self.readers.iter().map(|reader| reader.len.saturating_sub(reader.read_to())).sum()
    }

    /// The next lines of any file, or `None` once all are at their end.
    pub(super) async fn read(&mut self, limit: Limit) -> Result<Option<Batch>> {
        for _ in 0..self.readers.len() {
            self.turn %= self.readers.len();
            if let Some(batch) = self.read_from(self.turn, limit).await? {
                self.count_batch();
                return Ok(Some(batch));
            }
            self.next_turn();
        }
        Ok(None)
    }

    async fn read_from(&mut self, i: usize, limit: Limit) -> Result<Option<Batch>> {
        let (reader, follow) = (&mut self.readers[i], self.follow);
        loop {
            match reader.stage {
                Stage::New | Stage::Assigned | Stage::AtEnd | Stage::Done | Stage::Released => return Ok(None),
                Stage::Reading | Stage::Leaving(_) | Stage::Last => {}
            }
            if let Some(batch) = reader.take(limit) {
                return Ok(Some(batch));
            }
            let ended = reader.stage == Stage::Last || (follow && reader.saw_end());
            if ended || !reader.fill().await? {
                let last = end(reader, follow).then(|| reader.take_last(limit)).flatten();
                reader.rest(follow);
                return Ok(last);
            }
        }
    }

    fn count_batch(&mut self) {
        self.batches += 1;
        if self.follow && self.batches >= TURN_BATCHES {
            self.next_turn();
        }
    }

    fn next_turn(&mut self) {
        (self.turn, self.batches) = (self.turn + 1, 0);
    }
}

/// The file is at its end for now, or for ever: then it answers that its last line needs no newline.
fn end(reader: &mut Reader, follow: bool) -> bool {
    let for_ever = match reader.stage {
        Stage::Leaving(since) => since.elapsed() >= LEAVE,
        Stage::Last => true,
        _ => !follow,
    };
    match (for_ever, reader.stage) {
        (true, _) => reader.stage = Stage::Done,
        // It is read again at the next look, until nobody can write to it any more.
        (false, Stage::Leaving(_)) => {}
        (false, _) => reader.stage = Stage::AtEnd,
    }
    for_ever
}

fn grow(reader: &mut Reader, len: u64) {
    reader.len = len;
    // A file that left may come back under another name that the pattern matches.
    let came_back = matches!(reader.stage, Stage::Leaving(_));
    if came_back || (reader.stage == Stage::AtEnd && reader.has_more()) {
        reader.read_on();
    }
}

fn leave(reader: &mut Reader) {
    if matches!(reader.stage, Stage::Reading | Stage::AtEnd) {
        reader.stage = Stage::Leaving(Instant::now());
    }
}

/// The file was truncated: of what was in it, there is only left what was read.
fn cut(reader: &mut Reader, len: u64) {
    let lost_bytes = reader.len.saturating_sub(reader.read_to());
    if lost_bytes > 0 {
        warn!(path = %reader.path(), lost_bytes, len, "file truncated before it was read to its end");
    }
    reader.len = reader.read_to();
    reader.is_cut = true;
    if reader.stage != Stage::Assigned {
        reader.stage = Stage::Last;
    }
}

fn cut_while_stopped(reader: &Reader, at: u64) -> Error {
    let text = format!(
        "{} was read to byte {at} and now has {}; give the pipeline another name to read it from its start, or `follow: true` to take it for a new one",
        reader.path(),
        reader.len,
    );
    Error::refused(text)
}
