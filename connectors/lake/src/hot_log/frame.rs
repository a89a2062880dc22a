//! A frame: what one sync made durable.
//!
//! ```text
//! "CWH1" | length of the body u32 | log 16 bytes | segment u64 | number of the first record u64 | records u32 |
//! checksum u64 (XXH3 over every other byte of the frame) | body
//! ```
//!
//! All numbers are little-endian. Log and segment are in each frame, so that bytes of another file are never taken for one
//! of this. A sync covers exactly one frame, and the next is written once it is done: so only the last frame can be a write
//! that a crash cut short. A bad one before another frame, good or not, is damage.

use std::hash::Hasher;
use std::ops::Range;

use twox_hash::XxHash3_64;
use uuid::Uuid;

const MAGIC: &[u8; 4] = b"CWH1";
const CHECKSUM: Range<usize> = 44..52;
pub(super) const HEAD_BYTES: usize = 52;

/// Which segment of which log a frame stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) log: Uuid,
    pub(super) segment: u64,
}

/// A frame as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// The number of its first record.
    pub(super) first: u64,
    pub(super) records: u32,
    pub(super) body: &'a [u8],
}

/// What a segment holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan<'a> {
    /// The good frames, in order.
    pub(super) frames: Vec<Frame<'a>>,
    /// Bytes before another frame that are no good one themselves, with the number of that frame in the list above; the number
    /// behind the last is that of a frame which is not good itself.
    pub(super) damage: Vec<(Range<usize>, usize)>,
    /// Bytes behind all that, of at most one frame.
    pub(super) torn: Range<usize>,
}

// === impl Frame ===

impl Frame<'_> {
    /// The number behind its last record.
    pub(super) fn end(&self) -> u64 {
        self.first + u64::from(self.records)
    }
}

/// The bytes of a frame.
pub(super) fn encode(place: Place, first: u64, records: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&u32::try_from(body.len()).expect("a group is far below 4 GiB").to_le_bytes());
    bytes.extend_from_slice(place.log.as_bytes());
    bytes.extend_from_slice(&place.segment.to_le_bytes());
    bytes.extend_from_slice(&first.to_le_bytes());
    bytes.extend_from_slice(&records.to_le_bytes());
    let checksum = checksum(&bytes, body);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Finds the good frames of a segment, and what lies between and behind them.
pub(super) fn scan(bytes: &[u8], place: Place) -> Scan<'_> {
    let mut scan = Scan::default();
    let (mut at, mut good) = (0, 0);
    while at < bytes.len() {
        match read(&bytes[at..]).filter(|(found, _)| *found == place) {
            Some((_, frame)) => {
                if at > good {
                    scan.damage.push((good..at, scan.frames.len()));
                }
                at += HEAD_BYTES + frame.body.len();
                good = at;
                scan.frames.push(frame);
            }
            None => at = next_magic(bytes, at + 1),
        }
    }
    let torn = last_head(&bytes[good..], place).map_or(good, |at| good + at);
    if torn > good {
        scan.damage.push((good..torn, scan.frames.len()));
    }
    scan.torn = torn..bytes.len();
    scan
}

/// Where the last frame of a place begins, whether it is good or not.
fn last_head(bytes: &[u8], place: Place) -> Option<usize> {
    let (mut last, mut at) = (None, next_magic(bytes, 0));
    while at < bytes.len() {
        if bytes.get(at..at + HEAD_BYTES).is_some_and(|head| place_of(head) == place) {
            last = Some(at);
        }
        at = next_magic(bytes, at + 1);
    }
    last
}

/// The log that a segment belongs to, as its first good frame says.
pub(super) fn log_of(bytes: &[u8], segment: u64) -> Option<Uuid> {
    let mut at = 0;
    while at < bytes.len() {
        match read(&bytes[at..]).filter(|(found, _)| found.segment == segment) {
            Some((found, _)) => return Some(found.log),
            None => at = next_magic(bytes, at + 1),
        }
    }
    None
}

/// The frame that the bytes begin with, if they do.
fn read(bytes: &[u8]) -> Option<(Place, Frame<'_>)> {
    let head = bytes.get(..HEAD_BYTES).filter(|head| head.starts_with(MAGIC))?;
    let u32_at = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
    let u64_at = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
    let body = bytes[HEAD_BYTES..].get(..u32_at(4) as usize)?;
    if checksum(&head[..CHECKSUM.start], body) != u64_at(CHECKSUM.start) {
        return None;
    }
    Some((place_of(head), Frame { first: u64_at(32), records: u32_at(40), body }))
}

/// Where a frame stands, as its head says.
fn place_of(head: &[u8]) -> Place {
    let log = Uuid::from_slice(&head[8..24]).expect("16 bytes");
    Place { log, segment: u64::from_le_bytes(head[24..32].try_into().expect("eight bytes")) }
}

fn checksum(head: &[u8], body: &[u8]) -> u64 {
    let mut hasher = XxHash3_64::new();
    hasher.write(head);
    hasher.write(body);
    hasher.finish()
}

fn next_magic(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.windows(MAGIC.len()).position(|window| window == MAGIC).map_or(bytes.len(), |at| from + at)
}
