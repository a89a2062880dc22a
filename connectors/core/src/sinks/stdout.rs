//! Writes records to standard output.

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::Arc;

use catchwater_sdk::sink::{Durable, Rejected, Room, Sink, SinkTraits};
use catchwater_sdk::source::SourceTraits;
use catchwater_sdk::{
    Barrier, Batch, Error, Partition, Positions, RecordRef, Registry, Result, ResultExt, async_trait,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::encoding::{write_json, write_view};

/// Writes records to standard output, for a look or for a pipe.
///
/// Records count as stored once they are written: what reads the pipe may still lose them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// How a record is written; without it `view` at a terminal, else `lines`.
    #[schemars(extend("x-names" = ["format", "codec"]))]
    encoding: Option<Form>,
    /// Cut lines of the encoding `view` after so many characters; without it they are whole.
    #[schemars(range(min = 20))]
    width: Option<usize>,
}

/// How a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Form {
    /// The payload as it is, and a newline; a tombstone is an empty line.
    Lines,
    /// A JSON object with all that the record has, as of the `file` sink.
    Json,
    /// For eyes: place, key, headers and payload on one line.
    View,
}

pub(crate) fn register(registry: &mut Registry) {
    registry.sink("stdout", |config: Config, _| Ok(Box::new(Stdout { form: config.encoding, width: config.width })));
}

struct Stdout {
    form: Option<Form>,
    width: Option<usize>,
}

// === impl Form ===

impl Form {
    fn write(self, record: RecordRef<'_>, width: Option<usize>, out: &mut Vec<u8>) {
        match self {
            Form::Json => write_json(record, out),
            Form::View => write_view(record, width, out),
            Form::Lines => {
                out.extend_from_slice(record.payload().unwrap_or_default());
                out.push(b'\n');
            }
        }
    }
}

// === impl Stdout ===

#[async_trait]
impl Sink for Stdout {
    fn traits(&self) -> SinkTraits {
        SinkTraits::default()
    }

    async fn open(&mut self, _: &SourceTraits) -> Result<()> {
        let fitting = || if std::io::stdout().is_terminal() { Form::View } else { Form::Lines };
        self.form.get_or_insert_with(fitting);
        Ok(())
    }

    async fn stored(&mut self, _: &[Arc<Partition>]) -> Result<Option<Positions>> {
        Ok(None)
    }

    async fn write(&mut self, batch: &Batch) -> Result<Room> {
        let form = self.form.unwrap_or(Form::Lines);
        let mut lines = Vec::with_capacity(batch.size_bytes() + batch.len());
        batch.iter().for_each(|record| form.write(record, self.width, &mut lines));
        // The reader of a pipe may take its time: that must hold up this sink alone.
        let written = tokio::task::spawn_blocking(move || print(&lines)).await;
        written.or_bug(|| "write to standard output".into())??;
        Ok(Room::Left)
    }

    async fn barrier(&mut self, barrier: &Barrier) -> Result<Durable> {
        Ok(Durable { through: Some(barrier.number), rejected: Vec::<Rejected>::new(), events: Vec::new() })
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

/// A part of a batch may be out when this fails, so none of it can be tried again.
fn print(lines: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(lines).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            Err(Error::ended("whoever read standard output has gone"))
        }
        written => written.or_refused(|| "write to standard output".into()),
    }
}
