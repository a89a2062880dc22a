//! Times as they are told.

use jiff::Timestamp;

/// RFC 3339 in UTC, of microseconds since the epoch; `None` before the first time, which is 0.
pub(crate) fn told(micros: i64) -> Option<String> {
    (micros > 0).then(|| Timestamp::from_microsecond(micros).ok()).flatten().map(|time| format!("{time:.3}"))
}
