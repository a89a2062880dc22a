//! What finishing the columns finds out.

use super::epoch::Unit;
use super::event::SchemaEvent;
use super::schema::Column;

/// Gathers the events of one cut.
#[derive(Debug, Default)]
pub(super) struct Report {
    events: Vec<SchemaEvent>,
    /// The payload's keys down to the column at hand, with dots.
    path: String,
    /// How many columns around the one at hand are new: what is in a new column is told with it.
    new: usize,
    order: u32,
}

/// Where the path was before a column was entered.
#[must_use = "a column that was entered must be left"]
pub(super) struct Entered(usize, bool);

impl Report {
    /// A report for a table whose columns have places below `order`.
    pub(super) fn new(order: u32) -> Report {
        Report { order, ..Report::default() }
    }

    pub(super) fn order(&self) -> u32 {
        self.order
    }

    pub(super) fn into_events(self) -> Vec<SchemaEvent> {
        self.events
    }

    /// The place of a column that appears, behind all others.
    pub(super) fn next_order(&mut self) -> u32 {
        self.order += 1;
        self.order
    }

    pub(super) fn enter(&mut self, key: &str, new: bool) -> Entered {
        let entered = Entered(self.path.len(), new);
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(key);
        self.new += usize::from(new);
        entered
    }

    /// Leaves a column; one that appeared is told.
    pub(super) fn leave(&mut self, entered: Entered, column: Option<&Column>) {
        self.new -= usize::from(entered.1);
        if let (Some(column), true, 0) = (column, entered.1, self.new) {
            self.events.push(self.appeared(column, entered.0));
        }
        self.path.truncate(entered.0);
    }

    /// Tells of numbers whose unit flipped.
    pub(super) fn unit(&mut self, flip: Option<(Unit, Unit)>) {
        if let Some((from, to)) = flip {
            self.events.push(SchemaEvent::Unit { path: self.path.clone(), from, to });
        }
    }

    fn appeared(&self, column: &Column, outside: usize) -> SchemaEvent {
        if !column.sibling {
            return SchemaEvent::Added { path: self.path.clone(), kind: column.kind.to_string() };
        }
        let dot = if outside == 0 { "" } else { "." };
        let sibling = format!("{}{dot}{}", &self.path[..outside], column.name());
        SchemaEvent::Sibling { path: self.path.clone(), sibling }
    }
}
