//! Logs on a real disk: written, torn at every byte, damaged at every byte, opened twice.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catchwater_sdk::{
    Batch, BatchBuilder, Context, Field, FieldKind, Limit, Partition, Record, Timestamp, TimestampKind,
};
use uuid::Uuid;

use super::chunk::Chunk;
use super::frame::{self, Place, scan};
use super::leftovers::put_chunk;
use super::*;

const LOG: Uuid = Uuid::from_u128(7);
const PLACE: Place = Place { log: LOG, segment: 3 };

fn context(folder: &Path) -> Context {
    Context::unattached("web hook", folder.to_owned())
}

fn partition() -> Arc<Partition> {
    Arc::new(Partition { source: "http:a".into(), stream: "events".into(), incarnation: "".into(), number: 0 })
}

fn batch(first: i64, records: i64) -> Batch {
    let mut batch = BatchBuilder::new(Limit::default());
    let origin = batch.origin(&partition());
    (first..first + records).for_each(|at| batch.push(origin, at, at + 1, Record::payload(b"{}")));
    batch.finish()
}

fn chunk(batch: &Batch) -> ChunkBuilder {
    let target = |origin: &catchwater_sdk::batch::Origin| Target {
        partition: Arc::clone(&origin.partition),
        after: origin.after,
        collection: "events".into(),
    };
    let targets: Vec<_> = batch.origins().iter().map(target).collect();
    let mut chunk = ChunkBuilder::new("file:///lake", 5, &targets);
    batch.iter().for_each(|record| chunk.push(record));
    chunk
}

/// A log of this folder, whose leftovers nobody wants.
fn started(folder: &Path, bytes_max: u64) -> HotLog {
    let mut leftovers = HotLog::take(&context(folder)).expect("it is free");
    while leftovers.read_segment().expect("reads").is_some() {}
    HotLog::start(leftovers, bytes_max).expect("starts")
}

/// The positions of what was left, with the number that each has in the log.
fn left(folder: &Path) -> Vec<(u64, i64)> {
    let mut leftovers = HotLog::take(&context(folder)).expect("it is free");
    let mut left = Vec::new();
    while let Some(segment) = leftovers.read_segment().expect("reads") {
        for numbered in segment {
            let positions = numbered.chunk.batch.iter().map(|record| record.position()).collect::<Vec<_>>();
            left.extend((numbered.first..).zip(positions));
        }
    }
    left
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let slot = slot::folder(&context(folder)).join("0");
    let entries = fs::read_dir(slot).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    files
}

// === frames ===

/// Four frames of which the first has no record, and where each ends.
fn segment() -> (Vec<u8>, Vec<usize>) {
    let mut bytes = frame::encode(PLACE, 10, 0, &[]);
    let mut ends = vec![bytes.len()];
    for (first, body) in [(10, &b"one"[..]), (12, b"CWH1 in the middle"), (14, b"")] {
        bytes.extend(frame::encode(PLACE, first, 2, body));
        ends.push(bytes.len());
    }
    (bytes, ends)
}

#[test]
fn a_tail_torn_at_any_byte_leaves_the_frames_before_it() {
    let (bytes, ends) = segment();
    for length in 0..=bytes.len() {
        let scan = scan(&bytes[..length], PLACE);
        let whole = ends.iter().filter(|end| **end <= length).count();
        assert_eq!(scan.frames.len(), whole, "cut at {length}");
        let good = if whole == 0 { 0 } else { ends[whole - 1] };
        assert_eq!((scan.torn, scan.damage), (good..length, vec![]), "cut at {length}");
    }
}

#[test]
fn of_several_bad_frames_at_the_end_only_the_last_can_be_torn() {
    let (bytes, ends) = segment();
    for (first, torn) in [(1, ends[2]), (2, ends[2]), (3, ends[2])] {
        let mut bad = bytes.clone();
        // The last byte of each frame's head: its checksum.
        (first..ends.len()).for_each(|frame| bad[ends[frame - 1] + frame::HEAD_BYTES - 1] ^= 0x10);
        let scan = scan(&bad, PLACE);
        assert_eq!(scan.frames.len(), first, "bad from frame {first} on");
        let damage = if torn > ends[first - 1] { vec![(ends[first - 1]..torn, first)] } else { vec![] };
        assert_eq!((scan.damage, scan.torn), (damage, torn..bytes.len()), "bad from frame {first} on");
    }
}

