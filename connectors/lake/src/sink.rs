//! The lake sink: one per task; see the crate's documentation for how delivery works.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use catchwater_sdk::batch::Origin;
use catchwater_sdk::claim::{Claim, Within};
use catchwater_sdk::config::Size;
use catchwater_sdk::sink::{Durable, Room, Sink, SinkTraits};
use catchwater_sdk::source::SourceTraits;
use catchwater_sdk::{
    Barrier, BarrierKind, Batch, Context, Error, Limit, Partition, Positions, RecordRef, Result, async_trait,
};
use catchwater_storage::Store;
use futures::future::join_all;
use tracing::info;

use crate::collection::{Collection, Settings};
use crate::committer::Committers;
use crate::config::Config;
use crate::heavy::Heavy;
use crate::hot_log::{BringIn, ChunkBuilder, HotLog, Leftovers, Target};
use crate::names::Names;
use crate::rows::Arrival;
use crate::shred::Options;
use crate::table::Table;

/// No more than this is held, however much memory there is: buffers are addressed with 32 bits.
const BUFFER_BYTES_MAX: usize = 512 << 20;

/// So many batches may still come between the one with which a sink says that it is full and the cut that it asks for: they
/// wait for it already, or are on their way. Of large ones, which the engine sends one by one, it is the next.
const BATCHES_COMING: usize = 3;

/// What one task stores in a lake.
pub(crate) struct LakeSink {
    context: Context,
    lake: Store,
    names: Names,
    commit_interval: Duration,
    /// Full at so many bytes. This bound, and not a spill to disk, is what limits memory: the engine forces a `Cut`.
    buffer_bytes_max: usize,
    options: Arc<Options>,
    allow_other_captures: bool,
    has_hot_log: bool,
    hot_log_bytes_max: u64,
    committers: Arc<Committers>,
    /// Lives as long as this sink does.
    alive: Arc<()>,
    /// Known once opened.
    settings: Option<Arc<Settings>>,
    /// For a source that needs it, once opened.
    hot_log: Option<HotLog>,
    collections: Vec<Collection>,
    /// Where each collection stands in the list above.
    numbers: BTreeMap<String, usize>,
    /// What the operator has not been told yet.
    events: Vec<String>,
    /// The newest barrier before which everything is in the tables.
    durable: Option<u64>,
}

/// Where records of one origin of a batch go.
struct Route {
    collection: usize,
    origin: u32,
    floor: i64,
}

// === impl Route ===

impl Route {
    /// Whether the table lacks a record.
    fn takes(&self, record: RecordRef<'_>) -> bool {
        record.position() >= self.floor
    }
}

// === impl LakeSink ===

impl LakeSink {
    /// Touches nothing (Invariant 6).
    pub(crate) fn new(config: Config, context: &Context, committers: Arc<Committers>) -> Result<LakeSink> {
        let lake = Store::open(&config.path).map_err(|error| error.at_key("path"))?;
        // One capture has one position of a partition in a table: a second sink would find its own stored by the first.
        let what = format!("the collection `{}` of {}", config.collection, lake.url());
        context.claim(Claim { what, within: Within::Pipeline, key: "collection" });
        let share = Size::new(context.memory_bytes);
        Ok(LakeSink {
            context: context.clone(),
            names: Names::new(&config.collection)?,
            commit_interval: config.commit_interval.get(),
            buffer_bytes_max: config.buffer.unwrap_or(share).as_usize().min(BUFFER_BYTES_MAX),
            options: Arc::new(Options {
                depth_max: config.depth_max,
                columns_max: config.columns_max,
                pins: config.schema,
            }),
            allow_other_captures: config.allow_other_captures,
            has_hot_log: config.hot_log,
            hot_log_bytes_max: config.hot_log_max.bytes(),
            lake,
            committers,
            alive: Arc::new(()),
            settings: None,
            hot_log: None,
            collections: Vec::new(),
            numbers: BTreeMap::new(),
            events: Vec::new(),
            durable: None,
        })
    }

    fn settings(&self) -> Result<&Arc<Settings>> {
        self.settings.as_ref().ok_or_else(|| Error::bug("the lake was used before it was opened"))
    }

