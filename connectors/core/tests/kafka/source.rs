//! Reading alone: where it starts, where it ends, what a record keeps.

use std::time::Duration;

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
