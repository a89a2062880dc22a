//! Batches with everything in them that a record may have or lack; the same ones each time.

use std::sync::Arc;

use crate::batch::{Batch, BatchBuilder, Limit};
use crate::position::Partition;
use crate::record::{Field, Record, Timestamp, TimestampKind};

/// Numbers that look random and are the same each time.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// From 0 to `bound - 1`.
    pub(super) fn roll(&mut self, bound: usize) -> usize {
        // Knuth's multiplier for 64 bits; the upper bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.roll(choices.len())]
    }
}

/// A partition that no system has.
pub(super) fn partition(number: i32) -> Arc<Partition> {
    Arc::new(Partition { source: "conformance".into(), stream: "samples".into(), incarnation: "1".into(), number })
}

const PAYLOADS: &[Option<&[u8]>] = &[
    None,
    Some(b""),
    Some(b"null"),
    Some(b"{}"),
    Some(br#"{"id":1,"customer":{"id":"c-1","email":"a@example.com"},"amount":12.5,"tags":["a",null]}"#),
    Some(br#"{"id":2,"id":3,"Id":4,"a.b":5,"":6,"big":123456789012345678901234567890}"#),
    Some(br#"[1,[2,[3]]]"#),
    Some(br#"{"id":"#),
    Some(b"two\nlines"),
    Some(b"\x00\xff\xfe binary"),
    Some("gr\u{fc}n \u{1f600}".as_bytes()),
];
const KEYS: &[Option<&[u8]>] = &[None, Some(b""), Some(b"c-1"), Some(b"\xff\x00")];

/// A batch of `count` records of two partitions, whose positions go on from `from` with gaps.
pub(super) fn batch(dice: &mut Dice, count: usize, from: i64) -> Batch {
    let mut batch = BatchBuilder::new(Limit::default());
    let origins = [batch.origin(&partition(0)), batch.origin(&partition(1))];
    let mut position = from;
    for _ in 0..count {
        let headers =
            [Field::text("a", "1"), Field::text("a", "2"), Field::bytes("nil", None), Field::bytes("", Some(b"\xff"))];
        let record = Record {
            payload: dice.pick(PAYLOADS),
            key: dice.pick(KEYS),
            headers: &headers[..dice.roll(headers.len() + 1)],
            timestamp: dice.pick(&[None, Some(0), Some(1_795_000_000_000_000), Some(i64::MAX)]).map(at),
            redelivered: dice.roll(9) == 0,
            properties: &[],
        };
        batch.push(origins[dice.roll(2)], position, position + 1, record);
        position += 1 + dice.roll(2) as i64;
    }
    origins.iter().for_each(|origin| batch.advance(*origin, position));
    batch.finish()
}

fn at(micros: i64) -> Timestamp {
    Timestamp { micros, kind: TimestampKind::Create }
}

/// A batch of one record.
pub(super) fn single(payload: Option<&[u8]>, position: i64) -> Batch {
    let mut batch = BatchBuilder::new(Limit::default());
    let origin = batch.origin(&partition(0));
    batch.push(origin, position, position + 1, Record { payload, ..Record::default() });
    batch.finish()
}

/// A batch without records that moves positions on.
pub(super) fn nothing(after: i64) -> Batch {
    let mut batch = BatchBuilder::new(Limit::default());
    let origin = batch.origin(&partition(0));
    batch.advance(origin, after);
    batch.finish()
}
