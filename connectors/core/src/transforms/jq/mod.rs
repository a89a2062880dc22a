//! Makes records with jq programs, each in a process of its own.
//!
//! A program may loop, recurse until the stack is full, or ask for all memory there is; no Rust code can stop that from
//! within without ending with it. So a transform starts this binary once more, as a worker that knows nothing and may do
//! nothing but answer, and that may die: then the record at hand is rejected, and another worker goes on behind it.

mod explain;
mod process;
mod program;
#[cfg(test)]
mod tests;
mod wire;
mod worker;

use catchwater_sdk::config::{Duration, Size};
use catchwater_sdk::transform::{Output, Transform};
use catchwater_sdk::{Batch, Context, Error, Registry, Result};
use schemars::JsonSchema;
use serde::Deserialize;

use self::process::Process;
use self::wire::{Answer, Bounds, Hello, Request};
pub(crate) use self::worker::serve;
use crate::sinks::encoding::write_json;

/// Makes records with a jq program, which gets the payload as its input.
///
/// Each output becomes the payload of a record: none drops the record, several make several records with the same key,
/// headers and time. Payloads are printed anew, without spaces; numbers keep their digits. What the payload is part of is
/// in `$record`, as `encoding: json` of the file sink writes it: `$record.key`, `$record.headers`, `$record.timestamp`.
///
/// A record is rejected if its payload is not JSON, the program fails on it, or a bound below is reached; no output of it
/// goes on then. Tombstones pass. The program runs in a process of its own, one for each copy of the pipeline, so that
/// nothing it does can harm more than the record at hand. Nothing in the language reaches a file, the network or the
/// environment: it is jq 1.7 as `jaq` implements it, without `input`, `env`, `debug`, `stderr` and `halt`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The program. In YAML it is best written as a block, behind `|`.
    #[schemars(extend(
        "examples" = ["select(.amount > 100) | {id, amount, country: .customer.country}", ".items[]"],
        "x-names" = ["filter", "query", "expression", "script", "mapping"],
    ))]
    program: String,
    /// How long the program may take for one record.
    #[serde(default = "time_max")]
    #[schemars(extend("x-min" = "10ms", "x-names" = ["timeout"]))]
    time_max: Duration,
    /// How much memory its process may take, beside a stack of up to 128 MiB. Kept on Linux; elsewhere `time_max` alone
    /// ends a program that asks for more.
    #[serde(default = "memory_max")]
    #[schemars(extend("x-min" = "16MiB"))]
    memory_max: Size,
    /// How many bytes the outputs for one record may have.
    #[serde(default = "output_max")]
    output_max: Size,
    /// How many outputs there may be for one record.
    #[serde(default = "records_max")]
    #[schemars(range(min = 1, max = 1000000))]
    records_max: usize,
}

fn time_max() -> Duration {
    Duration::seconds(1)
}

fn memory_max() -> Size {
    Size::mib(128)
}

fn output_max() -> Size {
    Size::mib(8)
}

fn records_max() -> usize {
    10_000
}

/// A longer program is a mistake; reading one takes stack by its length.
const PROGRAM_BYTES_MAX: usize = 8 << 10;
/// So much is handed to a worker at a time, or a single larger record.
const GROUP_BYTES: usize = 256 << 10;
/// How much the outputs for one batch may have together. (Invariant 9)
const BATCH_BYTES_MAX: usize = 64 << 20;

pub(crate) fn register(registry: &mut Registry) {
    registry.transform("jq", |config: Config, _: &Context| Ok(Box::new(Jq::new(config)?)));
}

struct Jq {
    hello: Hello,
    /// Whether the program asks for `$record`.
    with_record: bool,
    process: Option<Process>,
    /// A process died of the record that comes next, or was ended by somebody else while it had that.
    is_suspect: bool,
    made_bytes: usize,
}

// === impl Jq ===

