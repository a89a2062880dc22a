//! The language on records, made of JSON as pipelines make them.

mod errors;
mod language;
mod manual;
mod property;

use std::sync::Arc;

use catchwater_connectors::formats::json::Json;
use catchwater_sdk::format::Format;
use catchwater_sdk::{Batch, BatchBuilder, Limit, Partition, Record};

use crate::Query;

/// A batch of one record.
fn batch(record: Record<'_>) -> Batch {
    batch_from(42, [record])
}

/// A batch of payloads, from position 0.
fn batch_of(payloads: &[Option<Vec<u8>>]) -> Batch {
    batch_from(0, payloads.iter().map(|payload| Record { payload: payload.as_deref(), ..Record::default() }))
}

fn batch_from<'r>(first: i64, records: impl IntoIterator<Item = Record<'r>>) -> Batch {
    let partition =
        Partition { source: "kafka-1".into(), stream: "orders".into(), incarnation: "a/b".into(), number: 3 };
    let mut batch = BatchBuilder::new(Limit::default());
    let origin = batch.origin(&Arc::new(partition));
    (first..).zip(records).for_each(|(position, record)| batch.push(origin, position, position + 1, record));
    let batch = batch.finish();
    batch.set_format(&(Arc::new(Json) as Arc<dyn Format>));
    batch
}

fn query(text: &str) -> Query {
    Query::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn matches(text: &str, record: Record<'_>) -> bool {
    query(text).matches(&batch(record).get(0))
}
