//! What the operating system says of folders, so that a change is looked at when it happens.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{sleep, timeout};

/// A folder in which much happens is no reason to look more often than so.
const LEAST: Duration = Duration::from_millis(50);

/// Listens to some folders. That nothing is heard says nothing: not of every change there is an event, and a system can have run
/// out of them.
#[derive(Debug, Default)]
pub(super) struct Events {
    folders: BTreeSet<PathBuf>,
    heard: Option<AsyncFd<OwnedFd>>,
}

impl Events {
    /// Listens to these folders from now on.
    pub(super) fn listen(&mut self, folders: BTreeSet<PathBuf>) {
        if folders != self.folders {
            self.heard = listen(&folders).ok(); // without it there are looks
            self.folders = folders;
        }
    }

    /// Forgets which folders there were: one of that name may be another by now.
    pub(super) fn forget(&mut self) {
        *self = Events::default();
    }

    /// Waits until something has happened, or for so long.
    pub(super) async fn wait(&self, longest: Duration) {
        sleep(LEAST).await;
        let happens = async {
            match &self.heard {
                Some(heard) => drain(heard).await,
                None => std::future::pending().await,
            }
        };
        let _ = timeout(longest.saturating_sub(LEAST), happens).await; // either will do
    }
}

#[cfg(target_os = "linux")]
fn listen(folders: &BTreeSet<PathBuf>) -> io::Result<AsyncFd<OwnedFd>> {
    use rustix::fs::inotify::{CreateFlags, WatchFlags as Of, add_watch, init};

    // What makes a file another, or another file of its name. One that is written for long counts once it is closed.
    let changes = Of::CREATE | Of::CLOSE_WRITE | Of::ATTRIB | Of::MOVE | Of::DELETE | Of::DELETE_SELF | Of::MOVE_SELF;
    let heard = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    for folder in folders {
        let _ = add_watch(&heard, folder, changes | Of::ONLYDIR); // it may not be there yet
    }
    // SAFETY: what is handed over owns its file, so that it is open, and the same, until it is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(heard, Interest::READABLE) }?)
}

#[cfg(not(target_os = "linux"))]
fn listen(_: &BTreeSet<PathBuf>) -> io::Result<AsyncFd<OwnedFd>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Waits for events, and reads them all: that there are some is all that counts.
async fn drain(heard: &AsyncFd<OwnedFd>) {
    let Ok(mut ready) = heard.readable().await else { return std::future::pending().await };
    let mut events = [0; 4096];
    while rustix::io::read(heard, &mut events).is_ok() {}
    ready.clear_ready();
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Whether `change` is heard long before a look would find it.
    async fn check(expected: bool, change: impl FnOnce(&Path)) {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a.yaml"), "a").expect("writes");
        let mut events = Events::default();
        events.listen(BTreeSet::from([folder.path().to_owned(), folder.path().join("not-there")]));
        change(folder.path());
        let began = Instant::now();
        events.wait(if expected { LONG } else { 4 * LEAST }).await;
        assert_eq!(began.elapsed() < if expected { LONG } else { 4 * LEAST }, expected);
    }

    #[tokio::test]
    async fn what_makes_a_file_another_is_heard_at_once() {
        check(true, |folder| fs::write(folder.join("a.yaml"), "b").expect("writes")).await;
        check(true, |folder| fs::remove_file(folder.join("a.yaml")).expect("removes")).await;
        check(true, |folder| fs::rename(folder.join("a.yaml"), folder.join("b.yaml")).expect("renames")).await;
        check(true, |folder| std::os::unix::fs::symlink("a.yaml", folder.join("..data")).expect("links")).await;
    }

    #[tokio::test]
    async fn what_is_read_is_nothing_that_happens() {
        check(false, |folder| drop(fs::read(folder.join("a.yaml")).expect("reads"))).await;
    }

    #[tokio::test]
    async fn what_was_heard_is_not_heard_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut events = Events::default();
        events.listen(BTreeSet::from([folder.path().to_owned()]));
        (0..500).for_each(|number| fs::write(folder.path().join(format!("{number}.yaml")), "a").expect("writes"));
        events.wait(LONG).await;
        let began = Instant::now();
        events.wait(4 * LEAST).await;
        assert!(began.elapsed() >= 4 * LEAST);
    }
}
