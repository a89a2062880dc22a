//! Objects whose keys are names: one slot for each key.
//!
//! Records of one stream mostly have the same keys in the same order, so the slot behind the last one is tried first, then
//! a few more, and only then an index.
//!
//! An object can turn out to be a map after it began as a struct (see [`super::keys`] for how it begins): when it would get
//! more than [`NAMES_MAX`] columns, its values are of one class, and a record has less than half of the keys. While no file
//! has the struct it becomes a map. A committed one grows no more: whole objects go to a sibling `name__map` from then on,
//! and those without new keys to the struct as well, so that whoever reads the struct's columns goes on reading them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray};
use arrow::buffer::NullBuffer;
use catchwater_sdk::Value;
use catchwater_sdk::value::{Object, ValueWriter};

use super::event::Bound;
use super::keys::{Class, NAMES_MAX, one_class};
use super::kind::{Kind, fields};
use super::names::Names;
use super::pins::PinNode;
use super::report::Report;
use super::schema::Column;
use super::scope::{Pushed, Scope};
use super::slot::{Placed, Slot};

/// How many slots are tried before the index.
const GUESSES: usize = 4;

/// The columns of a struct, or of the table.
#[derive(Debug)]
pub(super) struct ObjectBuilder {
    slots: Vec<Slot>,
    index: HashMap<Box<str>, usize>,
    names: Names,
    pins: Option<Arc<PinNode>>,
    /// How many objects and keys came, to tell a dense object from one whose keys are data.
    objects: usize,
    keys: usize,
    growth: Growth,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growth {
    /// New keys get columns, while they look like names.
    Names,
    /// New keys get columns: the table itself, or a pin says so.
    Always,
    /// An object with a new key does not fit.
    Closed,
}

impl ObjectBuilder {
    pub(super) fn new(pins: Option<Arc<PinNode>>) -> ObjectBuilder {
        ObjectBuilder {
            slots: Vec::new(),
            index: HashMap::new(),
            names: Names::default(),
            pins,
            objects: 0,
            keys: 0,
            growth: Growth::Names,
        }
    }

    /// That its keys are names, however many.
    pub(super) fn of_names(self) -> ObjectBuilder {
        ObjectBuilder { growth: Growth::Always, ..self }
    }

    /// The columns of a struct in the table.
    pub(super) fn committed(columns: &[Column], pins: Option<Arc<PinNode>>) -> ObjectBuilder {
        let mut object = ObjectBuilder::new(pins);
        object.add_committed(columns);
        object
    }

    /// The columns of the table itself.
    pub(super) fn top_level(columns: &[Column], pins: Option<Arc<PinNode>>) -> ObjectBuilder {
        let mut object = ObjectBuilder { names: Names::top_level(), ..ObjectBuilder::new(pins).of_names() };
        object.add_committed(columns);
        object
    }

    fn add_committed(&mut self, columns: &[Column]) {
        columns.iter().for_each(|column| self.names.take(&column.base));
        for (order, column) in columns.iter().enumerate() {
            let slot = self.index.get(&column.original).copied();
            let slot = slot.unwrap_or_else(|| self.add_slot(&column.original, column.base.clone()));
            self.slots[slot].add_committed(column, order as u32);
        }
        self.slots.iter_mut().for_each(Slot::heed_pin);
    }

    pub(super) fn push(&mut self, row: usize, object: Object<'_>, scope: &mut Scope<'_>) -> Pushed {
        if scope.depth >= scope.options.depth_max {
            return scope.cut(Bound::Depth);
        }
        let outside = scope.enter(true);
        let fits = self.push_values(row, object, scope);
        scope.leave(outside);
        if fits {
            return Pushed::Stored;
        }
        self.truncate(row);
        Pushed::Misfit
    }

    fn push_values(&mut self, row: usize, object: Object<'_>, scope: &mut Scope<'_>) -> bool {
        self.objects += 1;
        self.keys += object.len();
        let mut guess = 0;
        for (key, value) in object.iter() {
            let slot = match self.find(key, guess) {
                Some(slot) => slot,
                None if self.is_map_with(value, scope) => return false,
                None => match self.add(key, value, scope) {
                    Some(slot) => slot,
                    None => continue,
                },
            };
            guess = slot + 1;
            if self.slots[slot].push(row, value, scope) == Pushed::Misfit {
                return false;
            }
        }
        true
    }

