//! Which files there are.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catchwater_sdk::{Error, Result};

use super::identity::Identity;

/// A path or a pattern of paths.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    written: String,
    follow: bool,
}

/// A file that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    pub(super) len: u64,
    /// Kept where the file may get another name before it is read.
    pub(super) file: Option<Arc<File>>,
}

// === impl Pattern ===

impl Pattern {
    pub(super) fn new(written: &str, follow: bool) -> Result<Pattern> {
        if written.is_empty() {
            return Err(Error::config("a path is needed"));
        }
        match glob::Pattern::new(written) {
            Ok(_) => Ok(Pattern { written: written.to_owned(), follow }),
            Err(error) => Err(Error::config(format!("`{written}` is no pattern: {}", error.msg))),
        }
    }

    pub(super) fn follows(&self) -> bool {
        self.follow
    }

    /// Whether it may match several files.
    pub(super) fn is_many(&self) -> bool {
        self.written.contains(['*', '?', '['])
    }

    /// The files that there are now and whose first line is there, in the order of their names.
    pub(super) fn look(&self) -> Result<Vec<Found>> {
        let paths = self.paths();
        if paths.is_empty() && !self.follow {
            return Err(Error::config(format!("there is no file {}", self.written)).at_key("path"));
        }
        let mut found = Vec::with_capacity(paths.len());
        for path in paths {
            found.extend(self.look_at(&path)?);
        }
        Ok(found)
    }

    /// A path that exists as it is written is no pattern, whatever is in its name.
    fn paths(&self) -> Vec<PathBuf> {
        let written = PathBuf::from(&self.written);
        if written.exists() {
            return vec![written];
        }
        let matches = glob::glob(&self.written).expect("the pattern was read before");
        matches.filter_map(|path| path.ok()).filter(|path| path.is_file()).collect()
    }

    fn look_at(&self, path: &Path) -> Result<Option<Found>> {
        if !path.is_file() && path.exists() {
            let help = if path.is_dir() {
                format!("write {}/* to read the files in it", path.display())
            } else {
                "it is no regular file".into()
            };
            return Err(Error::config(format!("cannot read lines of {}: {help}", path.display())).at_key("path"));
        }
        match self.open(path) {
            Ok(found) => Ok(found),
            // It was rotated away since its name was listed.
            Err(error) if self.follow && error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(path, error)),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Option<Found>> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let identity = Identity::of(&file, &metadata, !self.follow)?;
        let file = self.follow.then(|| Arc::new(file));
        Ok(identity.map(|identity| Found { path: path.to_owned(), identity, len: metadata.len(), file }))
    }

    /// What is followed may become readable.
    fn failed(&self, path: &Path, error: io::Error) -> Error {
        let doing = format!("read {}", path.display());
        match self.follow {
            true => Error::unavailable(doing).because(error),
            false => Error::refused(doing).because(error),
        }
    }
}
