//! Searching a collection.
//!
//! ```text
//!  log:       statistics of each file ──┐
//!  footers:   statistics, bloom filters ├─ may any row match?      no: it is not read (and: must all? then it is only counted)
//!  columns:   of the fields asked for ──┘  which rows may?         a bitmap
//!  payloads:  bytes of those rows ──────── do they hold the words? the others are not decoded
//!  records:   Query::matches ───────────── the one that decides
//! ```
//!
//! Every step before the last only rules out, and the last is the same evaluator that filters records in a pipeline: a search
//! can be slow, and never wrong. Where a column does not tell all of a value (see module `locate`) it allows for it.
//!
//! The time of an event is that of its source, or where it has none that a column can hold, the time it came in.

mod bitmap;
mod effort;
mod evidence;
mod group;
mod judge;
mod locate;
mod newest;
mod plan;
mod run;
mod sieve;
mod span;
mod tally;
mod values;

pub use self::effort::Effort;
pub use self::newest::{Found, Newest, newest};
pub use self::plan::{Filter, unknown_fields};
pub(crate) use self::plan::{ORIGIN_NAMES, TIME_NAMES};
pub(crate) use self::sieve::{Sieve, Sifted, newest_of};
pub use self::tally::{Bars, Histogram, count, histogram};
