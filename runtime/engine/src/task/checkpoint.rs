//! Which barriers are under way, and which are durable everywhere.
//!
//! Sinks see a barrier first; dead letters see it once all sinks are durable through it, because until then a sink may
//! still answer that records before it could not be stored. Only then the barrier is complete and its positions may be
//! committed upstream.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use catchwater_sdk::{Barrier, BarrierKind, Positions};

/// More barriers than this are not sent: a slow sink answers the ones it has first. (Invariant 9)
const IN_FLIGHT_MAX: usize = 16;

/// The barriers of one task.
#[derive(Debug)]
pub(super) struct Checkpoints {
    next: u64,
    in_flight: VecDeque<Barrier>,
    sinks: Vec<Answers>,
    dead_letters: Option<Answers>,
    dead_letters_sent: u64,
}

/// What one sink has said.
#[derive(Clone, Copy, Debug, Default)]
struct Answers {
    durable: u64,
    answered: u64,
}

impl Checkpoints {
    pub(super) fn new(sinks: usize, dead_letters: bool) -> Checkpoints {
        Checkpoints {
            next: 1,
            in_flight: VecDeque::new(),
            sinks: vec![Answers::default(); sinks],
            dead_letters: dead_letters.then(Answers::default),
            dead_letters_sent: 0,
        }
    }

    /// Forgets what is under way: it was abandoned, or is durable everywhere. Goes on with so many sinks; numbers go on
    /// ascending.
    pub(super) fn restart(&mut self, sinks: usize) {
        let next = self.next;
        *self = Checkpoints::new(sinks, self.dead_letters.is_some());
        let before = Answers { durable: next - 1, answered: next - 1 };
        self.sinks.fill(before);
        self.dead_letters = self.dead_letters.map(|_| before);
        self.dead_letters_sent = next - 1;
        self.next = next;
    }

    /// Whether another barrier may go out.
    pub(super) fn has_room(&self) -> bool {
        self.in_flight.len() < IN_FLIGHT_MAX
    }

    /// Whether every sink has answered what it was sent.
    pub(super) fn all_answered(&self) -> bool {
        let all = self.sinks.iter().chain(&self.dead_letters);
        all.into_iter().all(|sink| sink.answered + 1 >= self.next)
    }

    /// Whether these sinks have answered this barrier.
    pub(super) fn have_answered(&self, barrier: u64, asked: impl Fn(usize) -> bool) -> bool {
        self.sinks.iter().enumerate().all(|(sink, answers)| !asked(sink) || answers.answered >= barrier)
    }

    /// Whether these sinks are durable through this barrier.
    pub(super) fn are_durable(&self, barrier: u64, asked: impl Fn(usize) -> bool) -> bool {
        self.sinks.iter().enumerate().all(|(sink, answers)| !asked(sink) || answers.durable >= barrier)
    }

    /// Goes on with the sinks of these places, in this order.
    pub(super) fn arrange(&mut self, places: &[usize]) {
        self.sinks = places.iter().map(|place| self.sinks[*place]).collect();
    }

    /// What is under way goes on without these sinks, until a restart.
    pub(super) fn excuse(&mut self, excused: impl Fn(usize) -> bool) {
        let last = u64::MAX - 1;
        let excused = self.sinks.iter_mut().enumerate().filter(|(sink, _)| excused(*sink));
        excused.for_each(|(_, sink)| *sink = Answers { durable: last, answered: last });
    }

    /// Forgets the barriers after `last` that all but these sinks have answered; answers which.
    pub(super) fn skip(&mut self, last: u64, held: impl Fn(usize) -> bool) -> RangeInclusive<u64> {
        let others = self.sinks.iter().enumerate().filter(|(sink, _)| !held(*sink));
        let seen = last + 1..=others.map(|(_, sink)| sink.answered).min().unwrap_or(self.next - 1);
        self.in_flight.retain(|barrier| !seen.contains(&barrier.number));
        seen
    }

    /// The next barrier; it is under way from now on.
    pub(super) fn issue(&mut self, kind: BarrierKind, positions: Arc<Positions>, last: bool) -> Barrier {
        let barrier = Barrier { number: self.next, kind, positions, last };
        self.next += 1;
        self.in_flight.push_back(barrier.clone());
        barrier
    }

    /// The number that the next barrier will have: what is read now comes before it.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The barrier that a sink answers next: what it rejects now came before it.
    pub(super) fn next_answer(&self, sink: usize) -> u64 {
        self.sinks[sink].answered + 1
    }

    /// A sink answered barrier `answered`: it is durable through `through`.
    pub(super) fn sink_answered(&mut self, sink: usize, answered: u64, through: Option<u64>) {
        self.sinks[sink].note(answered, through);
    }

    /// The dead letters' sink answered.
    pub(super) fn dead_letters_answered(&mut self, answered: u64, through: Option<u64>) {
        self.dead_letters.as_mut().expect("only a pipeline with dead letters hears of them").note(answered, through);
    }

