//! What turns records into others between a source and a sink.

use std::time::Duration;

use crate::batch::{Batch, BatchBuilder, BytesColumn};
use crate::error::{Error, Result};
use crate::record::{Record, RecordRef};
use crate::sink::Rejected;

/// Turns a batch into batches. Synchronous, no I/O.
pub trait Transform: Send {
    /// Accounts for each record of `batch` exactly once: keep, replace, reject or drop (Invariant 3).
    /// On `Err` nothing of the batch counts as processed.
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()>;

    /// What another in its place needs to go on; nothing where it remembers nothing. Asked for at barriers, so keep it small.
    /// What it says at one through which everything is durable is kept, and is [`Context::state`](crate::Context::state) of
    /// the next that is built.
    fn state(&self) -> Option<Vec<u8>>;
}

/// A transform as a pipeline holds it.
pub type BoxTransform = Box<dyn Transform>;

/// Where a transform says what became of each record. Records go on in the order of the input.
#[derive(Debug)]
pub struct Output<'a> {
    batch: &'a Batch,
    fates: Vec<Fate>,
    made: Made,
    replaced_last: usize,
    rejected: Vec<(usize, String)>,
    pause: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Kept,
    Dropped,
    Rejected,
    /// Replaced by so many records.
    Replaced(u32),
}

/// The new records in order.
#[derive(Debug)]
enum Made {
    /// As long as each is like its parent but for its payload, and no parent has two, their payloads alone.
    Payloads(BytesColumn),
    Records(Box<BatchBuilder>),
}

/// What a transform made of a batch.
#[derive(Debug)]
pub struct Outcome {
    /// What goes on.
    pub emitted: Batch,
    /// What does not, with the reason.
    pub rejected: Vec<Rejected>,
    /// The balance: `read + added = emitted + rejected + dropped`.
    pub balance: Balance,
    /// How long no further record should come.
    pub pause: Duration,
}

/// How the records of a stage add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Records that came in.
    pub read: u64,
    /// Records made beyond those that came in.
    pub added: u64,
    /// Records that went on.
    pub emitted: u64,
    /// Records that could not be processed.
    pub rejected: u64,
    /// Records dropped on purpose.
    pub dropped: u64,
}

// === impl Outcome ===

impl Outcome {
    /// Every record of the batch is rejected for the same reason.
    pub fn rejecting(batch: &Batch, reason: String) -> Outcome {
        let count = batch.len() as u64;
        Outcome {
            emitted: batch.select(&[]),
            rejected: vec![Rejected { records: batch.clone(), reason }],
            balance: Balance { read: count, rejected: count, ..Balance::default() },
            pause: Duration::ZERO,
        }
    }
}

// === impl Output ===

