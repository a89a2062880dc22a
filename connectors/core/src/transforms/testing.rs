//! Applies a transform to a few records and shows what became of them.

use std::sync::Arc;

use catchwater_sdk::format::Format;
use catchwater_sdk::transform::{BoxTransform, Output};
use catchwater_sdk::{Batch, BatchBuilder, Field, Limit, Partition, Record, RecordRef, conformance};

use crate::formats::json::Json;
use crate::testing::transform;

/// What became of records with these headers and payloads, in their order.
pub(super) fn apply(transform: &mut BoxTransform, headers: &[Field<'_>], payloads: &[Option<&str>]) -> Vec<String> {
    let batch = batch(headers, payloads);
    let mut output = Output::new(&batch);
    transform.apply(&batch, &mut output).expect("it applies");
    let outcome = output.finish().expect("all are accounted for");
    let mut shown: Vec<(i64, String)> =
        outcome.emitted.iter().map(|r| (r.position(), format!("kept {}", show(r)))).collect();
    for rejected in &outcome.rejected {
        let reason = &rejected.reason;
        shown.extend(rejected.records.iter().map(|r| (r.position(), format!("rejected {} for {reason}", show(r)))));
    }
    shown.sort();
    shown.into_iter().map(|(_, text)| text).collect()
}

pub(super) fn keeps_the_contract(name: &str, config: &str) {
    conformance::transform(|| transform(name, config), Some(Arc::new(Json)));
}

pub(super) fn batch(headers: &[Field<'_>], payloads: &[Option<&str>]) -> Batch {
    let partition = Partition { source: "k".into(), stream: "orders".into(), incarnation: "1".into(), number: 0 };
    let mut batch = BatchBuilder::new(Limit::default());
    let origin = batch.origin(&Arc::new(partition));
    for (i, payload) in (0..).zip(payloads) {
        batch.push(origin, i, i + 1, Record { payload: payload.map(str::as_bytes), headers, ..Record::default() });
    }
    let batch = batch.finish();
    batch.set_format(&(Arc::new(Json) as Arc<dyn Format>));
    batch
}

fn show(record: RecordRef<'_>) -> String {
    let mut text = record.payload().map_or("-".into(), |payload| String::from_utf8_lossy(payload).into_owned());
    let headers: Vec<_> =
        record.headers().map(|h| format!("{}={}", h.name, String::from_utf8_lossy(h.value.expect("set")))).collect();
    if !headers.is_empty() {
        text += &format!(" [{}]", headers.join(" "));
    }
    text
}
