//! The folder and the files that its pipelines name: when one changes, everything is read again.
//!
//! A look twice a second at what every file is: which one, how large, of when. So an editor that writes a draft and renames
//! it, a Kubernetes volume whose `..data` link is swung round, a network's file system that tells nobody anything, and a file
//! that was touched and is the same need no rule each. It costs a few system calls.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use catchwater_engine::spec::is_yaml;
use tokio::time::sleep;
use tracing::info;

use crate::server::{Reload, Server};

/// How often is looked.
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
        Watch { seen: Seen::of(&server), server }
    }

    /// Reloads whenever files have changed; never ends.
    pub async fn watch(self) {
        let Watch { server, seen } = self;
        let mut seen = Seen::after(seen, &server);
        loop {
            sleep(EVERY).await;
            let now = Seen::of(&server);
            if now != seen {
                let now = quiet(&server, now).await;
                info!(folder = %server.folder().display(), "files have changed");
                let _ = server.reload(Reload::File).await; // it has said itself what is wrong
                seen = Seen::after(now, &server);
            }
        }
    }
}

/// Waits until two looks find the same.
async fn quiet(server: &Server, mut seen: Seen) -> Seen {
    for _ in 0..LOOKS_MAX {
        sleep(QUIET).await;
        let now = Seen::of(server);
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
    files: BTreeMap<PathBuf, Option<Look>>,
}

/// Enough to tell that a file is not the same: a link that points elsewhere has another inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Seen {
    fn of(server: &Server) -> Seen {
        let named = server.view().files.keys().cloned().collect::<Vec<_>>();
        let files = yaml_in(server.folder()).chain(named).map(|path| (look(&path), path));
        Seen { folder: server.folder().to_owned(), files: files.map(|(look, path)| (path, look)).collect() }
    }

    /// The same, with the files that a reload since then has come to know, as they were before it read them.
    fn after(before: Seen, server: &Server) -> Seen {
        let named = server.view().files.clone();
        let mut files = before.files;
        files.retain(|path, _| path.parent() == Some(&before.folder) || named.contains_key(path));
        for (path, look) in named {
            files.entry(path).or_insert(look);
        }
        Seen { folder: before.folder, files }
    }
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

    fn seen(folder: &Path) -> Seen {
        let files = yaml_in(folder).map(|path| (path.clone(), look(&path))).collect();
        Seen { folder: folder.to_owned(), files }
    }

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
        let before = seen(path);
        change(path);
        assert_eq!(seen(path) != before, expected);
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
    }
}