impl Jq {
    /// Reads the program and says what is wrong with it; no process is started yet.
    fn new(config: Config) -> Result<Jq> {
        let mistake = |text: String| Error::config(text).at_key("program");
        if config.program.len() > PROGRAM_BYTES_MAX {
            return Err(mistake(format!("is longer than {PROGRAM_BYTES_MAX} bytes")));
        }
        program::check(&config.program).map_err(mistake)?;
        let bounds = Bounds {
            time_ms: config.time_max.as_millis() as u64,
            memory_bytes: config.memory_max.bytes(),
            output_bytes: config.output_max.as_usize(),
            outputs: config.records_max,
        };
        let with_record = config.program.contains(program::RECORD);
        Ok(Jq {
            hello: Hello { program: config.program, bounds },
            with_record,
            process: None,
            is_suspect: false,
            made_bytes: 0,
        })
    }

    fn request<'a>(&self, batch: &'a Batch, i: usize) -> Request<'a> {
        let record = batch.get(i);
        let mut envelope = Vec::new();
        if self.with_record {
            write_json(record, &mut envelope);
        }
        Request { payload: record.payload().unwrap_or_default(), envelope }
    }

    /// The first of these records that are handed over together.
    fn group<'a>(&self, batch: &'a Batch, records: &[usize]) -> Vec<Request<'a>> {
        let (mut group, mut bytes) = (Vec::new(), 0);
        for i in records {
            let request = self.request(batch, *i);
            bytes += request.payload.len() + request.envelope.len();
            if bytes > GROUP_BYTES && !group.is_empty() {
                break;
            }
            group.push(request);
        }
        group
    }

    /// A process that has these requests. One that died while it had nothing to do is no record's fault.
    fn ask(&mut self, group: &[Request<'_>]) -> Result<Process> {
        if let Some(mut process) = self.process.take()
            && process.ask(group).is_ok()
        {
            return Ok(process);
        }
        let mut process = Process::start(&self.hello)?;
        let _ = process.ask(group); // if it died of them, it gives no answer
        Ok(process)
    }

    /// Settles the first of these records; how many. None only once: where a process is gone, the record that it had is the
    /// first of the next one's, and to blame if that dies as well.
    fn settle(&mut self, batch: &Batch, records: &[usize], out: &mut Output<'_>) -> Result<usize> {
        let group = self.group(batch, records);
        let mut process = self.ask(&group)?;
        for (settled, i) in (1..).zip(&records[..group.len()]) {
            let was_suspect = std::mem::take(&mut self.is_suspect);
            match process.answer() {
                Ok(Answer::Made(payloads)) => self.made(batch, *i, payloads, out),
                Ok(Answer::Failed(reason)) => out.reject(*i, reason),
                Ok(Answer::Late) => {
                    let time = std::time::Duration::from_millis(self.hello.bounds.time_ms);
                    out.reject(*i, format!("the program takes longer than {time:?} (`time_max`): does it end?"));
                    return Ok(settled);
                }
                Err(_) if was_suspect => {
                    out.reject(*i, process.end(&self.hello.bounds));
                    return Ok(settled);
                }
                Err(_) => {
                    self.is_suspect = true;
                    return Ok(settled - 1);
                }
            }
        }
        self.process = Some(process);
        Ok(group.len())
    }

    fn made(&mut self, batch: &Batch, i: usize, payloads: Vec<Vec<u8>>, out: &mut Output<'_>) {
        self.made_bytes += payloads.iter().map(Vec::len).sum::<usize>();
        if self.made_bytes > BATCH_BYTES_MAX {
            out.reject(i, format!("the program makes more than {BATCH_BYTES_MAX} bytes out of one batch of records"));
            return;
        }
        let record = batch.get(i);
        match payloads.as_slice() {
            [] => out.drop_record(i),
            [same] if record.payload() == Some(same) => out.keep(i),
            payloads => payloads.iter().for_each(|payload| out.replace_payload(i, Some(payload))),
        }
    }
}

impl Transform for Jq {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        self.made_bytes = 0;
        let (asked, tombstones): (Vec<_>, Vec<_>) = (0..batch.len()).partition(|i| batch.get(*i).payload().is_some());
        tombstones.into_iter().for_each(|i| out.keep(i));
        let mut rest = asked.as_slice();
        while !rest.is_empty() {
            let settled = self.settle(batch, rest, out)?;
            rest = &rest[settled..];
        }
        Ok(())
    }

    fn state(&self) -> Option<Vec<u8>> {
        None
    }
}
