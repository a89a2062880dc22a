//! What was stored comes back: whole, in order, from where it was left, and no more than was asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use catchwater_sdk::conformance::{self, SourceWorld};
use catchwater_sdk::sink::BoxSink;
use catchwater_sdk::source::{BoxSource, Polled};
use catchwater_sdk::{
    Batch, BatchBuilder, Context, Error, Field, Limit, Partition, Positions, Record, Registry, Result, Timestamp,
    TimestampKind, async_trait, config,
};
use tokio::time::{Instant, timeout};

use super::support::*;
use crate::replay::{Board, Config, count};

const HOUR: i64 = DAY / 24;

/// A replay of the collection `orders` with the engine's side of it.
pub(super) struct Play {
    pub(super) source: BoxSource,
    /// What came, as `partition:position`, with the index if there is one.
    pub(super) places: Vec<String>,
    batches: Vec<Batch>,
    pub(super) positions: Positions,
    starts: Positions,
}

fn registry(board: &Board) -> Registry {
    let mut registry = Registry::new();
    catchwater_connectors::register(&mut registry);
    crate::register_with(&mut registry, board.clone());
    registry
}

fn node(lake: &Lake, options: &str) -> config::Node {
    let text = format!("path: {}\ncollection: orders\n{options}", lake.path().display());
    config::parse(&text).documents.remove(0).root
}

pub(super) fn build(lake: &Lake, data_dir: &Path, options: &str, board: &Board) -> Result<BoxSource, String> {
    let node = node(lake, options);
    let mut context = Context::unattached("again", data_dir.to_owned());
    context.clock = lake.clock();
    registry(board).build_source("replay", &node, &context).map_err(|mistake| mistake.to_string())
}

impl Play {
    pub(super) fn of(lake: &Lake, options: &str) -> Play {
        Play::from(lake, options, &Positions::new())
    }

    /// One that goes on at these positions.
    pub(super) fn from(lake: &Lake, options: &str, starts: &Positions) -> Play {
        let source = build(lake, &lake.path().join("data"), options, &Board::default()).expect("a replay");
        Play::with(source, starts)
    }

    pub(super) fn with(source: BoxSource, starts: &Positions) -> Play {
        let (places, batches) = (Vec::new(), Vec::new());
        Play { source, places, batches, positions: Positions::new(), starts: starts.clone() }
    }

    /// Reads until `count` records are there, or the end.
    pub(super) async fn read(&mut self, count: usize, limit: usize) -> Result<bool> {
        while self.places.len() < count {
            let polled = timeout(Duration::from_secs(20), self.source.poll(Limit { records: limit, bytes: 1 << 20 }));
            match polled.await.expect("something comes")? {
                Polled::Records(batch) => self.keep(batch),
                Polled::Assigned(assigned) => {
                    let start = |partition: &Partition, at| self.starts.get(partition).unwrap_or(at);
                    let at: Positions = assigned
                        .into_iter()
                        .map(|one| (Arc::clone(&one.partition), start(&one.partition, one.at)))
                        .collect();
                    self.positions.advance_all(&at);
                    self.source.start(&at).await?;
                }
                Polled::Revoking(partitions, _) => self.source.release(&partitions).await?,
                Polled::Lost(_) => unreachable!("a replay loses nothing"),
                Polled::End => return Ok(true),
            }
        }
        Ok(false)
    }

    fn keep(&mut self, batch: Batch) {
        for record in batch.iter() {
            let index = if record.index() == 0 { String::new() } else { format!("/{}", record.index()) };
            self.places.push(format!("{}:{}{index}", record.partition().number, record.position()));
        }
        self.positions.advance_all(&batch.positions());
        self.batches.push(batch);
    }

    pub(super) fn payloads(&self) -> Vec<Option<Vec<u8>>> {
        self.batches.iter().flat_map(Batch::iter).map(|record| record.payload().map(<[u8]>::to_vec)).collect()
    }
}

/// What a replay sends, in its order.
async fn played(lake: &Lake, options: &str) -> Result<Vec<String>> {
    let mut play = Play::of(lake, options);
    play.source.open().await?;
    play.read(usize::MAX, 1000).await?;
    play.source.close(true).await?;
    Ok(play.places)
}

