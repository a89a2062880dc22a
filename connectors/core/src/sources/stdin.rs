//! Reads lines from standard input.

use std::io::{self, Read};
use std::sync::Arc;

use catchwater_sdk::claim::{Claim, Within};
use catchwater_sdk::clock::Clock;
use catchwater_sdk::config::Size;
use catchwater_sdk::source::{SourceTraits, simple};
use catchwater_sdk::{
    Batch, BatchBuilder, Error, Limit, Partition, Positions, Registry, Result, ResultExt, async_trait,
};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::lines::Lines;

/// Reads lines from standard input, each a record, until its end.
///
/// What was read cannot be read again: records that are in flight when the process is killed are lost.
/// Redirect to a file and read that with `file` where this matters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The longest line that is taken. A longer one is rejected with its place, and reading goes on behind it.
    #[serde(default = "line_max")]
    #[schemars(extend("x-names" = ["max_line_bytes", "max_buffer"]))]
    line_max: Size,
}

fn line_max() -> Size {
    Size::mib(16)
}

const BLOCK_BYTES: usize = 256 << 10;
/// Blocks that wait to be taken. (Invariant 9)
const BLOCKS_MAX: usize = 4;

pub(crate) fn register(registry: &mut Registry) {
    registry.source("stdin", |config: Config, context| {
        context.claim(Claim { what: "standard input".into(), within: Within::Process, key: "" });
        Ok(simple::source(Lined::new("stdin", Arc::clone(&context.clock), config, io::stdin)))
    });
}

/// Lines of an input that can be read once.
struct Lined<I> {
    partition: Arc<Partition>,
    clock: Arc<dyn Clock>,
    input: I,
    lines: Lines,
    blocks: Option<mpsc::Receiver<io::Result<Vec<u8>>>>,
}

// === impl Lined ===

impl<R: Read, I: Fn() -> R + Copy + Send + 'static> Lined<I> {
    fn new(name: &str, clock: Arc<dyn Clock>, config: Config, input: I) -> Lined<I> {
        let partition = Partition { source: name.into(), stream: name.into(), incarnation: "".into(), number: 0 };
        Lined { partition: Arc::new(partition), clock, input, lines: Lines::new(config.line_max, 0), blocks: None }
    }

    fn ready(&mut self, limit: Limit) -> Option<Batch> {
        let mut batch = BatchBuilder::new(limit);
        let origin = batch.origin(&self.partition);
        self.lines.push_all(&mut batch, origin, &self.partition.stream, &[]);
        (!batch.is_empty()).then(|| batch.finish())
    }

    fn last(&mut self) -> Option<Batch> {
        let mut batch = BatchBuilder::new(Limit::default());
        let origin = batch.origin(&self.partition);
        self.lines.push_last(&mut batch, origin, &self.partition.stream, &[]);
        (!batch.is_empty()).then(|| batch.finish())
    }
}

#[async_trait]
impl<R: Read, I: Fn() -> R + Copy + Send + 'static> simple::Source for Lined<I> {
    /// It says to keep positions, because nobody else need keep them: they mean nothing to the next run.
    fn traits(&self) -> SourceTraits {
        SourceTraits {
            capture: None,
            rereadable: false,
            keeps_positions: true,
            shareable: false,
            unacknowledged_max: None,
            commit_within: None,
            may_return: false,
        }
    }

    async fn open(&mut self) -> Result<Vec<(Arc<Partition>, i64)>> {
        if self.blocks.is_none() {
            // Each run is a life of its own, whose positions begin anew.
            let incarnation = format!("{:x}-{:x}", self.clock.now_micros(), std::process::id());
            self.partition = Arc::new(Partition { incarnation: incarnation.into(), ..(*self.partition).clone() });
            self.blocks = Some(read_blocks(self.input));
        }
        Ok(vec![(Arc::clone(&self.partition), self.lines.start() as i64)])
    }

    async fn start(&mut self, at: &Positions) -> Result<()> {
        match at.get(&self.partition).filter(|at| *at != self.lines.start() as i64) {
            Some(at) => Err(Error::refused(format!("{} cannot be read again from byte {at}", self.partition.stream))),
            None => Ok(()),
        }
    }

    /// Cancel safe: a block is fed once it was received, and a batch returned as soon as it is made.
    async fn poll(&mut self, limit: Limit) -> Result<Option<Batch>> {
        loop {
            if let Some(batch) = self.ready(limit) {
                return Ok(Some(batch));
            }
            let blocks = self.blocks.as_mut().ok_or_else(|| Error::bug("poll an input that is not open"))?;
            match blocks.recv().await {
                Some(block) => drop(self.lines.feed(block.or_refused(|| format!("read {}", self.partition.stream))?)),
                None => return Ok(self.last()),
            }
        }
    }

    async fn commit(&mut self, _: &Positions) -> Result<()> {
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }

    fn lag(&self) -> Option<u64> {
        None
    }
}

/// On a thread of its own that nobody waits for: a read from a terminal may never return.
fn read_blocks<R: Read>(input: impl Fn() -> R + Send + 'static) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(BLOCKS_MAX);
    std::thread::spawn(move || {
        let mut input = input();
        let mut buffer = vec![0; BLOCK_BYTES];
        loop {
            let block = match input.read(&mut buffer) {
                Ok(0) => return,
                Ok(len) => Ok(buffer[..len].to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let failed = block.is_err();
            if sender.blocking_send(block).is_err() || failed {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use catchwater_sdk::clock::SystemClock;
    use catchwater_sdk::conformance::{self, SourceWorld};
    use catchwater_sdk::source::BoxSource;

    use super::*;

    struct World;

    fn three_lines() -> &'static [u8] {
        b"one\n\nlast"
    }

    #[async_trait]
    impl SourceWorld for World {
        async fn build(&mut self) -> BoxSource {
            let config = Config { line_max: line_max() };
            simple::source(Lined::new("stdin", Arc::new(SystemClock), config, three_lines))
        }

        fn build_broken(&mut self) -> Option<BoxSource> {
            None
        }

        fn records(&self) -> BTreeMap<(String, i32), Vec<Option<Vec<u8>>>> {
            let payloads = ["one", "", "last"].map(|line| Some(line.as_bytes().to_vec()));
            [(("stdin".to_owned(), 0), payloads.to_vec())].into()
        }

        fn ends(&self) -> bool {
            true
        }
    }

    #[tokio::test]
    async fn keeps_the_contract_of_a_source() {
        conformance::source(&mut World).await;
    }
}
