//! Partitions that move between members, and topics that are deleted and made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use catchwater_sdk::ErrorKind;
use futures::future::join_all;

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
async fn one_that_leaves_while_it_joins_is_a_member_no_longer() {
    let topic = new_topic(2).await;
    for milliseconds in [0, 20, 100, 300] {
        let group = unique("group");
        let reader = Reader::open(&config(&topic, &group), "one").await;
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        reader.source.close(true).await.expect("close");
        assert_eq!(members(&group), 0, "after {milliseconds} ms");
    }
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
async fn what_was_read_is_not_confirmed_once_its_topic_was_made_anew() {
    let (topic, group) = (new_topic(1).await, unique("group"));
    write(&topic, 0, numbers("old", 5));
    let mut reader = Reader::open(&config(&topic, &group), "one").await;
    reader.until(|reader| reader.count() == 5).await;
    delete_topic(&topic).await;
    make_topic(&topic, 1, &[]).await;
    write(&topic, 0, numbers("new", 20));
    // As an engine asks before it stores what was read: some of it may be of the new topic.
    for _ in 0..2 {
        let error = reader.source.confirm().await.expect_err("the topic is another");
        assert_eq!(error.kind(), ErrorKind::Stale, "{}", error.chain());
    }
    reader.until(|reader| reader.count() == 25).await;
    assert_eq!((reader.lost, &reader.read[&0][5..]), (1, &numbers("new", 20).collect::<Vec<_>>()[..]));
    reader.source.confirm().await.expect("what was read last is of the topic that is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_confirmed_stays_so_and_a_topic_that_is_gone_is_confirmed() {
    let (topic, group) = (new_topic(1).await, unique("group"));
    write(&topic, 0, numbers("old", 5));
    let mut reader = Reader::open(&config(&topic, &group), "one").await;
    reader.until(|reader| reader.count() == 5).await;
    delete_topic(&topic).await;
    reader.source.confirm().await.expect("nothing but the old topic can have been read");
    make_topic(&topic, 1, &[]).await;
    reader.source.confirm().await.expect("nothing was read since");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_of_one_name_go_on_until_one_is_refused() {
    let (topic, group) = (new_topic(1).await, unique("group"));
    let mut first = Reader::open(&config(&topic, &group), "same").await;
    first.until(|reader| reader.positions.len() == 1).await;
    let mut second = Reader::open(&config(&topic, &group), "same").await;
    second.until(|reader| reader.positions.len() == 1).await;
    // Fenced a few times a member joins anew, as an engine has it do: brokers in trouble fence a member that is alone.
    let error = 'refused: loop {
        for reader in [&mut first, &mut second] {
            match reader.step().await {
                Err(error) if error.kind() == ErrorKind::Unavailable => reader.source.open().await.expect("joins anew"),
                Err(error) => break 'refused error,
                Ok(()) => {}
            }
        }
    };
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("data folder"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_gone_for_a_while_is_taken_up_again() {
    let (topic, group) = (new_topic(1).await, unique("group"));
    write(&topic, 0, numbers("old", 5));
    let config = format!(
        "{{brokers: BROKERS, topics: [{topic}], group: {group}, librdkafka: {{topic.metadata.refresh.interval.ms: 1000}}}}"
    );
    let mut reader = Reader::open(&config, "one").await;
    reader.until(|reader| reader.count() == 5).await;
    delete_topic(&topic).await;
    reader.during(Duration::from_secs(6)).await;
    make_topic(&topic, 1, &[]).await;
    write(&topic, 0, numbers("new", 3));
    reader.until(|reader| reader.count() == 8).await;
    assert_eq!(reader.read[&0][5..], numbers("new", 3).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_moves_leave_no_gap_and_repeat_nothing() {
    let (topic, group) = (new_topic(6).await, unique("group"));
    let mut all = Vec::new();
    for round in 0..2 {
        let mut readers = Vec::new();
        for instance in ["one", "two", "three"] {
            (0..6).for_each(|partition| write(&topic, partition, numbers(&format!("{round}{instance}"), 20)));
            readers.push(Reader::open(&config(&topic, &group), instance).await);
            join_all(readers.iter_mut().map(|reader| reader.during(Duration::from_secs(1)))).await;
        }
        let leave = async |mut reader: Reader| {
            reader.commit().await;
            reader.source.close(true).await.expect("close");
            reader.read
        };
        all.extend(join_all(readers.into_iter().map(leave)).await);
    }
    let total = 2 * 3 * 20;
    let before: usize = all.iter().flat_map(BTreeMap::values).map(Vec::len).sum();
    let mut last = Reader::open(&config(&topic, &group), "last").await;
    last.until(|reader| before + reader.count() >= 6 * total).await;
    last.during(Duration::from_secs(1)).await;
    all.push(last.read);
    let read: Vec<_> = all.into_iter().flat_map(BTreeMap::into_values).flatten().collect();
    // The same texts are in each of the six partitions.
    assert_eq!((read.len(), read.iter().collect::<BTreeSet<_>>().len()), (6 * total, total));
}
