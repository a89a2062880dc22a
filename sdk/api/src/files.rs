//! Files: those that a component reads besides its configuration, how a name becomes that of one, and how one is replaced.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The files of one component, as it names them with [`Context::reads`](crate::Context::reads) while it is built, which
/// touches nothing. When what stands in one changes, so has the component for a server. Clones share the list.
#[derive(Clone, Debug, Default)]
pub struct Files(Arc<Mutex<BTreeMap<PathBuf, Option<u64>>>>);

impl Files {
    /// Adds one, with a number for what stands in it where the component knows one.
    pub fn add(&self, path: &Path, contents: Option<u64>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), contents);
    }

    /// All so far; none is left.
    pub fn take(&self) -> BTreeMap<PathBuf, Option<u64>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A name, such as a pipeline's, as that of a file or folder: what a file system may not take is written as `%XX`.
pub fn file_name(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    name.bytes().map(|b| if plain(b) { (b as char).to_string() } else { format!("%{b:02x}") }).collect()
}

/// Replaces a file as a whole or not at all: on return what `fill` wrote survives a crash of the machine.
pub fn replace(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    fill(&mut file)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(path.parent().expect("the file is in a folder"))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_that_cannot_be_filled_stays_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        replace(&path, |file| file.write_all(b"one")).expect("it can be written");
        replace(&path, |file| file.write_all(b"tw").and(Err(io::Error::other("the disk is full"))))
            .expect_err("it fails");
        assert_eq!(fs::read(&path).expect("it is there"), b"one");
        replace(&path, |file| file.write_all(b"two")).expect("it can be written");
        assert_eq!(fs::read(&path).expect("it is there"), b"two");
    }

    #[test]
    fn names_become_files_and_stay_apart() {
        assert_eq!(file_name("orders-2_a"), "orders-2_a");
        assert_eq!(file_name("../a b"), "%2e%2e%2fa%20b");
        assert_eq!(file_name("a%20b"), "a%2520b");
    }
}
