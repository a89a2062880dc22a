//! What a log holds when it is opened: records that were safe, and of which nobody knows yet whether they are stored.
//!
//! What is torn or damaged is found out by checksums, and by the numbers of the records, which have no gaps. A torn tail is
//! a write that a crash cut short: nobody was told that it is safe, and no number is missing behind it. Anything else that is
//! missing was promised, so it is told loudly, the file is kept, and the good frames behind it are brought in all the same.

use std::ops::Range;
use std::path::PathBuf;

use catchwater_sdk::{Error, Result, ResultExt};
use tracing::{error, info};
use uuid::Uuid;

use super::chunk::Chunk;
use super::frame::{self, Frame, Place, Scan};
use super::segments::{self, Segment};
use super::slot::{Slot, failed};

/// A log that is locked and not yet written to.
#[derive(Debug)]
pub(crate) struct Leftovers {
    slot: Slot,
    log: Uuid,
    /// The segments, oldest first; those before `read` were read.
    segments: Vec<u64>,
    read: usize,
    damaged: Vec<u64>,
    /// What the last one that was read ends with, if that is no good frame. What stands behind it tells what that was.
    tail: Option<(u64, Range<usize>)>,
    /// Whether all that was ever written is there. If not its numbers cannot be gone on with.
    whole: bool,
    /// The number of the next record, once a frame has told it.
    next: Option<u64>,
}

/// A log that is empty and ready.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) slot: Slot,
    pub(super) segment: Segment,
    pub(super) next: u64,
}

/// Records from the number `first` on.
#[derive(Debug)]
pub(crate) struct Numbered {
    pub(crate) first: u64,
    pub(crate) chunk: Chunk,
}

// === impl Leftovers ===

impl Leftovers {
    pub(super) fn of(slot: Slot) -> Result<Leftovers> {
        let segments = segments::list(slot.folder())?;
        let mut log = None;
        for number in &segments {
            if log.is_none() {
                log = frame::log_of(&segments::read(slot.folder(), *number)?, *number);
            }
        }
        let (whole, log) = (log.is_some(), log.unwrap_or_else(Uuid::new_v4));
        Ok(Leftovers { slot, log, segments, read: 0, damaged: Vec::new(), tail: None, whole, next: None })
    }

    /// The log's name among the positions of a table: the number of the next record stands there.
    pub(crate) fn app_id(&self) -> String {
        app_id(self.log)
    }

    /// What the next segment holds; none behind the last.
    pub(crate) fn read_segment(&mut self) -> Result<Option<Vec<Numbered>>> {
        let Some(number) = self.segments.get(self.read).copied() else {
            self.tell_torn();
            return Ok(None);
        };
        let bytes = segments::read(self.slot.folder(), number)?;
        let scan = frame::scan(&bytes, Place { log: self.log, segment: number });
        let mut chunks = Vec::new();
        for (at, frame) in scan.frames.iter().enumerate() {
            let damage = scan.damage.iter().find(|(_, before)| *before == at).map(|(range, _)| range.clone());
            self.note_gap(number, damage, frame);
            // A frame whose sync failed was written once more, to the next segment, and with it what had come meanwhile.
            let known = self.next.unwrap_or(0);
            chunks.extend(chunks_of(frame)?.into_iter().filter(|numbered| numbered.first >= known));
            self.next = Some(frame.end().max(known));
        }
        self.note_tail(number, &scan);
        self.read += 1;
        Ok(Some(chunks))
    }

    /// Tells of what is missing before a good frame: here, or at the end of the segment before.
    fn note_gap(&mut self, segment: u64, damage: Option<Range<usize>>, frame: &Frame<'_>) {
        let missing = self.next.map(|next| frame.first.saturating_sub(next));
        let is_whole = damage.is_none() && missing.is_none_or(|missing| missing == 0);
        if !is_whole {
            let (segment, bytes) = match damage {
                Some(damage) => (segment, damage),
                None => self.tail.take().unwrap_or((segment, 0..0)),
            };
            self.tell_damage(segment, bytes, missing);
        }
        self.tell_torn();
    }

