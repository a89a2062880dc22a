//! Fields of JSON payloads, found by path and changed where they stand.
//!
//! Nothing is decoded and printed anew: what no path names keeps its bytes, down to white space and the digits of a number.

mod paths;
mod rewrite;
#[cfg(test)]
mod tests;

pub(super) use paths::Paths;
pub(super) use rewrite::{Action, decoded, rewrite, rewrite_batch};