    /// Takes one value as if it were that of a key, for payloads that are no object.
    pub(super) fn push_value(&mut self, row: usize, key: &str, value: Value<'_>, scope: &mut Scope<'_>) {
        let slot = self.find(key, 0).or_else(|| self.add(key, value, scope));
        slot.map(|slot| self.slots[slot].push(row, value, scope));
    }

    #[inline]
    fn find(&self, key: &str, guess: usize) -> Option<usize> {
        match self.slots.get(guess) {
            Some(slot) if slot.is(key) => Some(guess),
            _ => self.find_further(key, guess),
        }
    }

    fn find_further(&self, key: &str, guess: usize) -> Option<usize> {
        let near = self.slots.iter().enumerate().skip(guess + 1).take(GUESSES);
        near.into_iter().find(|(_, slot)| slot.is(key)).map(|(i, _)| i).or_else(|| self.index.get(key).copied())
    }

    /// A slot for a new key, if the table may have one more column. Keys without a value take at most half of the columns.
    #[cold]
    fn add(&mut self, key: &str, value: Value<'_>, scope: &mut Scope<'_>) -> Option<usize> {
        if is_empty(value) && *scope.columns_left * 2 <= scope.options.columns_max {
            return None;
        }
        if !scope.take_column() {
            scope.cut(Bound::Columns);
            return None;
        }
        let base = self.names.claim(key);
        Some(self.add_slot(key, base))
    }

    fn add_slot(&mut self, key: &str, base: Box<str>) -> usize {
        let pins = self.pins.as_ref().and_then(|node| node.child(key));
        self.slots.push(Slot::new(key, base, pins));
        self.index.insert(key.into(), self.slots.len() - 1);
        self.slots.len() - 1
    }

    /// Whether the object is a map after all, now that one more key comes.
    #[cold]
    fn is_map_with(&mut self, value: Value<'_>, scope: &Scope<'_>) -> bool {
        if self.growth == Growth::Names && scope.siblings && self.slots.len() >= NAMES_MAX && self.looks_like_map(value)
        {
            self.growth = Growth::Closed;
        }
        self.growth == Growth::Closed
    }

    fn looks_like_map(&self, value: Value<'_>) -> bool {
        let sparse = self.keys * 2 < self.objects * self.slots.len();
        let single = !self.slots.iter().any(Slot::has_siblings);
        let classes = self.slots.iter().map(Slot::class).chain([Class::of(value)]);
        sparse && single && one_class(classes).is_some()
    }

    /// Whether objects with new keys are refused, since the keys are data.
    pub(super) fn is_closed(&self) -> bool {
        self.growth == Growth::Closed
    }

    /// Writes an object back.
    pub(super) fn write(&self, row: usize, writer: &mut ValueWriter<'_>) -> Result<(), String> {
        let begun = writer.begin();
        let mut keys = 0;
        for slot in &self.slots {
            keys += usize::from(slot.write(row, writer)?);
        }
        writer.end_object(begun, keys);
        Ok(())
    }

    pub(super) fn columns(&self) -> usize {
        self.slots.iter().map(Slot::count).sum()
    }

    /// Forgets the rows from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.slots.iter_mut().for_each(|slot| slot.truncate(len));
    }

    pub(super) fn size_bytes(&self, rows: usize) -> usize {
        self.slots.iter().map(|slot| slot.size_bytes(rows)).sum()
    }

    /// The columns that have a type, the older ones first.
    pub(super) fn finish_columns(&mut self, rows: usize, report: &mut Report) -> (Vec<Column>, Vec<ArrayRef>) {
        let mut finished: Vec<Placed> = Vec::with_capacity(self.slots.len());
        self.slots.iter_mut().for_each(|slot| slot.finish(rows, report, &mut finished));
        finished.sort_by_key(|(order, ..)| *order);
        finished.into_iter().map(|(_, column, array)| (column, array)).unzip()
    }

    pub(super) fn finish(
        &mut self,
        rows: usize,
        nulls: Option<NullBuffer>,
        report: &mut Report,
    ) -> Option<(Kind, ArrayRef)> {
        let (columns, arrays) = self.finish_columns(rows, report);
        if columns.is_empty() {
            return None;
        }
        let array = StructArray::new(fields(&columns), arrays, nulls);
        Some((Kind::Struct(columns), Arc::new(array)))
    }
}

/// Whether a value gives its column no type.
fn is_empty(value: Value<'_>) -> bool {
    match value {
        Value::Null => true,
        Value::List(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}
