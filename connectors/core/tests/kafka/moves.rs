//! Partitions that move between members, and topics that are deleted and made anew.

use std::time::Duration;

use crate::broker::*;

fn config(topic: &str, group: &str) -> String {
    format!("{{brokers: BROKERS, topics: [{topic}], group: {group}}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_member_takes_over_without_gap_or_repeat() {
    let (topic, group) = (new_topic(4).await, unique("group"));
    let write_all = |prefix: &'static str| (0..4).for_each(|partition| write(&topic, partition, numbers(prefix, 100)));
    write_all("a");
    let mut first = Reader::open(&config(&topic, &group), "one").await;
    first.until(|reader| reader.count() == 400).await;
    let mut second = Reader::open(&config(&topic, &group), "two").await;
    tokio::join!(first.during(Duration::from_secs(8)), second.during(Duration::from_secs(8)));
    assert_eq!((first.revoked, first.lost, second.count()), (2, 0, 0));
    write_all("b");
    tokio::join!(first.during(Duration::from_secs(2)), second.during(Duration::from_secs(2)));
    assert_eq!((first.count(), second.count()), (600, 200));
    for reader in [&first, &second] {
        for records in reader.read.values() {
            let later: Vec<_> = numbers("b", 100).collect();
            assert!(records.ends_with(&later) || records.len() == 100, "order is kept");
        }
    }
    first.commit().await;
    first.source.close(true).await.expect("close");
    write_all("c");
    let left = std::time::Instant::now();
    second.until(|reader| reader.count() == 600).await;
    assert!(left.elapsed() < Duration::from_secs(8), "a member that leaves hands over at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_comes_back_has_its_partitions_at_once() {
    let (topic, group) = (new_topic(2).await, unique("group"));
    let mut reader = Reader::open(&config(&topic, &group), "one").await;
    reader.until(|reader| reader.positions.len() == 2).await;
    drop(reader);
    write(&topic, 0, numbers("a", 5));
    let back = std::time::Instant::now();
    let mut reader = Reader::open(&config(&topic, &group), "one").await;
    reader.until(|reader| reader.count() == 5).await;
    assert!(back.elapsed() < Duration::from_secs(5), "it took {:?}", back.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recreated_topic_is_read_from_its_beginning() {
    let (topic, group) = (new_topic(1).await, unique("group"));
    write(&topic, 0, numbers("old", 50));
    let mut reader = Reader::open(&config(&topic, &group), "one").await;
    reader.until(|reader| reader.count() == 50).await;
    reader.commit().await;
    delete_topic(&topic).await;
    make_topic(&topic, 1, &[]).await;
    write(&topic, 0, numbers("new", 80));
    reader.until(|reader| reader.count() == 130).await;
    assert_eq!(reader.read[&0][50..], numbers("new", 80).collect::<Vec<_>>());
    assert!(reader.lost + reader.revoked > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_recreated_while_nobody_read_is_read_from_its_beginning() {
    let (topic, group) = (new_topic(1).await, unique("group"));
    write(&topic, 0, numbers("old", 50));
    let mut reader = Reader::open(&config(&topic, &group), "one").await;
    reader.until(|reader| reader.count() == 50).await;
    delete_topic(&topic).await;
    make_topic(&topic, 1, &[]).await;
    write(&topic, 0, numbers("new", 80));
    // Nothing of the old topic may be committed for the new one, though the brokers would take it.
    reader.commit().await;
    reader.source.close(false).await.expect("close");
    let mut reader = Reader::open(&config(&topic, &group), "one").await;
    reader.until(|reader| reader.count() == 80).await;
    assert_eq!(reader.read[&0], numbers("new", 80).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_of_one_name_is_refused() {
    let (topic, group) = (new_topic(1).await, unique("group"));
    let mut first = Reader::open(&config(&topic, &group), "same").await;
    first.until(|reader| reader.positions.len() == 1).await;
    let mut second = Reader::open(&config(&topic, &group), "same").await;
    second.until(|reader| reader.positions.len() == 1).await;
    let error = loop {
        if let Err(error) = first.step().await {
            break error;
        }
    };
    assert_eq!(error.kind(), catchwater_sdk::ErrorKind::Refused);
    assert!(error.to_string().contains("data folder"), "{error}");
}
