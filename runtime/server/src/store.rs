//! What the server keeps on its disk: the pipelines that were made through its API, and which pipelines are not to run.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use catchwater_sdk::files::{file_name, replace};
use catchwater_sdk::{Error, Result, ResultExt};
use tracing::warn;

use crate::server::Wanted;

/// Passwords stand in pipelines: whoever shares the machine, or the volume, has no business with them.
const OWNERS_FOLDER: u32 = 0o700;
const OWNERS_FILE: u32 = 0o600;

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
        tighten_all(&folder, &pipelines);
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

/// Also what a server of an older version left, drafts included.
fn tighten_all(folder: &Path, pipelines: &Path) {
    tighten(folder, OWNERS_FOLDER);
    tighten(pipelines, OWNERS_FOLDER);
    for entry in [folder, pipelines].into_iter().flat_map(fs::read_dir).flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            tighten(&entry.path(), OWNERS_FILE);
        }
    }
}

/// A volume without such rights, or of another owner, is no reason not to serve.
fn tighten(path: &Path, mode: u32) {
    let is_open = fs::metadata(path).is_ok_and(|found| found.mode() & 0o777 & !mode != 0);
    if let Some(error) =
        is_open.then(|| fs::set_permissions(path, Permissions::from_mode(mode))).and_then(|set| set.err())
    {
        warn!(path = %path.display(), %error, "others can read what the server keeps, and that cannot be changed");
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let fill = |file: &mut File| {
        let _ = file.set_permissions(Permissions::from_mode(OWNERS_FILE)); // told at the start
        file.write_all(bytes)
    };
    replace(path, fill).or_refused(|| format!("write {}", path.display()))
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
    fn what_is_kept_is_the_owners_alone_also_what_was_there_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let mode =
            |path: &str| fs::metadata(folder.path().join("server").join(path)).map(|found| found.mode() & 0o777).ok();
        let pipelines = folder.path().join("server/pipelines");
        fs::create_dir_all(&pipelines).expect("makes it");
        for path in [folder.path().join("server"), pipelines.clone()] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).expect("opens it to all");
        }
        for name in ["old.yaml", "draft.new"] {
            fs::write(pipelines.join(name), "name: old").expect("writes");
            fs::set_permissions(pipelines.join(name), Permissions::from_mode(0o644)).expect("opens it to all");
        }
        let store = Store::open(folder.path()).expect("opens");
        store.keep("made", "name: made").expect("keeps");
        store.keep_wishes(&Wishes::from([("made".into(), Wanted::Paused)])).expect("keeps");
        assert_eq!([mode(""), mode("pipelines")], [Some(0o700); 2]);
        let files = ["pipelines/old.yaml", "pipelines/draft.new", "pipelines/made.yaml", "wanted.json"];
        assert_eq!(files.map(mode), [Some(0o600); 4]);
        store.keep("made", "name: made # again").expect("keeps");
        assert_eq!(mode("pipelines/made.yaml"), Some(0o600));
    }

    #[test]
    fn two_servers_do_not_share_a_data_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let _first = Store::open(folder.path()).expect("opens");
        let refused = Store::open(folder.path()).expect_err("it is taken").to_string();
        assert!(refused.contains("--data-dir"), "{refused}");
    }
}