    /// Takes partitions on: reads each collection's table once and notes the positions there.
    async fn assign(&mut self, partitions: &[Arc<Partition>]) -> Result<Positions> {
        let mut by_collection: BTreeMap<String, Vec<&Arc<Partition>>> = BTreeMap::new();
        for partition in partitions {
            by_collection.entry(self.names.of(partition)).or_default().push(partition);
        }
        let mut stored = Positions::new();
        for (name, partitions) in by_collection {
            let number = self.number(&name).await?;
            let collection = &mut self.collections[number];
            let view = collection.view().await?;
            for partition in partitions {
                if let Some(position) = collection.assign(partition, &view)? {
                    stored.set(Arc::clone(partition), position);
                }
            }
        }
        Ok(stored)
    }

    /// The number of a collection, which is opened if it is not known yet.
    async fn number(&mut self, name: &str) -> Result<usize> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(*number);
        }
        let hot_log = self.hot_log.as_ref().map(HotLog::app_id);
        let collection = self.open_collection(&self.lake, name, hot_log).await?;
        self.collections.push(collection);
        self.numbers.insert(name.to_owned(), self.collections.len() - 1);
        Ok(self.collections.len() - 1)
    }

    /// A collection of a lake, which records come to by way of that hot log, if any.
    pub(crate) async fn open_collection(&self, lake: &Store, name: &str, hot_log: Option<&str>) -> Result<Collection> {
        let settings = Arc::clone(self.settings()?);
        let store = lake.at(name);
        self.committers.take(&store.url(), &self.context, &self.alive)?;
        let open = async || Table::open(store.clone(), Arc::clone(&self.context.clock)).await;
        let committer = self.committers.get(&store.url(), &self.context.clock, open).await?;
        let view = committer.view().await?;
        let now_micros = self.now_micros();
        let mut collection = Collection::new(name.to_owned(), settings, store, committer, &view, now_micros);
        hot_log.into_iter().for_each(|hot_log| collection.follow(hot_log, &view));
        Ok(collection)
    }

    pub(crate) fn now_micros(&self) -> i64 {
        self.context.clock.now_micros()
    }

    pub(crate) fn buffer_bytes_max(&self) -> usize {
        self.buffer_bytes_max
    }

    /// Says how payloads are understood, as the engine does for what it hands over.
    pub(crate) fn set_format(&self, batch: &Batch) {
        self.context.format.iter().for_each(|format| batch.set_format(format));
    }

    /// Stores what hot logs were left with, whatever source they are of, and begins one of its own if this source wants one.
    async fn open_hot_log(&mut self, wanted: bool) -> Result<()> {
        let mut own = None;
        if self.has_hot_log && wanted {
            own = Some(self.bring_in(HotLog::take(&self.context)?).await?);
        }
        for leftovers in HotLog::left_behind(&self.context) {
            self.bring_in(leftovers?).await?.let_go()?;
        }
        self.hot_log = own.map(|leftovers| HotLog::start(leftovers, self.hot_log_bytes_max)).transpose()?;
        Ok(())
    }

    async fn bring_in(&mut self, mut leftovers: Leftovers) -> Result<Leftovers> {
        let (records, events) = BringIn::new(self, &leftovers).run(&mut leftovers).await?;
        if records > 0 {
            info!(sink = %self.context.component, records, "records that a crash left in the hot log are in the lake now");
        }
        self.events.extend(events);
        Ok(leftovers)
    }

    /// Writes to the hot log, and answers the number of the first record there.
    async fn log(&mut self, batch: &Batch, routes: &[Route], arrived_micros: i64) -> Result<u64> {
        let Some(hot_log) = &mut self.hot_log else { return Ok(0) };
        let target = |(origin, _): (&Origin, &Route)| Target {
            partition: Arc::clone(&origin.partition),
            after: origin.after,
            collection: self.names.of(&origin.partition),
        };
        let targets: Vec<_> = batch.origins().iter().zip(routes).map(target).collect();
        let mut chunk = ChunkBuilder::new(&self.lake.url(), arrived_micros, &targets);
        batch.iter().filter(|record| routes[record.origin()].takes(*record)).for_each(|record| chunk.push(record));
        hot_log.append(chunk).await
    }

    /// Where the records of each origin go. Partitions that nobody announced are taken on here.
    async fn routes(&mut self, batch: &Batch) -> Result<Vec<Route>> {
        let mut routes = Vec::with_capacity(batch.origins().len());
        for Origin { partition, .. } in batch.origins() {
            let number = self.number(&self.names.of(partition)).await?;
            if !self.collections[number].has(partition) {
                self.assign(std::slice::from_ref(partition)).await?;
            }
            let collection = &mut self.collections[number];
            let floor = collection.floor(partition);
            routes.push(Route { collection: number, origin: collection.expect(partition, batch), floor });
        }
        Ok(routes)
    }

    fn held_bytes(&self) -> usize {
        self.collections.iter().map(Collection::size_bytes).sum()
    }

    /// What is left after a batch, before which so much was held. Large ones are likely followed by others like them;
    /// ordinary ones need no such care.
    fn room(&self, held_before: usize) -> Room {
        let held = self.held_bytes();
        let added = held - held_before;
        let coming = added.min(BATCHES_COMING * added.saturating_sub(2 * Limit::default().bytes));
        let is_full = held + coming >= self.buffer_bytes_max;
        match is_full || self.hot_log.as_ref().is_some_and(HotLog::is_full) {
            true => Room::Full,
            false => Room::Left,
        }
    }

    /// Brings everything before the barrier into the tables.
    async fn cut(&mut self, barrier: &Barrier) -> Result<()> {
        // The table must not know numbers of the hot log that a crash would make it give out again.
        if let Some(hot_log) = &self.hot_log {
            hot_log.synced().await?;
        }
        let now_micros = self.now_micros();
        let cuts = self.collections.iter_mut().map(|collection| collection.cut(barrier, now_micros));
        // All are seen through, also when one fails: none is left in the middle of a commit.
        let mut result = Ok(());
        for cut in join_all(cuts).await {
            match cut {
                Ok(events) => self.events.extend(events),
                Err(error) => result = result.and(Err(error)),
            }
        }
        result?;
        if let Some(hot_log) = &self.hot_log {
            hot_log.release().await?;
        }
        self.durable = Some(barrier.number);
        Ok(())
    }
}