impl<'a> Output<'a> {
    /// Nothing is said yet about any record of `batch`.
    pub fn new(batch: &'a Batch) -> Output<'a> {
        let fates = vec![Fate::Open; batch.len()];
        let made = Made::Payloads(BytesColumn::default());
        Output { batch, fates, made, replaced_last: 0, rejected: Vec::new(), pause: Duration::ZERO }
    }

    /// The record goes on as it is.
    pub fn keep(&mut self, i: usize) {
        self.settle(i, Fate::Kept);
    }

    /// The record is dropped on purpose.
    pub fn drop_record(&mut self, i: usize) {
        self.settle(i, Fate::Dropped);
    }

    /// The record cannot be processed; `reason` says why, lowercase.
    pub fn reject(&mut self, i: usize, reason: impl Into<String>) {
        self.settle(i, Fate::Rejected);
        self.rejected.push((i, reason.into()));
    }

    /// Another record takes its place. Called again for the same record, it adds one behind.
    /// Records are replaced in the order of the input.
    pub fn replace(&mut self, i: usize, record: Record<'_>) {
        let (parent, index) = self.begin(i);
        self.records().push_from(parent, index, record);
    }

    /// As [`Output::replace`], by a record like it but for its payload.
    pub fn replace_payload(&mut self, i: usize, payload: Option<&[u8]>) {
        let (parent, index) = self.begin(i);
        match &mut self.made {
            Made::Payloads(column) if index == parent.index() => column.push(payload),
            _ => self.records().push_like(parent, index, payload),
        }
    }

    /// The parent of the next new record, and which of the parent's it is.
    fn begin(&mut self, i: usize) -> (RecordRef<'a>, i32) {
        assert!(i >= self.replaced_last, "record {i} is replaced after record {}", self.replaced_last);
        self.replaced_last = i;
        let before = match self.fates[i] {
            Fate::Replaced(n) => n,
            _ => 0,
        };
        self.settle(i, Fate::Replaced(before + 1));
        let parent = self.batch.get(i);
        (parent, parent.index() + before as i32)
    }

    /// Where new records are added that are more than payloads, behind those that are there.
    fn records(&mut self) -> &mut BatchBuilder {
        if let Made::Payloads(column) = &self.made {
            self.made = Made::Records(Box::new(in_full(self.batch, &self.fates, column)));
        }
        match &mut self.made {
            Made::Records(records) => records,
            Made::Payloads(_) => unreachable!("they became records"),
        }
    }

    /// Asks that no further record comes for so long. A transform never waits itself: the engine does, and hands over fewer
    /// records at a time from then on, so that pauses stay short.
    pub fn pause(&mut self, pause: Duration) {
        self.pause = self.pause.max(pause);
    }

    fn settle(&mut self, i: usize, fate: Fate) {
        let settled = matches!((self.fates[i], fate), (Fate::Open, _) | (Fate::Replaced(_), Fate::Replaced(_)));
        assert!(settled, "record {i} was settled as {:?} and now as {fate:?}", self.fates[i]);
        self.fates[i] = fate;
    }

    /// The same for `whole`, of whose records only `chosen` were handed to the transform: the others go on as they are,
    /// in their places.
    pub fn among<'w>(self, whole: &'w Batch, chosen: &[usize]) -> Output<'w> {
        let mut fates = vec![Fate::Kept; whole.len()];
        for (i, fate) in chosen.iter().zip(&self.fates) {
            fates[*i] = *fate;
        }
        let rejected = self.rejected.into_iter().map(|(i, reason)| (chosen[i], reason)).collect();
        Output { batch: whole, fates, made: self.made, replaced_last: 0, rejected, pause: self.pause }
    }

    /// What became of the batch; an error if a record was forgotten.
    pub fn finish(self) -> Result<Outcome> {
        // Invariant 3: an imbalance is an error, never a silence.
        if let Some(i) = self.fates.iter().position(|fate| *fate == Fate::Open) {
            let record = self.batch.get(i);
            let place = format!("{} at {}", record.partition(), record.position());
            return Err(Error::bug(format!("the transform did not say what becomes of record {place}")));
        }
        let balance = self.balance();
        let rejected = self.rejected.iter();
        let rejected =
            rejected.map(|(i, reason)| Rejected { records: self.batch.select(&[*i]), reason: reason.clone() });
        Ok(Outcome { rejected: rejected.collect(), balance, pause: self.pause, emitted: self.emitted() })
    }

    fn balance(&self) -> Balance {
        let mut balance = Balance { read: self.batch.len() as u64, ..Balance::default() };
        for fate in &self.fates {
            match fate {
                Fate::Open => {}
                Fate::Kept => balance.emitted += 1,
                Fate::Dropped => balance.dropped += 1,
                Fate::Rejected => balance.rejected += 1,
                Fate::Replaced(n) => {
                    balance.emitted += u64::from(*n);
                    balance.added += u64::from(*n) - 1;
                }
            }
        }
        balance
    }

    /// Rows of the input where all went on as they were, or with other payloads; else kept and new records, in order, in a batch
    /// of their own.
    fn emitted(self) -> Batch {
        let made = match self.made {
            Made::Payloads(column) if column.len() == 0 => {
                let mut fates = self.fates.iter();
                return self.batch.filter(|_| fates.next() == Some(&Fate::Kept));
            }
            Made::Payloads(column) if self.batch.flat().is_some() => return in_place(self.batch, &self.fates, column),
            Made::Payloads(column) => in_full(self.batch, &self.fates, &column).finish(),
            Made::Records(records) => records.finish(),
        };
        if self.fates.iter().all(|fate| *fate != Fate::Kept) {
            return made;
        }
        let mut merged = BatchBuilder::like(self.batch);
        let mut next = 0;
        for (record, fate) in self.batch.iter().zip(&self.fates) {
            let count = if let Fate::Replaced(n) = fate { *n as usize } else { 0 };
            (next..next + count).for_each(|i| merged.push_same(made.get(i)));
            next += count;
            if *fate == Fate::Kept {
                merged.push_same(record);
            }
        }
        merged.finish()
    }
}

