//! What a replay settled when it began, kept until it is done: after a crash an age such as `1h` means the same time, and
//! the end is where it was, whatever was captured or compacted in between. How far it is stands in the engine's positions.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catchwater_sdk::files::replace;
use catchwater_sdk::{Partition, Result, ResultExt};
use serde::{Deserialize, Serialize};

use super::selection::{Named, Oldest};

/// What was settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Job {
    /// The settings that it was settled for.
    fingerprint: String,
    pub(super) since: Option<i64>,
    pub(super) until: Option<i64>,
    pub(super) oldest: Option<Oldest>,
    ends: Vec<End>,
}

/// Where a partition ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct End {
    #[serde(flatten)]
    partition: Named,
    end: i64,
}

impl Job {
    pub(super) fn new(
        fingerprint: String,
        since: Option<i64>,
        until: Option<i64>,
        ends: &BTreeMap<Arc<Partition>, i64>,
    ) -> Job {
        let end = |(partition, end): (&Arc<Partition>, &i64)| End { partition: Named::of(partition), end: *end };
        Job { fingerprint, since, until, oldest: None, ends: ends.iter().map(end).collect() }
    }

    /// For each partition the position before which it ends.
    pub(super) fn ends(&self) -> BTreeMap<Arc<Partition>, i64> {
        self.ends.iter().map(|end| (end.partition.partition(), end.end)).collect()
    }

    /// What the replay `name` settled under these settings, if it was interrupted.
    pub(super) fn load(data_dir: &Path, name: &str, fingerprint: &str) -> Result<Option<Job>> {
        let path = path_of(data_dir, name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).or_refused(|| format!("read {}", path.display())),
        };
        let job: Job = serde_json::from_str(&text).or_refused(|| {
            format!("read {}: it is damaged; delete it to settle the replay's bounds anew", path.display())
        })?;
        if job.fingerprint == fingerprint {
            return Ok(Some(job));
        }
        tracing::warn!(
            replay = name,
            "the settings have changed since it was interrupted: it goes on under the new ones"
        );
        Ok(None)
    }

    /// Keeps it: on return it survives a crash.
    pub(super) fn save(&self, data_dir: &Path, name: &str) -> Result<()> {
        let path = path_of(data_dir, name);
        self.write(&path).or_unavailable(|| format!("write {}", path.display()))
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        fs::create_dir_all(path.parent().expect("the file is in a folder"))?;
        replace(path, |file| {
            serde_json::to_writer_pretty(&mut *file, self)?;
            file.write_all(b"\n")
        })
    }
}

/// Forgets what the replay `name` settled: it is done, or begins anew.
pub fn forget(data_dir: &Path, name: &str) -> Result<()> {
    let path = path_of(data_dir, name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).or_unavailable(|| format!("delete {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Whether the replay `name` was interrupted.
pub fn is_interrupted(data_dir: &Path, name: &str) -> bool {
    path_of(data_dir, name).exists()
}

/// What a file system may not take is written as `%XX`.
fn path_of(data_dir: &Path, name: &str) -> PathBuf {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let file: String =
        name.bytes().map(|b| if plain(b) { (b as char).to_string() } else { format!("%{b:02x}") }).collect();
    data_dir.join("replays").join(format!("{file}.json"))
}

#[cfg(test)]
mod tests {
    use super::super::selection::Place;
    use super::*;

    fn job() -> Job {
        let partition = Partition { source: "s".into(), stream: "a/b".into(), incarnation: "1".into(), number: 3 };
        let oldest = Oldest { micros: 7, partition: Named::of(&partition), place: Place { position: 4, index: 1 } };
        let ends = BTreeMap::from([(Arc::new(partition), 9)]);
        Job { oldest: Some(oldest), ..Job::new("as it was".into(), Some(1), None, &ends) }
    }

    #[test]
    fn comes_back_as_it_was_until_it_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let load = |fingerprint| Job::load(folder.path(), "a b", fingerprint).expect("it can be read");
        assert_eq!(load("as it was"), None);
        job().save(folder.path(), "a b").expect("it is kept");
        assert!(is_interrupted(folder.path(), "a b"));
        assert_eq!(load("as it was"), Some(job()));
        assert_eq!(load("as it was").expect("a job").ends().into_values().collect::<Vec<_>>(), [9]);
        assert_eq!(load("otherwise"), None, "other settings settle anew");
        forget(folder.path(), "a b").expect("it is gone");
        forget(folder.path(), "a b").expect("twice, too");
        assert!(!is_interrupted(folder.path(), "a b"));
    }

    #[test]
    fn a_damaged_file_is_refused_with_the_way_out() {
        let folder = tempfile::tempdir().expect("a folder");
        job().save(folder.path(), "a").expect("it is kept");
        fs::write(folder.path().join("replays/a.json"), "{").expect("writes");
        let error = Job::load(folder.path(), "a", "as it was").expect_err("it is damaged");
        assert!(error.to_string().contains("delete it"), "{error}");
    }
}