#[async_trait]
impl Sink for LakeSink {
    fn traits(&self) -> SinkTraits {
        SinkTraits { cut_interval: Some(self.commit_interval), hot_log: self.has_hot_log, beside: true }
    }

    async fn open(&mut self, source: &SourceTraits) -> Result<()> {
        if self.settings.is_none() {
            self.lake.probe().await?;
            let capture = source.capture.clone().unwrap_or_else(|| Arc::clone(&self.context.pipeline));
            let (options, allow_other_captures) = (Arc::clone(&self.options), self.allow_other_captures);
            let heavy = Heavy::new(&self.committers.turns, &self.context);
            self.settings = Some(Arc::new(Settings { options, capture, allow_other_captures, heavy }));
        }
        if self.hot_log.is_none() {
            self.open_hot_log(source.needs_hot_log()).await?;
        }
        Ok(())
    }

    async fn stored(&mut self, partitions: &[Arc<Partition>]) -> Result<Option<Positions>> {
        self.assign(partitions).await.map(Some)
    }

    async fn write(&mut self, batch: &Batch) -> Result<Room> {
        let routes = self.routes(batch).await?;
        let arrived_micros = self.now_micros();
        let first = self.log(batch, &routes, arrived_micros).await?;
        let arrival = Arrival::at(arrived_micros);
        let held_before = self.held_bytes();
        let settings = Arc::clone(self.settings()?);
        let _turn = settings.heavy.turn(batch.size_bytes()).await;
        let taken = batch.iter().filter(|record| routes[record.origin()].takes(*record));
        for (number, record) in (first..).zip(taken) {
            let route = &routes[record.origin()];
            let collection = &mut self.collections[route.collection];
            collection.push(record, route.origin, arrival);
            collection.logged(number);
        }
        Ok(self.room(held_before))
    }

    /// A `Mark` stores nothing. It is durable all the same when nothing is held: what came before is in the tables, or was
    /// dropped on the way. What is held survives a crash where there is a hot log.
    async fn barrier(&mut self, barrier: &Barrier) -> Result<Durable> {
        let settled = self.collections.iter().all(Collection::is_settled);
        if barrier.kind == BarrierKind::Cut || settled {
            self.cut(barrier).await?;
        } else if let Some(hot_log) = &self.hot_log {
            hot_log.synced().await?;
            self.durable = Some(barrier.number);
        }
        Ok(Durable { through: self.durable, rejected: Vec::new(), events: std::mem::take(&mut self.events) })
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
