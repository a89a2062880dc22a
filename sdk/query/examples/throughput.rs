//! How many records a second a query is asked about: decoded before, decoded for it, and ruled out by their bytes.
//!
//! ```sh
//! cargo run --release -p catchwater-query --example throughput            # the queries below
//! cargo run --release -p catchwater-query --example throughput 'a:>5'     # others
//! ```

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use catchwater_connectors::formats::json::Json;
use catchwater_query::Query;
use catchwater_sdk::format::Format;
use catchwater_sdk::{Batch, BatchBuilder, Limit, Partition, Record};

const RECORDS: usize = 100_000;
const BATCH_RECORDS: usize = 1000;

const QUERIES: &[&str] = &[
    "*",
    "status:paid",
    "amount:>900",
    "customer.email:*7@acme.com",
    "headphones",
    "\"noise cancelling\" OR gift",
    "NOT status:paid amount:[10 TO 20]",
    "at:2026-11-22",
    "_position:<100",
];

fn main() -> Result<(), Box<dyn Error>> {
    let own: Vec<String> = std::env::args().skip(1).collect();
    let queries: Vec<&str> = if own.is_empty() { QUERIES.to_vec() } else { own.iter().map(String::as_str).collect() };
    let mut out = std::io::stdout();
    writeln!(out, "{:<40} {:>8} {:>12} {:>12} {:>12}", "", "matches", "decoded/s", "decoding/s", "by bytes/s")?;
    for text in queries {
        let query = Query::parse(text)?;
        let batches = batches();
        let matches = || batches.iter().flat_map(Batch::iter).filter(|record| query.matches(record)).count();
        let (decoding, first) = per_second(matches);
        // Values are decoded once for a batch, if anyone asks for them: now they are.
        batches.iter().for_each(|batch| _ = batch.values());
        let (decoded, again) = per_second(matches);
        let payloads = || batches.iter().flat_map(Batch::iter).filter_map(|record| record.payload());
        let (by_bytes, may) = per_second(|| payloads().filter(|payload| query.may_contain_words(payload)).count());
        assert!(first == again && first <= may, "{text}: {first} match, then {again}, and {may} may");
        writeln!(out, "{text:<40} {first:>8} {decoded:>12.0} {decoding:>12.0} {by_bytes:>12.0}")?;
    }
    Ok(())
}

fn per_second(work: impl FnOnce() -> usize) -> (f64, usize) {
    let start = Instant::now();
    let count = work();
    (RECORDS as f64 / start.elapsed().as_secs_f64(), count)
}

/// Orders, as a source reads them.
fn batches() -> Vec<Batch> {
    let partition = Partition { source: "example".into(), stream: "orders".into(), incarnation: "1".into(), number: 0 };
    let partition = Arc::new(partition);
    let batch = |first: usize| {
        let mut batch = BatchBuilder::new(Limit::default());
        let origin = batch.origin(&partition);
        for number in first..first + BATCH_RECORDS {
            let position = number as i64;
            batch.push(origin, position, position + 1, Record::payload(order(number).as_bytes()));
        }
        let batch = batch.finish();
        batch.set_format(&(Arc::new(Json) as Arc<dyn Format>));
        batch
    };
    (0..RECORDS).step_by(BATCH_RECORDS).map(batch).collect()
}

fn order(number: usize) -> String {
    let status = ["created", "paid", "sent", "returned"][number % 4];
    let item = ["headphones, noise cancelling", "desk lamp", "gift card", "kettle", "notebook"][number % 5];
    let (euros, cents, day) = (number * 7 % 1000, number % 100, 1 + number % 28);
    format!(
        r#"{{"event":"order_{status}","status":"{status}","number":{number},"amount":{euros}.{cents:02},"customer":{{"email":"c{number}@acme.com","name":"Zoë {number}"}},"items":[{{"name":"{item}","count":{}}}],"at":"2026-11-{day:02}T10:30:00Z"}}"#,
        number % 3
    )
}
