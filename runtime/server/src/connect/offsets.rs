//! `/connectors/{name}/offsets`: how far a connector is, and changed while it is stopped.

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use serde::Serialize;
use serde_json::Value;

use super::body::Said;
use super::brokers::{Brokers, GroupOffset};
use super::failure::Failure;
use super::request::Body;
use super::worker::Worker;
use crate::server::{Described, Wanted};

type Answer<T> = Result<T, Failure>;

#[derive(Serialize)]
pub(super) struct Offsets {
    offsets: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    partition: KafkaPartition,
    offset: KafkaOffset,
}

#[derive(Serialize)]
struct KafkaPartition {
    kafka_partition: i32,
    kafka_topic: String,
}

#[derive(Serialize)]
struct KafkaOffset {
    kafka_offset: i64,
}

pub(super) async fn show(worker: Worker, Path(name): Path<String>) -> Answer<Json<Offsets>> {
    let pipeline = worker.get(&name)?;
    let (brokers, spec) = (brokers(&worker, &pipeline)?, &pipeline.planned.spec);
    let committed = brokers.committed(&spec.source.node, &spec.name).await;
    let committed = committed.map_err(|error| Failure::internal(error.chain()))?;
    let entry = |at: GroupOffset| {
        let offset = KafkaOffset { kafka_offset: at.offset? };
        Some(Entry { partition: KafkaPartition { kafka_partition: at.partition, kafka_topic: at.topic }, offset })
    };
    Ok(Json(Offsets { offsets: committed.into_iter().filter_map(entry).collect() }))
}

pub(super) async fn alter(worker: Worker, Path(name): Path<String>, Body(asked): Body<Value>) -> Answer<Json<Said>> {
    let pipeline = stopped(&worker, &name)?;
    let entries = asked["offsets"].as_array().filter(|entries| !entries.is_empty());
    let none = || Failure::bad_request("Partitions / offsets need to be provided for an alter offsets request");
    let offsets = entries.ok_or_else(none)?.iter().map(read).collect::<Answer<Vec<_>>>()?;
    if offsets.iter().any(|at| at.offset.is_some_and(|offset| offset < 0)) {
        return Err(Failure::internal(format!("Failed to modify offsets for sink connector {name}")));
    }
    let failed = |why| Failure::internal(format!("Failed to alter consumer group offsets for connector {name}: {why}"));
    let brokers = brokers(&worker, &pipeline)?;
    worker.server.refuse_moves_in_vain(&pipeline).await.map_err(|wrong| failed(wrong.to_string()))?;
    let spec = &pipeline.planned.spec;
    let committed = brokers.commit(&spec.source.node, &spec.name, &offsets).await;
    committed.map_err(|error| failed(error.chain()))?;
    Ok(Json(Said { message: "The offsets for this connector have been altered successfully" }))
}

pub(super) async fn reset(worker: Worker, Path(name): Path<String>) -> Answer<Json<Said>> {
    let pipeline = stopped(&worker, &name)?;
    let failed = |why| Failure::internal(format!("Failed to reset consumer group offsets for connector {name}: {why}"));
    let brokers = brokers(&worker, &pipeline)?;
    worker.server.refuse_moves_in_vain(&pipeline).await.map_err(|wrong| failed(wrong.to_string()))?;
    let spec = &pipeline.planned.spec;
    brokers.forget(&spec.source.node, &spec.name).await.map_err(|error| failed(error.chain()))?;
    Ok(Json(Said { message: "The offsets for this connector have been reset successfully" }))
}

fn stopped(worker: &Worker, name: &str) -> Answer<Described> {
    let pipeline = worker.get(name)?;
    match pipeline.wanted {
        Wanted::Stopped => Ok(pipeline),
        _ => Err(Failure::bad_request(format!(
            "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified \
             connector by issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint"
        ))),
    }
}

/// Who is asked about the group that keeps the offsets of a connector.
fn brokers(worker: &Worker, pipeline: &Described) -> Answer<Arc<dyn Brokers>> {
    let source = &pipeline.planned.spec.source.type_name;
    let brokers = worker.server.brokers().filter(|_| source == "kafka");
    brokers.ok_or_else(|| {
        Failure::bad_request(format!("The offsets of a {source} source are not Kafka's and cannot be seen here"))
    })
}

/// An entry of a request, with what Kafka Connect says of one that is none.
fn read(entry: &Value) -> Answer<GroupOffset> {
    let partition = entry["partition"]
        .as_object()
        .ok_or_else(|| Failure::bad_request("The partition for a sink connector offset cannot be null or missing"))?;
    let (Some(topic), Some(number)) = (partition.get("kafka_topic"), partition.get("kafka_partition")) else {
        let message =
            "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'";
        return Err(Failure::bad_request(message));
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let number = text(number).parse().map_err(|_| {
        Failure::bad_request(format!(
            "Failed to parse the following Kafka partition value in the provided offsets: '{}'. Partition values for sink \
             connectors need to be integers.",
            text(number)
        ))
    })?;
    Ok(GroupOffset { topic: text(topic), partition: number, offset: offset(&entry["offset"])? })
}

fn offset(offset: &Value) -> Answer<Option<i64>> {
    if offset.is_null() {
        return Ok(None);
    }
    let Some(number) = offset.get("kafka_offset") else {
        let message = "The offset for a sink connector should either be null or contain the key 'kafka_offset'";
        return Err(Failure::bad_request(message));
    };
    let text = number.as_str().map_or_else(|| number.to_string(), str::to_owned);
    text.parse().map(Some).map_err(|_| {
        Failure::bad_request(format!(
            "Failed to parse the following Kafka offset value in the provided offsets: '{text}'. Offset values for sink \
             connectors need to be integers."
        ))
    })
}
