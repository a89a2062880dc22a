//! Sinks that harm, lie and forget.

use std::path::PathBuf;
use std::sync::Arc;

use catchwater_sdk::conformance::doubles::upstream;
use catchwater_sdk::sink::{BoxSink, Room};
use catchwater_sdk::{Barrier, BarrierKind, Context, Error, ErrorKind, Positions};

use super::memory::Memory;
use super::{Hand, SINK, Step, batch};

const COUNT: &str = r#"(import "catchwater:plugin/host@0.1.0" "count" (func $count (param i32 i32 i64)))"#;
/// Counts the records that it is handed, under its own name.
const TAKE: &str = "(call $count (i32.const 1200) (i32.const 4) (i64.load32_u (local.get $batch))) (i32.const 4096)";

fn hand(process: &str, flush: &str, memory: Memory) -> Step {
    Hand { work: SINK, world: "sink-plugin", process, flush, imports: COUNT, memory, ..Hand::default() }.step()
}

/// Does harm where one of the payloads is `X`, else counts the records.
fn harm(deed: &str) -> Step {
    let process = format!("(if (call $has (local.get $batch) (i32.const 88)) (then {deed})) {TAKE}");
    hand(&process, "(i32.const 3328)", Memory::default())
}

struct Run {
    sink: BoxSink,
    context: Context,
    barriers: u64,
}

impl Run {
    async fn open(step: &Step, keys: &str) -> Run {
        let context = Context::unattached("test", PathBuf::new());
        let make = step.make(keys, &context, |registry, node, context| registry.build_sink("wasm", node, context));
        let mut sink = make.expect("it is sound");
        sink.open(&upstream()).await.expect("it opens");
        Run { sink, context, barriers: 0 }
    }

    async fn write(&mut self, payloads: &[&str]) -> Result<Room, Error> {
        self.sink.write(&batch(payloads)).await
    }

    /// What is rejected with the next barrier.
    async fn barrier(&mut self) -> Result<Vec<String>, Error> {
        self.barriers += 1;
        let positions = Arc::new(Positions::new());
        let barrier = Barrier { number: self.barriers, kind: BarrierKind::Mark, positions, last: false };
        let durable = self.sink.barrier(&barrier).await?;
        assert_eq!(durable.through, Some(self.barriers));
        let text = |payload: Option<&[u8]>| String::from_utf8_lossy(payload.unwrap_or_default()).into_owned();
        let rejected = durable.rejected.iter();
        Ok(rejected.map(|bad| format!("{}: {}", text(bad.records.get(0).payload()), bad.reason)).collect())
    }

    /// How many records were handed over in all.
    fn handed(&self) -> u64 {
        self.context.counters.all().iter().map(|counter| counter.2).sum()
    }
}

#[tokio::test]
async fn what_is_written_is_handed_over_once() {
    let mut run = Run::open(&harm(""), "").await;
    for _ in 0..3 {
        assert_eq!(run.write(&["a", "b"]).await.expect("it takes them"), Room::Left);
    }
    assert_eq!(run.barrier().await.expect("it flushes"), [""; 0]);
    assert_eq!(run.handed(), 6);
}

#[tokio::test]
async fn the_record_that_makes_it_trap_is_rejected_and_what_came_before_is_handed_over_again() {
    let mut run = Run::open(&harm("unreachable"), "").await;
    let _ = run.write(&["a", "b"]).await.expect("it takes them");
    let _ = run.write(&["c", "X", "d"]).await.expect("the host takes them");
    let reason = "X: plugin.trap: plugin hand: it trapped: wasm `unreachable` instruction executed";
    assert_eq!(run.barrier().await.expect("it flushes"), [reason]);
    // a and b to the first instance, to the second, and to the third; c and d by themselves.
    assert_eq!(run.handed(), 2 + 2 + 2 + 1 + 1);
    let _ = run.write(&["e"]).await.expect("it goes on");
    assert_eq!(run.barrier().await.expect("it flushes"), [""; 0]);
}

#[tokio::test]
async fn one_that_traps_too_often_stops() {
    let mut run = Run::open(&harm("unreachable"), "failures_max: 1").await;
    let _ = run.write(&["X"]).await.expect("one may be");
    let error = run.write(&["X"]).await.expect_err("two are too many");
    assert!(error.kind() == ErrorKind::Refused && error.to_string().contains("(`failures_max`)"), "{error}");
}

#[tokio::test]
async fn a_flush_that_traps_is_tried_again_and_leads_to_the_record() {
    // It breaks off in a flush behind a write with an `X`, whose number of letters it keeps at 3400.
    let process = format!(
        "(if (call $has (local.get $batch) (i32.const 88)) (then (i32.store (i32.const 3400) (i32.const 1)))) {TAKE}"
    );
    let flush = "(if (i32.load (i32.const 3400)) (then unreachable)) (i32.const 3328)";
    let mut run = Run::open(&hand(&process, flush, Memory::default()), "").await;
    let _ = run.write(&["a", "X", "b"]).await.expect("it takes them");
    let rejected = run.barrier().await.expect("it flushes the others");
    assert!(rejected.len() == 1 && rejected[0].starts_with("X: plugin.trap: "), "{rejected:?}");
}

#[tokio::test]
async fn what_it_rejects_is_rejected_and_a_number_that_lies_is_not_believed() {
    let mut run = Run::open(&hand(TAKE, "(i32.const 3328)", Memory::refusing(1, "no date")), "").await;
    let _ = run.write(&["a", "b"]).await.expect("it takes one");
    assert_eq!(run.barrier().await.expect("it flushes"), ["b: no date"]);
    let _ = run.write(&["c"]).await.expect("the host takes it");
    let rejected = run.barrier().await.expect("it flushes");
    assert_eq!(rejected, ["c: plugin.trap: plugin hand: its answer is wrong: it names record 1, and there are 1"]);
}

#[tokio::test]
async fn what_a_flush_rejects_is_counted_over_all_batches_since_the_last() {
    let taken = TAKE.replace("4096", "3328");
    let mut run = Run::open(&hand(&taken, "(i32.const 4096)", Memory::refusing(2, "late")), "").await;
    let _ = run.write(&["a", "b"]).await.expect("it takes them");
    let _ = run.write(&["c"]).await.expect("it takes it");
    assert_eq!(run.barrier().await.expect("it flushes"), ["c: late"]);
}
