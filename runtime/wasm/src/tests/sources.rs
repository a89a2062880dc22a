//! Sources that harm, lie and go back.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use catchwater_sdk::conformance::{self, SourceWorld};
use catchwater_sdk::source::{BoxSource, Polled};
use catchwater_sdk::{Context, Error, ErrorKind, Limit, Positions, async_trait};

use super::memory::{Memory, PLACES};
use super::{Hand, SOURCE, Step};

/// Reads one record at the place at which it stands, and goes on.
const NEXT: &str = "(i64.store (i32.const 4352) (global.get $at))
    (global.set $at (i64.add (global.get $at) (i64.const 1)))
    (i32.const 4096)";

fn hand(process: &str, memory: Memory) -> Step {
    Hand { work: SOURCE, world: "source-plugin", process, memory, ..Hand::default() }.step()
}

fn counting(before: &str) -> Step {
    hand(&format!("{before} {NEXT}"), Memory::reading(&["x"], &[0], 1))
}

fn build(step: &Step, keys: &str) -> BoxSource {
    let context = Context::unattached("test", PathBuf::new());
    let make = step.make(keys, &context, |registry, node, context| registry.build_source("wasm", node, context));
    make.expect("it is sound")
}

/// A source of the step, started where it begins.
async fn started(step: &Step, keys: &str) -> BoxSource {
    let mut source = build(step, keys);
    source.open().await.expect("it opens");
    start(&mut source, 0).await;
    source
}

async fn start(source: &mut BoxSource, at: i64) {
    if let Ok(Polled::Assigned(assignments)) = source.poll(Limit::default()).await {
        let places = assignments.iter().map(|assigned| (std::sync::Arc::clone(&assigned.partition), at));
        source.start(&places.collect::<Positions>()).await.expect("it starts");
    }
}

/// The places of the next records; nothing at the end.
async fn next(source: &mut BoxSource) -> Result<Option<Vec<i64>>, Error> {
    let polled = tokio::time::timeout(Duration::from_secs(60), source.poll(Limit::default())).await;
    match polled.expect("it ends in time")? {
        Polled::Records(batch) => Ok(Some(batch.iter().map(|record| record.position()).collect())),
        _ => Ok(None),
    }
}

async fn check_unavailable(step: &Step, keys: &str, reason: &str) {
    let error = next(&mut started(step, keys).await).await.expect_err("it breaks off");
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::Unavailable, format!("plugin hand breaks off: {reason}"))
    );
}

#[test]
fn the_places_are_where_the_tests_write_them() {
    assert_eq!(PLACES, 4352, "the instructions above name it");
}

#[tokio::test]
async fn records_come_at_their_places_and_an_end_is_the_end() {
    let memory = Memory::reading(&["a", "b"], &[3, 7], 2).then(2);
    let mut source = started(&hand("(i32.const 4096)", memory), "").await;
    assert_eq!(next(&mut source).await.expect("it reads"), Some(vec![3, 7]));
    assert_eq!(next(&mut source).await.expect("it ends"), None);
    assert_eq!(next(&mut source).await.expect("it still ends"), None);
}

#[tokio::test]
async fn one_that_traps_reads_on_where_it_was() {
    // Each instance breaks off at its third call: nothing is lost or doubled.
    let third = "(if (i32.eq (global.get $calls) (i32.const 3)) (then unreachable))";
    let mut source = started(&counting(third), "").await;
    for place in 0..20 {
        assert_eq!(next(&mut source).await.expect("it goes on"), Some(vec![place]));
    }
}

