//! The language on records, made of JSON as pipelines make them.

mod errors;
mod language;

use std::sync::Arc;

use catchwater_connectors::formats::json::Json;
use catchwater_sdk::format::Format;
use catchwater_sdk::{Batch, BatchBuilder, Limit, Partition, Record};

use crate::Query;

/// A batch of one record.
fn batch(record: Record<'_>) -> Batch {
    let partition =
        Partition { source: "kafka-1".into(), stream: "orders".into(), incarnation: "a/b".into(), number: 3 };
    let mut batch = BatchBuilder::new(Limit::default());
    let origin = batch.origin(&Arc::new(partition));
    batch.push(origin, 42, 43, record);
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
