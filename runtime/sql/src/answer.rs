//! The rows of an answer.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use catchwater_sdk::{Error, Result};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use tokio::time::timeout;

use crate::collections::Seen;
use crate::{Limits, error};

/// How long a damaged file is looked for: longer than this, `lake verify` with its progress is the better place.
const LOOK_FOR: Duration = Duration::from_secs(20);

/// An answer, batch by batch: no more of it is held than one batch and what the query itself has to hold.
pub struct Answer {
    stream: SendableRecordBatchStream,
    seen: Seen,
    limits: Limits,
}

impl Answer {
    pub(crate) fn new(stream: SendableRecordBatchStream, seen: Seen, limits: Limits) -> Answer {
        Answer { stream, seen, limits }
    }

    /// Its columns.
    pub fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }

    /// The next rows; none after the last.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        match self.stream.next().await.transpose() {
            Ok(batch) => Ok(batch),
            Err(error) => Err(self.failed(error).await),
        }
    }

    /// DataFusion does not say which file it could not decode.
    async fn failed(&self, error: DataFusionError) -> Error {
        if error::is_of_a_file(&error)
            && let Ok(Some(damage)) = timeout(LOOK_FOR, self.seen.damage()).await
        {
            return damage;
        }
        error::failed(error, &self.limits)
    }
}
