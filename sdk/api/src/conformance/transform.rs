//! What every transform promises.

use std::sync::Arc;

use super::samples::{Dice, batch, nothing};
use crate::batch::Batch;
use crate::format::Format;
use crate::record::RecordRef;
use crate::transform::{BoxTransform, Outcome, Output};

/// Each record is accounted for, positions and order stay, and two built alike do the same.
///
/// `build` makes the transform anew; `format` is how payloads are decoded.
pub fn transform(mut build: impl FnMut() -> BoxTransform, format: Option<Arc<dyn Format>>) {
    drop(build()); // building one that is never used touches nothing
    let (mut first, mut second) = (build(), build());
    for seed in 0..50 {
        let mut dice = Dice::new(seed);
        let count = dice.roll(40);
        let input = if seed == 0 { nothing(7) } else { batch(&mut dice, count, seed as i64 * 100) };
        let selected = input.filter(|record| record.position() % 3 > 0);
        for input in [input, selected] {
            format.iter().for_each(|format| input.set_format(format));
            let (outcome, again) = (apply(&mut first, &input), apply(&mut second, &input));
            check(&input, &outcome);
            assert_eq!(show(&outcome), show(&again), "two transforms built alike do the same");
        }
    }
}

fn apply(transform: &mut BoxTransform, input: &Batch) -> Outcome {
    let mut output = Output::new(input);
    transform.apply(input, &mut output).expect("a transform rejects records, it does not fail a batch");
    output.finish().expect("each record is kept, replaced, rejected or dropped")
}

fn check(input: &Batch, outcome: &Outcome) {
    assert!(outcome.balance.holds(), "{:?} does not add up", outcome.balance);
    assert_eq!(outcome.balance.read, input.len() as u64, "each record is read once");
    assert_eq!(outcome.balance.emitted, outcome.emitted.len() as u64, "what is emitted is counted");
    let rejected: usize = outcome.rejected.iter().map(|rejected| rejected.records.len()).sum();
    assert_eq!(outcome.balance.rejected, rejected as u64, "what is rejected is counted");
    assert!(outcome.rejected.iter().all(|rejected| !rejected.reason.is_empty()), "a rejection has a reason");
    assert_eq!(outcome.emitted.positions(), input.positions(), "the positions are those of the input");
    ascends(&outcome.emitted);
}

/// Invariant 4: within a partition the order stays.
fn ascends(batch: &Batch) {
    for number in 0..2 {
        let of_partition = batch.iter().filter(|record| record.partition().number == number);
        let places: Vec<_> = of_partition.map(|record| (record.position(), record.index())).collect();
        assert!(places.is_sorted_by(|a, b| a < b), "records of one partition keep their order: {places:?}");
    }
}

fn show(outcome: &Outcome) -> Vec<String> {
    let emitted = outcome.emitted.iter().map(|record| line("emitted", record));
    let rejected = outcome.rejected.iter();
    let rejected = rejected.flat_map(|bad| bad.records.iter().map(|record| line(&bad.reason, record)));
    emitted.chain(rejected).collect()
}

fn line(fate: &str, record: RecordRef<'_>) -> String {
    let headers: Vec<_> = record.headers().collect();
    let (payload, key) = (record.payload(), record.key());
    format!("{fate} {}@{} {} {payload:?} {key:?} {headers:?}", record.partition(), record.position(), record.index())
}
