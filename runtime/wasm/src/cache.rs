//! Compiled plugins in the data folder, so that an interpreter that takes seconds to compile starts at once the next time.

use std::fs::{self, DirBuilder, Metadata, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use catchwater_sdk::{Result, ResultExt};
use wasmtime::component::Component;

use crate::machine::Machine;
use crate::plugin::Plugin;

/// So many files are kept, the newest. (Invariant 9)
const FILES_MAX: usize = 32;

/// The folder of compiled plugins. A file's name is made of what decides whether its code is the right one: the digest of
/// the plugin, and the engine's version, settings and processor.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
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
        let path = self.path(machine, digest);
        if !is_ours(&self.folder.metadata().ok()?) || !is_ours(&path.metadata().ok()?) {
            return None;
        }
        // Read and not mapped: a mapped file that somebody cuts ends the process.
        let code = fs::read(path).ok()?;
        // SAFETY: the bytes must be what `serialize` gave. Nobody but this user may write the file or its folder (checked
        // above), `write` below is the one that makes files of this name, and one gets its name only once all of it is
        // synced. Whoever can write here as this user, such as a pipeline whose sink is a file, could as well replace this
        // program. The engine itself refuses code of another version or with other settings.
        unsafe { Component::deserialize(&machine.engine, code) }.ok()
    }

    /// Writes it, unless it is there.
    pub(crate) fn write(&self, machine: &Machine, plugin: &Plugin) -> Result<()> {
        let path = self.path(machine, plugin.digest());
        if path.exists() {
            return Ok(());
        }
        let code = plugin.component().serialize();
        let code = code.map_err(|error| error.to_string()).or_bug(|| "write compiled code".into())?;
        let doing = || format!("write {}", path.display());
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).or_refused(doing)?;
        // Tasks start side by side; each writes a file of its own, and the last rename wins.
        static WRITTEN: AtomicU32 = AtomicU32::new(0);
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let partial = path.with_extension(format!("partial-{}-{number}", std::process::id()));
        write_synced(&partial, &code).and_then(|()| fs::rename(&partial, &path)).or_refused(doing)?;
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
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Only this process's user can have written it.
fn is_ours(metadata: &Metadata) -> bool {
    // SAFETY: asks the system for a number; there is nothing that it could break.
    let user = unsafe { libc::geteuid() };
    metadata.uid() == user && metadata.mode() & 0o022 == 0
}
