//! The rows of an answer.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use catchwater_sdk::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use crate::{Limits, error};

/// An answer, batch by batch: no more of it is held than one batch and what the query itself has to hold.
pub struct Answer {
    stream: SendableRecordBatchStream,
    limits: Limits,
}

impl Answer {
    pub(crate) fn new(stream: SendableRecordBatchStream, limits: Limits) -> Answer {
        Answer { stream, limits }
    }

    /// Its columns.
    pub fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }

    /// The next rows; none after the last.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        self.stream.next().await.transpose().map_err(|error| error::failed(error, &self.limits))
    }
}
