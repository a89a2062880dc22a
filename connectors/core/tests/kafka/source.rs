//! Reading alone: where it starts, where it ends, what a record keeps.

use std::time::Duration;

use catchwater_sdk::source::{BoxSource, Polled};
use catchwater_sdk::{Batch, Limit};

use crate::broker::*;

fn config(topic: &str, group: &str, more: &str) -> String {
    format!("{{brokers: BROKERS, topics: [{topic}], group: {group}, {more}}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_at_the_end_of_all_partitions() {
    let (topic, group) = (new_topic(3).await, unique("group"));
    write(&topic, 0, numbers("a", 500));
    write(&topic, 2, numbers("c", 300));
    let mut reader = Reader::open(&config(&topic, &group, "until: end"), "one").await;
    reader.until(|reader| reader.ended).await;
    assert_eq!(reader.read[&0], numbers("a", 500).collect::<Vec<_>>());
    assert_eq!(reader.read[&2], numbers("c", 300).collect::<Vec<_>>());
    assert_eq!(reader.source.lag(), Some(0));
    reader.source.close(true).await.expect("close");
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_behind_the_markers_of_transactions() {
    let (topic, group) = (new_topic(1).await, unique("group"));
    write(&topic, 0, ["first".into()]);
    write_in_transaction(&topic, 0, &["kept"], true);
    write_in_transaction(&topic, 0, &["taken back", "this too"], false);
    let mut reader = Reader::open(&config(&topic, &group, "until: end"), "one").await;
    reader.until(|reader| reader.ended).await;
    assert_eq!(reader.read[&0], ["first", "kept"]);
    // 1 record, 1 with its marker, 2 with theirs.
    assert_eq!(reader.positions.iter().map(|(_, at)| at).collect::<Vec<_>>(), [6]);
    reader.commit().await;
    let mut again = Reader::open(&config(&topic, &group, "until: end"), "one").await;
    again.until(|reader| reader.ended).await;
    assert_eq!(again.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_at_the_commit() {
    let (topic, group) = (new_topic(1).await, unique("group"));
    write(&topic, 0, numbers("a", 10));
    let mut reader = Reader::open(&config(&topic, &group, ""), "one").await;
    reader.until(|reader| reader.count() == 10).await;
    reader.commit().await;
    reader.source.close(false).await.expect("close");
    write(&topic, 0, numbers("b", 5));
    let mut reader = Reader::open(&config(&topic, &group, ""), "one").await;
    reader.until(|reader| reader.count() == 5).await;
    assert_eq!(reader.read[&0], numbers("b", 5).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_where_the_setting_says() {
    async fn check(topic: &str, start: &str, first: Option<&str>) {
        let config = config(topic, &unique("group"), &format!("until: end, start: {start}"));
        let mut reader = Reader::open(&config, "one").await;
        reader.until(|reader| reader.ended).await;
        assert_eq!(reader.read.get(&0).map(|records| records[0].as_str()), first, "{start}");
        reader.source.close(true).await.expect("close");
    }
    let topic = new_topic(1).await;
    write(&topic, 0, numbers("early", 5));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let between = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let between = jiff::Timestamp::from_second(between as i64).expect("in range");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    write(&topic, 0, numbers("late", 5));
    check(&topic, "earliest", Some("early0")).await;
    check(&topic, "latest", None).await;
    check(&topic, &between.to_string(), Some("late0")).await;
    check(&topic, "2106-01-01T00:00:00Z", None).await;
    check(&topic, &format!("{{{topic}: {{0: 3}}}}"), Some("early3")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_a_topic_that_is_not_there() {
    let topic = unique("missing");
    let error = source(&config(&topic, "g", ""), "one").open().await.expect_err("there is no such topic");
    assert_eq!(error.kind(), catchwater_sdk::ErrorKind::Refused);
    assert!(error.to_string().contains(&topic), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_unavailable() {
    let away = config("t", "g", "").replace("BROKERS", "127.0.0.1:1");
    let mut source = source(&away, "one");
    let error = source.open().await.expect_err("nobody listens there");
    assert_eq!(error.kind(), catchwater_sdk::ErrorKind::Unavailable, "{}", error.chain());
    source.close(true).await.expect("close works after a failed open");
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_a_position_past_the_end() {
    let (topic, group) = (new_topic(1).await, unique("group"));
    write(&topic, 0, numbers("a", 5));
    let mut reader = Reader::open(&config(&topic, &group, &format!("start: {{{topic}: {{0: 99}}}}")), "one").await;
    let error = loop {
        if let Err(error) = reader.step().await {
            break error;
        }
    };
    assert_eq!(error.kind(), catchwater_sdk::ErrorKind::Refused);
    assert!(error.to_string().contains("past the end"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_takes_up_topics_that_are_made_later() {
    let (prefix, group) = (unique("pattern"), unique("group"));
    make_topic(&format!("{prefix}-a"), 1, &[]).await;
    let config = format!(
        "{{brokers: BROKERS, topics: ['^{prefix}-.*'], group: {group}, librdkafka: {{topic.metadata.refresh.interval.ms: 500}}}}"
    );
    let mut reader = Reader::open(&config, "one").await;
    write(&format!("{prefix}-a"), 0, ["first".into()]);
    reader.until(|reader| reader.count() == 1).await;
    make_topic(&format!("{prefix}-b"), 1, &[]).await;
    write(&format!("{prefix}-b"), 0, ["second".into()]);
    reader.until(|reader| reader.count() == 2).await;
    assert_eq!(reader.read[&0], ["first", "second"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_without_partitions_ends_too() {
    let (topic, group) = (new_topic(1).await, unique("group"));
    write(&topic, 0, numbers("a", 10));
    let config = config(&topic, &group, "until: end");
    let (mut one, mut two) = (Reader::open(&config, "one").await, Reader::open(&config, "two").await);
    tokio::join!(one.until(|reader| reader.ended), two.until(|reader| reader.ended));
    assert_eq!(one.count() + two.count(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_all_that_a_record_has() {
    let (topic, group) = (new_topic(1).await, unique("group"));
    let headers = [("b", Some(&b"1"[..])), ("a", None), ("b", Some(b""))];
    write_record(&topic, Some(b"x"), Some(b"k"), &headers, 1_700_000_000_123);
    write_record(&topic, None, Some(b""), &[], -5);
    write_record(&topic, Some(b""), None, &[], 7);
    let mut source = source(&config(&topic, &group, ""), "one");
    let batch = first_records(&mut source, 3).await;
    let content = |i: usize| (batch.get(i).payload(), batch.get(i).key(), batch.get(i).timestamp().map(|at| at.micros));
    assert_eq!(content(0), (Some(&b"x"[..]), Some(&b"k"[..]), Some(1_700_000_000_123_000)));
    assert_eq!(content(1), (None, Some(&b""[..]), Some(-5000)));
    assert_eq!(content(2), (Some(&b""[..]), None, Some(7000)));
    let kept: Vec<_> = batch.get(0).headers().map(|header| (header.name, header.value)).collect();
    assert_eq!(kept, headers);
    assert_eq!(batch.get(2).position(), 2);
    assert_eq!(&*batch.get(0).partition().stream, topic);
}

/// The first records that a source gives, which must come in one batch.
async fn first_records(source: &mut BoxSource, count: usize) -> Batch {
    source.open().await.expect("open the source");
    loop {
        match source.poll(Limit::default()).await.expect("the source works") {
            Polled::Records(batch) if batch.len() == count => return batch,
            Polled::Assigned(assignments) => {
                let at = assignments.into_iter().map(|assignment| (assignment.partition, assignment.at));
                source.start(&at.collect()).await.expect("start");
            }
            _ => {}
        }
    }
}
