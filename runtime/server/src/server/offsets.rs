//! Where a pipeline goes on.

use std::sync::Arc;

use catchwater_engine::offsets::{Move, Offset};

use super::{Described, Server, Wanted};
use crate::wrong::Wrong;

impl Server {
    /// Where each partition goes on: as far as was committed since the start of a pipeline that runs, or what the source of
    /// one that does not run says.
    pub async fn offsets(&self, name: &str) -> Result<Vec<Offset>, Wrong> {
        let described = self.get(name)?;
        if described.wanted == Wanted::Running {
            let committed = described.status.committed();
            let offset = |(partition, position): (&_, i64)| Offset {
                partition: Arc::clone(partition),
                position,
                is_committed: true,
            };
            return Ok(committed.iter().map(offset).collect());
        }
        self.undisturbed(move |_, topology| Box::pin(async move { Ok(topology.offsets(&described.planned).await?) }))
            .await
    }

    /// Moves a stopped pipeline to other places.
    pub async fn set_offsets(&self, name: &str, moves: Vec<Move>) -> Result<Vec<Offset>, Wrong> {
        let name = name.to_owned();
        self.undisturbed(move |server, topology| {
            Box::pin(async move {
                let described = server.get(&name)?;
                if described.wanted != Wanted::Stopped {
                    let text =
                        format!("pipeline `{name}` is {}; stop it before its offsets are set", described.state());
                    return Err(Wrong::Conflict(text));
                }
                topology
                    .set_offsets(&described.planned, &moves)
                    .await
                    .map_err(|error| Wrong::Conflict(error.chain()))?;
                Ok(topology.offsets(&described.planned).await?)
            })
        })
        .await
    }

    /// Refuses where to move a stopped pipeline would have no effect.
    pub(crate) async fn refuse_moves_in_vain(&self, pipeline: &Described) -> Result<(), Wrong> {
        let planned = Arc::clone(&pipeline.planned);
        self.undisturbed(move |_, topology| {
            Box::pin(async move {
                let refused = topology.refuse_moves_in_vain(&planned).await;
                refused.map_err(|error| Wrong::Conflict(error.chain()))
            })
        })
        .await
    }
}