#[test]
fn any_byte_that_flips_costs_its_frame_and_no_other() {
    let (bytes, ends) = segment();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        let scan = scan(&flipped, PLACE);
        let hit = ends.iter().filter(|end| **end <= at).count();
        let start = if hit == 0 { 0 } else { ends[hit - 1] };
        let firsts: Vec<u64> = scan.frames.iter().map(|frame| frame.end()).collect();
        let mut expected = vec![10, 12, 14, 16];
        expected.remove(hit);
        assert_eq!(firsts, expected, "flipped at {at}");
        match hit {
            3 => assert_eq!((scan.damage, scan.torn), (vec![], start..bytes.len())),
            _ => assert_eq!((scan.damage, scan.torn.len()), (vec![(start..ends[hit], hit)], 0)),
        }
    }
}

#[test]
fn frames_of_another_segment_or_log_are_none() {
    let (bytes, _) = segment();
    for place in [Place { segment: 4, ..PLACE }, Place { log: Uuid::nil(), ..PLACE }] {
        assert_eq!(scan(&bytes, place).frames, vec![]);
    }
    assert_eq!((frame::log_of(&bytes, 3), frame::log_of(&bytes, 4)), (Some(LOG), None));
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let headers = [
        Field::bytes("a", None),
        Field::bytes("a", Some(b"")),
        Field { name: "", value: Some(b"1"), kind: FieldKind::Int },
    ];
    let properties = [Field::text("method", "POST")];
    let timestamp = |kind| Some(Timestamp { micros: -5, kind });
    let mut builder = BatchBuilder::new(Limit::default());
    let origin = builder.origin(&partition());
    builder.push(origin, 3, 4, Record::default());
    builder.push(origin, 4, 5, Record { payload: Some(b""), key: Some(b""), redelivered: true, ..Record::default() });
    let full = Record {
        headers: &headers,
        properties: &properties,
        timestamp: timestamp(TimestampKind::Append),
        ..Record::payload(b"\xff")
    };
    builder.push_captured(origin, 5, 2, full);
    builder.advance(origin, 9);
    let written = builder.finish();
    let (records, bytes) = chunk(&written).finish();
    let read = Chunk::read(&bytes, records).expect("reads");
    assert_eq!((read.lake.as_str(), read.arrived_micros), ("file:///lake", 5));
    assert_eq!(read.targets, [Target { partition: partition(), after: 9, collection: "events".into() }]);
    assert_eq!(read.batch.positions(), written.positions());
    let shown = |batch: &Batch| batch.iter().map(show).collect::<Vec<_>>();
    assert_eq!(shown(&read.batch), shown(&written));
    Chunk::read(&bytes[..bytes.len() - 1], records).expect_err("it is another version's");
}

fn show(record: catchwater_sdk::RecordRef<'_>) -> String {
    let (headers, properties) = (record.headers().collect::<Vec<_>>(), record.properties().collect::<Vec<_>>());
    let place = (record.position(), record.index(), record.redelivered(), record.timestamp());
    format!("{place:?} {:?} {:?} {headers:?} {properties:?}", record.payload(), record.key())
}

// === logs ===

#[tokio::test]
async fn what_was_synced_is_there_at_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = started(folder.path(), 1 << 30);
    assert_eq!(log.append(chunk(&batch(100, 2))).await.expect("appends"), 0);
    assert_eq!(log.append(chunk(&batch(102, 1))).await.expect("appends"), 2);
    log.synced().await.expect("syncs");
    drop(log);
    assert_eq!(left(folder.path()), [(0, 100), (1, 101), (2, 102)]);
    // Nobody had stored them: they are there as long as the log is not settled.
    assert_eq!(left(folder.path()).len(), 3);
    let mut log = started(folder.path(), 1 << 30);
    assert_eq!(log.append(chunk(&batch(103, 1))).await.expect("appends"), 3, "numbers go on");
    drop(log);
    assert_eq!(left(folder.path()), [(3, 103)]);
}

