//! What the bytes of a file were when it was written. The Parquet library writes no checksums, and a bit that a disk gave back
//! wrongly in the middle of a payload unpacks like any other.
//!
//! Under the key `catchwater.checksums` of the Parquet footer stands one JSON object:
//!
//! ```json
//! {"xxh3":"5f3a…", "end":81234}
//! ```
//!
//! `xxh3` has 16 hexadecimal digits for each column chunk, in the order of row groups and columns: XXH3 with 64 bits over all of
//! its bytes in the file. The last chunk ends at `end`: a tool that wrote the rows anew may have taken the footer along.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;

use parquet::file::metadata::{KeyValue, ParquetMetaData, RowGroupMetaData};
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

/// The key in the Parquet footer.
const KEY: &str = "catchwater.checksums";
const DIGITS: usize = 16;

/// The checksums of a file's column chunks, by where they begin.
#[derive(Debug, Default)]
pub(crate) struct Checksums(HashMap<u64, (u64, u64)>);

/// As it stands in the footer.
#[derive(Deserialize, Serialize)]
struct Noted {
    xxh3: String,
    end: u64,
}

/// Those of row groups that stand in these bytes of a file.
pub(super) fn to_key_value(groups: &[RowGroupMetaData], file: &[u8]) -> KeyValue {
    let mut xxh3 = String::new();
    for Range { start, end } in chunks(groups) {
        let sum = XxHash3_64::oneshot(&file[start as usize..end as usize]);
        write!(xxh3, "{sum:0DIGITS$x}").expect("a text takes what is written to it");
    }
    let noted = Noted { xxh3, end: end(groups) };
    KeyValue::new(KEY.to_owned(), serde_json::to_string(&noted).expect("it holds nothing that JSON cannot"))
}

// === impl Checksums ===

impl Checksums {
    /// Reads them from a Parquet footer; none if another tool wrote the file.
    pub(crate) fn of(metadata: &ParquetMetaData) -> Checksums {
        Checksums::read(metadata).unwrap_or_default()
    }

    fn read(metadata: &ParquetMetaData) -> Option<Checksums> {
        let groups = metadata.row_groups();
        let pair = metadata.file_metadata().key_value_metadata()?.iter().find(|pair| pair.key == KEY)?;
        let noted: Noted = serde_json::from_str(pair.value.as_deref()?).ok()?;
        let sums = noted.xxh3.as_bytes().chunks(DIGITS).map(|digits| {
            let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == DIGITS)?;
            u64::from_str_radix(digits, 16).ok()
        });
        let sums: Vec<u64> = sums.collect::<Option<_>>()?;
        let is_of_file = noted.end == end(groups) && sums.len() == chunks(groups).count();
        is_of_file.then(|| Checksums(chunks(groups).zip(sums).map(|(at, sum)| (at.start, (at.end, sum))).collect()))
    }

    /// Whether these are other bytes than were written there. Nothing is known of a part of a chunk.
    pub(crate) fn contradict(&self, at: &Range<u64>, bytes: &[u8]) -> bool {
        let known = self.0.get(&at.start).filter(|(end, _)| *end == at.end);
        known.is_some_and(|(_, sum)| *sum != XxHash3_64::oneshot(bytes))
    }
}

fn chunks(groups: &[RowGroupMetaData]) -> impl Iterator<Item = Range<u64>> {
    groups.iter().flat_map(RowGroupMetaData::columns).map(|chunk| {
        let (start, bytes) = chunk.byte_range();
        start..start.saturating_add(bytes)
    })
}

fn end(groups: &[RowGroupMetaData]) -> u64 {
    chunks(groups).map(|chunk| chunk.end).max().unwrap_or(0)
}
