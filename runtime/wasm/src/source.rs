//! The `wasm` source: a plugin reads, and the engine keeps its positions.

use std::sync::Arc;
use std::time::Duration;

use catchwater_sdk::config::Role;
use catchwater_sdk::source::{SourceTraits, simple};
use catchwater_sdk::{Batch, Context, Limit, Partition, Positions, Result, async_trait};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::apart::Apart;
use crate::arrivals::Track;
use crate::bindings::source::Next;
use crate::config::Config;
use crate::fault::Fault;
use crate::instance::Instance;
use crate::outside::Outside;
use crate::plugins::Plugins;
use crate::step::{Halt, Step, broke_off};

/// A plugin that has nothing is not asked again before, whatever it says.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// It is asked again by then.
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// A source whose work a plugin does, in a thread of its own: a request of the plugin's may take its time.
pub(crate) struct WasmSource {
    reader: Apart<Reader>,
    /// What its requests are ended by.
    outside: Outside,
    pause: Option<Instant>,
    is_ended: bool,
}

/// The plugin, and what of it a new instance needs.
struct Reader {
    step: Step,
    instance: Option<Instance>,
    track: Option<Track>,
    /// The engine has said where to start.
    is_started: bool,
    /// What was read and not handed out yet: whoever asked may have gone meanwhile.
    read: Option<Result<Read>>,
}

struct Read {
    batch: Option<Batch>,
    next: Next,
}

// === impl WasmSource ===

impl WasmSource {
    pub(crate) fn new(plugins: &Arc<Plugins>, config: Config, context: &Context) -> Result<WasmSource> {
        let step = Step::new(plugins, config, context, Role::Source)?;
        let outside = step.outside.clone();
        let reader = Reader { step, instance: None, track: None, is_started: false, read: None };
        Ok(WasmSource { reader: Apart::new(reader), outside, pause: None, is_ended: false })
    }

    /// Takes from an answer when there will be another one.
    fn note(&mut self, read: &Read) {
        self.pause = match read.next {
            Next::Now if read.batch.is_some() => None,
            Next::Now => Some(PAUSE_MIN),
            Next::Wait(milliseconds) => Some(Duration::from_millis(milliseconds.into()).clamp(PAUSE_MIN, PAUSE_MAX)),
            Next::End => {
                self.is_ended = true;
                None
            }
        }
        .map(|pause| Instant::now() + pause);
    }
}

#[async_trait]
impl simple::Source for WasmSource {
    fn traits(&self) -> SourceTraits {
        SourceTraits {
            capture: None,
            rereadable: true,
            keeps_positions: false,
            shareable: false,
            unacknowledged_max: None,
            commit_within: None,
            may_return: false,
        }
    }

    async fn open(&mut self) -> Result<Vec<(Arc<Partition>, i64)>> {
        self.reader.run(Reader::open).await?
    }

    async fn start(&mut self, at: &Positions) -> Result<()> {
        (self.pause, self.is_ended) = (None, false);
        let at = at.clone();
        self.reader.run(move |reader| reader.go_to(&at)).await?
    }

    async fn poll(&mut self, limit: Limit) -> Result<Option<Batch>> {
        while !self.is_ended {
            if let Some(until) = self.pause {
                sleep_until(until).await;
            }
            let read = self.reader.run(move |reader| reader.read(limit));
            read.await?;
            // Not waited for any more: what is taken out here is handed out.
            let Some(read) = self.reader.idle().and_then(|reader| reader.read.take()) else { continue };
            let read = read?;
            self.note(&read);
            if read.batch.is_some() {
                return Ok(read.batch);
            }
        }
        Ok(None)
    }

    async fn commit(&mut self, _: &Positions) -> Result<()> {
        Ok(())
    }

    async fn close(mut self: Box<Self>) -> Result<()> {
        self.outside.stop();
        self.reader.run(Reader::close).await
    }

    fn lag(&self) -> Option<u64> {
        None
    }
}

impl Drop for WasmSource {
    fn drop(&mut self) {
        self.outside.stop();
    }
}

// === impl Reader ===

impl Reader {
    /// Where reading begins; that of who was opened already stands.
    fn open(&mut self) -> Result<Vec<(Arc<Partition>, i64)>> {
        if self.instance.is_none() {
            let begun = broke_off(self.begin())?;
            self.instance = Some(begun.map_err(|fault| self.step.broken(&fault))?);
        }
        Ok(self.track.iter().flat_map(Track::positions).collect())
    }

    /// A new instance, which goes on where the one before it was.
    fn begin(&mut self) -> Result<Instance, Halt> {
        let mut instance = self.step.begin()?;
        let found = self.step.answered(instance.partitions())?;
        let mut track = Track::new(found).map_err(Fault::answer)?;
        if let Some(before) = self.track.as_ref().filter(|_| self.is_started) {
            track.take_over(before).map_err(Fault::answer)?;
            self.step.answered(instance.start_at(&track.places()))?;
        }
        self.track = Some(track);
        Ok(instance)
    }

    fn go_to(&mut self, at: &Positions) -> Result<()> {
        self.read = None;
        if let Some(track) = &mut self.track {
            track.go_to(at);
        }
        self.is_started = true;
        let Some(mut instance) = self.instance.take() else { return Ok(()) };
        let places = self.track.as_ref().map(Track::places).unwrap_or_default();
        let told = self.step.answered(instance.start_at(&places));
        match broke_off(told)? {
            Ok(()) => self.instance = Some(instance),
            // The one that comes next is told as well.
            Err(fault) => debug!(plugin = self.step.plugin.name(), %fault, "the plugin breaks off when it is started"),
        }
        Ok(())
    }

    /// Has the next records ready, unless they are already.
    fn read(&mut self, limit: Limit) {
        if self.read.is_none() {
            self.read = Some(self.next(limit));
        }
    }

    /// The next records: if the instance breaks off over them, once more by a new one.
    fn next(&mut self, limit: Limit) -> Result<Read> {
        let first = match broke_off(self.attempt(limit))? {
            Ok(read) => return Ok(read),
            Err(fault) => fault,
        };
        debug!(plugin = self.step.plugin.name(), fault = %first, "the plugin breaks off; once more");
        broke_off(self.attempt(limit))?.map_err(|fault| self.step.broken(&fault))
    }

    fn attempt(&mut self, limit: Limit) -> Result<Read, Halt> {
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.begin()?,
        };
        let records_max = u32::try_from(limit.records).unwrap_or(u32::MAX);
        let reading = match self.step.answered(instance.read(records_max, limit.bytes as u64)) {
            Ok(reading) => reading,
            Err(Halt::Failed(error)) => {
                self.instance = Some(instance);
                return Err(Halt::Failed(error));
            }
            Err(fault) => return Err(fault),
        };
        let batch = self.track.as_mut().map(|track| track.take(&reading.arrivals, records_max as usize));
        let batch = batch.transpose().map_err(Fault::answer)?.flatten();
        self.step.worked();
        self.instance = Some(instance);
        Ok(Read { batch, next: reading.next })
    }

    fn close(&mut self) {
        self.step.end(self.instance.take());
    }
}