    /// The barrier that dead letters are to see next: the newest through which all sinks are durable.
    pub(super) fn due_at_dead_letters(&mut self) -> Option<Barrier> {
        self.dead_letters?;
        let (sent, durable) = (self.dead_letters_sent, self.durable_in_sinks());
        let due = self.in_flight.iter().filter(|barrier| barrier.number > sent && barrier.number <= durable);
        // One for all that came since, and of the strongest kind: a `Cut` must not be lost behind a `Mark`.
        let due = due.cloned().reduce(|before, barrier| Barrier {
            kind: before.kind.max(barrier.kind),
            last: before.last || barrier.last,
            ..barrier
        })?;
        self.dead_letters_sent = due.number;
        Some(due)
    }

    /// The newest barrier that became complete, once. Invariant 1: nothing is committed before.
    pub(super) fn take_complete(&mut self) -> Option<Barrier> {
        let durable = self.durable_in_sinks();
        let durable = self.dead_letters.map_or(durable, |letters| letters.durable.min(durable));
        let mut complete = None;
        while self.in_flight.front().is_some_and(|barrier| barrier.number <= durable) {
            complete = self.in_flight.pop_front();
        }
        complete
    }

    fn durable_in_sinks(&self) -> u64 {
        self.sinks.iter().map(|sink| sink.durable).min().expect("a pipeline has a sink")
    }
}

impl Answers {
    fn note(&mut self, answered: u64, through: Option<u64>) {
        self.answered = self.answered.max(answered);
        self.durable = self.durable.max(through.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(checkpoints: &mut Checkpoints) -> u64 {
        checkpoints.issue(BarrierKind::Mark, Arc::default(), false).number
    }

    fn complete(checkpoints: &mut Checkpoints) -> Option<u64> {
        checkpoints.take_complete().map(|barrier| barrier.number)
    }

    #[test]
    fn a_barrier_is_complete_once_every_sink_is_durable() {
        let mut checkpoints = Checkpoints::new(2, false);
        assert_eq!((issue(&mut checkpoints), issue(&mut checkpoints)), (1, 2));
        checkpoints.sink_answered(0, 2, Some(2));
        assert_eq!(complete(&mut checkpoints), None);
        checkpoints.sink_answered(1, 1, Some(1));
        assert_eq!(complete(&mut checkpoints), Some(1));
        assert_eq!(complete(&mut checkpoints), None);
        checkpoints.sink_answered(1, 2, Some(2));
        assert_eq!(complete(&mut checkpoints), Some(2));
    }

    #[test]
    fn dead_letters_see_a_barrier_only_after_all_sinks() {
        let mut checkpoints = Checkpoints::new(1, true);
        issue(&mut checkpoints);
        assert!(checkpoints.due_at_dead_letters().is_none());
        checkpoints.sink_answered(0, 1, Some(1));
        assert_eq!(checkpoints.due_at_dead_letters().map(|barrier| barrier.number), Some(1));
        assert!(checkpoints.due_at_dead_letters().is_none());
        assert_eq!(complete(&mut checkpoints), None);
        checkpoints.dead_letters_answered(1, Some(1));
        assert_eq!(complete(&mut checkpoints), Some(1));
    }

    #[test]
    fn a_cut_reaches_the_dead_letters_also_when_a_mark_has_overtaken_it() {
        let mut checkpoints = Checkpoints::new(1, true);
        let kinds = [BarrierKind::Mark, BarrierKind::Cut, BarrierKind::Mark];
        kinds.into_iter().for_each(|kind| drop(checkpoints.issue(kind, Arc::default(), false)));
        checkpoints.sink_answered(0, 3, Some(3));
        let due = checkpoints.due_at_dead_letters().map(|barrier| (barrier.number, barrier.kind));
        assert_eq!(due, Some((3, BarrierKind::Cut)));
    }

    #[test]
    fn an_answer_that_names_an_earlier_barrier_completes_only_that() {
        let mut checkpoints = Checkpoints::new(1, false);
        assert_eq!([(); 3].map(|()| issue(&mut checkpoints)), [1, 2, 3]);
        checkpoints.sink_answered(0, 3, Some(2));
        assert_eq!(complete(&mut checkpoints), Some(2));
        assert!(checkpoints.all_answered());
    }

    #[test]
    fn what_was_abandoned_never_completes() {
        let mut checkpoints = Checkpoints::new(1, false);
        issue(&mut checkpoints);
        checkpoints.restart(1);
        checkpoints.sink_answered(0, 1, Some(1));
        assert_eq!(complete(&mut checkpoints), None);
        assert_eq!(issue(&mut checkpoints), 2);
        checkpoints.sink_answered(0, 2, Some(2));
        assert_eq!(complete(&mut checkpoints), Some(2));
    }

    #[test]
    fn a_sink_that_comes_later_answers_for_what_comes_after_it() {
        let mut checkpoints = Checkpoints::new(1, false);
        issue(&mut checkpoints);
        checkpoints.sink_answered(0, 1, Some(1));
        assert_eq!(complete(&mut checkpoints), Some(1));
        checkpoints.restart(2);
        assert_eq!((issue(&mut checkpoints), checkpoints.next_answer(1)), (2, 2));
        checkpoints.sink_answered(0, 2, Some(2));
        assert_eq!(complete(&mut checkpoints), None);
        checkpoints.sink_answered(1, 2, Some(2));
        assert_eq!(complete(&mut checkpoints), Some(2));
    }
}
