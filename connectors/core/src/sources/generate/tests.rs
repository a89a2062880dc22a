use std::collections::BTreeMap;

use catchwater_sdk::conformance::{self, SourceWorld};
use catchwater_sdk::source::BoxSource;

use super::*;
use crate::testing::source;

fn generate(yaml: &str) -> Generate {
    let parsed = catchwater_sdk::config::parse(yaml);
    Generate::new(parsed.documents[0].root.read().expect("a configuration")).expect("a good one")
}

fn first(yaml: &str, count: u64) -> Vec<(i32, Vec<u8>)> {
    let batch = generate(yaml).make(Limit::default(), count);
    batch.iter().map(|record| (record.partition().number, record.payload().expect("set").to_vec())).collect()
}

#[test]
fn the_same_seed_makes_the_same_events() {
    assert_eq!(first("seed: 7", 200), first("{seed: 7, count: 9}", 200));
    assert_ne!(first("seed: 7", 200), first("seed: 8", 200));
}

/// A change here breaks positions that are stored: it needs another incarnation.
#[test]
fn the_first_event_is_what_it_always_was() {
    let (_, payload) = first("seed: 1", 1).remove(0);
    assert_eq!(String::from_utf8(payload).expect("UTF-8"), FIRST);
}

const FIRST: &str = concat!(
    r#"{"event":"cart_updated","event_id":"063463b0c9217635-00000000","occurred_at":"2026-01-01T00:00:00.13"#,
    r#"8886Z","channel":"store","customer":{"id":"cust-00135","name":"Hiro Ito","email":"customer135@exampl"#,
    r#"e.com","country":"PL","newsletter":true},"cart_id":"c-00000000","items":[{"sku":"BTL-05","name":"Ste"#,
    r#"el bottle 0.7 l","quantity":2,"unit_price":21.99},{"sku":"MUG-01","name":"Enamel mug","quantity":1,""#,
    r#"unit_price":12.9}],"amount":56.88,"currency":"PLN"}"#,
);

#[test]
fn events_of_an_order_belong_together() {
    let mut orders = BTreeMap::<String, Vec<serde_json::Value>>::new();
    for (_, payload) in first("seed: 3", 640) {
        let event: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
        let Some(order) = event["order_id"].as_str() else { continue };
        orders.entry(order.to_owned()).or_default().push(event);
    }
    assert!(orders.len() > 100, "{} orders", orders.len());
    for (order, events) in orders {
        let of = |key: &str| events.iter().map(|event| event[key].clone()).collect::<Vec<_>>();
        assert!(of("customer").windows(2).all(|pair| pair[0] == pair[1]), "{order} has one customer");
        assert!(of("amount").windows(2).all(|pair| pair[0] == pair[1]), "{order} has one amount");
        assert!(events.iter().any(|event| event["event"] == "order_created"), "{order} was created");
    }
}

#[test]
fn a_customer_stays_in_one_partition() {
    let mut partitions = BTreeMap::new();
    for (number, payload) in first("partitions: 5", 2000) {
        let event: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
        let customer = event["customer"]["id"].as_str().expect("set").to_owned();
        assert_eq!(*partitions.entry(customer).or_insert(number), number);
    }
    assert_eq!(partitions.values().collect::<std::collections::BTreeSet<_>>().len(), 5);
}

#[tokio::test]
async fn a_rate_is_kept() {
    let mut source = generate("rate: 200/s");
    let (began, mut count) = (Instant::now(), 0);
    while count < 20 {
        count += simple::Source::poll(&mut source, Limit::default()).await.expect("it reads").expect("no end").len();
    }
    assert!(began.elapsed() >= Duration::from_millis(80), "{:?}", began.elapsed());
    assert!(count < 60, "{count} at once");
}

#[test]
fn mistakes_name_their_key() {
    let check = |yaml: &str, expected: &str| {
        let mistake = source("generate", yaml).map(drop).expect_err("a mistake");
        assert!(mistake.to_string().contains(expected), "{mistake}");
    };
    check("start: yesterday", "start: read the time");
    check("rate: 5", "must be a number by time");
    check("partitions: 0", "partitions: there must be a partition");
}

struct World;

#[async_trait]
impl SourceWorld for World {
    async fn build(&mut self) -> BoxSource {
        source("generate", "{count: 300, partitions: 3, seed: 5, stream: shop}").expect("a good configuration")
    }

    fn build_broken(&mut self) -> Option<BoxSource> {
        None
    }

    fn records(&self) -> BTreeMap<(String, i32), Vec<Option<Vec<u8>>>> {
        let mut records = BTreeMap::<_, Vec<_>>::new();
        for (number, payload) in first("{partitions: 3, seed: 5}", 300) {
            records.entry(("shop".to_owned(), number)).or_default().push(Some(payload));
        }
        records
    }

    fn ends(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn keeps_the_contract_of_a_source() {
    conformance::source(&mut World).await;
}
