//! The plugins that a process knows: found by name, compiled once.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use catchwater_sdk::{Error, Result, nearest};
use tracing::debug;
use wasmtime::component::Component;

use crate::aside::aside;
use crate::cache::{Cache, Stamp};
use crate::ceiling::Ceiling;
use crate::compile::compile;
use crate::journal::plain;
use crate::machine::Machine;
use crate::plugin::{Plugin, digest};
use crate::warm::Shelf;

/// Where plugins are, and where compiled ones are kept.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The folder in which a plugin's name is looked for.
    pub plugins: PathBuf,
    /// The data folder. What was compiled is kept in it, so that the next start need not compile.
    pub data: PathBuf,
}

/// All plugins of a process.
pub struct Plugins {
    places: Places,
    ceiling: Ceiling,
    cache: Cache,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    machine: Option<Arc<Machine>>,
    /// The last used ones, the newest first.
    plugins: Vec<Arc<Plugin>>,
    /// Files that were read, and their digests, the newest first.
    files: Vec<(Stamp, String)>,
}

/// So many are kept compiled while no pipeline runs them: between `check` and the start, and over a reload.
const KNOWN_MAX: usize = 16;
/// A larger file is refused before anything is made of it; the largest interpreters take a third.
const FILE_BYTES_MAX: u64 = 64 << 20;

// === impl Plugins ===

impl Plugins {
    /// Knows none yet; the engine is started for the first.
    pub fn new(places: Places) -> Plugins {
        let cache = Cache::new(&places.data);
        Plugins { places, ceiling: Ceiling::default(), cache, known: Mutex::default() }
    }

    /// With bounds that no pipeline goes beyond.
    pub fn under(self, ceiling: Ceiling) -> Plugins {
        Plugins { ceiling, ..self }
    }

    pub(crate) fn ceiling(&self) -> &Ceiling {
        &self.ceiling
    }

    /// The plugin of that name or at that path. Reads its file once for each change of it, compiles it once, and changes nothing.
    pub fn load(&self, plugin: &str) -> Result<Arc<Plugin>> {
        let path = self.path_of(plugin);
        let unreadable = |error| self.unreadable(plugin, &path, error);
        let (file, about) = open(&path).map_err(unreadable)?;
        let stamp = Stamp::of(&about);
        let is_settled = stamp.is_settled(SystemTime::now());
        let note = |digest: &str| is_settled.then(|| self.known().note(stamp.clone(), digest));
        let wrong = |what: String| Error::config(format!("{} {}", path.display(), plain(&what)));
        let seen = self.known().digest(&stamp).or_else(|| self.cache.digest(&stamp));
        if let Some(digest) = seen
            && let Some(found) = self.compiled(plugin, &digest, about.len(), wrong)?
        {
            note(&digest);
            return Ok(found);
        }
        // What is read now is what counts, also where the file was seen before: it may have been written to in between.
        let bytes = read(&file).map_err(unreadable)?;
        let digest = digest(&bytes);
        note(&digest);
        if let Some(found) = self.compiled(plugin, &digest, about.len(), wrong)? {
            return Ok(found);
        }
        // Not under the lock: a plugin that takes long to compile would keep others from starting again.
        let machine = self.known().machine()?;
        let made = aside(|| {
            let component = self.compile(&machine, plugin, &bytes)?;
            self.make(plugin, &digest, &component, about.len())
        });
        Ok(self.known().keep(made.map_err(wrong)?))
    }

    /// The plugin with this digest, if this process has it or an earlier one compiled it.
    fn compiled(
        &self,
        plugin: &str,
        digest: &str,
        bytes: u64,
        wrong: impl FnOnce(String) -> Error,
    ) -> Result<Option<Arc<Plugin>>> {
        if let Some(known) = self.known().find(plugin, digest) {
            return Ok(Some(known));
        }
        let machine = self.known().machine()?;
        let made = aside(|| {
            let component = self.cache.read(&machine, digest)?;
            Some(self.make(plugin, digest, &component, bytes))
        });
        made.transpose().map_err(wrong).map(|made| made.map(|made| self.known().keep(made)))
    }

    fn make(&self, plugin: &str, digest: &str, component: &Component, bytes: u64) -> Result<Plugin, String> {
        let (kept, when_asked) = (self.cache.description(digest), self.ceiling.when_asked());
        Plugin::new(plugin, digest, component, bytes, kept, when_asked)
    }

