//! The folder and the files that its pipelines name: when one changes, everything is read again.
//!
//! A look at what every file is: which one, how large, of when; once the operating system says that something has happened
//! ([`events`]), and twice a second in any case. So an editor that writes a draft and renames it, a Kubernetes volume whose
//! `..data` link is swung round, a network's file system that tells nobody anything, and a file that was touched and is the same
//! need no rule each. It costs a few system calls.

mod events;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use catchwater_engine::spec::is_yaml;
use tokio::time::sleep;
use tracing::info;

use self::events::Events;
use crate::server::{Reload, Server};

/// How often is looked, whatever is heard.
const EVERY: Duration = Duration::from_millis(500);
/// Files that are written one after the other are one change.
const QUIET: Duration = Duration::from_millis(200);
/// A folder that is never quiet is read all the same after so many looks.
const LOOKS_MAX: usize = 10;

/// Looks whether files have changed. To be made before they are read: what changes meanwhile is a change.
pub struct Watch {
    server: Server,
    seen: Seen,
}

impl Watch {
    /// Looks for the first time.
    pub fn new(server: Server) -> Watch {
        Watch { seen: Seen::of(server.folder()), server }
    }

    /// Reloads whenever files have changed; never ends.
    pub async fn watch(self) {
        let Watch { server, mut seen } = self;
        let mut events = Events::default();
        loop {
            seen = seen.naming(&server.view().files);
            events.listen(seen.folders());
            events.wait(EVERY).await;
            let now = seen.again();
            if now != seen {
                seen = quiet(now).await;
                events.forget();
                info!(folder = %server.folder().display(), "files have changed");
                let _ = server.reload(Reload::File).await; // it has said itself what is wrong
            }
        }
    }
}

/// Waits until two looks find the same.
async fn quiet(mut seen: Seen) -> Seen {
    for _ in 0..LOOKS_MAX {
        sleep(QUIET).await;
        let now = seen.again();
        if now == seen {
            return now;
        }
        seen = now;
    }
    seen
}

/// What files looked like.
#[derive(PartialEq, Eq)]
struct Seen {
    folder: PathBuf,
    /// The YAML of the folder.
    yaml: Looks,
    /// The files that pipelines name.
    named: Looks,
}

/// What files looked like, or that they were not there.
pub(crate) type Looks = BTreeMap<PathBuf, Option<Look>>;

/// Enough to tell that a file is not the same: a link that points elsewhere has another inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Seen {
    fn of(folder: &Path) -> Seen {
        Seen { folder: folder.to_owned(), yaml: looks(yaml_in(folder)), named: Looks::new() }
    }

    /// Where all of them are.
    fn folders(&self) -> BTreeSet<PathBuf> {
        let of_named = self.named.keys().filter_map(|path| path.parent());
        let here = |folder: &Path| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() };
        of_named.chain([&*self.folder]).map(here).collect()
    }

    /// What is seen now of the same folder and files.
    fn again(&self) -> Seen {
        Seen { named: looks(self.named.keys().cloned()), ..Seen::of(&self.folder) }
    }

    /// The same with the files that pipelines name by now, each as it was seen last, or else as it was before it was read. That
    /// it is named, or no more, is not that it has changed.
    fn naming(mut self, named: &Looks) -> Seen {
        let look = |(path, look): (&PathBuf, &Option<Look>)| {
            let seen = self.named.remove(path).unwrap_or_else(|| look.clone());
            (path.clone(), seen)
        };
        let named = named.iter().map(look).collect();
        Seen { named, ..self }
    }
}

fn looks(paths: impl Iterator<Item = PathBuf>) -> Looks {
    paths.map(|path| (look(&path), path)).map(|(look, path)| (path, look)).collect()
}

fn yaml_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| is_yaml(path))
}

/// What a file is like now; none where there is none.
pub(crate) fn look(path: &Path) -> Option<Look> {
    let found = std::fs::metadata(path).ok()?;
    Some(Look { device: found.dev(), inode: found.ino(), bytes: found.size(), modified: found.modified().ok() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `change` is noticed in a folder that holds `a.yaml`.
    fn check(expected: bool, change: impl FnOnce(&Path)) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        for generation in ["one", "two"] {
            std::fs::create_dir(path.join(generation)).expect("makes a folder");
            std::fs::write(path.join(generation).join("a.yaml"), "a").expect("writes");
        }
        std::os::unix::fs::symlink("one", path.join("..data")).expect("links");
        std::os::unix::fs::symlink("..data/a.yaml", path.join("a.yaml")).expect("links");
        let before = Seen::of(path);
        change(path);
        assert_eq!(before.again() != before, expected);
    }

    #[test]
    fn a_swung_link_of_kubernetes_is_a_change() {
        check(true, |folder| {
            std::os::unix::fs::symlink("two", folder.join("..new")).expect("links");
            std::fs::rename(folder.join("..new"), folder.join("..data")).expect("renames");
        });
    }

    #[test]
    fn a_file_that_takes_the_place_of_another_is_a_change() {
        check(true, |folder| {
            std::fs::write(folder.join("draft"), "a").expect("writes");
            std::fs::rename(folder.join("draft"), folder.join("a.yaml")).expect("renames");
        });
    }

    #[test]
    fn what_is_no_pipeline_is_no_change() {
        check(false, |folder| std::fs::write(folder.join("notes.txt"), "a").expect("writes"));
        check(false, |folder| std::fs::write(folder.join(".a.yaml"), "a").expect("writes"));
    }

    #[test]
    fn a_file_that_is_named_is_no_change_until_it_is_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let (secret, later) = (folder.path().join("secret"), folder.path().join("later"));
        std::fs::write(&secret, "a").expect("writes");
        let named = looks([secret.clone(), later.clone()].into_iter());
        let seen = Seen::of(folder.path()).naming(&named);
        assert!(seen.again() == seen);
        std::fs::write(&later, "b").expect("writes");
        assert!(seen.again() != seen, "it was not there");
        let seen = seen.again();
        std::fs::write(&secret, "changed").expect("writes");
        let seen = seen.naming(&looks([secret, later].into_iter()));
        assert!(seen.again() != seen, "it was another when it was seen last");
        let seen = seen.naming(&Looks::new());
        assert!(seen.again() == seen, "nobody names it any more");
    }
}
