//! Where a pipeline goes on.

use std::sync::Arc;

use catchwater_engine::offsets::{self, Move, Offset};
use catchwater_engine::plan::Planned;
use catchwater_engine::positions;
use catchwater_engine::topology::Topology;
use catchwater_sdk::ErrorKind;

use super::{Described, Server, Wanted};
use crate::connect::brokers::GroupOffset;
use crate::wrong::Wrong;

/// Where everything begins.
const EARLIEST: &str = "earliest";

impl Server {
    /// Where each partition goes on: what is committed in the data folder, or was elsewhere since the start of a pipeline
    /// that runs; or what the source of one that does not run says.
    pub async fn offsets(&self, name: &str) -> Result<Vec<Offset>, Wrong> {
        let described = self.get_sound(name)?;
        if described.wanted == Wanted::Running && described.planned.keeps_offsets_here() {
            return self.kept_offsets(&described);
        }
        if described.wanted == Wanted::Running {
            let committed = described.status.committed();
            let offset = |(partition, position): (&_, i64)| Offset {
                partition: Arc::clone(partition),
                position,
                is_committed: true,
                name: None,
            };
            return Ok(committed.iter().map(offset).collect());
        }
        let planned = described.planned;
        self.undisturbed_of(name, move |_, part, _| Box::pin(async move { Ok(part.offsets(&planned).await?) })).await
    }

    /// What is committed in the data folder, whether or not the pipeline runs; nothing of one that has another place.
    pub(crate) fn kept_offsets(&self, pipeline: &Described) -> Result<Vec<Offset>, Wrong> {
        match pipeline.planned.keeps_offsets_here() {
            true => Ok(offsets::kept(&self.0.data_dir, pipeline.name())?),
            false => Ok(Vec::new()),
        }
    }

    /// Forgets what is committed in the data folder of a stopped pipeline.
    pub(crate) async fn forget_offsets(&self, name: &str) -> Result<(), Wrong> {
        self.undisturbed_of(name, move |server, part, name| {
            Box::pin(async move {
                let planned = server.stopped(name)?.planned;
                server.forget(part, &planned).await
            })
        })
        .await
    }

    async fn forget(&self, part: &mut Topology, planned: &Arc<Planned>) -> Result<(), Wrong> {
        refuse_in_vain(part, planned).await?;
        Ok(positions::forget(&self.0.data_dir, &planned.spec.name)?)
    }

    /// Moves a stopped pipeline to other places.
    pub async fn set_offsets(&self, name: &str, moves: Vec<Move>) -> Result<Vec<Offset>, Wrong> {
        self.undisturbed_of(name, move |server, part, name| {
            Box::pin(async move { shift(part, &server.stopped(name)?.planned, &moves).await })
        })
        .await
    }

    /// Moves every partition of a stopped pipeline to where one begins at `earliest`, `latest`, a time or `-N`. Only brokers know
    /// all of these; a source whose offsets are kept here begins at the earliest once none are.
    pub async fn reset_offsets(&self, name: &str, begin: String) -> Result<Vec<Offset>, Wrong> {
        self.undisturbed_of(name, move |server, part, name| {
            Box::pin(async move {
                let planned = server.stopped(name)?.planned;
                if begin == EARLIEST && planned.keeps_offsets_here() {
                    server.forget(part, &planned).await?;
                    // It is done, whether or not the source has anything to read just now.
                    return Ok(part.offsets(&planned).await.unwrap_or_default());
                }
                let offsets = part.offsets(&planned).await?;
                let moves = server.begins(&planned, &offsets, &begin).await?;
                shift(part, &planned, &moves).await
            })
        })
        .await
    }

    /// One whose source and sinks can be built, and asked.
    fn get_sound(&self, name: &str) -> Result<Described, Wrong> {
        let described = self.get(name)?;
        match self.sound(name) {
            Some(_) => Ok(described),
            None => {
                let reason = described.condition.reason.unwrap_or_default();
                Err(Wrong::Conflict(format!("pipeline `{name}` cannot be planned:\n{reason}")))
            }
        }
    }

    fn stopped(&self, name: &str) -> Result<Described, Wrong> {
        let described = self.get_sound(name)?;
        match described.wanted {
            Wanted::Stopped => Ok(described),
            _ => {
                let state = described.state();
                Err(Wrong::Conflict(format!("pipeline `{name}` is {state}; stop it before its offsets are set")))
            }
        }
    }

    async fn begins(&self, planned: &Planned, offsets: &[Offset], begin: &str) -> Result<Vec<Move>, Wrong> {
        let source = &planned.spec.source;
        let Some(brokers) = self.brokers().filter(|_| source.type_name == "kafka") else {
            let begins = format!("a {} source begins at `{EARLIEST}` or at numbers that are set", source.type_name);
            return Err(Wrong::Conflict(format!("{begins}, and nobody knows where that is for `{begin}`")));
        };
        let partition = |offset: &Offset| (offset.partition.stream.to_string(), offset.partition.number);
        let begins = brokers.begins(&source.node, offsets.iter().map(partition).collect(), begin).await;
        let begins = begins.map_err(|error| match error.kind() {
            ErrorKind::Config => Wrong::Malformed(error.chain()),
            _ => Wrong::Failed(error),
        });
        let to = |at: GroupOffset| Some(Move { stream: at.topic, partition: at.partition, position: Some(at.offset?) });
        Ok(begins?.into_iter().filter_map(to).collect())
    }

    /// Refuses where to move a stopped pipeline would have no effect.
    pub(crate) async fn refuse_moves_in_vain(&self, pipeline: &Described) -> Result<(), Wrong> {
        let planned = self.get_sound(pipeline.name())?.planned;
        self.undisturbed_of(pipeline.name(), move |_, part, _| {
            Box::pin(async move { refuse_in_vain(part, &planned).await })
        })
        .await
    }
}

async fn refuse_in_vain(part: &mut Topology, planned: &Arc<Planned>) -> Result<(), Wrong> {
    part.refuse_moves_in_vain(planned).await.map_err(|error| Wrong::Conflict(error.chain()))
}

async fn shift(part: &mut Topology, planned: &Arc<Planned>, moves: &[Move]) -> Result<Vec<Offset>, Wrong> {
    part.set_offsets(planned, moves).await.map_err(|error| Wrong::Conflict(error.chain()))?;
    Ok(part.offsets(planned).await?)
}
