//! The collections of a lake.

use std::fmt;
use std::sync::Arc;

use catchwater_sdk::format::Format;
use catchwater_sdk::{Error, Result, nearest};
use catchwater_storage::Store;

use super::snapshot::Snapshot;

/// The folder that makes a folder a table.
const LOG: &str = "_delta_log";

/// A folder of collections.
#[derive(Clone, Debug)]
pub struct Lake {
    store: Store,
    format: Arc<dyn Format>,
}

/// One collection of a lake.
#[derive(Clone, Debug)]
pub struct Collection {
    name: String,
    store: Store,
    format: Arc<dyn Format>,
}

// === impl Lake ===

impl Lake {
    /// Opens the lake in a folder, named by path or URL. `format` is how the payloads are understood.
    /// Touches nothing: whether there is a lake is seen when it is asked for its collections.
    pub fn open(location: &str, format: Arc<dyn Format>) -> Result<Lake> {
        Ok(Lake { store: Store::open(location)?, format })
    }

    /// The folder as a URL.
    pub fn url(&self) -> String {
        self.store.url()
    }

    /// The names of all collections, in order. `Refused` when the folder cannot be a lake.
    pub async fn collections(&self) -> Result<Vec<String>> {
        let folders = self.store.folders("").await?;
        if folders.iter().any(|folder| folder == LOG) {
            return Err(Error::refused(format!(
                "read the lake {}: this is a collection itself; give the folder that it is in",
                self.url()
            )));
        }
        if self.store.is_absent() {
            return Err(Error::refused(format!(
                "read the lake {}: there is no such folder; name the lake with --lake, or run a pipeline with a `lake` sink first",
                self.url()
            )));
        }
        let mut collections = Vec::new();
        for folder in folders {
            if self.is_collection(&folder).await? {
                collections.push(folder);
            }
        }
        Ok(collections)
    }

    /// A collection by its name. `Refused` when there is none of that name: the error lists those that are near.
    pub async fn collection(&self, name: &str) -> Result<Collection> {
        if is_folder_name(name) && self.is_collection(name).await? {
            let (store, format) = (self.store.at(name), Arc::clone(&self.format));
            return Ok(Collection { name: name.to_owned(), store, format });
        }
        let collections = self.collections().await?;
        Err(Error::refused(format!("read the lake {}: {}", self.url(), no_collection(name, &collections))))
    }

    /// The folder of a collection, whatever is left of it.
    pub(crate) fn folder(&self, name: &str) -> Store {
        self.store.at(name)
    }

    async fn is_collection(&self, folder: &str) -> Result<bool> {
        Ok(self.store.folders(folder).await?.iter().any(|below| below == LOG))
    }
}

fn is_folder_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('/') && name != "." && name != ".."
}

fn no_collection(name: &str, collections: &[String]) -> String {
    if collections.is_empty() {
        return format!(
            "it has no collection `{name}`, nor any other yet: a pipeline with a `lake` sink makes them at its first commit"
        );
    }
    let near = nearest(name, collections.iter().map(String::as_str));
    let hint = match near {
        Some(near) => format!("did you mean `{near}`? It has "),
        None => "it has ".to_owned(),
    };
    format!("there is no collection `{name}`; {hint}{}", listed(collections))
}

/// The first names, and how many there are beside.
fn listed(names: &[String]) -> String {
    const SHOWN_MAX: usize = 12;
    let shown: Vec<String> = names.iter().take(SHOWN_MAX).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(SHOWN_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

// === impl Collection ===

impl Collection {
    /// Its name: that of its folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder of its table.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The table as it is now. `Refused` when its log is damaged, or of a kind that is not read.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::read(self.store.clone(), Arc::clone(&self.format)).await
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