async fn check(lake: &Lake, options: &str, expected: &str) {
    let places = played(lake, options).await.expect("it is sent");
    assert_eq!(places.join(" "), expected, "{options}");
}

async fn refused(lake: &Lake, options: &str) -> String {
    let mut source = match build(lake, &lake.path().join("data"), options, &Board::default()) {
        Ok(source) => source,
        Err(mistake) => return mistake,
    };
    let opened = source.open().await;
    let error: Error = match opened {
        Err(error) => error,
        Ok(()) => Play::with(source, &Positions::new()).read(usize::MAX, 1000).await.expect_err("it is refused"),
    };
    error.chain()
}

/// Stores records of a partition: each a position with its time.
async fn store(sink: &mut BoxSink, barrier: u64, records: &[(i32, i64, i64)]) {
    let mut to: BTreeMap<i32, i64> = BTreeMap::new();
    for (number, position, micros) in records {
        let payload = format!("{{\"p\":{number},\"n\":{position}}}");
        let _ = sink.write(&timed(*number, *position, &[(*micros, payload.as_bytes())])).await.expect("taken");
        to.insert(*number, position + 1);
    }
    let _ = cut(sink, barrier, &to.into_iter().collect::<Vec<_>>()).await.expect("stored");
}

/// Two partitions in three commits; late events, so that files of two days overlap.
async fn two_days() -> Lake {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    assign(&mut sink, &[0, 1]).await;
    store(&mut sink, 1, &[(0, 0, NOON - DAY), (0, 1, NOON), (0, 2, NOON - DAY + 1), (1, 0, NOON - HOUR)]).await;
    store(&mut sink, 2, &[(1, 1, NOON + 1), (0, 3, NOON + 2)]).await;
    store(&mut sink, 3, &[(0, 4, NOON + 3), (1, 2, NOON + 4), (1, 3, NOON - DAY + 5)]).await;
    lake
}

// === the whole ===

struct World {
    lake: Lake,
    data_dir: tempfile::TempDir,
}

#[async_trait]
impl SourceWorld for World {
    async fn build(&mut self) -> BoxSource {
        build(&self.lake, self.data_dir.path(), "", &Board::default()).expect("a replay")
    }

    fn build_broken(&mut self) -> Option<BoxSource> {
        build(&Lake::new(), self.data_dir.path(), "", &Board::default()).ok()
    }

    fn records(&self) -> BTreeMap<(String, i32), Vec<Option<Vec<u8>>>> {
        let payload = |number: i32, position: i64| Some(format!("{{\"p\":{number},\"n\":{position}}}").into_bytes());
        let of = |number, count| (("orders".to_owned(), number), (0..count).map(|n| payload(number, n)).collect());
        [of(0, 5), of(1, 4)].into()
    }