/// New records of which only the payloads were said.
fn in_full(batch: &Batch, fates: &[Fate], payloads: &BytesColumn) -> BatchBuilder {
    let mut records = BatchBuilder::like(batch);
    let parents = batch.iter().zip(fates).filter(|(_, fate)| matches!(fate, Fate::Replaced(_)));
    for ((parent, _), row) in parents.zip(0..payloads.len()) {
        records.push_like(parent, parent.index(), payloads.get(row));
    }
    records
}

/// The batch with these payloads in place of those of its records that are replaced; of all else nothing is copied.
fn in_place(batch: &Batch, fates: &[Fate], payloads: BytesColumn) -> Batch {
    if payloads.len() == batch.len() {
        return batch.with_payloads(payloads);
    }
    let mut merged = BytesColumn::default();
    let mut next = 0;
    for (record, fate) in batch.iter().zip(fates) {
        match fate {
            Fate::Replaced(_) => {
                merged.push(payloads.get(next));
                next += 1;
            }
            Fate::Kept => merged.push(record.payload()),
            _ => merged.push(None),
        }
    }
    let mut fates = fates.iter();
    let goes_on = |fate: Option<&Fate>| matches!(fate, Some(Fate::Kept | Fate::Replaced(_)));
    batch.with_payloads(merged).filter(|_| goes_on(fates.next()))
}

// === impl Balance ===

