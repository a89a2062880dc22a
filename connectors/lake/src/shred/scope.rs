//! What is known around a value while its row is taken apart.

use std::fmt::Write;

use super::Options;
use super::event::{Bound, SchemaEvent};

/// The place of a value, and what happened to its row.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    pub(super) options: &'a Options,
    /// How many columns the table may still get.
    pub(super) columns_left: &'a mut usize,
    /// How many containers are around the value.
    pub(super) depth: usize,
    /// Whether a value that does not fit may get a sibling here. Within lists and maps it may not: there a misfit goes
    /// outwards until the whole list or map is one.
    pub(super) siblings: bool,
    /// Whether an object around the value is tried as a map. If its values conflict, it is a struct after all; what is within
    /// then gets no second try of its own, as the tries would double with each level.
    pub(super) trial: bool,
    pub(super) trouble: Trouble,
}

/// How a value fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It is in the column.
    Stored,
    /// It is not of the column's type; nothing of it is in the column.
    Misfit,
    /// It lies past a bound, which the row's trouble counts; the column stays null.
    Cut,
}

/// What `_error` says of a row that was understood.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    duplicate: Option<String>,
    cut: [u64; 3],
}

const BOUNDS: [Bound; 3] = [Bound::Depth, Bound::Columns, Bound::Size];

impl Scope<'_> {
    /// Notes a value that is only in the payload.
    #[cold]
    pub(super) fn cut(&mut self, bound: Bound) -> Pushed {
        self.trouble.cut[bound as usize] += 1;
        Pushed::Cut
    }

    /// Notes a key that came before: the first wins, as in queries.
    #[cold]
    pub(super) fn duplicate(&mut self, key: &str) {
        self.trouble.duplicate.get_or_insert_with(|| key.to_owned());
    }

    /// Takes one of the columns that the table may still get.
    pub(super) fn take_column(&mut self) -> bool {
        let left = self.columns_left.checked_sub(1);
        *self.columns_left = left.unwrap_or(0);
        left.is_some()
    }

    /// Goes into a container. Answers how it was outside, for `leave`.
    #[inline]
    pub(super) fn enter(&mut self, siblings: bool) -> bool {
        self.depth += 1;
        let outside = self.siblings;
        self.siblings = outside && siblings;
        outside
    }

    #[inline]
    pub(super) fn leave(&mut self, outside: bool) {
        self.depth -= 1;
        self.siblings = outside;
    }
}

impl Trouble {
    /// The row's `_error`, if there is any; counts are added to the totals of all rows.
    pub(super) fn describe(self, totals: &mut [u64; 3]) -> Option<String> {
        if self.duplicate.is_none() && self.cut == [0; 3] {
            return None;
        }
        let mut text =
            self.duplicate.map(|key| format!("key `{key}` comes twice: the first is kept")).unwrap_or_default();
        for (bound, values) in BOUNDS.into_iter().zip(self.cut).filter(|(_, values)| *values > 0) {
            let separator = if text.is_empty() { "" } else { "; " };
            let event = SchemaEvent::Cut { values, bound };
            write!(text, "{separator}{event}").expect("text takes whatever is written");
            totals[bound as usize] += values;
        }
        Some(text)
    }
}

/// The totals as events.
pub(super) fn cut_events(totals: [u64; 3]) -> impl Iterator<Item = SchemaEvent> {
    let cut = BOUNDS.into_iter().zip(totals).filter(|(_, values)| *values > 0);
    cut.map(|(bound, values)| SchemaEvent::Cut { values, bound })
}
