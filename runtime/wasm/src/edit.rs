//! What a plugin makes of a batch: checked as a whole, then done. (Invariant 3)

use std::ops::Range;

use catchwater_sdk::transform::Output;
use catchwater_sdk::{Batch, Field, Record};

use crate::bindings::types::{self, Outcome, Replacement};
use crate::columns::bit;
use crate::fault::Fault;
use crate::rejections::reason;

/// So many records may be made out of one batch.
const MADE_MAX: usize = 1_000_000;

/// An answer in which each record of the input is accounted for exactly once.
pub(crate) enum Edit {
    /// All go on as they are.
    Unchanged,
    Each {
        fates: Vec<Fate>,
        made: Option<Box<Replacement>>,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Fate {
    Kept,
    Dropped,
    Rejected(String),
    /// These new records are made out of it.
    Made(Range<usize>),
}

// === impl Edit ===

impl Edit {
    /// Checks an answer about these records, which may make so many bytes of copies of what they have.
    pub(crate) fn check(outcome: Outcome, records: &Batch, copied_bytes_max: usize) -> Result<Edit, Fault> {
        Edit::read(outcome, records, copied_bytes_max).map_err(Fault::answer)
    }

    fn read(outcome: Outcome, batch: &Batch, copied_bytes_max: usize) -> Result<Edit, String> {
        let records = batch.len();
        if matches!(outcome.edit, types::Edit::Unchanged) && outcome.rejected.is_empty() {
            return Ok(Edit::Unchanged);
        }
        let mut accounts = Accounts::new(records);
        for rejection in outcome.rejected {
            accounts.settle(rejection.record as usize, Fate::Rejected(reason(&rejection.reason)))?;
        }
        let made = match outcome.edit {
            types::Edit::Unchanged => {
                accounts.settle_open(|_| Fate::Kept);
                None
            }
            types::Edit::Keep(kept) => {
                bitmap(&kept, records)?;
                accounts.settle_all(&kept, &Fate::Kept)?;
                accounts.settle_open(|_| Fate::Dropped);
                None
            }
            types::Edit::Replace(made) => {
                accounts.settle_made(&made)?;
                check_copies(&made, batch, copied_bytes_max)?;
                Some(Box::new(made))
            }
        };
        Ok(Edit::Each { fates: accounts.finish()?, made })
    }

    /// Says it of the records `part` of `batch`; they are those of the input.
    pub(crate) fn apply(self, batch: &Batch, part: Range<usize>, out: &mut Output<'_>) {
        let (fates, made) = match self {
            Edit::Unchanged => return part.for_each(|i| out.keep(i)),
            Edit::Each { fates, made } => (fates, made),
        };
        for (i, fate) in part.zip(fates) {
            match (fate, &made) {
                (Fate::Kept, _) => out.keep(i),
                (Fate::Rejected(reason), _) => out.reject(i, reason),
                (Fate::Made(rows), Some(made)) => rows.for_each(|row| replace(made, row, batch, i, out)),
                (Fate::Dropped | Fate::Made(_), _) => out.drop_record(i),
            }
        }
    }
}

/// A new record: what the plugin gave, and else what its parent has.
fn replace(made: &Replacement, row: usize, batch: &Batch, i: usize, out: &mut Output<'_>) {
    let parent = batch.get(i);
    let payload = made.payload.as_ref().map_or(parent.payload(), |column| column.get(row));
    if made.key.is_none() && made.headers.is_none() && made.properties.is_none() && made.time.is_none() {
        return out.replace_payload(i, payload);
    }
    let headers: Vec<Field<'_>> =
        made.headers.as_ref().map_or_else(|| parent.headers().collect(), |column| column.get(row).collect());
    let properties: Vec<Field<'_>> =
        made.properties.as_ref().map_or_else(|| parent.properties().collect(), |column| column.get(row).collect());
    let record = Record {
        payload,
        key: made.key.as_ref().map_or(parent.key(), |column| column.get(row)),
        headers: &headers,
        properties: &properties,
        timestamp: made.time.as_ref().map_or(parent.timestamp(), |column| column.get(row)),
        redelivered: parent.redelivered(),
    };
    out.replace(i, record);
}

/// What was said of each record so far.
struct Accounts(Vec<Option<Fate>>);

impl Accounts {
    fn new(records: usize) -> Accounts {
        Accounts(vec![None; records])
    }

    fn settle(&mut self, record: usize, fate: Fate) -> Result<(), String> {
        let records = self.0.len();
        match self.0.get_mut(record) {
            None => Err(format!("it names record {record}, and there are {records}")),
            Some(Some(before)) => Err(format!("record {record} is {} and {}", before.name(), fate.name())),
            Some(open) => {
                *open = Some(fate);
                Ok(())
            }
        }
    }

    fn settle_all(&mut self, chosen: &[u8], fate: &Fate) -> Result<(), String> {
        (0..self.0.len()).filter(|i| bit(chosen, *i)).try_for_each(|i| self.settle(i, fate.clone()))
    }

    fn settle_open(&mut self, fate: impl Fn(usize) -> Fate) {
        for (i, open) in self.0.iter_mut().enumerate().filter(|(_, fate)| fate.is_none()) {
            *open = Some(fate(i));
        }
    }

    fn settle_made(&mut self, made: &Replacement) -> Result<(), String> {
        check_columns(made)?;
        for (chosen, fate) in [(&made.kept, Fate::Kept), (&made.dropped, Fate::Dropped)] {
            bitmap(chosen, self.0.len())?;
            self.settle_all(chosen, &fate)?;
        }
        let mut row = 0;
        for same in made.input.chunk_by(|one, next| one == next) {
            self.settle(same[0] as usize, Fate::Made(row..row + same.len()))?;
            row += same.len();
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<Fate>, String> {
        if let Some(forgotten) = self.0.iter().position(Option::is_none) {
            return Err(format!("it does not say what becomes of record {forgotten}"));
        }
        Ok(self.0.into_iter().flatten().collect())
    }
}

impl Fate {
    fn name(&self) -> &'static str {
        match self {
            Fate::Kept => "kept",
            Fate::Dropped => "dropped",
            Fate::Rejected(_) => "rejected",
            Fate::Made(_) => "made into others",
        }
    }
}

fn check_columns(made: &Replacement) -> Result<(), String> {
    let rows = made.input.len();
    if rows > MADE_MAX {
        return Err(format!("{rows} records out of one batch, and {MADE_MAX} may be"));
    }
    if !made.input.is_sorted() {
        return Err("the inputs of new records do not ascend".into());
    }
    let of = |name: &'static str| move |what: String| format!("{what} ({name})");
    made.payload.as_ref().map_or(Ok(()), |column| column.check(rows)).map_err(of("payload"))?;
    made.key.as_ref().map_or(Ok(()), |column| column.check(rows)).map_err(of("key"))?;
    made.headers.as_ref().map_or(Ok(()), |column| column.check(rows)).map_err(of("headers"))?;
    made.properties.as_ref().map_or(Ok(()), |column| column.check(rows)).map_err(of("properties"))?;
    made.time.as_ref().map_or(Ok(()), |column| column.check(rows)).map_err(of("time"))
}

/// A column that is left out is that of the input, which costs the answer nothing: a million records made out of one would
/// be as many copies of it.
fn check_copies(made: &Replacement, batch: &Batch, bytes_max: usize) -> Result<(), String> {
    let mut bytes: usize = 0;
    for same in made.input.chunk_by(|one, next| one == next).filter(|same| same.len() > 1) {
        let parent = batch.get(same[0] as usize);
        let payload = if made.payload.is_none() { parent.payload().map_or(0, <[u8]>::len) } else { 0 };
        let key = if made.key.is_none() { parent.key().map_or(0, <[u8]>::len) } else { 0 };
        let headers = if made.headers.is_none() { size(parent.headers()) } else { 0 };
        let properties = if made.properties.is_none() { size(parent.properties()) } else { 0 };
        bytes = bytes.saturating_add((payload + key + headers + properties).saturating_mul(same.len() - 1));
    }
    match bytes > bytes_max {
        true => Err(format!("its new records are {bytes} bytes of copies, and {bytes_max} may be (`output_max`)")),
        false => Ok(()),
    }
}

fn size<'a>(fields: impl Iterator<Item = Field<'a>>) -> usize {
    fields.map(|field| field.name.len() + field.value.map_or(0, <[u8]>::len)).sum()
}

/// Exactly as long as it must be, and nothing beyond its end.
fn bitmap(bits: &[u8], records: usize) -> Result<(), String> {
    if bits.len() != records.div_ceil(8) {
        return Err(format!("a bitmap of {} bytes for {records} records", bits.len()));
    }
    match (records..bits.len() * 8).find(|i| bit(bits, *i)) {
        Some(i) => Err(format!("a bitmap names record {i}, and there are {records}")),
        None => Ok(()),
    }
}
