//! Stores what a log was left with, each record once.

use std::collections::BTreeMap;

use catchwater_sdk::{Barrier, BarrierKind, Positions, Result};
use catchwater_storage::Store;
use futures::future::join_all;

use super::leftovers::{Leftovers, Numbered};
use crate::collection::Collection;
use crate::rows::Arrival;
use crate::sink::LakeSink;

/// What a sink does before it takes anything new.
pub(crate) struct BringIn<'a> {
    sink: &'a LakeSink,
    app_id: String,
    collections: Vec<Collection>,
    /// By lake and name.
    numbers: BTreeMap<(String, String), usize>,
    positions: Positions,
    barrier: u64,
    records: u64,
    events: Vec<String>,
}

// === impl BringIn ===

impl<'a> BringIn<'a> {
    pub(crate) fn new(sink: &'a LakeSink, leftovers: &Leftovers) -> BringIn<'a> {
        BringIn {
            sink,
            app_id: leftovers.app_id(),
            collections: Vec::new(),
            numbers: BTreeMap::new(),
            positions: Positions::new(),
            barrier: 0,
            records: 0,
            events: Vec::new(),
        }
    }

    /// Brings all of it into its tables. Answers how many records those did not have, and what the operator may want to know.
    pub(crate) async fn run(mut self, leftovers: &mut Leftovers) -> Result<(u64, Vec<String>)> {
        while let Some(segment) = leftovers.read_segment()? {
            for numbered in segment {
                self.take(numbered).await?;
                if self.collections.iter().map(Collection::size_bytes).sum::<usize>() >= self.sink.buffer_bytes_max() {
                    self.cut(false).await?;
                }
            }
        }
        self.cut(true).await?;
        Ok((self.records, self.events))
    }

    async fn take(&mut self, Numbered { first, chunk }: Numbered) -> Result<()> {
        self.sink.set_format(&chunk.batch);
        let arrival = Arrival::at(chunk.arrived_micros);
        let mut routes = Vec::with_capacity(chunk.targets.len());
        for target in &chunk.targets {
            let number = self.collection(&chunk.lake, &target.collection).await?;
            let collection = &mut self.collections[number];
            if !collection.has(&target.partition) {
                let view = collection.view().await?;
                collection.assign(&target.partition, &view)?;
            }
            self.positions.advance(&target.partition, target.after);
            routes.push((number, collection.expect(&target.partition, &chunk.batch)));
        }
        for (number, record) in (first..).zip(chunk.batch.iter()) {
            let (collection, origin) = routes[record.origin()];
            let collection = &mut self.collections[collection];
            if collection.lacks(number) {
                collection.push(record, origin, arrival);
                collection.logged(number);
                self.records += 1;
            }
        }
        Ok(())
    }

    async fn collection(&mut self, lake: &str, name: &str) -> Result<usize> {
        let key = (lake.to_owned(), name.to_owned());
        if let Some(number) = self.numbers.get(&key) {
            return Ok(*number);
        }
        let lake = Store::open(lake)?;
        self.collections.push(self.sink.open_collection(&lake, name, Some(&self.app_id)).await?);
        self.numbers.insert(key, self.collections.len() - 1);
        Ok(self.collections.len() - 1)
    }

    /// The positions behind the records are in the same commit: their source must never give those numbers out again.
    async fn cut(&mut self, last: bool) -> Result<()> {
        self.barrier += 1;
        let positions = self.positions.clone().into();
        let barrier = Barrier { number: self.barrier, kind: BarrierKind::Cut, positions, last };
        fail::fail_point!("lake::before_bringing_in", |_| std::process::abort());
        let now_micros = self.sink.now_micros();
        let cuts = self.collections.iter_mut().map(|collection| collection.cut(&barrier, now_micros));
        for cut in join_all(cuts).await {
            self.events.extend(cut?);
        }
        fail::fail_point!("lake::after_bringing_in", |_| std::process::abort());
        Ok(())
    }
}
