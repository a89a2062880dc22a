use catchwater_sdk::config::parse;
use catchwater_sdk::conformance::{self, SinkWorld};
use catchwater_sdk::sink::BoxSink;
use catchwater_sdk::{BatchBuilder, Limit, Record};

use super::*;
use crate::s3::Unpacker;
use crate::s3::testing::Place;
use crate::testing;

fn sink(place: &Place, more: &str) -> BoxSink {
    testing::sink("s3", &format!("{{{}{more}}}", place.keys)).expect("a good configuration")
}

fn unpacked(bytes: &[u8], compression: Compression) -> String {
    let (mut unpacker, mut text, mut at) = (Unpacker::new(compression).expect("an unpacker"), Vec::new(), 0);
    while at < bytes.len() {
        at += unpacker.unpack(&bytes[at..], &mut text).expect("unpacked");
    }
    unpacker.finish(&mut text).expect("whole");
    String::from_utf8(text).expect("text")
}

struct World(Place);

#[async_trait]
impl SinkWorld for World {
    fn build(&mut self) -> BoxSink {
        sink(&self.0, ", encoding: json, compression: zstd, key: all")
    }

    fn build_broken(&mut self) -> Option<BoxSink> {
        let yaml = "{url: 's3://bucket/x', endpoint: 'http://127.0.0.1:1', access_key_id: a, secret_access_key: b}";
        Some(testing::sink("s3", yaml).expect("a good configuration"))
    }

    async fn read_back(&mut self) -> Vec<Option<Vec<u8>>> {
        let objects = self.0.objects().await;
        let lines = objects.iter().flat_map(|(_, bytes)| {
            let text = unpacked(bytes, Compression::Zstd);
            text.lines().map(payload).collect::<Vec<_>>()
        });
        lines.collect()
    }
}