#[tokio::test]
async fn one_that_always_traps_waits_between_attempts_and_stops_in_the_end() {
    let mut source = started(&counting("unreachable"), "failures_max: 2").await;
    for kind in [ErrorKind::Unavailable, ErrorKind::Unavailable, ErrorKind::Refused] {
        let error = next(&mut source).await.expect_err("it breaks off");
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn a_read_that_never_ends_is_ended_in_time() {
    let reason = "it takes longer than 100ms (`time_max`): does it end?";
    check_unavailable(&counting("(loop $again (br $again))"), "time_max: 100ms", reason).await;
}

#[tokio::test]
async fn places_that_go_back_are_not_believed() {
    let mut source = started(&hand("(i32.const 4096)", Memory::reading(&["a", "b"], &[5, 6], 2)), "").await;
    assert_eq!(next(&mut source).await.expect("it reads"), Some(vec![5, 6]));
    let error = next(&mut source).await.expect_err("it goes back");
    assert_eq!(error.to_string(), "plugin hand breaks off: its answer is wrong: hand[0] goes back to 5 from 7");
    let twice = hand("(i32.const 4096)", Memory::reading(&["a", "b"], &[5, 5], 2));
    check_unavailable(&twice, "", "its answer is wrong: hand[0] goes back to 5 from 6").await;
    let last = hand("(i32.const 4096)", Memory::reading(&["a"], &[i64::MAX], 1));
    check_unavailable(&last, "", "its answer is wrong: a position behind which there is none").await;
}

#[tokio::test]
async fn lengths_and_numbers_that_lie_are_found() {
    let check = async |memory: Memory, reason: &str| {
        check_unavailable(&hand("(i32.const 4096)", memory), "", &format!("its answer is wrong: {reason}")).await;
    };
    let reading = || Memory::reading(&["a", "bc"], &[0, 1], 2);
    check(Memory::reading(&["a", "bc"], &[0, 1], 3), "3 offsets for 3 values (payload)").await;
    check(reading().lying(16, 1), "offsets that do not lead from 0 to 1 (payload)").await;
    check(reading().lying(184, 1), "1 times of 2 kinds for 2 records (time)").await;
    check(reading().lying(208, 1), "2 partitions and 1 positions for 2 records").await;
    check(reading().lying(200, 1), "1 partitions and 2 positions for 2 records").await;
    check(Memory::reading(&[], &[], 4000), "4000 records, and 2048 were asked for").await;
}

#[tokio::test]
async fn one_that_says_at_once_and_has_nothing_is_not_asked_without_a_pause() {
    let empty = "(if (i32.gt_u (global.get $calls) (i32.const 5)) (then (i32.store8 (i32.const 4328) (i32.const 2))))
        (i32.const 4096)";
    let mut source = started(&hand(empty, Memory::reading(&[], &[], 0)), "").await;
    let began = std::time::Instant::now();
    assert_eq!(next(&mut source).await.expect("it ends"), None);
    assert!(began.elapsed() >= Duration::from_millis(50), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_source_has_no_state() {
    let memory = Memory::reading(&[], &[], 0).with_state();
    let context = Context::unattached("test", PathBuf::new());
    let step = hand("(i32.const 4096)", memory);
    let made = step.make("", &context, |registry, node, context| registry.build_source("wasm", node, context));
    let said = made.map(drop).expect_err("nobody would keep it").to_string();
    assert!(said.contains("has a state of its own, which nobody would keep: a source has none"), "{said}");
}

#[test]
fn a_source_is_no_transform() {
    let said = hand("(i32.const 4096)", Memory::default()).mistake("");
    assert_eq!(said, "plugin: hand is a source, and this is the place of a transform");
}

/// Takes all out of the answer but that it is the end.
const END: &str = "(i32.store (i32.const 4100) (i32.const 0))
    (i32.store (i32.const 4108) (i32.const 1)) (i32.store (i32.const 4116) (i32.const 0))
    (i32.store (i32.const 4132) (i32.const 1)) (i32.store (i32.const 4284) (i32.const 0))
    (i32.store (i32.const 4292) (i32.const 0)) (i32.store (i32.const 4300) (i32.const 0))
    (i32.store (i32.const 4308) (i32.const 0)) (i32.store8 (i32.const 4328) (i32.const 2))";

struct World(Step);

#[async_trait]
impl SourceWorld for World {
    async fn build(&mut self) -> BoxSource {
        build(&self.0, "failures_max: 1000")
    }

    fn build_broken(&mut self) -> Option<BoxSource> {
        let memory = Memory::reading(&[], &[], 0).refusing_to_open();
        Some(build(&hand("(i32.const 4096)", memory), ""))
    }

    fn records(&self) -> BTreeMap<(String, i32), Vec<Option<Vec<u8>>>> {
        BTreeMap::from([(("hand".into(), 0), vec![Some(b"x".to_vec()); 30])])
    }

    fn ends(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn one_that_counts_keeps_the_contract_of_a_source() {
    let count = format!("(if (i64.ge_u (global.get $at) (i64.const 30)) (then {END} (return (i32.const 4096))))");
    conformance::source(&mut World(counting(&count))).await;
}

#[tokio::test]
async fn one_whose_instances_break_off_again_and_again_keeps_it_too() {
    let count = format!(
        "(if (i32.eq (global.get $calls) (i32.const 4)) (then unreachable))
         (if (i64.ge_u (global.get $at) (i64.const 30)) (then {END} (return (i32.const 4096))))"
    );
    conformance::source(&mut World(counting(&count))).await;
}
