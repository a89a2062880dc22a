//! Compiled plugins in the data folder, so that an interpreter that takes seconds to compile starts at once the next time; which
//! files they were made of, so that its tens of megabytes need not be read to find that out; and what they say of themselves.

use std::fs::{self, DirBuilder, Metadata, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use catchwater_sdk::{Result, ResultExt};
use wasmtime::component::Component;

use crate::description::Description;
use crate::machine::Machine;
use crate::plugin::Plugin;

/// So many files are kept, the newest: up to three of each plugin. (Invariant 9)
const FILES_MAX: usize = 96;
/// A file that changed later than so long ago may change once more without its times telling: not all file systems count in
/// nanoseconds.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// The folder of compiled plugins. A file's name is made of what decides whether its code is the right one: the digest of
/// the plugin, and the engine's version, settings and processor, with the version of what is left out before it compiles.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

/// What a file system says of a file. It is another one after each change, and of each file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// When its bytes were written, and when anything about it was: in seconds and nanoseconds. Nobody can set the second.
    modified: (i64, i64),
    changed: (i64, i64),
}

// === impl Stamp ===

impl Stamp {
    pub(crate) fn of(file: &Metadata) -> Stamp {
        Stamp {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }

    /// Whether bytes that are read from now on are the ones that it stands for, as long as it is the file's.
    pub(crate) fn is_settled(&self, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let changed = Duration::from_secs(self.changed.0.try_into().unwrap_or(u64::MAX));
        changed.saturating_add(SETTLED_AFTER) < now
    }

    /// It, and what its file's digest is.
    fn line(&self, digest: &str) -> String {
        let Stamp { bytes, modified, changed, .. } = self;
        format!("{bytes} {modified:?} {changed:?} {digest}\n")
    }
}

// === impl Cache ===

impl Cache {
    pub(crate) fn new(data_dir: &Path) -> Cache {
        Cache { folder: data_dir.join("plugins") }
    }

    fn path(&self, machine: &Machine, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}-{:016x}.compiled", machine.kin))
    }

    /// What an earlier process compiled; nothing where there is no such file, or it could be another's.
    pub(crate) fn read(&self, machine: &Machine, digest: &str) -> Option<Component> {
        let path = self.ours(self.path(machine, digest))?;
        // SAFETY: the file must be what `serialize` gave, and stay so: it is mapped, as this program's own file is, since to
        // copy an interpreter's tens of megabytes takes longer than all else. Nobody but this user may write it or its folder
        // (checked above), and not even this user by accident (it is read-only); `write` below is the one that makes files of
        // this name, and one gets its name only once all of it is synced, in a file of its own. Whoever changes it as this
        // user could as well replace this program. The engine itself refuses code of another version or with other settings.
        unsafe { Component::deserialize_file(&machine.engine, path) }.ok()
    }

    /// The digest of the file with this stamp, if an earlier process read all of it.
    pub(crate) fn digest(&self, stamp: &Stamp) -> Option<String> {
        let path = self.ours(self.note(stamp))?;
        let noted = fs::read_to_string(path).ok()?;
        let digest = noted.trim_end().rsplit(' ').next()?;
        (noted == stamp.line(digest)).then(|| digest.to_owned())
    }

    /// What the plugin said of itself to an earlier process.
    pub(crate) fn description(&self, digest: &str) -> Option<Description> {
        serde_json::from_slice(&fs::read(self.ours(self.said(digest))?).ok()?).ok()
    }

    fn said(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.described"))
    }

    /// A file of the folder, if it is there and nobody else can have written it.
    fn ours(&self, path: PathBuf) -> Option<PathBuf> {
        (is_ours(&self.folder.metadata().ok()?) && is_ours(&path.metadata().ok()?)).then_some(path)
    }

    fn note(&self, stamp: &Stamp) -> PathBuf {
        self.folder.join(format!("{:x}-{:x}.seen", stamp.device, stamp.inode))
    }

    /// Writes it, what it says of itself, and of which file it was made if that can be told, unless they are there.
    pub(crate) fn write(&self, machine: &Machine, plugin: &Plugin, file: Option<&Stamp>) -> Result<()> {
        let path = self.path(machine, plugin.digest());
        if !path.exists() {
            let code = plugin.component().serialize();
            let code = code.map_err(|error| error.to_string()).or_bug(|| "write compiled code".into())?;
            self.put(&path, &code)?;
        }
        if self.description(plugin.digest()).is_none() {
            let said =
                serde_json::to_vec(plugin.description()).or_bug(|| "write what a plugin says of itself".into())?;
            self.put(&self.said(plugin.digest()), &said)?;
        }
        match file {
            Some(stamp) if self.digest(stamp).is_none_or(|digest| digest != plugin.digest()) => {
                self.put(&self.note(stamp), stamp.line(plugin.digest()).as_bytes())
            }
            _ => Ok(()),
        }
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let doing = || format!("write {}", path.display());
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).or_refused(doing)?;
        // Tasks start side by side; each writes a file of its own, and the last rename wins.
        static WRITTEN: AtomicU32 = AtomicU32::new(0);
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let partial = path.with_extension(format!("partial-{}-{number}", std::process::id()));
        write_synced(&partial, bytes).and_then(|()| fs::rename(&partial, path)).or_refused(doing)?;
        self.thin_out();
        Ok(())
    }

    /// Removes the oldest files beyond what is kept.
    fn thin_out(&self) {
        let Ok(entries) = self.folder.read_dir() else { return };
        let age = |path: PathBuf| Some((path.metadata().ok()?.modified().ok()?, path));
        let mut files: Vec<_> = entries.flatten().filter_map(|entry| age(entry.path())).collect();
        files.sort();
        let surplus = files.len().saturating_sub(FILES_MAX);
        for (_, path) in files.drain(..surplus) {
            let _ = fs::remove_file(path); // another process may have been faster
        }
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let _ = fs::remove_file(path); // a process of the same number may have left it
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Only this process's user can have written it.
fn is_ours(metadata: &Metadata) -> bool {
    // SAFETY: asks the system for a number; there is nothing that it could break.
    let user = unsafe { libc::geteuid() };
    metadata.uid() == user && metadata.mode() & 0o022 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_again_until_anything_about_it_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (cache, file) = (Cache::new(folder.path()), folder.path().join("plugin.wasm"));
        let stamp = || Stamp::of(&file.metadata().expect("it is there"));
        fs::write(&file, "one").expect("it can be written");
        let before = stamp();
        let note = |stamp: &Stamp| cache.put(&cache.note(stamp), stamp.line("abc").as_bytes()).expect("it is noted");
        assert_eq!(cache.digest(&before), None);
        note(&before);
        assert_eq!(cache.digest(&stamp()).as_deref(), Some("abc"));
        let times = file.metadata().expect("it is there").modified().expect("it has one");
        fs::write(&file, "two").expect("it can be written");
        let written = OpenOptions::new().write(true).open(&file).expect("it can be opened");
        written.set_modified(times).expect("it can be set back");
        assert_eq!((stamp().bytes, stamp().modified), (before.bytes, before.modified));
        assert_eq!(cache.digest(&stamp()), None);
        note(&stamp());
        assert_eq!(cache.digest(&stamp()).as_deref(), Some("abc"));
    }

    #[test]
    fn a_file_that_changed_just_now_may_change_once_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let stamp = Stamp::of(&folder.path().metadata().expect("it is there"));
        assert!(!stamp.is_settled(SystemTime::now()));
        assert!(stamp.is_settled(SystemTime::now() + 2 * SETTLED_AFTER));
    }
}