/// The payload of a record written as JSON.
fn payload(line: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
    match &record["payload"] {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone().into_bytes()),
        bytes => {
            Some(base64::prelude::BASE64_STANDARD.decode(bytes["base64"].as_str().expect("base64")).expect("base64"))
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_what_every_sink_promises() {
    conformance::sink(&mut World(Place::new())).await;
}

fn traits() -> SourceTraits {
    SourceTraits {
        capture: Some("group".into()),
        rereadable: true,
        keeps_positions: true,
        shareable: true,
        unacknowledged_max: None,
        commit_within: None,
        may_return: false,
    }
}

/// Of a source that cannot be read again.
fn new_records() -> SourceTraits {
    SourceTraits { rereadable: false, ..traits() }
}

async fn opened(place: &Place, more: &str) -> S3Sink {
    opened_for(&traits(), place, more).await
}

async fn opened_for(source: &SourceTraits, place: &Place, more: &str) -> S3Sink {
    let mut sink = unopened(&format!("{}{more}", place.keys), 64 << 20);
    sink.open(source).await.expect("it opens");
    sink
}

fn unopened(keys: &str, memory_bytes: u64) -> S3Sink {
    let parsed = parse(&format!("{{{keys}}}"));
    let config = parsed.documents.first().expect("a document").root.read().expect("a good configuration");
    let context = Context { memory_bytes, ..Context::unattached("test", "nowhere".into()) };
    S3Sink::new(config, &context).expect("a sink")
}

async fn write_each(sink: &mut S3Sink, stream: &str, records: impl Iterator<Item = (i64, Vec<u8>)>) -> Room {
    let partition = Partition { source: "kafka".into(), stream: stream.into(), incarnation: "1".into(), number: 2 };
    let mut batch = BatchBuilder::new(Limit { records: usize::MAX, bytes: usize::MAX });
    let origin = batch.origin(&Arc::new(partition));
    for (position, payload) in records {
        batch.push(origin, position, position + 1, Record::payload(&payload));
    }
    sink.write(&batch.finish()).await.expect("taken")
}

/// Records whose payloads are a name, if they have any, and their positions.
async fn write_named(sink: &mut S3Sink, name: &str, positions: std::ops::Range<i64>) {
    let records = positions.map(|position| (position, format!("{name}{position}").into_bytes()));
    let _ = write_each(sink, "orders", records).await;
}

async fn write(sink: &mut S3Sink, positions: std::ops::Range<i64>) {
    write_named(sink, "", positions).await;
}

async fn cut(sink: &mut S3Sink, number: u64) {
    let barrier = Barrier { number, kind: BarrierKind::Cut, positions: Arc::default(), last: false };
    assert_eq!(sink.barrier(&barrier).await.expect("stored").through, Some(number));
}

async fn lines(place: &Place) -> Vec<String> {
    let objects = place.objects().await;
    objects.iter().map(|(_, bytes)| unpacked(bytes, Compression::Gzip).trim_end().replace('\n', " ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_named_by_its_first_record_below_its_key() {
    let place = Place::new();
    let mut sink = opened(&place, ", key: 'a/${stream}'").await;
    write(&mut sink, 7..10).await;
    cut(&mut sink, 1).await;
    let names: Vec<_> = place.objects().await.into_iter().map(|(name, _)| name).collect();
    assert!(matches!(&names[..], [name] if name.starts_with("a/orders/2-00000000000000000007-")), "{names:?}");
    assert_eq!(lines(&place).await, ["7 8 9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_makes_come_again_is_not_stored_again_however_it_is_cut() {
    let place = Place::new();
    let mut first = opened(&place, "").await;
    write(&mut first, 0..10).await;
    cut(&mut first, 1).await;
    let mut shorter = opened(&place, "").await;
    write(&mut shorter, 0..4).await;
    cut(&mut shorter, 1).await;
    write(&mut shorter, 4..12).await;
    cut(&mut shorter, 2).await;
    assert_eq!(lines(&place).await, ["0 1 2 3 4 5 6 7 8 9", "10 11"]);
    let mut longer = opened(&place, "").await;
    write(&mut longer, 0..15).await;
    cut(&mut longer, 1).await;
    assert_eq!(lines(&place).await, ["0 1 2 3 4 5 6 7 8 9", "10 11", "12 13 14"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_overtaken_replaces_and_doubles_nothing() {
    let place = Place::new();
    let (mut old, mut new) = (opened(&place, "").await, opened(&place, "").await);
    write(&mut old, 0..5).await;
    write(&mut new, 0..9).await;
    cut(&mut new, 1).await;
    cut(&mut old, 1).await;
    write(&mut old, 5..12).await;
    cut(&mut old, 2).await;
    assert_eq!(lines(&place).await, ["0 1 2 3 4 5 6 7 8", "9 10 11"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_records_with_the_positions_of_others_are_stored_beside_them() {
    let place = Place::new();
    for name in ["a", "b", "c"] {
        // As after a crash before the positions were committed: the other end sends something else next.
        let mut sink = opened_for(&new_records(), &place, "").await;
        write_named(&mut sink, name, 0..3).await;
        cut(&mut sink, 1).await;
        // As after partitions that were lost and assigned anew.
        write_named(&mut sink, name, 0..2).await;
        cut(&mut sink, 2).await;
    }
    let mut found = lines(&place).await;
    found.sort();
    assert_eq!(found, ["a0 a1", "a0 a1 a2", "b0 b1", "b0 b1 b2", "c0 c1", "c0 c1 c2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_records_whose_put_was_not_answered_are_put_under_the_same_name() {
    let place = Place::new();
    let mut sink = opened_for(&new_records(), &place, "").await;
    write(&mut sink, 0..3).await;
    let ((key, partition), group) = sink.groups.iter_mut().next().expect("a group");
    let object = group.object(Compression::Gzip, Some(id())).expect("packed").expect("an object");
    let name = put::name(key, partition, &sink.capture, object, Compression::Gzip);
    assert_eq!(put::create(&sink.bucket, &name, object).await.expect("put"), put::Outcome::Stored);
    sink.open(&new_records()).await.expect("it opens again");
    cut(&mut sink, 1).await;
    write(&mut sink, 3..5).await;
    cut(&mut sink, 2).await;
    assert_eq!(lines(&place).await, ["0 1 2", "3 4"]);
}

/// One that was written to until it said that it is full.
async fn full(keys: &str, memory_bytes: u64, streams: usize, line_bytes: usize) -> S3Sink {
    let mut sink = unopened(&format!("url: 's3://bucket/x', size: 256MiB, {keys}"), memory_bytes);
    let mut dice = fastrand::Rng::with_seed(1);
    for record in 0.. {
        // Letters in disorder: they are packed to three quarters.
        let line = (0..line_bytes).map(|_| dice.alphanumeric() as u8).collect();
        let (position, stream) = (record / streams, record % streams);
        if write_each(&mut sink, &stream.to_string(), [(position as i64, line)].into_iter()).await == Room::Full {
            break;
        }
    }
    sink
}

#[tokio::test]
async fn it_is_full_when_it_holds_what_it_may_however_many_keys_there_are() {
    let packers = |sink: &S3Sink| sink.groups.values().filter(|group| group.has_packer()).count();
    let many = full("compression: zstd", 8 << 20, 1000, 100).await;
    assert!((8 << 20..9 << 20).contains(&many.held_bytes) && packers(&many) == 0, "{} bytes", many.held_bytes);
    let few = full("compression: gzip", 8 << 20, 4, 10_000).await;
    assert!((8 << 20..11 << 20).contains(&few.held_bytes) && packers(&few) == 4, "{} bytes", few.held_bytes);
}

#[tokio::test]
async fn it_is_full_when_an_object_is_as_large_as_a_request_may_be() {
    let sink = full("compression: none", 256 << 20, 1, 1 << 20).await;
    assert!((32 << 20..34 << 20).contains(&sink.bytes), "{} bytes", sink.bytes);
}