impl Balance {
    /// Whether everything that came in or was made is accounted for.
    pub fn holds(&self) -> bool {
        self.read + self.added == self.emitted + self.rejected + self.dropped
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Balance) {
        self.read += other.read;
        self.added += other.added;
        self.emitted += other.emitted;
        self.rejected += other.rejected;
        self.dropped += other.dropped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Limit;
    use crate::position::Partition;
    use crate::record::Field;
    use std::sync::Arc;

    fn numbers(n: i64) -> Batch {
        let partition = Partition { source: "t".into(), stream: "n".into(), incarnation: "1".into(), number: 0 };
        let mut builder = BatchBuilder::new(Limit::default());
        let origin = builder.origin(&Arc::new(partition));
        (0..n).for_each(|i| builder.push(origin, i, i + 1, Record::payload(i.to_string().as_bytes())));
        builder.finish()
    }

    fn check(say: impl FnOnce(&mut Output<'_>), emitted: &[&str], balance: [u64; 5]) {
        let batch = numbers(4);
        let mut output = Output::new(&batch);
        say(&mut output);
        let outcome = output.finish().expect("all are accounted for");
        let payloads: Vec<_> =
            outcome.emitted.iter().map(|r| String::from_utf8_lossy(r.payload().expect("set")).into_owned()).collect();
        assert_eq!(payloads, emitted);
        let [read, added, went_on, rejected, dropped] = balance;
        assert_eq!(outcome.balance, Balance { read, added, emitted: went_on, rejected, dropped });
        assert!(outcome.balance.holds());
        assert_eq!(outcome.emitted.positions(), batch.positions());
    }

    #[test]
    fn what_is_kept_goes_on_in_order() {
        check(
            |out| {
                out.keep(3);
                out.keep(0);
                out.drop_record(1);
                out.reject(2, "odd");
            },
            &["0", "3"],
            [4, 0, 2, 1, 1],
        );
    }

    #[test]
    fn what_is_replaced_stands_where_the_record_stood() {
        check(
            |out| {
                out.keep(0);
                out.replace(1, Record::payload(b"1a"));
                out.replace(1, Record::payload(b"1b"));
                out.keep(2);
                out.replace(3, Record::payload(b"3a"));
            },
            &["0", "1a", "1b", "2", "3a"],
            [4, 1, 5, 0, 0],
        );
    }

    #[test]
    fn payloads_are_put_in_place() {
        let kept_and_dropped = |out: &mut Output<'_>| {
            out.replace_payload(0, Some(b"a"));
            out.drop_record(1);
            out.keep(2);
            out.replace_payload(3, Some(b"d"));
        };
        check(kept_and_dropped, &["a", "2", "d"], [4, 0, 3, 0, 1]);
        check(|out| (0..4).for_each(|i| out.replace_payload(i, Some(b"x"))), &["x"; 4], [4, 0, 4, 0, 0]);
        let some_twice = |out: &mut Output<'_>| {
            out.replace_payload(0, Some(b"a"));
            out.replace_payload(1, Some(b"b"));
            out.replace_payload(1, Some(b"c"));
            out.replace_payload(2, Some(b"d"));
            out.keep(3);
        };
        check(some_twice, &["a", "b", "c", "d", "3"], [4, 1, 5, 0, 0]);
        let whole_records_too = |out: &mut Output<'_>| {
            out.replace_payload(0, Some(b"a"));
            out.reject(1, "odd");
            out.replace(2, Record::payload(b"c"));
            out.replace_payload(3, Some(b"d"));
        };
        check(whole_records_too, &["a", "c", "d"], [4, 0, 3, 1, 0]);
    }

    #[test]
    fn all_but_the_payload_stays() {
        let parent = numbers(3);
        let mut builder = BatchBuilder::like(&parent);
        let headers = [Field::text("a", "1")];
        let record = Record { key: Some(b"k"), headers: &headers, ..Record::payload(b"p") };
        (0..3).for_each(|i| builder.push_from(parent.get(i), 7, record));
        let batch = builder.finish();
        for batch in [batch.clone(), batch.filter(|record| record.position() > 0)] {
            let mut output = Output::new(&batch);
            output.keep(0);
            (1..batch.len()).for_each(|i| output.replace_payload(i, None));
            let emitted = output.finish().expect("all are accounted for").emitted;
            assert_eq!(emitted.len(), batch.len());
            for (new, old) in emitted.iter().zip(batch.iter()) {
                let parts =
                    |record: RecordRef<'_>| (record.key().map(<[u8]>::to_vec), record.position(), record.index());
                assert_eq!(parts(new), parts(old));
                assert!(new.headers().eq(old.headers()));
            }
            assert_eq!(emitted.iter().map(|record| record.payload()).collect::<Vec<_>>()[..2], [Some(&b"p"[..]), None]);
        }
    }

    #[test]
    fn what_was_not_handed_over_goes_on_in_its_place() {
        let (batch, chosen) = (numbers(5), [1, 2, 4]);
        let some = batch.select(&chosen);
        let mut output = Output::new(&some);
        output.replace(0, Record::payload(b"1a"));
        output.reject(1, "odd");
        output.drop_record(2);
        output.pause(Duration::from_secs(2));
        output.pause(Duration::from_secs(1));
        let outcome = output.among(&batch, &chosen).finish().expect("all are accounted for");
        let payloads: Vec<_> = outcome.emitted.iter().map(|r| r.payload().expect("set").to_vec()).collect();
        assert_eq!(payloads, [&b"0"[..], b"1a", b"3"]);
        assert_eq!(outcome.rejected[0].records.get(0).position(), 2);
        assert_eq!(outcome.balance, Balance { read: 5, emitted: 3, rejected: 1, dropped: 1, added: 0 });
        assert_eq!(outcome.emitted.positions(), batch.positions());
        assert_eq!(outcome.pause, Duration::from_secs(2), "the longest that was asked for");
    }

    #[test]
    fn a_forgotten_record_is_an_error() {
        let batch = numbers(2);
        let mut output = Output::new(&batch);
        output.keep(0);
        let error = output.finish().expect_err("record 1 was forgotten");
        assert!(error.to_string().contains("n[0] at 1"), "{error}");
    }
}
