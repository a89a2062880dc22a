//! Files: those that a component reads besides its configuration, and how a name becomes that of one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The files of one component, as it names them with [`Context::reads`](crate::Context::reads) while it is built, which
/// touches nothing. When what stands in one changes, a server replaces the pipeline. Clones share the list.
#[derive(Clone, Debug, Default)]
pub struct Files(Arc<Mutex<BTreeSet<PathBuf>>>);

impl Files {
    /// Adds one.
    pub fn add(&self, path: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
    }

    /// All so far; none is left.
    pub fn take(&self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A name, such as a pipeline's, as that of a file or folder: what a file system may not take is written as `%XX`.
pub fn file_name(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    name.bytes().map(|b| if plain(b) { (b as char).to_string() } else { format!("%{b:02x}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_files_and_stay_apart() {
        assert_eq!(file_name("orders-2_a"), "orders-2_a");
        assert_eq!(file_name("../a b"), "%2e%2e%2fa%20b");
        assert_eq!(file_name("a%20b"), "a%2520b");
    }
}
