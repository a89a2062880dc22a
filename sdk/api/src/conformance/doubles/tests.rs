use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;

use super::*;
use crate::batch::Limit;
use crate::error::ErrorKind;
use crate::position::{Barrier, BarrierKind};
use crate::source::{BoxSource, Polled};

/// Reads until the end: starts what is assigned where the source would.
async fn read(source: &mut BoxSource, store: &MemoryStore) -> Vec<String> {
    let mut sink = store.sink();
    let mut events = Vec::new();
    loop {
        match source.poll(Limit { records: 2, bytes: 1000 }).await.expect("nothing fails") {
            Polled::Records(batch) => {
                let _ = sink.write(&batch).await.expect("is written");
                let positions = Arc::new(batch.positions());
                let barrier = Barrier { number: 1, kind: BarrierKind::Cut, positions, last: false };
                let _ = sink.barrier(&barrier).await.expect("is stored");
            }
            Polled::Assigned(assignments) => {
                let at = assignments.into_iter().map(|assignment| (assignment.partition, assignment.at)).collect();
                source.start(&at).await.expect("starts");
                events.push("assigned".to_owned());
            }
            Polled::End => return events,
            other => events.push(format!("{other:?}").chars().take(4).collect()),
        }
    }
}

#[test]
fn what_a_log_holds_arrives_in_a_store() {
    let (log, store) = (MemoryLog::of(2, 5), MemoryStore::transactional());
    log.append(1, None);
    let mut source = log.source();
    block_on(async {
        source.open().await.expect("opens");
        assert_eq!(read(&mut source, &store).await, ["assigned"]);
    });
    assert_eq!(store.records().len(), 11);
    assert_eq!(store.records().last().expect("set").payload, None);
    assert_eq!(store.positions().get(&MemoryLog::partition(1)), Some(6));
    assert_eq!(source.lag(), Some(0));
}

#[test]
fn a_source_says_what_it_is_ordered_to() {
    let log = MemoryLog::of(2, 1);
    log.assign(&[0]);
    log.lose(&[0]);
    log.revoke(&[1], Duration::ZERO);
    let store = MemoryStore::at_least_once();
    let events = block_on(async { read(&mut log.source(), &store).await });
    assert_eq!(events, ["assigned", "Lost", "Revo"]);
    assert!(store.records().is_empty());
}

#[test]
fn a_call_fails_once_and_waits_until_released() {
    let log = MemoryLog::of(1, 1);
    log.faults.fail(Call::Open, ErrorKind::Unavailable);
    let mut source = log.source();
    let error = block_on(source.open()).expect_err("it was told to fail");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    log.faults.hold(Call::Open);
    assert!(source.open().now_or_never().is_none());
    log.faults.release(Call::Open);
    assert!(source.open().now_or_never().expect("no longer held").is_ok());
}