    /// Those that were under this name before, the last used first.
    pub(crate) fn before(&self, plugin: &str) -> Vec<Arc<Plugin>> {
        self.known().plugins.iter().filter(|known| known.name() == plugin).cloned().collect()
    }

    /// Where instances wait for their steps.
    pub(crate) fn shelf(&self) -> Result<Arc<Shelf>> {
        Ok(Arc::clone(&self.known().machine()?.shelf))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compile(&self, machine: &Machine, name: &str, bytes: &[u8]) -> Result<Component, String> {
        let started = Instant::now();
        let component = compile(machine, bytes, self.ceiling.effort())?;
        debug!(plugin = name, milliseconds = started.elapsed().as_millis(), "compiled a plugin");
        Ok(component)
    }

    /// Keeps the compiled code, and what the plugin says of itself, for the next process. That it cannot be kept costs that one
    /// time, and nothing else.
    pub fn keep_compiled(&self, plugin: &Plugin) {
        let file = self.known().stamp(plugin.digest());
        let machine = self.known().machine();
        let kept = machine.and_then(|machine| self.cache.write(&machine, plugin, file.as_ref()));
        if let Err(error) = kept {
            debug!(plugin = plugin.name(), error = %error.chain(), "cannot keep the compiled plugin");
        }
    }

    /// The file that a plugin's name or path stands for.
    pub fn path_of(&self, plugin: &str) -> PathBuf {
        if plugin.contains(std::path::is_separator) || plugin.ends_with(".wasm") {
            return plugin.into();
        }
        self.places.plugins.join(format!("{plugin}.wasm"))
    }

    /// The names of those in the folder of plugins.
    pub fn names(&self) -> Vec<String> {
        let Ok(entries) = self.places.plugins.read_dir() else { return Vec::new() };
        let name = |path: PathBuf| Some(path.file_name()?.to_str()?.strip_suffix(".wasm")?.to_owned());
        let mut names: Vec<_> = entries.flatten().filter_map(|entry| name(entry.path())).collect();
        names.sort();
        names
    }

    fn unreadable(&self, plugin: &str, path: &Path, error: io::Error) -> Error {
        let place = path.display();
        if error.kind() != ErrorKind::NotFound || path == Path::new(plugin) {
            return Error::config(format!("read the plugin {place}")).because(error);
        }
        let names = self.names();
        match nearest(plugin, names.iter().map(String::as_str)) {
            Some(near) => Error::config(format!("there is no {place}; did you mean `{near}`?")),
            None => Error::config(format!("there is no {place}: `catchwater plugin build PROJECT` makes a plugin")),
        }
    }
}

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugins").field("places", &self.places).finish_non_exhaustive()
    }
}

// === impl Known ===

impl Known {
    fn machine(&mut self) -> Result<Arc<Machine>> {
        if let Some(machine) = &self.machine {
            return Ok(Arc::clone(machine));
        }
        let machine = Arc::new(Machine::start()?);
        self.machine = Some(Arc::clone(&machine));
        Ok(machine)
    }

    fn find(&mut self, name: &str, digest: &str) -> Option<Arc<Plugin>> {
        let at = self.plugins.iter().position(|known| known.name() == name && known.digest() == digest)?;
        let found = self.plugins.remove(at);
        self.plugins.insert(0, Arc::clone(&found));
        Some(found)
    }

    fn keep(&mut self, plugin: Plugin) -> Arc<Plugin> {
        let plugin = Arc::new(plugin);
        self.plugins.insert(0, Arc::clone(&plugin));
        self.plugins.truncate(KNOWN_MAX);
        plugin
    }

    fn note(&mut self, stamp: Stamp, digest: &str) {
        self.files.retain(|(known, _)| *known != stamp);
        self.files.insert(0, (stamp, digest.to_owned()));
        self.files.truncate(KNOWN_MAX);
    }

    fn digest(&self, stamp: &Stamp) -> Option<String> {
        self.files.iter().find(|(known, _)| known == stamp).map(|(_, digest)| digest.clone())
    }

    /// The newest file with that digest.
    fn stamp(&self, digest: &str) -> Option<Stamp> {
        self.files.iter().find(|(_, known)| known == digest).map(|(stamp, _)| stamp.clone())
    }
}

/// A pipe without a writer would have the process wait for one, and a device need not end.
fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let about = file.metadata()?;
    match about.is_file() {
        true => Ok((file, about)),
        false => Err(io::Error::other("it is no regular file")),
    }
}

fn read(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(io::Error::other(format!("it is larger than {} MiB", FILE_BYTES_MAX >> 20))),
        false => Ok(bytes),
    }
}
