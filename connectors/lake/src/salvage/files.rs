//! Which files there are, and what each says of itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use catchwater_sdk::format::Format;
use catchwater_sdk::{Error, ErrorKind, Result};
use catchwater_storage::{Listed, Store};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::care::{Finding, Findings};
use crate::read::{DataFile, FileFooter, LiveFile};
use crate::writer::delta_stats;

/// So many footers are read at once.
const AT_ONCE: usize = 16;

/// A file of ours, or one that another tool made of such.
pub(super) struct Found {
    pub(super) file: LiveFile,
    /// None if another tool wrote it.
    pub(super) footer: Option<FileFooter>,
}

/// Opens all data files. Those that cannot be read are among the findings; an error is of the store.
pub(super) async fn look(store: &Store, format: &Arc<dyn Format>, findings: &mut Findings) -> Result<Vec<Found>> {
    let listed = data_files(store).await?;
    // Boxed, since the compiler cannot tell that a future which borrows from its closure's argument is `Send`.
    let looks: Vec<_> = listed.iter().map(|listed| one(store, format, listed).boxed()).collect();
    let looks: Vec<_> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
    let mut found = Vec::with_capacity(looks.len());
    for look in looks {
        match look {
            Ok(file) => found.push(file),
            Err(finding) => findings.push(finding),
        }
    }
    Ok(found)
}

/// All but those of folders that are no part of the data, such as a log that is half lost.
async fn data_files(store: &Store) -> Result<Vec<Listed>> {
    let mut files = store.list("", "").await?;
    files.retain(|file| file.path.ends_with(".parquet") && !file.path.split('/').any(|part| part.starts_with('_')));
    let folder = |file: &Listed| Some(file.path.split_once('/')?.0.to_owned());
    let collections: BTreeSet<String> = files.iter().filter_map(folder).filter(|name| !name.contains('=')).collect();
    match collections.first() {
        None => Ok(files),
        Some(first) => {
            let (url, names) = (store.url(), collections.iter().cloned().collect::<Vec<_>>().join(", "));
            Err(Error::refused(format!(
                "read the files in {url}: they are those of collections ({names}); name the folder of one, such as {url}/{first}"
            )))
        }
    }
}

async fn one(store: &Store, format: &Arc<dyn Format>, listed: &Listed) -> Result<Result<Found, Finding>> {
    let file = LiveFile::found(&listed.path, listed.size);
    let open = match DataFile::open(store, &file, format).await {
        Ok(open) => open,
        Err(error) if error.kind() == ErrorKind::Refused => return Ok(Err(damaged(&listed.path, &error))),
        Err(error) => return Err(error),
    };
    let schema = open.metadata().file_metadata().schema_descr();
    if !schema.columns().iter().any(|column| column.path().parts() == ["_payload"]) {
        let what = "it is left out, as it has no column `_payload` and so is none of Catchwater's";
        return Ok(Err(Finding::note(&listed.path, what, "nothing, if it was put there by somebody else")));
    }
    let file = file.with_stats(delta_stats(open.metadata()));
    Ok(Ok(Found { footer: open.footer(), file }))
}

fn damaged(path: &str, error: &Error) -> Finding {
    let what = format!("it cannot be read, and what only it holds is not sent: {}", error.chain());
    Finding::damage(path, what, "put it back from a copy, and begin anew")
}
