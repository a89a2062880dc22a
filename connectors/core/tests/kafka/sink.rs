//! Writing: what a record keeps, and what becomes of one that the brokers refuse.

use std::sync::Arc;
use std::time::Duration;

use catchwater_sdk::record::{Field, Record, Timestamp, TimestampKind};
use catchwater_sdk::sink::{BoxSink, Durable};
use catchwater_sdk::source::SourceTraits;
use catchwater_sdk::{Barrier, BarrierKind, Batch, BatchBuilder, ErrorKind, Limit, Partition};
use rdkafka::Message;
use rdkafka::message::Headers;

use crate::broker::*;

fn traits() -> SourceTraits {
    SourceTraits {
        capture: None,
        rereadable: true,
        keeps_positions: true,
        shareable: true,
        unacknowledged_max: None,
        commit_within: None,
        may_return: false,
    }
}

async fn open(config: &str) -> BoxSink {
    let mut sink = sink(config);
    sink.open(&traits()).await.expect("open the sink");
    sink
}

/// A batch that came from partition `number` of topic `stream`.
fn batch(stream: &str, number: i32, records: &[Record<'_>]) -> Batch {
    let partition = Partition { source: "test".into(), stream: stream.into(), incarnation: "1".into(), number };
    let limit = Limit { records: usize::MAX, bytes: usize::MAX };
    let mut builder = BatchBuilder::new(limit);
    let origin = builder.origin(&Arc::new(partition));
    (0..).zip(records).for_each(|(i, record)| builder.push(origin, i, i + 1, *record));
    builder.finish()
}

fn texts(payloads: &[String]) -> Vec<Record<'_>> {
    payloads.iter().map(|payload| Record::payload(payload.as_bytes())).collect()
}

