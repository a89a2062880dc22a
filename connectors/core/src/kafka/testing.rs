//! Configurations of tests, read as a pipeline's are.

use catchwater_sdk::config::{Mistake, parse};
use serde::de::DeserializeOwned;

/// The configuration that this document holds.
pub(crate) fn read<T: DeserializeOwned>(document: &str) -> T {
    try_read(document).unwrap_or_else(|mistake| panic!("{document}: {}", mistake.message))
}

/// Why the document is refused.
pub(crate) fn refusal<T: DeserializeOwned>(document: &str) -> String {
    try_read::<T>(document).err().expect("it is refused").message
}

fn try_read<T: DeserializeOwned>(document: &str) -> Result<T, Mistake> {
    let parsed = parse(document);
    assert!(parsed.mistakes.is_empty(), "{document} is no YAML");
    parsed.documents[0].root.read()
}
