//! Offsets of a consumer group.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Answer, Entry};
use crate::connect::brokers::{Brokers, GroupOffset};
use crate::connect::failure::Failure;
use crate::connect::worker::Worker;
use crate::server::Described;

/// The group of a connector, and who is asked about it.
pub(super) struct Group<'a> {
    worker: &'a Worker,
    pipeline: &'a Described,
    brokers: Arc<dyn Brokers>,
}

// === impl Group ===

impl<'a> Group<'a> {
    /// None of a connector that reads something else than Kafka.
    pub(super) fn of(worker: &'a Worker, pipeline: &'a Described) -> Answer<Option<Group<'a>>> {
        if pipeline.planned.spec.source.type_name != "kafka" {
            return Ok(None);
        }
        let nobody = || Failure::internal("This server knows no client of Kafka, and cannot ask about a group");
        let brokers = worker.server.brokers().ok_or_else(nobody)?;
        Ok(Some(Group { worker, pipeline, brokers }))
    }

    pub(super) async fn show(&self) -> Answer<Vec<Entry>> {
        let spec = &self.pipeline.planned.spec;
        let committed = self.brokers.committed(&spec.source.node, &spec.name).await;
        let committed = committed.map_err(|error| Failure::internal(error.chain()))?;
        let entry = |at: GroupOffset| {
            let partition = json!({ "kafka_partition": at.partition, "kafka_topic": at.topic });
            Some(Entry { partition, offset: json!({ "kafka_offset": at.offset? }) })
        };
        Ok(committed.into_iter().filter_map(entry).collect())
    }

    pub(super) async fn alter(&self, entries: &[Value]) -> Answer<()> {
        let (spec, name) = (&self.pipeline.planned.spec, self.pipeline.name());
        let offsets = entries.iter().map(read).collect::<Answer<Vec<_>>>()?;
        if offsets.iter().any(|at| at.offset.is_some_and(|offset| offset < 0)) {
            return Err(Failure::internal(format!("Failed to modify offsets for sink connector {name}")));
        }
        let failed =
            |why| Failure::internal(format!("Failed to alter consumer group offsets for connector {name}: {why}"));
        self.refuse_in_vain().await.map_err(&failed)?;
        self.brokers.commit(&spec.source.node, name, &offsets).await.map_err(|error| failed(error.chain()))
    }

    pub(super) async fn reset(&self) -> Answer<()> {
        let (spec, name) = (&self.pipeline.planned.spec, self.pipeline.name());
        let failed =
            |why| Failure::internal(format!("Failed to reset consumer group offsets for connector {name}: {why}"));
        self.refuse_in_vain().await.map_err(&failed)?;
        self.brokers.forget(&spec.source.node, name).await.map_err(|error| failed(error.chain()))
    }

    async fn refuse_in_vain(&self) -> Result<(), String> {
        self.worker.server.refuse_moves_in_vain(self.pipeline).await.map_err(|wrong| wrong.to_string())
    }
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
