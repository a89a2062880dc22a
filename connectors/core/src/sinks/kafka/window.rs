//! What was taken and is not yet confirmed, in order: it can be sent again at any time, from any place.

use std::collections::VecDeque;

use catchwater_sdk::Batch;
use catchwater_sdk::sink::Rejected;

/// What every record takes beside its bytes.
const RECORD_BYTES: usize = 100;

/// Records by their number, which counts all that were ever taken.
#[derive(Debug, Default)]
pub(super) struct Window {
    batches: VecDeque<Taken>,
    /// The number of the next record to be taken.
    end: u64,
    /// No record before this number waits to be sent.
    unsent: u64,
    bytes: usize,
}

/// A batch that was taken.
#[derive(Debug)]
struct Taken {
    batch: Batch,
    first: u64,
    states: Vec<State>,
    open: usize,
    bytes: usize,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not sent, or to be sent again.
    Waiting,
    /// Was refused together with others; to be sent alone.
    Suspect,
    /// The brokers have not answered yet.
    Sent,
    /// The same, and nothing else is under way.
    SentAlone,
    /// Confirmed or rejected.
    Done,
}

/// Where sending goes on.
pub(super) struct Waiting {
    /// The batch.
    pub(super) batch: Batch,
    /// The place in it.
    pub(super) row: usize,
    /// The record's number.
    pub(super) number: u64,
    /// Whether it is to be sent alone.
    pub(super) alone: bool,
}

impl Window {
    /// Takes a batch.
    pub(super) fn take(&mut self, batch: &Batch) {
        let bytes = size_bytes(batch);
        let states = vec![State::Waiting; batch.len()];
        self.batches.push_back(Taken { batch: batch.clone(), first: self.end, states, open: batch.len(), bytes });
        self.end += batch.len() as u64;
        self.bytes += bytes;
        self.forget_done();
    }

    /// The number behind the last record taken.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The number before which all is done.
    pub(super) fn done_before(&self) -> u64 {
        self.batches.front().map_or(self.end, |taken| taken.first)
    }

    /// Whether all is done.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// About how much it holds.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many records are not done.
    pub(super) fn open(&self) -> usize {
        self.batches.iter().map(|taken| taken.open).sum()
    }

    /// The next record to send.
    pub(super) fn waiting(&mut self) -> Option<Waiting> {
        while self.unsent < self.end {
            let (taken, row) = self.find(self.unsent)?;
            let wants = |state: &State| matches!(state, State::Waiting | State::Suspect);
            if let Some(row) = taken.states[row..].iter().position(wants).map(|skipped| row + skipped) {
                let (number, alone) = (taken.first + row as u64, taken.states[row] == State::Suspect);
                let batch = taken.batch.clone();
                self.unsent = number;
                return Some(Waiting { batch, row, number, alone });
            }
            self.unsent = taken.first + taken.states.len() as u64;
        }
        None
    }

    /// The state of a record.
    pub(super) fn state(&mut self, number: u64) -> State {
        self.find(number).map_or(State::Done, |(taken, row)| taken.states[row])
    }

    /// It is on its way.
    pub(super) fn sent(&mut self, number: u64, alone: bool) {
        self.set(number, if alone { State::SentAlone } else { State::Sent });
    }

    /// It must be sent again, alone if it is under suspicion.
    pub(super) fn send_again(&mut self, number: u64, state: State) {
        self.set(number, state);
        self.unsent = self.unsent.min(number);
    }

    /// The brokers have it.
    pub(super) fn confirmed(&mut self, number: u64) {
        self.set(number, State::Done);
    }

    /// Nobody will ever have it.
    pub(super) fn rejected(&mut self, number: u64, reason: String) -> Option<Rejected> {
        let (taken, row) = self.find(number)?;
        let records = taken.batch.select(&[row]);
        self.set(number, State::Done);
        Some(Rejected { records, reason })
    }

    /// What was sent and not answered is sent again: whoever sent it is gone.
    pub(super) fn send_unanswered_again(&mut self) {
        for taken in &mut self.batches {
            for state in &mut taken.states {
                *state = match *state {
                    State::Sent => State::Waiting,
                    State::SentAlone => State::Suspect,
                    other => other,
                };
            }
        }
        self.unsent = self.done_before();
    }

    fn set(&mut self, number: u64, state: State) {
        let Some((taken, row)) = self.find(number) else { return };
        let before = std::mem::replace(&mut taken.states[row], state);
        if state == State::Done && before != State::Done {
            taken.open -= 1;
            if taken.open == 0 {
                self.forget_done();
            }
        }
    }

    fn forget_done(&mut self) {
        while let Some(taken) = self.batches.pop_front_if(|taken| taken.open == 0) {
            self.bytes -= taken.bytes;
        }
        self.unsent = self.unsent.max(self.done_before());
    }

    fn find(&mut self, number: u64) -> Option<(&mut Taken, usize)> {
        let behind = self.batches.partition_point(|taken| taken.first <= number);
        let taken = self.batches.get_mut(behind.checked_sub(1)?)?;
        let row = usize::try_from(number - taken.first).ok().filter(|row| *row < taken.states.len())?;
        Some((taken, row))
    }
}

/// About how much a batch takes here and at the client.
pub(super) fn size_bytes(batch: &Batch) -> usize {
    batch.iter().map(|record| record.size_bytes() + RECORD_BYTES).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use catchwater_sdk::{BatchBuilder, Limit, Partition, Record};
    use std::sync::Arc;

    fn batch(count: i64) -> Batch {
        let partition = Partition { source: "s".into(), stream: "t".into(), incarnation: "1".into(), number: 0 };
        let mut builder = BatchBuilder::new(Limit::default());
        let origin = builder.origin(&Arc::new(partition));
        (0..count).for_each(|i| builder.push(origin, i, i + 1, Record::payload(b"x")));
        builder.finish()
    }

    /// Sends all that waits; answers the numbers.
    fn send(window: &mut Window) -> Vec<(u64, bool)> {
        std::iter::from_fn(|| {
            let waiting = window.waiting()?;
            window.sent(waiting.number, waiting.alone);
            Some((waiting.number, waiting.alone))
        })
        .collect()
    }

    #[test]
    fn what_was_refused_goes_again_in_order() {
        let mut window = Window::default();
        window.take(&batch(3));
        window.take(&batch(2));
        assert_eq!(send(&mut window), [(0, false), (1, false), (2, false), (3, false), (4, false)]);
        window.confirmed(0);
        window.send_again(1, State::Suspect);
        window.send_again(2, State::Suspect);
        window.send_again(4, State::Waiting);
        window.confirmed(3);
        assert_eq!(send(&mut window), [(1, true), (2, true), (4, false)]);
    }

    #[test]
    fn done_is_what_has_nothing_open_before_it() {
        let mut window = Window::default();
        window.take(&batch(2));
        window.take(&batch(0));
        window.take(&batch(2));
        send(&mut window);
        [1, 2, 3].into_iter().for_each(|number| window.confirmed(number));
        assert_eq!((window.done_before(), window.open()), (0, 1));
        assert_eq!(window.rejected(0, "odd".into()).map(|rejected| rejected.records.len()), Some(1));
        assert_eq!((window.done_before(), window.is_empty(), window.bytes()), (4, true, 0));
    }

    #[test]
    fn what_a_lost_client_did_not_answer_goes_again() {
        let mut window = Window::default();
        window.take(&batch(3));
        send(&mut window);
        window.confirmed(1);
        window.send_unanswered_again();
        assert_eq!(send(&mut window), [(0, false), (2, false)]);
    }
}