    fn note_tail(&mut self, segment: u64, scan: &Scan<'_>) {
        if scan.torn.is_empty() {
            return;
        }
        self.whole = false;
        if scan.frames.is_empty() {
            return self.tell_damage(segment, 0..scan.torn.end, None);
        }
        if let Some((damage, _)) = scan.damage.iter().find(|(_, before)| *before == scan.frames.len()) {
            self.tell_damage(segment, damage.clone(), None);
        }
        self.tail = Some((segment, scan.torn.clone()));
    }

    /// Tells of a tail behind which nothing is missing.
    fn tell_torn(&mut self) {
        let Some((segment, tail)) = self.tail.take() else { return };
        info!(
            file = %self.path(segment).display(), offset = tail.start, bytes = tail.len(),
            "hot log cut at its last good checksum: a write was torn by a crash"
        );
    }

    fn tell_damage(&mut self, segment: u64, bytes: Range<usize>, records: Option<u64>) {
        self.whole = false;
        if !self.damaged.contains(&segment) {
            self.damaged.push(segment);
        }
        let records = records.map_or_else(|| "an unknown number of".to_owned(), |records| records.to_string());
        error!(
            file = %self.path(segment).display(), offset = bytes.start, bytes = bytes.len(), records,
            "the hot log is damaged: records that were confirmed are missing, unless they had been stored before; what stands \
             behind them is brought in, and the file is kept as *.damaged beside it: check the disk, and ask the senders of \
             that time to send again"
        );
    }

    fn path(&self, segment: u64) -> PathBuf {
        segments::path(self.slot.folder(), segment)
    }

    /// All of it is stored: begins a new segment, and lets the old ones go.
    pub(super) fn settle(self) -> Result<Ready> {
        let folder = self.slot.folder();
        let segment = self.segments.last().map_or(0, |last| last + 1);
        // Under another name nothing is taken for stored that is not, whatever the tables have under the old one.
        if !self.whole {
            self.let_go()?;
            let place = Place { log: Uuid::new_v4(), segment };
            let segment = Segment::create(folder, place, 0)?;
            return Ok(Ready { slot: self.slot, segment, next: 0 });
        }
        let next = self.next.ok_or_else(|| Error::bug("a hot log was settled before it was read"))?;
        let segment = Segment::create(folder, Place { log: self.log, segment }, next)?;
        self.let_go()?;
        Ok(Ready { slot: self.slot, segment, next })
    }

    /// Removes what is stored.
    pub(crate) fn let_go(&self) -> Result<()> {
        let folder = self.slot.folder();
        for number in &self.segments {
            match self.damaged.contains(number) {
                true => segments::set_aside(folder, *number, self.log).map(drop)?,
                false => segments::remove(folder, *number)?,
            }
        }
        segments::sync_folder(folder).map_err(|error| failed("sync", folder, error))
    }
}

/// See [`Leftovers::app_id`]. No other position looks like that.
pub(super) fn app_id(log: Uuid) -> String {
    format!("hot-log/{log}")
}

/// A chunk in a frame: its records u32, its length u32, its bytes.
pub(super) fn put_chunk(body: &mut Vec<u8>, records: u32, bytes: &[u8]) {
    body.extend_from_slice(&records.to_le_bytes());
    body.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    body.extend_from_slice(bytes);
}

fn chunks_of(frame: &Frame<'_>) -> Result<Vec<Numbered>> {
    let (mut chunks, mut rest, mut first) = (Vec::new(), frame.body, frame.first);
    while !rest.is_empty() {
        let (records, bytes, behind) = split_chunk(rest).or_refused(|| "read the hot log".into())?;
        chunks.push(Numbered { first, chunk: Chunk::read(bytes, records)? });
        (rest, first) = (behind, first + u64::from(records));
    }
    Ok(chunks)
}

fn split_chunk(bytes: &[u8]) -> Result<(u32, &[u8], &[u8]), std::io::Error> {
    let split = || {
        let (head, rest) = bytes.split_first_chunk::<8>()?;
        let records = u32::from_le_bytes(head[..4].try_into().ok()?);
        let length = u32::from_le_bytes(head[4..].try_into().ok()?);
        let (chunk, behind) = rest.split_at_checked(length as usize)?;
        Some((records, chunk, behind))
    };
    split().ok_or_else(|| std::io::Error::other("a frame was written by another version of catchwater"))
}
