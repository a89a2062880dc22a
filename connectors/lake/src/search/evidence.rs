//! What statistics say of a file or a row group as a whole.

use std::collections::HashMap;

use catchwater_query::condition::Interval;
use catchwater_query::field::Envelope;
use catchwater_query::{Bounds, Condition, Evidence, Field, Test};
use parquet::bloom_filter::Sbbf;

use super::judge::{equal_texts, judge};
use super::locate::{Holds, Null, Place};
use super::plan::Plan;
use super::span::{Point, Spans};

/// The statistics of some rows, as far as a plan needs them.
pub(super) struct Statistics<'a, S> {
    plan: &'a Plan,
    spans: &'a S,
    /// Of some places, what tells that a text is not in them.
    blooms: &'a Blooms,
    /// Whether some rows may have a payload that their columns do not tell all of.
    some_incomplete: bool,
}

/// Bloom filters by the place whose texts they know.
pub(super) type Blooms = HashMap<String, Sbbf>;

impl<'a, S: Spans> Statistics<'a, S> {
    pub(super) fn new(plan: &'a Plan, spans: &'a S, blooms: &'a Blooms) -> Statistics<'a, S> {
        let is_null = |place: &Place| spans.span(place).nulls == Some(spans.rows());
        let errors = Place::column("_error", Holds::PlainText);
        let some_incomplete = !is_null(&errors) || !plan.bare_lists().iter().all(is_null);
        Statistics { plan, spans, blooms, some_incomplete }
    }

    /// Which rows may be asked for, and whether all are.
    pub(super) fn bounds(&self) -> Bounds<bool> {
        self.plan.filter.query.bounds(self).and(&self.times())
    }

    /// Whether the rows' times are asked for.
    fn times(&self) -> Bounds<bool> {
        let filter = &self.plan.filter;
        if !filter.has_times() {
            return Bounds { may: true, must: true };
        }
        let (least, greatest) = time_span(self.spans);
        let interval = Interval {
            lower: filter.since.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Included),
            upper: filter.until.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded),
        };
        let below = matches!((greatest, filter.since), (Some(greatest), Some(since)) if greatest < since);
        let above = matches!((least, filter.until), (Some(least), Some(until)) if least >= until);
        let holds = |end: Option<i64>| interval.holds(|bound| end.map(|end| end.cmp(bound)));
        Bounds { may: !below && !above, must: holds(least) && holds(greatest) }
    }

    fn field(&self, field: &Field, condition: &Condition) -> Bounds<bool> {
        let of_payload = matches!(field, Field::Payload(_));
        // Empty lists and objects are there, and in no column.
        let hidden = of_payload && (self.some_incomplete || *condition == Condition::Exists);
        let places = self.plan.places(field).iter().map(|place| self.place(place, condition));
        let any = places.fold(Bounds { may: hidden, must: false }, |one, other| one.or(&other));
        Bounds { may: any.may, must: any.must && !(of_payload && self.some_incomplete) }
    }

    fn place(&self, place: &Place, condition: &Condition) -> Bounds<bool> {
        let span = self.spans.span(place);
        let has_null = span.nulls != Some(0);
        let unknown_nulls = has_null && place.null == Null::Unknown;
        if span.nulls == Some(self.spans.rows()) && !unknown_nulls {
            return Bounds { may: false, must: false };
        }
        let judged = match condition {
            Condition::Exists => Bounds { may: true, must: place.holds != Holds::Anything },
            _ => judge(condition, place.holds, &span),
        };
        let may = judged.may && !self.is_missing(place, condition);
        Bounds { may: may || unknown_nulls, must: judged.must && !has_null && !place.bare }
    }

    /// Whether a bloom filter tells that no value equals the literal.
    fn is_missing(&self, place: &Place, condition: &Condition) -> bool {
        let Condition::Equals(literal) = condition else { return false };
        let Some((bloom, texts)) = bloom_key(place).and_then(|key| self.blooms.get(&key)).zip(equal_texts(literal))
        else {
            return false;
        };
        !texts.iter().any(|text| bloom.check(text.as_str()))
    }
}

/// Under which name a place's bloom filter is known, if it can be asked for texts.
pub(super) fn bloom_key(place: &Place) -> Option<String> {
    matches!(place.holds, Holds::Text | Holds::PlainText | Holds::Bytes)
        .then(|| place.names())?
        .map(|names| names.join("."))
}

/// The least and the greatest time of some rows: the source's, or where there is none the time they came in.
pub(super) fn time_span(spans: &impl Spans) -> (Option<i64>, Option<i64>) {
    let time = |name| spans.span(&Place::column(name, Holds::Time));
    let own = time("_timestamp");
    if own.nulls == Some(0) {
        return (micros(&own.min), micros(&own.max));
    }
    let came = time("_ingested_at");
    if own.nulls == Some(spans.rows()) {
        return (micros(&came.min), micros(&came.max));
    }
    let both = |one: Option<i64>, other: Option<i64>, pick: fn(i64, i64) -> i64| Some(pick(one?, other?));
    (both(micros(&own.min), micros(&came.min), i64::min), both(micros(&own.max), micros(&came.max), i64::max))
}

fn micros(point: &Option<Point>) -> Option<i64> {
    if let Some(Point::Time(micros)) = point { Some(*micros) } else { None }
}

impl<S: Spans> Evidence for Statistics<'_, S> {
    type Set = bool;

    fn all(&self) -> bool {
        true
    }

    fn test(&self, test: Test<'_>) -> Bounds<bool> {
        match test {
            Test::Field(Field::Envelope(Envelope::Payload), _) | Test::Word(_) | Test::Value(_) => {
                Bounds { may: true, must: false }
            }
            Test::Field(field, condition) => self.field(field, condition),
        }
    }
}