async fn cut(sink: &mut BoxSink, number: u64) -> Durable {
    let barrier = Barrier { number, kind: BarrierKind::Cut, positions: Arc::default(), last: false };
    sink.barrier(&barrier).await.expect("everything is written")
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_all_that_a_record_has() {
    let topic = new_topic(3).await;
    let mut sink = open(&format!("{{brokers: BROKERS, topic: {topic}, partition: keep}}")).await;
    let headers = [
        Field::bytes("b", Some(b"1")),
        Field::bytes("a", None),
        Field::bytes("b", Some(b"")),
        Field::bytes("", Some(b"2")),
    ];
    let at = |micros| Some(Timestamp { micros, kind: TimestampKind::Create });
    let records = [
        Record {
            payload: Some(b"x"),
            key: Some(b"k"),
            headers: &headers,
            timestamp: at(1_700_000_000_123_000),
            ..Record::default()
        },
        Record { payload: Some(b""), key: Some(b""), timestamp: at(0), ..Record::default() },
        Record { payload: None, key: Some(b"gone"), timestamp: at(5_000), ..Record::default() },
        Record { payload: Some(b"y"), key: None, ..Record::default() },
    ];
    assert!(sink.write(&batch(&topic, 2, &records)).await.is_ok());
    assert_eq!(cut(&mut sink, 1).await.through, Some(1));
    let written = read_partition(&topic, 2, 4);
    let content = |i: usize| (written[i].payload(), written[i].key(), written[i].timestamp().to_millis());
    assert_eq!(content(0), (Some(&b"x"[..]), Some(&b"k"[..]), Some(1_700_000_000_123)));
    assert_eq!(content(1), (Some(&b""[..]), Some(&b""[..]), Some(1)));
    assert_eq!(content(2), (None, Some(&b"gone"[..]), Some(5)));
    assert_eq!((written[3].payload(), written[3].key()), (Some(&b"y"[..]), None));
    let kept: Vec<_> =
        written[0].headers().expect("has headers").iter().map(|header| (header.key.to_owned(), header.value)).collect();
    let expected: Vec<_> = headers.iter().map(|header| (header.name.to_owned(), header.value)).collect();
    assert_eq!(kept, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_too_large_is_rejected() {
    let topic = unique("small");
    make_topic(&topic, 1, &[("max.message.bytes", "3000")]).await;
    let mut sink = open(&format!("{{brokers: BROKERS, topic: {topic}, compression: none}}")).await;
    let mut payloads: Vec<String> = numbers("record ", 200).collect();
    payloads[90] = "x".repeat(5000);
    assert!(sink.write(&batch("s", 0, &texts(&payloads[..150]))).await.is_ok());
    assert!(sink.write(&batch("s", 0, &texts(&payloads[150..]))).await.is_ok());
    let durable = cut(&mut sink, 1).await;
    assert_eq!((durable.through, durable.rejected.len()), (Some(1), 1));
    assert_eq!(durable.rejected[0].records.get(0).payload().map(<[u8]>::len), Some(5000));
    assert!(durable.rejected[0].reason.contains("MessageSizeTooLarge"), "{}", durable.rejected[0].reason);
    payloads.remove(90);
    assert_eq!(texts_of(&read_partition(&topic, 0, 199)), payloads, "nothing is lost, doubled or out of order");
    assert!(cut(&mut sink, 2).await.rejected.is_empty(), "each is answered once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_the_key_that_its_topic_needs_is_rejected() {
    let topic = unique("compacted");
    make_topic(&topic, 1, &[("cleanup.policy", "compact")]).await;
    let mut sink = open(&format!("{{brokers: BROKERS, topic: {topic}}}")).await;
    let keyed = |key| Record { payload: Some(b"v"), key, ..Record::default() };
    let records = [keyed(Some(&b"a"[..])), keyed(None), keyed(Some(b"b"))];
    assert!(sink.write(&batch("s", 0, &records)).await.is_ok());
    let durable = cut(&mut sink, 1).await;
    assert_eq!(durable.rejected.iter().map(|rejected| rejected.records.get(0).position()).collect::<Vec<_>>(), [1]);
    assert_eq!(read_partition(&topic, 0, 2).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_for_no_partition_is_rejected_alone() {
    let topic = new_topic(2).await;
    let mut sink = open(&format!("{{brokers: BROKERS, topic: {topic}, partition: '${{header:p}}'}}")).await;
    let (one, nine, none) = ([Field::text("p", "1")], [Field::text("p", "9")], [Field::text("p", "x")]);
    let to = |headers| Record { payload: Some(b"v"), headers, ..Record::default() };
    let records = [to(&one[..]), to(&nine), to(&none), to(&[]), to(&one)];
    assert!(sink.write(&batch("s", 0, &records)).await.is_ok());
    let durable = cut(&mut sink, 1).await;
    let mut rejected: Vec<_> = durable.rejected.iter().map(|rejected| rejected.records.get(0).position()).collect();
    rejected.sort_unstable();
    assert_eq!(rejected, [1, 2, 3]);
    assert_eq!(read_partition(&topic, 1, 2).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_buffer_holds_the_pipeline_back_and_loses_nothing() {
    let topic = new_topic(1).await;
    let mut sink = open(&format!("{{brokers: BROKERS, topic: {topic}, buffer: 1MiB}}")).await;
    let payloads: Vec<String> = (0..20_000).map(|i| format!("{i:0>400}")).collect();
    for chunk in payloads.chunks(1000) {
        assert!(sink.write(&batch("s", 0, &texts(chunk))).await.is_ok());
    }
    assert_eq!(cut(&mut sink, 7).await.through, Some(7));
    assert_eq!(texts_of(&read_partition(&topic, 0, payloads.len())), payloads);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_does_not_wait_and_the_next_one_finds_it_durable() {
    let topic = new_topic(1).await;
    let mut sink = open(&format!("{{brokers: BROKERS, topic: {topic}}}")).await;
    assert!(sink.write(&batch("s", 0, &texts(&["a".into()]))).await.is_ok());
    let mark = |number| Barrier { number, kind: BarrierKind::Mark, positions: Arc::default(), last: false };
    assert_eq!(sink.barrier(&mark(1)).await.expect("no error").through, None);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(sink.barrier(&mark(2)).await.expect("no error").through, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_topic_is_the_one_that_a_record_came_from_unless_it_is_said() {
    let (one, two) = (new_topic(1).await, new_topic(1).await);
    let mut sink = open("{brokers: BROKERS}").await;
    assert!(sink.write(&batch(&one, 0, &texts(&["a".into()]))).await.is_ok());
    assert!(sink.write(&batch(&two, 0, &texts(&["b".into()]))).await.is_ok());
    assert!(cut(&mut sink, 1).await.rejected.is_empty());
    assert_eq!(texts_of(&read_partition(&one, 0, 1)), ["a"]);
    assert_eq!(texts_of(&read_partition(&two, 0, 1)), ["b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_a_topic_that_cannot_be() {
    let error = sink("{brokers: BROKERS, topic: 'not a topic'}").open(&traits()).await.expect_err("no such topic");
    assert_eq!(error.kind(), ErrorKind::Refused, "{}", error.chain());
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_are_away_are_unavailable() {
    let mut sink = sink("{brokers: '127.0.0.1:1', topic: t}");
    let error = sink.open(&traits()).await.expect_err("nobody listens there");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
    sink.close().await.expect("close works after a failed open");
}
