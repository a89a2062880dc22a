//! Writes records to standard output.

use std::io::{self, ErrorKind, IsTerminal, Write};
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
    registry.sink("stdout", |config: Config, _| Ok(Box::new(Printer::new(config, io::stdout))));
}

/// Prints to an output that every call opens anew.
struct Printer<O> {
    form: Option<Form>,
    width: Option<usize>,
    output: O,
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

// === impl Printer ===

impl<O> Printer<O> {
    fn new(config: Config, output: O) -> Printer<O> {
        Printer { form: config.encoding, width: config.width, output }
    }
}

#[async_trait]
impl<W: Write, O: Fn() -> W + Clone + Send + 'static> Sink for Printer<O> {
    fn traits(&self) -> SinkTraits {
        SinkTraits::default()
    }

    async fn open(&mut self, _: &SourceTraits) -> Result<()> {
        let fitting = || if io::stdout().is_terminal() { Form::View } else { Form::Lines };
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
        let output = self.output.clone();
        let written = tokio::task::spawn_blocking(move || print(output(), &lines)).await;
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
fn print(mut output: impl Write, lines: &[u8]) -> Result<()> {
    match output.write_all(lines).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            Err(Error::ended("whoever read standard output has gone"))
        }
        written => written.or_refused(|| "write to standard output".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use catchwater_sdk::conformance::{self, SinkWorld};
    use catchwater_sdk::sink::BoxSink;

    use super::*;

    /// What whoever reads the pipe has got.
    #[derive(Clone, Default)]
    struct Pipe(Arc<Mutex<Vec<u8>>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[async_trait]
    impl SinkWorld for Pipe {
        fn build(&mut self) -> BoxSink {
            let pipe = self.clone();
            Box::new(Printer::new(Config { encoding: Some(Form::Json), width: None }, move || pipe.clone()))
        }

        fn build_broken(&mut self) -> Option<BoxSink> {
            None
        }

        async fn read_back(&mut self) -> Vec<Option<Vec<u8>>> {
            let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            bytes.split_inclusive(|byte| *byte == b'\n').map(payload).collect()
        }
    }

    fn payload(line: &[u8]) -> Option<Vec<u8>> {
        let record: serde_json::Value = serde_json::from_slice(line).expect("a line is JSON");
        match &record["payload"] {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(text.clone().into_bytes()),
            encoded => Some(BASE64_STANDARD.decode(encoded["base64"].as_str().expect("base64")).expect("base64")),
        }
    }

    #[tokio::test]
    async fn keeps_the_contract_of_a_sink() {
        conformance::sink(&mut Pipe::default()).await;
    }

    #[test]
    fn a_reader_that_has_gone_is_the_end_and_no_failure() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = print(Gone, b"x").expect_err("nobody reads");
        assert_eq!(error.kind(), catchwater_sdk::ErrorKind::Ended);
    }
}
