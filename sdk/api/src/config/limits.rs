//! Bounds on what a configuration file may cost to read (Invariant 9).

/// Bytes of one file, and of one `${file:...}`.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Collections within collections, copies made by aliases included.
pub(super) const DEPTH_MAX: usize = 64;
/// Values in one file, copies made by aliases included.
pub(super) const NODES_MAX: usize = 20_000;
/// How often a file is read again after a mistake of syntax was taken out.
pub(super) const ATTEMPTS_MAX: usize = 20;
