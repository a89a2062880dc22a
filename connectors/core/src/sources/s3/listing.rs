//! Which objects there are.

use catchwater_sdk::{Error, Result};
use catchwater_storage::Store;
use futures::TryStreamExt;
use glob::Pattern;
use object_store::{ObjectMeta, ObjectStore};

/// So many objects are kept in mind at most. (Invariant 9)
const OBJECTS_MAX: usize = 20_000;

/// Objects below a URL.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    store: Store,
    pattern: Option<Pattern>,
}

/// An object that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The whole key, as the store knows it.
    pub(super) key: object_store::path::Path,
    pub(super) size: u64,
    /// What changes when the object is written anew.
    pub(super) tag: String,
}

// === impl Listing ===

impl Listing {
    pub(super) fn new(store: Store, pattern: Option<&str>) -> Result<Listing> {
        let wrong =
            |error: glob::PatternError| Error::config("read the pattern of keys").because(error).at_key("pattern");
        let pattern = pattern.map(Pattern::new).transpose().map_err(wrong)?;
        Ok(Listing { store, pattern })
    }

    /// All that match, in the order of their keys. Empty objects, such as those that stand for folders, hold no record.
    pub(super) async fn look(&self) -> Result<Vec<Found>> {
        let root = self.store.path("");
        let objects = self.store.objects();
        let mut all = objects.list(Some(&root));
        let mut found = Vec::new();
        while let Some(meta) = all.try_next().await.map_err(|error| self.failed(error))? {
            if meta.size > 0 && self.matches(&meta) {
                found.push(Found::of(meta));
            }
            if found.len() > OBJECTS_MAX {
                return Err(Error::refused(format!(
                    "list {}: there are more than {OBJECTS_MAX} objects; divide them among pipelines by `url` or `pattern`",
                    self.store.url()
                )));
            }
        }
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    fn matches(&self, meta: &ObjectMeta) -> bool {
        let root = self.store.path("");
        let Some(parts) = meta.location.prefix_match(&root) else { return false };
        let below: Vec<_> = parts.map(|part| part.as_ref().to_owned()).collect();
        if below.first().is_some_and(|first| first == catchwater_storage::OURS) {
            return false;
        }
        let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
        self.pattern.as_ref().is_none_or(|pattern| pattern.matches_with(&below.join("/"), options))
    }

    fn failed(&self, error: object_store::Error) -> Error {
        if let object_store::Error::InvalidPath { source } = &error {
            return Error::refused(format!(
                "list {}: {source}: the parts of a key, between `/`, must not be empty, `.` or `..`; rename the object, or let \
                 `url` name a folder without it",
                self.store.url()
            ));
        }
        Error::new(catchwater_storage::kind(&error), format!("list {}", self.store.url())).because(error)
    }
}

impl Found {
    fn of(meta: ObjectMeta) -> Found {
        let written = || meta.last_modified.timestamp_micros().to_string();
        let tag = meta.e_tag.clone().unwrap_or_else(written);
        Found { key: meta.location, size: meta.size, tag: tag.trim_matches('"').to_owned() }
    }
}
