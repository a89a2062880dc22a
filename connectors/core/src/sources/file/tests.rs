use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use catchwater_sdk::conformance::{self, SourceWorld};
use catchwater_sdk::source::{Assignment, BoxSource};
use catchwater_sdk::{ErrorKind, RecordRef};
use tempfile::TempDir;

use super::*;
use crate::testing::source;

/// A folder of logs and what was read of them.
struct Logs {
    folder: TempDir,
    source: Option<BoxSource>,
    /// As the engine keeps them.
    positions: Positions,
    read: Vec<String>,
}

impl Logs {
    fn new() -> Logs {
        Logs { folder: TempDir::new().expect("a folder"), source: None, positions: Positions::new(), read: Vec::new() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let file = OpenOptions::new().append(true).create(true).open(self.path(name));
        file.expect("it opens").write_all(text.as_bytes()).expect("it is written");
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("it is renamed");
    }

    fn build(&self, pattern: &str, more: &str) -> BoxSource {
        let yaml = format!("{{path: '{}', {more}}}", self.path(pattern).display());
        source("file", &yaml).expect("a good configuration")
    }

    async fn start(&mut self, pattern: &str, more: &str) {
        let mut source = self.build(pattern, more);
        source.open().await.expect("it opens");
        self.source = Some(source);
    }

    /// Reads until so many records are there in all, or the end.
    async fn read(&mut self, count: usize) {
        while self.read.len() < count {
            let deadline = tokio::time::timeout(Duration::from_secs(20), self.step()).await;
            if !deadline.unwrap_or_else(|_| panic!("nothing more than {:?}", self.read)) {
                return;
            }
        }
    }

    async fn step(&mut self) -> bool {
        let source = self.source.as_mut().expect("it was started");
        match source.poll(Limit::default()).await.expect("it reads") {
            Polled::Records(batch) => {
                self.read.extend(batch.iter().map(show));
                self.positions.advance_all(&batch.positions());
                source.commit(&self.positions).await.expect("it commits");
            }
            Polled::Assigned(new) => {
                let at = |new: Assignment| {
                    (Arc::clone(&new.partition), self.positions.get(&new.partition).unwrap_or(new.at))
                };
                source.start(&new.into_iter().map(at).collect()).await.expect("it starts");
            }
            Polled::Revoking(partitions, _) => source.release(&partitions).await.expect("it releases"),
            Polled::Lost(_) => panic!("files are never lost"),
            Polled::End => return false,
        }
        true
    }

    async fn check(&mut self, expected: &[&str]) {
        self.read(expected.len()).await;
        assert_eq!(self.read, expected);
    }
}

fn show(record: RecordRef<'_>) -> String {
    let text = String::from_utf8_lossy(record.payload().expect("a line")).into_owned();
    let path = record.properties().next().map(|path| String::from_utf8_lossy(path.value.expect("set")).into_owned());
    let name = path.map(|path| Path::new(&path).file_name().expect("a name").to_string_lossy().into_owned() + ": ");
    let rejected =
        record.rejected().map(|reason| format!(" rejected: {}", reason.split(" of /").next().expect("text")));
    name.unwrap_or_default() + &text + &rejected.unwrap_or_default()
}

#[tokio::test]
async fn reads_every_line_byte_for_byte_to_the_end() {
    let mut logs = Logs::new();
    logs.append("a.log", "one\r\n\nthree\nlast");
    logs.start("a.log", "").await;
    logs.check(&["one\r", "", "three", "last"]).await;
    assert!(!logs.step().await, "it ends");
}

#[tokio::test]
async fn reads_files_in_the_order_of_their_names_and_tells_which() {
    let mut logs = Logs::new();
    logs.append("b.log", "b1\nb2\n");
    logs.append("a.log", "a1\n");
    logs.append("c.log", "");
    logs.append("d.txt", "no\n");
    logs.start("*.log", "").await;
    logs.check(&["a.log: a1", "b.log: b1", "b.log: b2"]).await;
    assert!(!logs.step().await, "it ends");
}

#[tokio::test]
async fn a_line_that_is_too_long_is_rejected_with_its_place() {
    let mut logs = Logs::new();
    logs.append("a.log", "ok\nmuch too long\nok\n");
    logs.start("a.log", "line_max: 8B").await;
    logs.check(&["ok", "much too long rejected: the line at byte 3", "ok"]).await;
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named_unless_it_is_followed() {
    let mut logs = Logs::new();
    let error = logs.build("none.log", "").open().await.expect_err("there is none");
    assert_eq!((error.kind(), error.key()), (ErrorKind::Config, Some("path")));
    assert!(error.to_string().contains("none.log"), "{error}");
    let error = logs.build("", "").open().await.expect_err("it is a folder");
    assert!(error.to_string().contains("/* to read the files in it"), "{error}");
    logs.start("late.log", "follow: true").await;
    let (folder, late) = (logs.folder.path().to_owned(), tokio::time::sleep(Duration::from_millis(300)));
    tokio::join!(logs.read(1), async {
        late.await;
        fs::write(folder.join("late.log"), "here\n").expect("it is written");
    });
    assert_eq!(logs.read, ["here"]);
}

#[tokio::test]
async fn a_growing_file_is_read_by_whole_lines() {
    let mut logs = Logs::new();
    logs.append("a.log", "one\nt");
    logs.start("a.log", "follow: true").await;
    logs.check(&["one"]).await;
    logs.append("a.log", "w");
    logs.append("a.log", "o\nthree\n");
    logs.check(&["one", "two", "three"]).await;
    assert_eq!(logs.source.as_ref().expect("started").lag(), Some(0));
}

#[tokio::test]
async fn a_renamed_file_is_read_to_its_end_beside_the_new_one() {
    let mut logs = Logs::new();
    logs.append("a.log", "1\n2\n");
    logs.start("a.log", "follow: true").await;
    logs.check(&["1", "2"]).await;
    logs.append("a.log", "3\n");
    logs.rename("a.log", "a.log.1");
    logs.append("a.log.1", "4\n");
    logs.append("a.log", "5\n");
    logs.read(5).await;
    logs.read.sort();
    logs.check(&["1", "2", "3", "4", "5"]).await;
}

#[tokio::test]
async fn a_truncated_file_begins_anew_also_with_the_same_first_line() {
    for first in ["1\n", "other\n"] {
        let mut logs = Logs::new();
        logs.append("a.log", "1\n2\n");
        logs.start("a.log", "follow: true").await;
        logs.check(&["1", "2"]).await;
        fs::write(logs.path("a.log"), first).expect("it is written");
        logs.check(&["1", "2", first.trim()]).await;
        logs.append("a.log", "3\n");
        logs.check(&["1", "2", first.trim(), "3"]).await;
    }
}

#[tokio::test]
async fn what_was_rotated_while_stopped_is_found_under_its_new_name() {
    let mut logs = Logs::new();
    logs.append("a.log", "1\n2\n");
    logs.start("a.log*", "follow: true").await;
    logs.read(2).await;
    logs.append("a.log", "3\n");
    logs.rename("a.log", "a.log.1");
    logs.append("a.log", "4\n");
    logs.start("a.log*", "follow: true").await;
    logs.read(4).await;
    logs.read.sort();
    logs.check(&["a.log.1: 3", "a.log: 1", "a.log: 2", "a.log: 4"]).await;
}

#[tokio::test]
async fn what_was_truncated_while_stopped_is_new_if_followed_and_else_refused() {
    let mut logs = Logs::new();
    logs.append("a.log", "1\n2\n3\n");
    logs.start("a.log", "follow: true").await;
    logs.read(3).await;
    fs::write(logs.path("a.log"), "1\n").expect("it is written");
    logs.start("a.log", "follow: true").await;
    logs.check(&["1", "2", "3", "1"]).await;
    let mut source = logs.build("a.log", "");
    source.open().await.expect("it opens");
    let Polled::Assigned(new) = source.poll(Limit::default()).await.expect("it is there") else { panic!("it is new") };
    let at = [(Arc::clone(&new[0].partition), 6)].into_iter().collect();
    let error = source.start(&at).await.expect_err("it is shorter");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("was read to byte 6 and now has 2"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_gone_is_released_once_it_is_stored() {
    let mut logs = Logs::new();
    logs.append("a.log", "1\nlast");
    logs.start("a.log", "follow: true").await;
    logs.check(&["1"]).await;
    fs::remove_file(logs.path("a.log")).expect("it is removed");
    logs.check(&["1", "last"]).await;
    let source = logs.source.as_mut().expect("started");
    let Polled::Revoking(partitions, _) = source.poll(Limit::default()).await.expect("it reads") else {
        panic!("it is gone")
    };
    source.release(&partitions).await.expect("it releases");
    assert_eq!(source.lag(), Some(0));
}

#[tokio::test]
async fn blocks_larger_than_memory_for_them_are_read_in_order() {
    let mut logs = Logs::new();
    let lines: Vec<_> = (0..200_000).map(|i| format!("line {i} of a file of some blocks")).collect();
    logs.append("a.log", &(lines.join("\n") + "\n"));
    logs.start("a.log", "").await;
    logs.read(usize::MAX).await;
    assert!(logs.read == lines, "{} of {} lines", logs.read.len(), lines.len());
}

struct World {
    logs: Logs,
    follow: bool,
}

impl World {
    fn new(follow: bool) -> World {
        let logs = Logs::new();
        for i in 0..500 {
            logs.append("a.log", &format!("line {i}{}\n", if i % 7 == 0 { "\r" } else { "" }));
        }
        logs.append("a.log", if follow { "\n" } else { "\nlast" });
        World { logs, follow }
    }
}

#[async_trait]
impl SourceWorld for World {
    async fn build(&mut self) -> BoxSource {
        self.logs.build("a.log", &format!("follow: {}", self.follow))
    }

    fn build_broken(&mut self) -> Option<BoxSource> {
        Some(self.logs.build("none.log", ""))
    }

    fn records(&self) -> BTreeMap<(String, i32), Vec<Option<Vec<u8>>>> {
        let text = fs::read_to_string(self.logs.path("a.log")).expect("it is there");
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let lines = text.split('\n').map(|line| Some(line.as_bytes().to_vec())).collect();
        [((self.logs.path("a.log").display().to_string(), 0), lines)].into()
    }

    fn ends(&self) -> bool {
        !self.follow
    }
}

#[tokio::test]
async fn keeps_the_contract_of_a_source() {
    for follow in [false, true] {
        conformance::source(&mut World::new(follow)).await;
    }
}
