//! Records in order: the unit that every component handles.

mod builder;
mod columns;

use std::sync::Arc;

pub use builder::BatchBuilder;
pub(crate) use columns::BytesColumn;
pub use columns::{BY_BROKER, BY_PRODUCER, Columns, Flat, FlatBytes, FlatFields, NO_TIME, Origin, flat_time};

use crate::format::Format;
use crate::position::Positions;
use crate::record::RecordRef;
use crate::value::Values;

/// How much a source may put into one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// At most so many records.
    pub records: usize,
    /// No further record once so many bytes are in; a single larger record still passes.
    pub bytes: usize,
}

impl Default for Limit {
    fn default() -> Limit {
        Limit { records: 2048, bytes: 2 << 20 }
    }
}

/// Records in order, from one or several partitions. Within a partition positions ascend.
///
/// A batch is a view: filtering and routing choose rows, copy nothing, and share decoded values.
#[derive(Clone, Debug)]
pub struct Batch {
    columns: Arc<Columns>,
    rows: Rows,
}

#[derive(Clone, Debug)]
enum Rows {
    All,
    Some(Arc<[u32]>),
}

impl Batch {
    pub(crate) fn new(columns: Columns) -> Batch {
        Batch { columns: Arc::new(columns), rows: Rows::All }
    }

    /// How many records.
    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::All => self.columns.rows(),
            Rows::Some(rows) => rows.len(),
        }
    }

    /// Whether there is no record. The positions may have moved all the same.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The i-th record.
    pub fn get(&self, i: usize) -> RecordRef<'_> {
        let row = match &self.rows {
            Rows::All => i,
            Rows::Some(rows) => rows[i] as usize,
        };
        RecordRef { columns: &self.columns, row }
    }

    /// All records in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RecordRef<'_>> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// The records for which `keep` holds; the same origins, nothing copied.
    pub fn filter(&self, mut keep: impl FnMut(RecordRef<'_>) -> bool) -> Batch {
        let rows: Vec<u32> = self.iter().filter(|record| keep(*record)).map(|record| record.row as u32).collect();
        if rows.len() == self.len() {
            return self.clone();
        }
        Batch { columns: Arc::clone(&self.columns), rows: Rows::Some(rows.into()) }
    }

    /// The records with these numbers, in that order; nothing copied.
    pub fn select(&self, records: &[usize]) -> Batch {
        let rows: Vec<u32> = records.iter().map(|i| self.get(*i).row as u32).collect();
        Batch { columns: Arc::clone(&self.columns), rows: Rows::Some(rows.into()) }
    }

    /// The same records in columns that hold no others, so that they can be handed over whole: see [`Batch::flat`]. A view's
    /// records are copied, else nothing is.
    pub fn compacted(&self) -> Batch {
        if matches!(self.rows, Rows::All) {
            return self.clone();
        }
        let mut compact = BatchBuilder::like(self);
        self.iter().for_each(|record| compact.push_same(record));
        compact.finish()
    }

    /// The same records with these payloads, one for each; nothing else is copied. Not for a view.
    pub(crate) fn with_payloads(&self, payloads: BytesColumn) -> Batch {
        assert!(matches!(self.rows, Rows::All) && payloads.len() == self.len(), "a payload for each record");
        let Columns { rest, format, .. } = &*self.columns;
        Batch::new(Columns::new(payloads, Arc::clone(rest), format.clone()))
    }

    /// The columns themselves; nothing for a view, whose records are [compacted](Batch::compacted) first.
    pub fn flat(&self) -> Option<Flat<'_>> {
        matches!(self.rows, Rows::All).then(|| self.columns.flat())
    }

    /// The partitions that the records came from, also of records that a filter took out.
    pub fn origins(&self) -> &[Origin] {
        &self.columns.rest.origins
    }

    /// Where reading goes on after this batch.
    pub fn positions(&self) -> Positions {
        self.origins().iter().map(|origin| (Arc::clone(&origin.partition), origin.after)).collect()
    }

    /// Whether the source rejected any of the records.
    pub fn has_rejected(&self) -> bool {
        !self.columns.rest.rejected.is_empty() && self.iter().any(|record| record.rejected().is_some())
    }

    /// How its payloads are to be understood; said once, by the engine, before anyone asks for a value.
    pub fn set_format(&self, format: &Arc<dyn Format>) {
        self.columns.format.get_or_init(|| Arc::clone(format));
    }

    /// How its payloads are to be understood, if that was said.
    pub fn format(&self) -> Option<&Arc<dyn Format>> {
        self.columns.format.get()
    }

    /// The decoded payloads of the whole underlying batch, by [`RecordRef::value`]'s row.
    pub fn values(&self) -> &Values {
        self.columns.values()
    }

    /// About how many bytes its buffers take, decoded values not counted.
    pub fn size_bytes(&self) -> usize {
        self.columns.size_bytes()
    }
}

#[cfg(test)]
mod tests;
