//! Offsets of a source that has no other place for them than the data folder.
//!
//! A partition is called as Kafka Connect's own connector for the like calls it, as far as there is one; its offset is the
//! position in it. What is no such thing is refused in the words of that connector.

use catchwater_engine::offsets::{Move, Offset};
use serde_json::{Value, json};

use super::{Answer, Entry};
use crate::connect::failure::Failure;
use crate::connect::worker::Worker;
use crate::server::Described;

const POSITION: &str = "position";

pub(super) fn show(worker: &Worker, pipeline: &Described) -> Answer<Vec<Entry>> {
    let names = Names::of(pipeline);
    Ok(worker.server.kept_offsets(pipeline)?.iter().map(|offset| names.entry(offset)).collect())
}

pub(super) async fn alter(worker: &Worker, pipeline: &Described, entries: &[Value]) -> Answer<()> {
    refuse_without(pipeline)?;
    let names = Names::of(pipeline);
    let moves = entries.iter().filter_map(|entry| names.read(entry).transpose()).collect::<Answer<Vec<_>>>()?;
    let moved = worker.server.set_offsets(pipeline.name(), moves).await;
    moved.map(drop).map_err(|wrong| failed(pipeline, &format!(": {wrong}")))
}

pub(super) async fn reset(worker: &Worker, pipeline: &Described) -> Answer<()> {
    refuse_without(pipeline)?;
    let forgotten = worker.server.forget_offsets(pipeline.name()).await;
    forgotten.map_err(|wrong| failed(pipeline, &format!(": {wrong}")))
}

fn refuse_without(pipeline: &Described) -> Answer<()> {
    match pipeline.planned.keeps_offsets_here() {
        true => Ok(()),
        false => Err(failed(pipeline, " because it doesn't support external modification of offsets")),
    }
}

fn failed(pipeline: &Described, why: &str) -> Failure {
    Failure::internal(format!("Failed to modify offsets for connector {}{why}", pipeline.name()))
}

/// Under which keys a source's partitions have their names.
struct Names {
    name: &'static str,
    /// Of the number, where a name may have several partitions.
    number: Option<&'static str>,
}

// === impl Names ===

impl Names {
    fn of(pipeline: &Described) -> Names {
        let (name, number) = match pipeline.planned.spec.source.type_name.as_str() {
            "file" => ("filename", None),
            "s3" => ("key", None),
            _ => ("stream", Some("partition")),
        };
        Names { name, number }
    }

    fn entry(&self, offset: &Offset) -> Entry {
        let mut partition = json!({ self.name: offset.called() });
        if let Some(number) = self.number {
            partition[number] = offset.partition.number.into();
        }
        Entry { partition, offset: json!({ POSITION: offset.position }) }
    }

    /// An entry of a request; none of one that forgets what nothing has as its name.
    fn read(&self, entry: &Value) -> Answer<Option<Move>> {
        let position = position(&entry["offset"])?;
        let partition = &entry["partition"];
        if position.is_none() && !partition.is_object() {
            let message = "Each of the offsets has to be an object that names its partition, with an offset or null";
            return Err(Failure::bad_request(message));
        }
        match self.partition(partition) {
            Ok((stream, partition)) => Ok(Some(Move { stream, partition, position })),
            Err(_) if position.is_none() => Ok(None),
            Err(wrong) => Err(wrong),
        }
    }

    fn partition(&self, partition: &Value) -> Answer<(String, i32)> {
        let partition = partition.as_object().ok_or_else(|| Failure::internal("Partition objects cannot be null"))?;
        let lacking = |key| Failure::internal(format!("Partition objects should contain the key '{key}'"));
        let stream = partition.get(self.name).and_then(Value::as_str).ok_or_else(|| lacking(self.name))?;
        let number = self.number.map(|key| {
            let number = partition.get(key).and_then(Value::as_i64).and_then(|number| i32::try_from(number).ok());
            number.ok_or_else(|| lacking(key))
        });
        Ok((stream.to_owned(), number.transpose()?.unwrap_or(0)))
    }
}

fn position(offset: &Value) -> Answer<Option<i64>> {
    if offset.is_null() {
        return Ok(None);
    }
    let wrong = |why: &str| Failure::internal(why.replace("KEY", POSITION));
    let position = offset.get(POSITION);
    let position = position.ok_or_else(|| wrong("Offset objects should either be null or contain the key 'KEY'"))?;
    match position.as_i64() {
        None => Err(wrong("The value for the 'KEY' key in the offset is expected to be a Long value")),
        Some(at) if at < 0 => Err(wrong("The value for the 'KEY' key in the offset should be a non-negative value")),
        at => Ok(at),
    }
}
