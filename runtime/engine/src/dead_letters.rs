//! A record that could not be processed or stored becomes a dead letter: itself, with the reason in headers.

use catchwater_sdk::{Batch, BatchBuilder, Field, FieldKind, Limit, RecordRef};

use crate::task::StepRejected;

/// Why the record is here.
pub const REASON: &str = "catchwater.reason";
/// The step that could not handle it.
pub const STEP: &str = "catchwater.step";
/// How often that step tried.
pub const ATTEMPTS: &str = "catchwater.attempts";
/// The pipeline.
pub const PIPELINE: &str = "catchwater.pipeline";
/// Where it came from: the stream's name.
pub const STREAM: &str = "catchwater.stream";
/// Where it came from: the partition's number.
pub const PARTITION: &str = "catchwater.partition";
/// Where it came from: its place in the partition.
pub const POSITION: &str = "catchwater.position";

/// The dead letters of rejected records: each as it entered the failing step, its own headers first.
pub(crate) fn dead_letters(pipeline: &str, rejected: &[StepRejected]) -> Batch {
    let mut letters = BatchBuilder::new(Limit { records: usize::MAX, bytes: usize::MAX });
    for StepRejected { step, attempts, rejected } in rejected {
        let attempts = attempts.to_string();
        for record in rejected.records.iter() {
            let origin = &rejected.records.origins()[record.origin()].partition;
            let (partition, position) = (origin.number.to_string(), record.position().to_string());
            let said = [
                Field::text(REASON, &rejected.reason),
                Field::text(STEP, step),
                Field { kind: FieldKind::Int, ..Field::text(ATTEMPTS, &attempts) },
                Field::text(PIPELINE, pipeline),
                Field::text(STREAM, &origin.stream),
                Field { kind: FieldKind::Int, ..Field::text(PARTITION, &partition) },
                Field { kind: FieldKind::Int, ..Field::text(POSITION, &position) },
            ];
            let origin = letters.origin(origin);
            push(&mut letters, origin, record, &said);
        }
    }
    letters.finish()
}

fn push(letters: &mut BatchBuilder, origin: u32, record: RecordRef<'_>, said: &[Field<'_>]) {
    let headers: Vec<_> = record.headers().chain(said.iter().copied()).collect();
    let properties: Vec<_> = record.properties().collect();
    letters.push_foreign(origin, record, record.with_fields(&headers, &properties));
}
