//! Where a look at a topic or queue begins, or a group is moved to.

/// Where to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Begin {
    /// With the oldest message that is there.
    Earliest,
    /// With what comes from now on.
    #[default]
    Latest,
    /// With the first message of this time or later, in microseconds since 1970.
    Time(i64),
    /// With the last so many of each partition.
    Last(u32),
}