#[tokio::test]
async fn a_second_one_takes_another_folder_and_what_is_left_behind_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, mut second) = (started(folder.path(), 1 << 30), started(folder.path(), 1 << 30));
    assert_ne!(first.app_id(), second.app_id());
    second.append(chunk(&batch(7, 1))).await.expect("appends");
    second.synced().await.expect("syncs");
    let count = || HotLog::left_behind(&context(folder.path())).count();
    assert_eq!(count(), 0, "both are held");
    drop(second);
    let mut leftovers = HotLog::left_behind(&context(folder.path())).next().expect("one is free").expect("opens");
    assert_eq!(leftovers.read_segment().expect("reads").expect("a segment")[0].first, 0);
}

/// The end of a log may be cut anywhere; its name is then given up, so that no number counts as stored that is new.
#[tokio::test]
async fn a_torn_tail_is_cut_and_the_log_begins_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = started(folder.path(), 1 << 30);
    let name = log.app_id().to_owned();
    for position in 0..2 {
        log.append(chunk(&batch(position, 1))).await.expect("appends");
        log.synced().await.expect("syncs");
    }
    drop(log);
    let file = &files(folder.path(), "hot")[0];
    let bytes = fs::read(file).expect("reads");
    fs::write(file, &bytes[..bytes.len() - 1]).expect("writes");
    assert_eq!(left(folder.path()), [(0, 0)]);
    let log = started(folder.path(), 1 << 30);
    assert_ne!(log.app_id(), name);
    assert!(files(folder.path(), "damaged").is_empty());
}

#[tokio::test]
async fn a_damaged_middle_is_kept_aside_and_the_rest_brought_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = started(folder.path(), 1 << 30);
    for position in 0..3 {
        log.append(chunk(&batch(position, 1))).await.expect("appends");
        log.synced().await.expect("syncs");
    }
    drop(log);
    let file = &files(folder.path(), "hot")[0];
    let mut bytes = fs::read(file).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, &bytes).expect("writes");
    assert_eq!(left(folder.path()), [(0, 0), (2, 2)]);
    drop(started(folder.path(), 1 << 30));
    assert_eq!(files(folder.path(), "damaged").len(), 1);
    assert!(left(folder.path()).is_empty());
}

/// Nobody writes to a segment behind the next one: its last frame was whole, and who sent its records was told so.
#[tokio::test]
async fn a_last_frame_before_another_segment_is_damaged_and_not_torn() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(started(folder.path(), 1 << 30));
    let slot = slot::folder(&context(folder.path())).join("0");
    let segment = *segments::list(&slot).expect("lists").last().expect("a segment");
    let log = frame::log_of(&segments::read(&slot, segment).expect("reads"), segment).expect("its log");
    let written = |segment, first: u64| {
        let mut body = Vec::new();
        put_chunk(&mut body, 2, &chunk(&batch(first as i64, 2)).finish().1);
        let place = Place { log, segment };
        [frame::encode(place, first, 0, &[]), frame::encode(place, first, 2, &body)].concat()
    };
    let mut bad = [written(segment, 0), frame::encode(Place { log, segment }, 2, 3, b"lost")].concat();
    *bad.last_mut().expect("it has bytes") ^= 1;
    fs::write(segments::path(&slot, segment), &bad).expect("writes");
    fs::write(segments::path(&slot, segment + 1), written(segment + 1, 5)).expect("writes");
    assert_eq!(left(folder.path()), [(0, 0), (1, 1), (5, 5), (6, 6)]);
    drop(started(folder.path(), 1 << 30));
    let kept = files(folder.path(), "damaged");
    assert_eq!(kept.len(), 1);
    assert_eq!(fs::read(&kept[0]).expect("reads"), bad, "it is the damaged one that is kept");
}

#[tokio::test]
async fn a_frame_that_was_written_twice_counts_once() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(started(folder.path(), 1 << 30));
    let slot = slot::folder(&context(folder.path())).join("0");
    let segment = *segments::list(&slot).expect("lists").last().expect("a segment");
    let log = frame::log_of(&segments::read(&slot, segment).expect("reads"), segment).expect("its log");
    let [bytes, more] = [7, 9].map(|first| chunk(&batch(first, 2)).finish().1);
    let mut body = Vec::new();
    put_chunk(&mut body, 2, &bytes);
    for (segment, records) in [(segment, 2), (segment + 1, 4)] {
        let place = Place { log, segment };
        let both = [frame::encode(place, 0, 0, &[]), frame::encode(place, 0, records, &body)].concat();
        fs::write(segments::path(&slot, segment), both).expect("writes");
        // What had come when it was written again is in the same frame.
        put_chunk(&mut body, 2, &more);
    }
    assert_eq!(left(folder.path()), [(0, 7), (1, 8), (2, 9), (3, 10)]);
}