    fn ends(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn keeps_the_promises_of_every_source() {
    let (lake, data_dir) = (two_days().await, tempfile::tempdir().expect("a folder"));
    conformance::source(&mut World { lake, data_dir }).await;
}

#[tokio::test]
async fn each_partition_comes_in_its_order_and_all_by_time() {
    check(&two_days().await, "", "0:0 1:0 0:1 0:2 1:1 0:3 0:4 1:2 1:3").await;
}

#[tokio::test]
async fn what_comes_is_the_original() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let mut builder = BatchBuilder::new(Limit::default());
    let origin = builder.origin(&partition(0));
    let headers = [Field::text("trace", "1"), Field::bytes("trace", None), Field::bytes("", Some(b"\xff"))];
    let properties = [Field::text("content_type", "text/plain")];
    let timestamp = |micros| Some(Timestamp { micros, kind: TimestampKind::Append });
    let records = [
        Record {
            payload: Some(b"{\"a\": 1.50 }\n"),
            key: Some(b"\x00k"),
            headers: &headers,
            timestamp: timestamp(NOON),
            ..Record::default()
        },
        Record { key: Some(b""), properties: &properties, redelivered: true, ..Record::default() },
        Record { payload: Some(b""), timestamp: timestamp(i64::MAX), ..Record::default() },
        Record { payload: Some(b"\xff\xfe{"), timestamp: timestamp(-7), ..Record::default() },
    ];
    (0..).zip(records).for_each(|(position, record)| builder.push(origin, position, position + 1, record));
    let original = json(builder.finish());
    let _ = sink.write(&original).await.expect("taken");
    let _ = cut(&mut sink, 1, &[(0, 4)]).await.expect("stored");
    let mut play = Play::of(&lake, "");
    play.source.open().await.expect("opens");
    play.read(4, 1000).await.expect("reads");
    let told = |batch: &Batch| {
        let one = |record: catchwater_sdk::RecordRef<'_>| {
            let (headers, properties): (Vec<_>, Vec<_>) = (record.headers().collect(), record.properties().collect());
            format!(
                "{:?} {:?} {headers:?} {properties:?} {:?} {} {:?}",
                record.payload(),
                record.key(),
                record.timestamp(),
                record.redelivered(),
                record.partition()
            )
        };
        batch.iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(play.batches.iter().flat_map(told).collect::<Vec<_>>(), told(&original));
}

// === a part ===

/// What a dry run says of it: events that would be sent, those that a replay had sent, and how many of them it shows.
async fn counted(lake: &Lake, options: &str, samples: usize) -> (u64, u64, usize) {
    let config = node(lake, options).read::<Config>().expect("a replay");
    let count = count(&config, &json_format(), samples).await.expect("a count");
    (count.events, count.replayed, count.samples.len())
}

#[tokio::test]
async fn a_dry_run_counts_what_would_be_sent() {
    let lake = two_days().await;
    let positions = "positions: [{partition: 0, from: 1, to: 3}, {partition: 1, from: 3}]";
    for options in ["", "query: p:1", "query: n:>2 NOT p:1", "since: 2026-11-22", "partitions: [1]", positions] {
        let sent = played(&lake, options).await.expect("it is sent").len();
        for samples in [0, 2, 100] {
            assert_eq!(counted(&lake, options, samples).await, (sent as u64, 0, sent.min(samples)), "{options}");
        }
    }
}

#[tokio::test]
async fn only_what_is_asked_for_comes() {
    let lake = two_days().await;
    check(&lake, "query: p:1", "1:0 1:1 1:2 1:3").await;
    check(&lake, "query: n:>2 NOT p:1", "0:3 0:4").await;
    check(&lake, "since: 2026-11-22", "1:0 0:1 1:1 0:3 0:4 1:2").await;
    check(&lake, "until: 2026-11-22", "0:0 0:2 1:3").await;
    check(&lake, "since: 12h", "1:0 0:1 1:1 0:3 0:4 1:2").await;
    check(&lake, "partitions: [1]", "1:0 1:1 1:2 1:3").await;
    check(&lake, "positions: [{partition: 0, from: 1, to: 3}, {partition: 1, from: 3}]", "1:3 0:1 0:2").await;
    check(&lake, "positions: [{stream: carts, partition: 0}]", "").await;
    check(&lake, "query: nothing:here", "").await;
}

#[tokio::test]
async fn the_last_are_the_newest_and_the_limit_counts_from_the_first() {
    let lake = two_days().await;
    check(&lake, "last: 3", "0:3 0:4 1:2").await;
    check(&lake, "last: 5", "0:1 1:1 0:3 0:4 1:2").await;
    check(&lake, "last: 100", "0:0 1:0 0:1 0:2 1:1 0:3 0:4 1:2 1:3").await;
    check(&lake, "last: 2\nquery: p:1", "1:1 1:2").await;
    check(&lake, "limit: 3", "0:0 1:0 0:1").await;
    check(&lake, "limit: 1\nlast: 3", "0:3").await;
}

#[tokio::test]
async fn files_of_other_times_are_not_touched() {
    let lake = two_days().await;
    for file in lake.files().await.iter().filter(|file| file.contains("2026-11-21")) {
        std::fs::remove_file(lake.folder().join(file)).expect("it is there");
    }
    check(&lake, "since: 2026-11-22", "1:0 0:1 1:1 0:3 0:4 1:2").await;
    let error = refused(&lake, "until: 2026-11-22").await;
    assert!(error.contains("the table's log lists the file, and it is not there"), "{error}");
}

#[tokio::test]
async fn a_row_that_two_captures_stored_comes_once() {
    let lake = Lake::new();
    for (number, capture) in [(1, false), (2, true)] {
        let mut sink =
            if capture { lake.other_capture("allow_other_captures: true").await } else { lake.sink("").await };
        assign(&mut sink, &[0]).await;
        store(&mut sink, number, &[(0, 0, NOON), (0, 1, NOON + 1)]).await;
    }
    let board = Board::default();
    let mut play = Play::with(build(&lake, &lake.path(), "", &board).expect("a replay"), &Positions::new());
    play.source.open().await.expect("opens");
    play.read(usize::MAX, 1000).await.expect("reads");
    assert_eq!(play.places, ["0:0", "0:1"]);
    assert_eq!(board.tally("again").doubled.load(std::sync::atomic::Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_topic_made_anew_is_another_sequence() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    for incarnation in ["1", "2"] {
        let partition = Arc::new(Partition { incarnation: incarnation.into(), ..Partition::clone(&partition(0)) });
        let mut builder = BatchBuilder::new(Limit::default());
        let origin = builder.origin(&partition);
        (0..2)
            .for_each(|position| builder.push(origin, position, position + 1, Record::payload(incarnation.as_bytes())));
        let _ = sink.write(&json(builder.finish())).await.expect("taken");
        let positions = Arc::new([(partition, 2)].into_iter().collect());
        let barrier =
            catchwater_sdk::Barrier { number: 1, kind: catchwater_sdk::BarrierKind::Cut, positions, last: false };
        let _ = sink.barrier(&barrier).await.expect("stored");
    }
    let mut play = Play::of(&lake, "");
    play.source.open().await.expect("opens");
    play.read(usize::MAX, 1000).await.expect("reads");
    let text = |payload: Option<Vec<u8>>| String::from_utf8(payload.unwrap_or_default()).expect("text");
    let mut payloads: Vec<String> = play.payloads().into_iter().map(text).collect();
    payloads.sort();
    assert_eq!(payloads, ["1", "1", "2", "2"]);
    assert_eq!(play.positions.len(), 2, "each has positions of its own");
}

// === going on ===

#[tokio::test]
async fn a_batch_never_ends_within_a_position() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let parents = batch(0, 0, &["a", "b"]);
    let mut builder = BatchBuilder::like(&parents);
    for parent in parents.iter() {
        (0..3).for_each(|index| builder.push_from(parent, index, Record::payload(b"part")));
    }
    let _ = sink.write(&json(builder.finish())).await.expect("taken");
    let _ = cut(&mut sink, 1, &[(0, 2)]).await.expect("stored");
    let mut play = Play::of(&lake, "");
    play.source.open().await.expect("opens");
    play.read(1, 1).await.expect("reads");
    assert_eq!(play.places, ["0:0", "0:0/1", "0:0/2"]);
    assert_eq!(play.positions.get(&partition(0)), Some(1));
    let mut rest = Play::from(&lake, "", &play.positions);
    rest.source.open().await.expect("opens");
    rest.read(usize::MAX, 1).await.expect("reads");
    assert_eq!(rest.places, ["0:1", "0:1/1", "0:1/2"]);
}

#[tokio::test]
async fn it_ends_where_it_began_also_after_a_crash() {
    let lake = two_days().await;
    let mut first = Play::of(&lake, "since: 12h");
    first.source.open().await.expect("opens");
    first.read(2, 1).await.expect("reads");
    let mut sink = lake.sink("").await;
    assign(&mut sink, &[0, 1]).await;
    store(&mut sink, 1, &[(0, 5, NOON + 9), (1, 4, NOON + 9)]).await;
    lake.set_clock(NOON + DAY);
    drop(first.source);
    let mut second = Play::from(&lake, "since: 12h", &first.positions);
    second.source.open().await.expect("opens");
    assert!(second.read(usize::MAX, 1000).await.expect("reads"));
    assert_eq!([first.places, second.places].concat().join(" "), "1:0 0:1 1:1 0:3 0:4 1:2");
}

#[tokio::test]
async fn a_limit_counts_what_was_sent_before_the_crash() {
    let lake = two_days().await;
    for interrupted_after in 1..=4 {
        std::fs::remove_dir_all(lake.path().join("data")).ok();
        let mut first = Play::of(&lake, "limit: 5");
        first.source.open().await.expect("opens");
        first.read(interrupted_after, 1).await.expect("reads");
        drop(first.source);
        let mut second = Play::from(&lake, "limit: 5", &first.positions);
        second.source.open().await.expect("opens");
        assert!(second.read(usize::MAX, 2).await.expect("reads"));
        assert_eq!([first.places, second.places].concat().join(" "), "0:0 1:0 0:1 0:2 1:1");
    }
}

#[tokio::test]
async fn one_that_is_done_forgets_what_it_settled_and_sends_what_is_new() {
    let lake = two_days().await;
    let mut first = Play::of(&lake, "");
    first.source.open().await.expect("opens");
    assert!(first.read(usize::MAX, 1000).await.expect("reads"));
    assert!(crate::replay::is_interrupted(&lake.path().join("data"), "again"), "nothing is confirmed yet");
    first.source.commit(&first.positions).await.expect("commits");
    first.source.close(true).await.expect("closes");
    assert!(!crate::replay::is_interrupted(&lake.path().join("data"), "again"));
    let mut sink = lake.sink("").await;
    assign(&mut sink, &[0, 1]).await;
    store(&mut sink, 1, &[(0, 5, NOON + 9)]).await;
    let mut second = Play::from(&lake, "", &first.positions);
    second.source.open().await.expect("opens");
    assert!(second.read(usize::MAX, 1000).await.expect("reads"));
    assert_eq!(second.places, ["0:5"]);
    // Once more, with nothing to send: that is done too, and does not hold the next one to its end.
    second.source.commit(&second.positions).await.expect("commits");
    second.source.close(true).await.expect("closes");
    let mut third = Play::from(&lake, "", &second.positions);
    third.source.open().await.expect("opens");
    assert!(third.read(usize::MAX, 1000).await.expect("reads"));
    third.source.close(true).await.expect("closes");
    assert!(!crate::replay::is_interrupted(&lake.path().join("data"), "again"));
}

#[tokio::test]
async fn one_that_follows_goes_on_with_new_commits_and_new_partitions() {
    let lake = two_days().await;
    let mut play = Play::of(&lake, "follow: true\nquery: NOT n:6");
    play.source.open().await.expect("opens");
    play.read(9, 1000).await.expect("reads");
    let mut sink = lake.sink("").await;
    assign(&mut sink, &[0, 1, 2]).await;
    store(&mut sink, 1, &[(0, 5, NOON + 9), (0, 6, NOON + 9), (2, 0, NOON + 10)]).await;
    play.read(11, 1000).await.expect("reads");
    assert_eq!(play.places[9..], ["0:5", "2:0"]);
    assert_eq!(play.positions.get(&partition(2)), Some(1));
}

#[tokio::test]
async fn one_that_loops_sends_all_again() {
    let lake = two_days().await;
    let mut play = Play::of(&lake, "loop: 3\npartitions: [1]");
    play.source.open().await.expect("opens");
    assert!(play.read(usize::MAX, 1000).await.expect("reads"));
    assert_eq!(play.places.join(" "), "1:0 1:1 1:2 1:3 ".repeat(3).trim_end());
    let incarnations: Vec<_> = play.positions.iter().map(|(partition, _)| partition.incarnation.to_string()).collect();
    assert!(incarnations.contains(&"1~3".to_owned()), "each round has positions of its own: {incarnations:?}");
}

// === in time ===

#[tokio::test]
async fn records_come_at_the_rate_that_was_asked() {
    check_pace("rate: 40/s", 200).await;
    check_pace("rate: 520B/s", 200).await;
}

#[tokio::test]
async fn records_come_in_the_original_cadence() {
    // A day and three microseconds between the first and the newest; what is late goes with those before it.
    check_pace("speed: 432000x", 200).await;
    check_pace("speed: 10x\ngap_max: 1s", 200).await;
}

/// When each is due is tested with times that are made up (`replay::pace`); this is that it is waited for.
async fn check_pace(options: &str, expected_ms: u128) {
    let lake = two_days().await;
    let mut play = Play::of(&lake, options);
    play.source.open().await.expect("opens");
    play.read(1, 1000).await.expect("reads");
    let began = Instant::now();
    assert!(play.read(usize::MAX, 1000).await.expect("reads"));
    let took_ms = began.elapsed().as_millis();
    assert_eq!(play.places.len(), 9);
    assert!((expected_ms - 10..2 * expected_ms).contains(&took_ms), "{options} took {took_ms} ms, not {expected_ms}");
}

// === where it came from ===

#[tokio::test]
async fn provenance_is_said_when_it_is_asked_for() {
    let lake = two_days().await;
    let mut play = Play::of(&lake, "provenance: true\nlimit: 2");
    play.source.open().await.expect("opens");
    play.read(2, 1000).await.expect("reads");
    let headers = |record: catchwater_sdk::RecordRef<'_>| {
        let text =
            |field: Field<'_>| format!("{}={}", field.name, String::from_utf8_lossy(field.value.unwrap_or_default()));
        record.headers().map(text).collect::<Vec<_>>().join(" ")
    };
    let said: Vec<_> = play.batches.iter().flat_map(Batch::iter).map(headers).collect();
    assert_eq!(
        said[1],
        "catchwater-replay=again catchwater-stream=orders catchwater-partition=1 catchwater-position=0"
    );
}

#[tokio::test]
async fn what_a_replay_had_sent_is_left_out_and_counted() {
    let lake = Lake::new();
    let mut sink = lake.sink("").await;
    let mut builder = BatchBuilder::new(Limit::default());
    let origin = builder.origin(&partition(0));
    for position in 0..4 {
        let headers = [Field::text("catchwater-replay", "before")];
        let headers = if position == 2 { &headers[..] } else { &[] };
        builder.push(origin, position, position + 1, Record { headers, ..Record::payload(b"{}") });
    }
    let _ = sink.write(&json(builder.finish())).await.expect("taken");
    let _ = cut(&mut sink, 1, &[(0, 4)]).await.expect("stored");
    check(&lake, "", "0:0 0:1 0:3").await;
    check(&lake, "replayed: true", "0:0 0:1 0:2 0:3").await;
    let board = Board::default();
    let mut play = Play::with(build(&lake, &lake.path(), "", &board).expect("a replay"), &Positions::new());
    play.source.open().await.expect("opens");
    play.read(usize::MAX, 1000).await.expect("reads");
    let tally = board.tally("again");
    let counts = [&tally.sent, &tally.replayed].map(|count| count.load(std::sync::atomic::Ordering::Relaxed));
    assert_eq!(counts, [3, 1]);
    assert_eq!(counted(&lake, "", 5).await, (3, 1, 3));
    assert_eq!(counted(&lake, "replayed: true", 5).await, (4, 0, 4));
}

#[tokio::test]
async fn only_one_that_may_loop_says_so() {
    let lake = two_days().await;
    let traits = |options| build(&lake, &PathBuf::new(), options, &Board::default()).expect("a replay").traits();
    assert!(!traits("provenance: true").may_return);
    assert!(traits("allow_loop: true").may_return);
}

// === what cannot be done ===

#[tokio::test]
async fn mistakes_name_what_is_wrong() {
    let lake = two_days().await;
    let check = async |options: &str, expected: &str| {
        let error = refused(&lake, options).await;
        assert!(error.contains(expected), "{options}: {error}");
    };
    check("since: yesterday", "`yesterday` is no time").await;
    check("since: 2026-11-22\nuntil: 2026-11-22", "nothing is before `until`").await;
    check("rate: 5/s\nspeed: 2x", "`rate` and `speed` exclude each other").await;
    check("gap_max: 5s", "gaps have a length only with `speed`").await;
    check("last: 2000000", "must be from 1 to 1000000").await;
    check("limit: 0", "must be 1 or more").await;
    check("follow: true\nloop: 2", "has no end").await;
    check("query: 'a:('", "query").await;
}

#[tokio::test]
async fn a_lake_that_is_not_there_or_lacks_the_collection_says_so() {
    let error = refused(&Lake::new(), "").await;
    assert!(error.contains("orders"), "{error}");
}
