//! Publishing: what a record keeps, and what becomes of one that the broker refuses.

use std::sync::Arc;

use catchwater_sdk::record::{Field, Record, Timestamp, TimestampKind};
use catchwater_sdk::sink::{BoxSink, Durable};
use catchwater_sdk::{Barrier, BarrierKind, ErrorKind, FieldKind};
use lapin::BasicProperties;
use lapin::message::BasicGetMessage;
use lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable};

use crate::broker::*;

async fn open(config: &str) -> BoxSink {
    let mut sink = sink(config);
    sink.open(&traits()).await.expect("open the sink");
    sink
}

async fn cut(sink: &mut BoxSink, number: u64) -> Durable {
    let barrier = Barrier { number, kind: BarrierKind::Cut, positions: Arc::default(), last: false };
    sink.barrier(&barrier).await.expect("everything is published")
}

async fn publish(sink: &mut BoxSink, records: &[Record<'_>]) -> Durable {
    assert!(sink.write(&batch(records)).await.is_ok());
    cut(sink, 1).await
}

fn bodies(messages: &[BasicGetMessage]) -> Vec<String> {
    messages.iter().map(|message| String::from_utf8_lossy(&message.delivery.data).into_owned()).collect()
}

fn positions(durable: &Durable) -> Vec<i64> {
    let mut rejected: Vec<_> = durable.rejected.iter().map(|rejected| rejected.records.get(0).position()).collect();
    rejected.sort_unstable();
    rejected
}

fn texts(payloads: &[String]) -> Vec<Record<'_>> {
    payloads.iter().map(|payload| Record::payload(payload.as_bytes())).collect()
}

fn everything() -> BasicProperties {
    let mut inner = FieldTable::default();
    inner.insert("$int32".into(), AMQPValue::LongInt(1));
    let mut headers = FieldTable::default();
    let values = [
        AMQPValue::Boolean(true),
        AMQPValue::ShortShortInt(-1),
        AMQPValue::ShortShortUInt(255),
        AMQPValue::ShortInt(-2),
        AMQPValue::ShortUInt(2),
        AMQPValue::LongInt(i32::MIN),
        AMQPValue::LongUInt(u32::MAX),
        AMQPValue::LongLongInt(i64::MIN),
        AMQPValue::Float(0.1),
        AMQPValue::Double(0.1),
        AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 150 }),
        AMQPValue::LongString("text".into()),
        AMQPValue::LongString(b"\xff".as_slice().into()),
        AMQPValue::ByteArray(b"\x00\xff".as_slice().into()),
        AMQPValue::Timestamp(1_795_000_000),
        AMQPValue::Timestamp(u64::MAX),
        AMQPValue::FieldTable(inner),
        AMQPValue::Void,
    ];
    for (i, value) in values.iter().enumerate() {
        headers.insert(format!("h{i:02}").as_str().into(), value.clone());
    }
    headers.insert("all".into(), AMQPValue::FieldArray(FieldArray::from(values.to_vec())));
    BasicProperties::default()
        .with_content_type("application/json".into())
        .with_content_encoding("gzip".into())
        .with_headers(headers)
        .with_delivery_mode(1)
        .with_priority(9)
        .with_correlation_id("c".into())
        .with_reply_to("r".into())
        .with_expiration("60000".into())
        .with_message_id("m".into())
        .with_timestamp(1_795_000_000)
        .with_type("order.created".into())
        .with_user_id("guest".into())
        .with_app_id("shop".into())
        .with_cluster_id("cluster".into())
}