/// A record that alone makes a segment large enough to be closed.
fn large() -> Batch {
    let payload = vec![0; 2 << 20];
    let mut builder = BatchBuilder::new(Limit::default());
    let origin = builder.origin(&partition());
    builder.push(origin, 0, 1, Record::payload(&payload));
    builder.finish()
}

#[tokio::test]
async fn segments_go_once_all_in_them_is_stored_and_before_that_it_fills() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = started(folder.path(), 6 << 20);
    let large = large();
    assert!(!log.is_full());
    for _ in 0..2 {
        log.append(chunk(&large)).await.expect("appends");
    }
    log.synced().await.expect("syncs");
    assert!(log.is_full());
    log.release().await.expect("releases");
    let mut state = log.state.clone();
    state.wait_for(|state| state.bytes < 1 << 20).await.expect("the writer lives");
    assert!(!log.is_full());
    assert_eq!(files(folder.path(), "hot").len(), 1);
    drop(log);
    assert!(left(folder.path()).is_empty());
}

#[tokio::test]
async fn a_segment_that_cannot_be_removed_takes_its_room_until_it_can() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = started(folder.path(), 1 << 30);
    let segment = files(folder.path(), "hot").remove(0);
    log.append(chunk(&large())).await.expect("appends");
    log.synced().await.expect("syncs");
    // A folder is not deleted as a file is.
    fs::remove_file(&segment).and_then(|()| fs::create_dir(&segment)).expect("another stands in its place");
    log.release().await.expect("releases");
    while files(folder.path(), "hot").len() < 2 {
        tokio::task::yield_now().await;
    }
    log.append(chunk(&batch(1, 1))).await.expect("appends");
    log.synced().await.expect("it goes on");
    assert!(log.state.borrow().bytes > 2 << 20, "it is there still");
    fs::remove_dir(&segment).expect("now it can be removed");
    log.release().await.expect("releases");
    log.state.clone().wait_for(|state| state.bytes < 1 << 20).await.expect("the writer lives");
}

#[tokio::test]
async fn a_disk_that_fails_is_said_and_tried_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready = HotLog::take(&context(folder.path())).expect("it is free").settle().expect("settles");
    let (orders, receiver) = mpsc::channel(4);
    let (mut writer, state) = Writer::new(ready, receiver);
    // What is opened to be read cannot be written to: that stands for a disk that is full.
    let path = files(folder.path(), "hot").remove(0);
    let good = writer.replace_file(fs::File::open(&path).expect("opens"));
    let (records, bytes) = chunk(&batch(0, 1)).finish();
    orders.send(Order::Append { records, bytes }).await.expect("sends");
    let error = writer.step().expect_err("it cannot be written");
    assert!(error.chain().contains("hot log"), "{}", error.chain());
    assert_eq!(state.borrow().synced, 0);
    writer.replace_file(good);
    writer.step().expect("it goes on where it was");
    assert_eq!(state.borrow().synced, 1);
    drop(writer);
    assert_eq!(left(folder.path()), [(0, 0)]);
}

// === logs that nobody asks for ===

#[tokio::test]
async fn a_log_of_a_name_that_nobody_runs_is_found_as_long_as_it_holds_records() {
    let folder = tempfile::tempdir().expect("a folder");
    let context = context(folder.path());
    let names = |forgotten: Vec<Forgotten>| forgotten.into_iter().map(|log| log.path).collect::<Vec<_>>();
    let mut log = started(folder.path(), 1 << 20);
    log.append(chunk(&batch(0, 3))).await.expect("taken");
    log.synced().await.expect("safe");
    assert_eq!(names(forgotten(folder.path(), [])), Vec::<PathBuf>::new(), "it is open");
    drop(log);
    let known = (&*context.pipeline, &*context.component);
    assert_eq!(names(forgotten(folder.path(), [known])), Vec::<PathBuf>::new(), "it is brought in by its own sink");
    let slot = slot::folder(&context).join("0");
    assert_eq!(names(forgotten(folder.path(), [(known.0, "other")])), std::slice::from_ref(&slot));
    drop(started(folder.path(), 1 << 20));
    assert_eq!(names(forgotten(folder.path(), [])), Vec::<PathBuf>::new(), "it holds nothing any more");
}
