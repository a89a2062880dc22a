//! Reading: what a message keeps, when it is acknowledged, and what becomes of a connection that breaks.

use std::time::Duration;

use catchwater_sdk::source::Polled;
use catchwater_sdk::{ErrorKind, FieldKind, Limit};
use lapin::BasicProperties;
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use tokio::time::timeout;

use crate::broker::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_keeps_all_that_it_has() {
    let client = Client::new().await;
    let queue = client.queue("classic").await;
    let mut headers = FieldTable::default();
    headers.insert("attempt".into(), AMQPValue::ShortShortUInt(3));
    headers.insert("void".into(), AMQPValue::Void);
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_priority(7)
        .with_timestamp(1_795_000_000)
        .with_message_id("m-1".into())
        .with_headers(headers);
    client.publish(&queue, b"\x00\xff", properties).await;
    let mut reader = Reader::open(&format!("{{url: URL, queue: {queue}}}")).await;
    let read = reader.read(1).await;
    let record = read[0].get(0);
    assert_eq!((record.payload(), record.key()), (Some(&b"\x00\xff"[..]), Some(queue.as_bytes())));
    assert_eq!(record.timestamp().map(|timestamp| timestamp.micros), Some(1_795_000_000_000_000));
    assert!(!record.redelivered());
    let headers: Vec<_> = record.headers().map(|header| (header.name, header.value, header.kind)).collect();
    let expected = [("attempt", Some(&b"3"[..]), FieldKind::Uint8), ("void", None, FieldKind::Bytes)];
    assert_eq!(headers, expected);
    let properties: Vec<_> = record.properties().map(|p| (p.name, p.value.unwrap_or_default())).collect();
    let expected: [(&str, &[u8]); 4] =
        [("exchange", b""), ("content_type", b"application/json"), ("priority", b"7"), ("message_id", b"m-1")];
    assert_eq!(properties, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_committed_is_acknowledged() {
    let client = Client::new().await;
    let queue = client.queue("classic").await;
    client.publish_numbers(&queue, 15).await;
    let mut reader = Reader::open(&format!("{{url: URL, queue: {queue}, prefetch: 100}}")).await;
    reader.read(15).await;
    reader.commit().await;
    client.publish_numbers(&queue, 10).await;
    reader.read(10).await;
    reader.source.close(true).await.expect("it closes");
    client.expect_ready(&queue, 10, "the last ten are the broker's again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_leaves_comes_again_in_order_and_marked() {
    let client = Client::new().await;
    let queue = client.queue("quorum").await;
    client.publish_numbers(&queue, 36).await;
    let config = format!("{{url: URL, queue: {queue}}}");
    let mut reader = Reader::open(&config).await;
    reader.read(16).await;
    reader.commit().await;
    reader.read(20).await;
    drop(reader);
    let mut reader = Reader::open(&config).await;
    let mut again = reader.read(16).await;
    reader.commit().await;
    again.extend(reader.read(4).await);
    assert_eq!(payloads(&again), numbers(16..36));
    assert!(again.iter().flat_map(catchwater_sdk::Batch::iter).all(|record| record.redelivered()));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_the_prefetch_is_handed_out() {
    let client = Client::new().await;
    let queue = client.queue("classic").await;
    client.publish_numbers(&queue, 30).await;
    let mut reader = Reader::open(&format!("{{url: URL, queue: {queue}, prefetch: 10}}")).await;
    assert_eq!(payloads(&reader.read(10).await), numbers(0..10));
    client.expect_ready(&queue, 20, "no more than ten are out").await;
    reader.commit().await;
    assert_eq!(payloads(&reader.read(10).await), numbers(10..20));
    assert_eq!(reader.source.traits().unacknowledged_max, Some(10));
}

/// Reads `count` messages of such a size: after the first sixteen so many as fit are out.
async fn read_all(kind: &str, count: usize, bytes: usize, fitting: usize) {
    let client = Client::new().await;
    let queue = client.queue(kind).await;
    let text = |number: usize| format!("{number}{}", " ".repeat(bytes));
    for number in 0..count {
        client.publish(&queue, text(number).as_bytes(), BasicProperties::default()).await;
    }
    let mut reader = Reader::open(&format!("{{url: URL, queue: {queue}}}")).await;
    let mut read = payloads(&reader.read(16).await);
    client.expect_ready(&queue, count - 16, "sixteen are out at first").await;
    reader.commit().await;
    read.extend(payloads(&reader.read(fitting).await));
    client.expect_ready(&queue, count - 16 - fitting, "no more than fits is handed out").await;
    while read.len() < count {
        reader.commit().await;
        read.extend(payloads(&reader.read(1).await));
    }
    assert!(read == (0..count).map(text).collect::<Vec<_>>(), "{kind}: none is missed, and the order is kept");
    reader.commit().await;
    reader.source.close(true).await.expect("it closes");
    client.expect_ready(&queue, 0, "all is acknowledged").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_messages_are_out_as_the_memory_holds() {
    for kind in ["classic", "quorum"] {
        read_all(kind, 200, 10, 184).await;
        // Half of 64 MiB holds so many.
        read_all(kind, 100, 1 << 19, 63).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_are_out_once_they_are_large() {
    for kind in ["classic", "quorum"] {
        let client = Client::new().await;
        let queue = client.queue(kind).await;
        client.publish_numbers(&queue, 20).await;
        let mut reader = Reader::open(&format!("{{url: URL, queue: {queue}}}")).await;
        reader.read(16).await;
        reader.commit().await;
        reader.read(4).await;
        reader.commit().await;
        assert_eq!(reader.source.traits().unacknowledged_max, Some(2000));
        let large = vec![b'x'; 4 << 20];
        for _ in 0..30 {
            client.publish(&queue, &large, BasicProperties::default()).await;
        }
        for _ in 0..30 {
            reader.read(1).await;
            reader.commit().await;
        }
        // When it is quiet another consumer takes over.
        let polling = reader.source.poll(Limit { records: 1000, bytes: 1 << 20 });
        timeout(Duration::from_secs(1), polling).await.expect_err("nothing more comes");
        let fewer = reader.source.traits().unacknowledged_max.expect("it has a limit");
        assert!(fewer <= 32, "{kind}: {fewer}");
        client.publish_numbers(&queue, 40).await;
        assert_eq!(payloads(&reader.read(fewer).await), numbers(0..fewer));
        client.expect_ready(&queue, 40 - fewer, "no more than fits is handed out").await;
        reader.source.close(true).await.expect("it closes");
        client.expect_ready(&queue, 40, "all large ones are acknowledged").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_abandoned_comes_again_under_new_numbers() {
    let client = Client::new().await;
    let queue = client.queue("classic").await;
    client.publish_numbers(&queue, 6).await;
    let mut reader = Reader::open(&format!("{{url: URL, queue: {queue}}}")).await;
    reader.read(6).await;
    let read_to = reader.positions.clone();
    reader.source.start(&catchwater_sdk::Positions::new()).await.expect("it starts again");
    let again = reader.read(6).await;
    assert_eq!(payloads(&again), numbers(0..6));
    let (_, first_free) = read_to.iter().next().expect("a position");
    assert!(again[0].get(0).position() >= first_free, "a number is never used twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_position_acknowledges_nothing_of_a_new_connection() {
    let client = Client::new().await;
    let queue = client.queue("classic").await;
    client.publish_numbers(&queue, 5).await;
    let mut reader = Reader::open(&format!("{{url: URL, queue: {queue}}}")).await;
    reader.read(5).await;
    let old = reader.positions.clone();
    reader.source.start(&old).await.expect("it starts again, on a new channel whose tags begin at one");
    reader.read(5).await;
    reader.source.commit(&old).await.expect("a late commit");
    reader.source.close(true).await.expect("it closes");
    client.expect_ready(&queue, 5, "tag 5 of the old channel is not tag 5 of the new one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_is_waited_for_and_made_again_if_that_was_said() {
    let client = Client::new().await;
    let queue = unique("made");
    let mut reader = Reader::open(&format!("{{url: URL, queue: {queue}, declare: {{kind: quorum}}}}")).await;
    client.channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.expect("delete");
    let error = reader.poll().await.expect_err("the consumer ended");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
    reader.source.open().await.expect("it is made again");
    client.publish(&queue, b"0", BasicProperties::default()).await;
    assert_eq!(payloads(&reader.read(1).await), numbers(0..1));
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_and_bindings_are_made() {
    let client = Client::new().await;
    let (queue, exchange) = (unique("bound"), unique("events"));
    let bindings = format!("[{{exchange: {exchange}, routing_key: 'order.#', declare: topic}}]");
    let config =
        format!("{{url: URL, queue: {queue}, declare: {{arguments: {{x-max-length: 5}}}}, bindings: {bindings}}}");
    let mut reader = Reader::open(&config).await;
    for key in ["order.new", "invoice.new", "order.paid.twice"] {
        let publish = client.channel.basic_publish(
            exchange.as_str().into(),
            key.into(),
            lapin::options::BasicPublishOptions::default(),
            key.as_bytes(),
            BasicProperties::default(),
        );
        publish.await.expect("publish").await.expect("confirm");
    }
    let read = reader.read(2).await;
    assert_eq!(payloads(&read), ["order.new", "order.paid.twice"]);
    let exchange_of =
        |record: catchwater_sdk::RecordRef<'_>| record.properties().next().and_then(|p| p.value.map(<[u8]>::to_vec));
    assert_eq!(exchange_of(read[0].get(0)), Some(exchange.into_bytes()));
}

async fn refused(config: &str, expected: &str) {
    let error = source(config).open().await.expect_err(config);
    assert_eq!(error.kind(), ErrorKind::Refused, "{}", error.chain());
    assert!(error.chain().contains(expected), "{}", error.chain());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_refused_by_name() {
    refused("{url: URL, queue: no-such-queue}", "use queue `no-such-queue`: it is not there").await;
    let bindings = "[{exchange: no-such-exchange}]";
    let config = format!("{{url: URL, queue: q, declare: {{}}, bindings: {bindings}}}");
    refused(&config, "use exchange `no-such-exchange`: it is not there").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_there_with_other_settings_is_refused() {
    let client = Client::new().await;
    let queue = client.queue("quorum").await;
    refused(&format!("{{url: URL, queue: {queue}, declare: {{}}}}"), "the broker has it with other settings").await;
    let exchange = unique("exchange");
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let name = exchange.as_str().into();
    client
        .channel
        .exchange_declare(name, lapin::ExchangeKind::Fanout, options, FieldTable::default())
        .await
        .expect("made");
    let bindings = format!("[{{exchange: {exchange}, declare: topic}}]");
    refused(&format!("{{url: URL, queue: {queue}, bindings: {bindings}}}"), "the broker has it with other settings")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_and_virtual_hosts_that_the_broker_refuses_are_named() {
    let address = url().split_once('@').expect("a user").1.to_owned();
    let wrong =
        source(&format!("{{url: 'amqp://guest:wrong-secret@{address}', queue: q}}")).open().await.expect_err("wrong");
    assert_eq!(wrong.kind(), ErrorKind::Refused, "{}", wrong.chain());
    assert!(wrong.chain().contains("refuses user and password"), "{}", wrong.chain());
    assert!(!wrong.chain().contains("wrong-secret"), "{}", wrong.chain());
    let nowhere = source(&format!("{{url: 'amqp://guest:guest@{address}/nowhere', queue: q}}")).open().await;
    let nowhere = nowhere.expect_err("there is no such virtual host");
    assert_eq!(nowhere.kind(), ErrorKind::Refused, "{}", nowhere.chain());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_unavailable() {
    let mut source = source("{url: 'amqp://127.0.0.1:1', queue: q}");
    let error = source.open().await.expect_err("nobody listens there");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exclusive_queue_of_another_is_waited_for() {
    let client = Client::new().await;
    let queue = unique("exclusive");
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    client.channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await.expect("made");
    let error = source(&format!("{{url: URL, queue: {queue}}}")).open().await.expect_err("it is another's");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
}

#[test]
fn what_cannot_be_is_said_before_anything_is_touched() {
    let check = |config: &str, expected: &str| {
        let mistake = source_mistake(config);
        assert!(mistake.contains(expected), "{config}: {mistake}");
    };
    check("{url: URL, queue: ''}", "needs a name");
    check("{url: URL, queue: q, bindings: [{exchange: ''}]}", "nothing can be bound to it");
    check("{url: URL, queue: q, declare: {kind: quorum, durable: false}}", "a quorum queue is durable");
    check("{url: 'amqp://h', tls: {}, queue: q}", "`amqps://`");
    check("{url: 'amqps://h', tls: {key: /k}, queue: q}", "go together");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_is_cancelled_loses_nothing() {
    let client = Client::new().await;
    let queue = client.queue("classic").await;
    let mut reader = Reader::open(&format!("{{url: URL, queue: {queue}}}")).await;
    let (mut read, mut sent) = (Vec::new(), 0);
    while read.len() < 16 {
        if sent < 16 {
            client.publish(&queue, sent.to_string().as_bytes(), BasicProperties::default()).await;
            sent += 1;
        }
        let polling = reader.source.poll(Limit { records: 3, bytes: 1 << 20 });
        match timeout(Duration::from_micros(200), polling).await {
            Ok(Ok(Polled::Records(batch))) => read.extend(payloads(&[batch])),
            Ok(other) => panic!("records are wanted, not {other:?}"),
            Err(_) => {}
        }
    }
    assert_eq!(read, numbers(0..16));
}
