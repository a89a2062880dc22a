//! Where a group is to go on, asked of real brokers.

use catchwater_connectors::begin::Begin;
use catchwater_connectors::groups::Group;
use catchwater_sdk::Result;
use catchwater_sdk::config::parse;

use crate::broker::*;

async fn begins(topic: &str, numbers: &[i32], begin: Begin) -> Result<Vec<i64>> {
    let source = format!("{{brokers: '{}', topics: ['{topic}']}}", address());
    let group = Group::of(&parse(&source).documents.remove(0).root, "orders").expect("a group");
    let partitions = numbers.iter().map(|number| (topic.to_owned(), *number)).collect();
    let begins = group.begins(partitions, begin).await?;
    Ok(begins.into_iter().map(|(_, _, at)| at).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_partition_has_its_own_place_in_the_order_asked_for() {
    let topic = new_topic(2).await;
    write(&topic, 0, numbers("", 3));
    write(&topic, 1, numbers("", 5));
    let begins = async |begin| begins(&topic, &[1, 0], begin).await.expect("the brokers answer");
    assert_eq!(begins(Begin::Earliest).await, [0, 0]);
    assert_eq!(begins(Begin::Latest).await, [5, 3]);
    assert_eq!(begins(Begin::Last(4)).await, [1, 0]);
    assert_eq!(begins(Begin::Time(0)).await, [0, 0]);
    let late = i64::from(u32::MAX) * 1_000_000;
    assert_eq!(begins(Begin::Time(late)).await, [5, 3]);
}

/// The beginning of the others must not stand for its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_is_not_there_is_an_error() {
    let topic = new_topic(1).await;
    write(&topic, 0, numbers("", 3));
    begins(&topic, &[0, 7], Begin::Latest).await.expect_err("there is no partition 7");
}
