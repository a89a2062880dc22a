//! A case of a source or a sink: run as a pipeline would, beside a server that gives the answers of the case.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::config::{Mistake, Node, Role};
use catchwater_sdk::conformance::doubles::upstream;
use catchwater_sdk::sink::{BoxSink, Durable};
use catchwater_sdk::source::{BoxSource, Polled};
use catchwater_sdk::{
    Barrier, BarrierKind, Batch, Context, Error, ErrorKind, Limit, Positions, Registry, Result, ResultExt,
};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::bench;
use super::cases::{Came, Case, batch, keys, payloads_of};
use super::records::Given;
use super::server::Server;

/// What stands for the server's address in a configuration.
const SERVER: &str = "SERVER";
/// A source from which nothing comes for so long has said all.
const SILENCE: Duration = Duration::from_secs(1);
/// What is unavailable is tried so often in all; a server of the case answers differently by then.
const ATTEMPTS: u32 = 5;

/// What came of the case, and what the server was sent.
pub(super) fn run(case: &Case, plugin: &str, role: Role, registry: &Registry) -> Result<(Came, Vec<String>)> {
    runtime()?.block_on(async {
        let server = Server::start(&case.answers).await?;
        let (node, context) = (step(case, plugin, &server), Context::unattached("test", PathBuf::new()));
        let came = match role {
            Role::Source => read(registry.build_source("wasm", &node, &context).map_err(refused)?).await?,
            _ => store(registry.build_sink("wasm", &node, &context).map_err(refused)?, case).await?,
        };
        Ok((came, server.sent()))
    })
}

/// How many records went through within a time, and in how long exactly.
pub(super) struct Flow {
    pub(super) records: usize,
    pub(super) seconds: f64,
    /// How many were in the last batch.
    pub(super) in_batch: usize,
}

/// How fast a source reads, or a sink stores, with a server that gives the answers of the case over and over.
pub(super) fn measure(case: &Case, plugin: &str, role: Role, registry: &Registry, time: Duration) -> Result<Flow> {
    runtime()?.block_on(async {
        let server = Server::endless(&case.answers).await?;
        let (node, context) = (step(case, plugin, &server), Context::unattached("test", PathBuf::new()));
        match role {
            Role::Source => flow_from(registry.build_source("wasm", &node, &context).map_err(refused)?, time).await,
            _ => flow_into(registry.build_sink("wasm", &node, &context).map_err(refused)?, case, time).await,
        }
    })
}

/// Until the time is over, or the source ends.
async fn flow_from(mut source: BoxSource, time: Duration) -> Result<Flow> {
    source.open().await?;
    let (started, mut flow) = (Instant::now(), Flow { records: 0, seconds: 0.0, in_batch: 0 });
    while let Some(polled) = next(&mut source).await?.filter(|_| started.elapsed() < time) {
        flow.records += polled.len();
        flow.in_batch = polled.len();
    }
    flow.seconds = started.elapsed().as_secs_f64();
    Ok(flow)
}

/// Each batch is stored before the next is written.
async fn flow_into(mut sink: BoxSink, case: &Case, time: Duration) -> Result<Flow> {
    sink.open(&upstream()).await?;
    let records = bench::full(&case.input);
    let (started, mut rounds) = (Instant::now(), 0);
    while started.elapsed() < time {
        rounds += 1;
        // What it rejects is a matter of the cases.
        let _ = put(&mut sink, &records, rounds).await?;
    }
    let seconds = started.elapsed().as_secs_f64();
    sink.close().await?;
    Ok(Flow { records: rounds as usize * records.len(), seconds, in_batch: records.len() })
}

fn refused(mistake: Mistake) -> Error {
    Error::config(mistake.to_string())
}

fn runtime() -> Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().or_refused(|| "start a runtime".into())
}

/// The keys that a pipeline would have: the server of the case is granted.
fn step(case: &Case, plugin: &str, server: &Server) -> Node {
    let config = put_in(&Value::Object(case.config.clone()), &server.address);
    let grants = json!({ "clock": true, "random": true, "egress": [{ "to": server.address }] });
    keys(plugin, &config, &grants)
}

fn put_in(config: &Value, address: &str) -> Value {
    match config {
        Value::String(text) => Value::String(text.replace(SERVER, address)),
        Value::Array(items) => items.iter().map(|item| put_in(item, address)).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), put_in(value, address))).collect(),
        other => other.clone(),
    }
}

/// All that the source gives.
async fn read(mut source: BoxSource) -> Result<Came> {
    source.open().await?;
    let mut came = Came { out: Vec::new(), rejected: Vec::new() };
    while let Some(batch) = next(&mut source).await? {
        for record in batch.iter() {
            let read = Given::of(record);
            match record.rejected() {
                Some(reason) => came.rejected.push((read.payload, reason.to_owned())),
                None => came.out.push(read),
            }
        }
    }
    source.close(true).await.map(|()| came)
}

/// The next records; nothing at the end, or when none have come for a while.
async fn next(source: &mut BoxSource) -> Result<Option<Batch>> {
    let mut attempts = 1;
    loop {
        match timeout(SILENCE, source.poll(Limit::default())).await {
            Err(_) | Ok(Ok(Polled::End)) => return Ok(None),
            Ok(Ok(Polled::Records(batch))) => return Ok(Some(batch)),
            Ok(Ok(Polled::Assigned(assigned))) => {
                let at: Positions = assigned.iter().map(|new| (Arc::clone(&new.partition), new.at)).collect();
                source.start(&at).await?;
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                again(error, &mut attempts)?;
                source.open().await?;
            }
        }
    }
}

/// Writes the records of the case and has them stored.
async fn store(mut sink: BoxSink, case: &Case) -> Result<Came> {
    sink.open(&upstream()).await?;
    let durable = put(&mut sink, &batch(&case.input), 1).await?;
    sink.close().await?;
    let rejected = durable.rejected.into_iter();
    let rejected =
        rejected.flat_map(|bad| payloads_of(&bad.records).into_iter().map(move |one| (one, bad.reason.clone())));
    Ok(Came { out: Vec::new(), rejected: rejected.collect() })
}

async fn put(sink: &mut BoxSink, records: &Batch, number: u64) -> Result<Durable> {
    let barrier = Barrier { number, kind: BarrierKind::Cut, positions: Arc::new(records.positions()), last: false };
    let mut attempts = 1;
    while let Err(error) = sink.write(records).await {
        again(error, &mut attempts)?;
    }
    loop {
        match sink.barrier(&barrier).await {
            Ok(durable) => return Ok(durable),
            Err(error) => again(error, &mut attempts)?,
        }
    }
}

fn again(error: Error, attempts: &mut u32) -> Result<()> {
    *attempts += 1;
    match error.kind() {
        ErrorKind::Unavailable if *attempts <= ATTEMPTS => Ok(()),
        _ => Err(error),
    }
}
