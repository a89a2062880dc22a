//! What the server keeps on its disk: the pipelines that were made through its API, and which pipelines are not to run.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use catchwater_sdk::files::{file_name, replace};
use catchwater_sdk::{Error, Result, ResultExt};

use crate::server::Wanted;

/// A folder of a server's own, locked as long as this lives.
#[derive(Debug)]
pub(crate) struct Store {
    pipelines: PathBuf,
    wanted: PathBuf,
    _lock: File,
}

/// Pipelines that are wanted otherwise than running, by name.
pub(crate) type Wishes = BTreeMap<String, Wanted>;

impl Store {
    /// Opens what a server before this one kept in the data folder.
    pub(crate) fn open(data_dir: &Path) -> Result<Store> {
        let folder = data_dir.join("server");
        let pipelines = folder.join("pipelines");
        fs::create_dir_all(&pipelines).or_refused(|| format!("create {}", pipelines.display()))?;
        let lock = lock(&folder.join("lock"), data_dir)?;
        Ok(Store { pipelines, wanted: folder.join("wanted.json"), _lock: lock })
    }

    /// The file of a pipeline made through the API, whether or not there is one.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.pipelines.join(format!("{}.yaml", file_name(name)))
    }

    /// The pipeline of such a file.
    pub(crate) fn name_of(&self, file: &Path) -> String {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let decoded = url::form_urlencoded::parse(name.as_bytes()).next();
        decoded.map(|(name, _)| name.into_owned()).unwrap_or_default()
    }

    /// Whether that file is one of the server's own.
    pub(crate) fn owns(&self, file: &Path) -> bool {
        file.starts_with(&self.pipelines)
    }

    /// All pipelines that were made through the API, sorted by file.
    pub(crate) fn texts(&self) -> Result<BTreeMap<PathBuf, String>> {
        let reading = || format!("read {}", self.pipelines.display());
        let mut texts = BTreeMap::new();
        for entry in fs::read_dir(&self.pipelines).or_refused(reading)? {
            let path = entry.or_refused(reading)?.path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let text = fs::read_to_string(&path).or_refused(|| format!("read {}", path.display()))?;
                texts.insert(path, text);
            }
        }
        Ok(texts)
    }

    /// Keeps a pipeline; on return it survives a crash of the machine.
    pub(crate) fn keep(&self, name: &str, text: &str) -> Result<()> {
        write(&self.path(name), text.as_bytes())
    }

    /// Forgets a pipeline.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        fs::remove_file(&path).and_then(|()| sync_folder(&path)).or_refused(|| format!("delete {}", path.display()))
    }

    /// Which pipelines are paused or stopped.
    pub(crate) fn wishes(&self) -> Result<Wishes> {
        let text = match fs::read(&self.wanted) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Wishes::new()),
            Err(error) => return Err(error).or_refused(|| format!("read {}", self.wanted.display())),
        };
        serde_json::from_slice(&text).or_refused(|| {
            format!("read {}: it is damaged; delete it, and every pipeline is started", self.wanted.display())
        })
    }

    /// Keeps them; on return they survive a crash of the machine.
    pub(crate) fn keep_wishes(&self, wishes: &Wishes) -> Result<()> {
        let text = serde_json::to_vec(wishes).or_bug(|| "write which pipelines are wanted".into())?;
        write(&self.wanted, &text)
    }
}

fn lock(path: &Path, data_dir: &Path) -> Result<File> {
    let file = File::create(path).or_refused(|| format!("create {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::refused(format!(
            "another server works with the data folder {}; give this one another --data-dir",
            data_dir.display()
        ))),
        Err(TryLockError::Error(error)) => Err(error).or_refused(|| format!("lock {}", path.display())),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, |file| file.write_all(bytes)).or_refused(|| format!("write {}", path.display()))
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path.parent().expect("the file is in a folder"))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_there_after_a_restart_and_gone_when_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("opens");
        store.keep("a/b", "name: a/b").expect("keeps");
        store.keep_wishes(&Wishes::from([("a/b".into(), Wanted::Paused)])).expect("keeps");
        drop(store);
        let store = Store::open(folder.path()).expect("opens again");
        assert_eq!(store.texts().expect("reads").into_values().collect::<Vec<_>>(), ["name: a/b"]);
        assert_eq!(store.wishes().expect("reads")["a/b"], Wanted::Paused);
        assert_eq!(store.name_of(&store.path("a+b/ü%41&c=d")), "a+b/ü%41&c=d");
        store.remove("a/b").expect("removes");
        assert!(store.texts().expect("reads").is_empty());
    }

    #[test]
    fn two_servers_do_not_share_a_data_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let _first = Store::open(folder.path()).expect("opens");
        let refused = Store::open(folder.path()).expect_err("it is taken").to_string();
        assert!(refused.contains("--data-dir"), "{refused}");
    }
}