/// Through a queue, the source, the sink and another queue.
async fn comes_back(properties: BasicProperties) {
    let client = Client::new().await;
    let (from, to) = (client.queue("quorum").await, client.queue("classic").await);
    client.publish(&from, b"body", properties.clone()).await;
    let mut reader = Reader::open(&format!("{{url: URL, queue: {from}}}")).await;
    let read = reader.read(1).await;
    let mut sink = open(&format!("{{url: URL, to: {to}}}")).await;
    assert!(sink.write(&read[0]).await.is_ok());
    let durable = cut(&mut sink, 1).await;
    assert!(durable.rejected.is_empty(), "{durable:?}");
    let arrived = client.take_all(&to).await;
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].delivery.properties, properties);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_property_and_every_typed_header_comes_back() {
    comes_back(everything()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_message_does_not_have_is_not_made_up() {
    comes_back(BasicProperties::default()).await;
    comes_back(BasicProperties::default().with_headers(FieldTable::default())).await;
    comes_back(BasicProperties::default().with_timestamp(u64::MAX).with_content_type("".into())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_from_elsewhere_is_persistent_and_its_key_leads() {
    let client = Client::new().await;
    let queue = client.queue("classic").await;
    let mut sink = open("{url: URL, properties: {content_type: text/plain, message_id: '${header:id}'}}").await;
    let headers = [Field::text("id", "7"), Field::bytes("raw", Some(b"\xff")), Field::bytes("none", None)];
    let timestamp = Some(Timestamp { micros: 1_795_000_000_500_000, kind: TimestampKind::Create });
    let record = Record { key: Some(queue.as_bytes()), headers: &headers, timestamp, ..Record::payload(b"x") };
    assert!(publish(&mut sink, &[record]).await.rejected.is_empty());
    let properties = client.take_all(&queue).await.remove(0).delivery.properties;
    assert_eq!(*properties.delivery_mode(), Some(2));
    assert_eq!(*properties.timestamp(), Some(1_795_000_000));
    assert_eq!(properties.content_type().as_ref().map(|text| text.as_str()), Some("text/plain"));
    assert_eq!(properties.message_id().as_ref().map(|text| text.as_str()), Some("7"));
    let headers = properties.headers().clone().expect("headers");
    assert_eq!(headers.inner()["raw"], AMQPValue::ByteArray(b"\xff".as_slice().into()));
    assert_eq!(headers.inner()["none"], AMQPValue::Void);
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_those_that_no_queue_takes_are_rejected() {
    let client = Client::new().await;
    let queue = client.queue("classic").await;
    let mut sink = open("{url: URL, exchange: '', routing_key: '${header:to}', in_flight: 500}").await;
    let (here, nowhere) = ([Field::text("to", &queue)], [Field::text("to", "no-such-queue")]);
    let payloads: Vec<String> = (0..3000).map(|number| format!("message {number}")).collect();
    let headers = |i: usize| if i % 7 == 3 { &nowhere[..] } else { &here[..] };
    let records: Vec<_> = payloads
        .iter()
        .enumerate()
        .map(|(i, text)| Record { headers: headers(i), ..Record::payload(text.as_bytes()) })
        .collect();
    let durable = publish(&mut sink, &records).await;
    assert_eq!(positions(&durable), (0..3000).filter(|i| i % 7 == 3).collect::<Vec<i64>>());
    assert!(durable.rejected[0].reason.contains("no queue takes it"), "{}", durable.rejected[0].reason);
    assert!(durable.rejected[0].reason.contains("`no-such-queue`"), "{}", durable.rejected[0].reason);
    let expected: Vec<_> = (0..3000).filter(|i| i % 7 != 3).map(|i| payloads[i].clone()).collect();
    assert_eq!(bodies(&client.take_all(&queue).await), expected, "the others arrive in order");
    assert!(cut(&mut sink, 2).await.rejected.is_empty(), "each is answered once");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mandatory_the_broker_may_drop_them() {
    let mut sink = open("{url: URL, exchange: '', routing_key: no-such-queue, mandatory: false}").await;
    assert!(publish(&mut sink, &[Record::payload(b"x")]).await.rejected.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_of_a_record_that_is_not_there_rejects_that_record() {
    let client = Client::new().await;
    let queue = client.queue("classic").await;
    let mut sink = open(&format!("{{url: URL, exchange: '${{header:exchange}}', routing_key: {queue}}}")).await;
    let (missing, default) = ([Field::text("exchange", "no-such-exchange")], [Field::text("exchange", "")]);
    let record = |headers| Record { headers, ..Record::payload(b"x") };
    let durable = publish(&mut sink, &[record(&default[..]), record(&missing), record(&default)]).await;
    assert_eq!(positions(&durable), [1]);
    client.expect_ready(&queue, 2, "the others have arrived").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_broker_refuses_is_found_among_the_others() {
    let client = Client::new().await;
    let queue = client.queue("classic").await;
    let mut sink = open(&format!("{{url: URL, to: {queue}}}")).await;
    // Headers must fit into one frame: 128 KiB. The broker closes the connection over more.
    let large = "x".repeat(200_000);
    let headers = [Field::text("large", &large)];
    let payloads: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let mut records = texts(&payloads);
    records[25].headers = &headers;
    let durable = publish(&mut sink, &records).await;
    assert_eq!(positions(&durable), [25]);
    let mut arrived = bodies(&client.take_all(&queue).await);
    arrived.dedup();
    let unique: std::collections::BTreeSet<_> = arrived.iter().cloned().collect();
    assert_eq!(unique.len(), 39, "all others arrive, some perhaps twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_place_in_amqp_is_rejected_alone() {
    let client = Client::new().await;
    let queue = client.queue("classic").await;
    let mut sink = open(&format!("{{url: URL, exchange: '', routing_key: {queue}}}")).await;
    let (nan, cc) = ([Field { kind: FieldKind::Float, ..Field::text("n", "NaN") }], [Field::text("CC", "x")]);
    let (long, expiration) = ("x".repeat(256), [Field::text("expiration", "soon")]);
    let name = [Field::text(&long, "x")];
    let records = [
        Record::payload(b"good"),
        Record::default(),
        Record { headers: &nan, ..Record::payload(b"x") },
        Record { headers: &cc, ..Record::payload(b"x") },
        Record { headers: &name, ..Record::payload(b"x") },
        Record { properties: &expiration, ..Record::payload(b"x") },
        Record::payload(b""),
    ];
    let durable = publish(&mut sink, &records).await;
    assert_eq!(positions(&durable), [1, 2, 3, 4, 5]);
    assert_eq!(bodies(&client.take_all(&queue).await), ["good", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_that_refuses_is_waited_for() {
    let client = Client::new().await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(5));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let queue = client.queue_with(arguments).await;
    let mut sink = open(&format!("{{url: URL, to: {queue}}}")).await;
    let payloads: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    assert!(sink.write(&batch(&texts(&payloads))).await.is_ok());
    let barrier = Barrier { number: 1, kind: BarrierKind::Cut, positions: Arc::default(), last: false };
    let mut taken = Vec::new();
    loop {
        match sink.barrier(&barrier).await {
            Ok(durable) => {
                assert!(durable.rejected.is_empty());
                break;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain()),
        }
        taken.extend(bodies(&client.take_all(&queue).await));
        sink.open(&traits()).await.expect("it opens again");
    }
    taken.extend(bodies(&client.take_all(&queue).await));
    taken.sort_by_key(|text| text.parse::<u32>().expect("a number"));
    assert_eq!(taken, payloads, "none is lost, and none that the broker took back is doubled");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_name_the_exchange_comes_before_the_queue() {
    let client = Client::new().await;
    let queue = client.queue("classic").await;
    let options = lapin::options::ExchangeDeclareOptions::default();
    let name = || queue.as_str().into();
    client
        .channel
        .exchange_declare(name(), lapin::ExchangeKind::Fanout, options, FieldTable::default())
        .await
        .expect("made");
    let mut sink = open(&format!("{{url: URL, to: {queue}}}")).await;
    let durable = publish(&mut sink, &[Record::payload(b"x")]).await;
    assert!(durable.rejected[0].reason.contains(&format!("exchange `{queue}`")), "{}", durable.rejected[0].reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_what_is_not_there() {
    for config in ["{url: URL, to: nowhere-at-all}", "{url: URL, exchange: nowhere-at-all}"] {
        let error = sink(config).open(&traits()).await.expect_err(config);
        assert_eq!(error.kind(), ErrorKind::Refused, "{}", error.chain());
        assert!(error.to_string().contains("`nowhere-at-all`"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_to_feed_the_queue_that_it_is_fed_by() {
    let client = Client::new().await;
    let queue = client.queue("classic").await;
    client.publish(&queue, b"x", BasicProperties::default()).await;
    let mut reader = Reader::open(&format!("{{url: URL, queue: {queue}}}")).await;
    let read = reader.read(1).await;
    let partition = read[0].origins()[0].partition.clone();
    let mut sink = open(&format!("{{url: URL, to: {queue}}}")).await;
    sink.stored(&[partition]).await.expect("it stores no positions");
    assert!(sink.write(&read[0]).await.is_ok());
    let barrier = Barrier { number: 1, kind: BarrierKind::Cut, positions: Arc::default(), last: false };
    let error = sink.barrier(&barrier).await.expect_err("it would never end");
    assert_eq!(error.kind(), ErrorKind::Refused, "{}", error.chain());
}

#[test]
fn what_cannot_be_is_said_before_anything_is_touched() {
    let check = |config: &str, expected: &str| {
        let mistake = sink_mistake(config);
        assert!(mistake.contains(expected), "{config}: {mistake}");
    };
    check("{url: URL, to: q, exchange: e}", "exclude each other");
    check("{url: URL, properties: {content-type: x}}", "no property of AMQP");
}
