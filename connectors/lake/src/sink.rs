//! The lake sink: one per task; see the crate's documentation for how delivery works.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use catchwater_sdk::batch::Origin;
use catchwater_sdk::claim::{Claim, Within};
use catchwater_sdk::config::Size;
use catchwater_sdk::sink::{Durable, Room, Sink, SinkTraits};
use catchwater_sdk::source::SourceTraits;
use catchwater_sdk::{Barrier, BarrierKind, Batch, Context, Error, Partition, Positions, Result, async_trait};
use catchwater_storage::Store;
use futures::future::join_all;

use crate::collection::{Collection, Settings};
use crate::committer::Committers;
use crate::config::Config;
use crate::names::Names;
use crate::rows::Arrival;
use crate::shred::Options;
use crate::table::Table;

/// No more than this is held, however much memory there is: buffers are addressed with 32 bits.
const BUFFER_BYTES_MAX: usize = 512 << 20;

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
    committers: Arc<Committers>,
    /// Lives as long as this sink does.
    alive: Arc<()>,
    /// Known once opened.
    settings: Option<Arc<Settings>>,
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
            lake,
            committers,
            alive: Arc::new(()),
            settings: None,
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
        let collection = self.open_collection(name).await?;
        self.collections.push(collection);
        self.numbers.insert(name.to_owned(), self.collections.len() - 1);
        Ok(self.collections.len() - 1)
    }

    async fn open_collection(&self, name: &str) -> Result<Collection> {
        let settings = Arc::clone(self.settings()?);
        let store = self.lake.at(name);
        self.committers.take(&store.url(), &self.context, &self.alive)?;
        let open = async || Table::open(store.clone(), Arc::clone(&self.context.clock)).await;
        let committer = self.committers.get(&store.url(), &self.context.clock, open).await?;
        let view = committer.view().await?;
        Ok(Collection::new(name.to_owned(), settings, store, committer, &view, self.context.clock.now_micros()))
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

    fn room(&self) -> Room {
        let held: usize = self.collections.iter().map(Collection::size_bytes).sum();
        if held < self.buffer_bytes_max { Room::Left } else { Room::Full }
    }

    /// Brings everything before the barrier into the tables.
    async fn cut(&mut self, barrier: &Barrier) -> Result<()> {
        let now_micros = self.context.clock.now_micros();
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
        self.durable = Some(barrier.number);
        Ok(())
    }
}

#[async_trait]
impl Sink for LakeSink {
    fn traits(&self) -> SinkTraits {
        SinkTraits { cut_interval: Some(self.commit_interval) }
    }

    async fn open(&mut self, source: &SourceTraits) -> Result<()> {
        if self.settings.is_none() {
            self.lake.probe().await?;
            let capture = source.capture.clone().unwrap_or_else(|| Arc::clone(&self.context.pipeline));
            let (options, allow_other_captures) = (Arc::clone(&self.options), self.allow_other_captures);
            self.settings = Some(Arc::new(Settings { options, capture, allow_other_captures }));
        }
        Ok(())
    }

    async fn stored(&mut self, partitions: &[Arc<Partition>]) -> Result<Option<Positions>> {
        self.assign(partitions).await.map(Some)
    }

    async fn write(&mut self, batch: &Batch) -> Result<Room> {
        let routes = self.routes(batch).await?;
        let arrival = Arrival::at(self.context.clock.now_micros());
        for record in batch.iter() {
            let route = &routes[record.origin()];
            if record.position() >= route.floor {
                self.collections[route.collection].push(record, route.origin, arrival);
            }
        }
        Ok(self.room())
    }

    /// A `Mark` stores nothing. It is durable all the same when nothing is held: what came before is in the tables, or was
    /// dropped on the way.
    async fn barrier(&mut self, barrier: &Barrier) -> Result<Durable> {
        let settled = self.collections.iter().all(Collection::is_settled);
        if barrier.kind == BarrierKind::Cut || settled {
            self.cut(barrier).await?;
        }
        Ok(Durable { through: self.durable, rejected: Vec::new(), events: std::mem::take(&mut self.events) })
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
