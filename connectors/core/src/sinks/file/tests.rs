use std::fs;
use std::path::{Path, PathBuf};

use catchwater_sdk::conformance::doubles::upstream;
use catchwater_sdk::conformance::{self, SinkWorld};
use catchwater_sdk::sink::BoxSink;
use catchwater_sdk::{BarrierKind, BatchBuilder, ErrorKind, Limit, Record};
use tempfile::TempDir;

use super::*;
use crate::testing::sink;

fn partition(stream: &str) -> Arc<Partition> {
    Arc::new(Partition { source: "k".into(), stream: stream.into(), incarnation: "1".into(), number: 0 })
}

fn batch(stream: &str, payloads: &[&str]) -> Batch {
    let mut batch = BatchBuilder::new(Limit::default());
    let origin = batch.origin(&partition(stream));
    for (i, payload) in (0..).zip(payloads) {
        batch.push(origin, i, i + 1, Record::payload(payload.as_bytes()));
    }
    batch.finish()
}

async fn cut(sink: &mut BoxSink) -> Durable {
    let barrier = Barrier { number: 1, kind: BarrierKind::Cut, positions: Arc::default(), last: true };
    sink.barrier(&barrier).await.expect("it is durable")
}

async fn opened(path: &Path) -> BoxSink {
    let mut sink = sink("file", &format!("path: '{}'", path.display())).expect("a good configuration");
    sink.open(&upstream()).await.expect("it opens");
    sink
}

async fn write(sink: &mut BoxSink, stream: &str, payloads: &[&str]) {
    let _ = sink.write(&batch(stream, payloads)).await.expect("it is taken");
}

#[tokio::test]
async fn goes_on_behind_a_torn_line() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("deep/out.ndjson");
    for _ in 0..2 {
        let mut sink = opened(&path).await;
        write(&mut sink, "orders", &["a", "b"]).await;
        let _ = cut(&mut sink).await;
        let torn = fs::read_to_string(&path).expect("is there") + "torn";
        fs::write(&path, torn).expect("is written");
    }
    assert_eq!(fs::read_to_string(&path).expect("is there"), "a\nb\ntorn\na\nb\ntorn");
}

#[tokio::test]
async fn a_record_chooses_a_file_and_never_a_folder() {
    let folder = TempDir::new().expect("a folder");
    let mut sink = opened(&folder.path().join("${stream}.log")).await;
    write(&mut sink, "../../etc/passwd", &["a"]).await;
    write(&mut sink, "..", &["b"]).await;
    write(&mut sink, "orders.v1", &["c"]).await;
    let _ = cut(&mut sink).await;
    let names = fs::read_dir(folder.path()).expect("is there").map(|entry| entry.expect("is there").file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().expect("UTF-8")).collect();
    names.sort();
    assert_eq!(names, ["%2E.%2F..%2Fetc%2Fpasswd.log", "%2E..log", "orders.v1.log"]);
}

#[tokio::test]
async fn more_files_than_may_be_open_are_all_written() {
    let folder = TempDir::new().expect("a folder");
    let mut sink = opened(&folder.path().join("${stream}")).await;
    for round in ["a", "b"] {
        for stream in 0..300 {
            write(&mut sink, &format!("s{stream}"), &[round]).await;
        }
        let _ = cut(&mut sink).await;
    }
    for stream in 0..300 {
        assert_eq!(fs::read_to_string(folder.path().join(format!("s{stream}"))).expect("is there"), "a\nb\n");
    }
}

#[tokio::test]
async fn what_has_no_line_is_rejected_with_the_reason() {
    let folder = TempDir::new().expect("a folder");
    let mut sink = opened(&folder.path().join("out")).await;
    write(&mut sink, "orders", &["a", "b\nb", "c"]).await;
    let durable = cut(&mut sink).await;
    assert_eq!(fs::read_to_string(folder.path().join("out")).expect("is there"), "a\nc\n");
    let [rejected] = durable.rejected.as_slice() else { panic!("{durable:?}") };
    assert_eq!(rejected.records.get(0).payload(), Some(&b"b\nb"[..]));
    assert!(rejected.reason.contains("newline at byte 1"), "{}", rejected.reason);
}

#[tokio::test]
async fn a_path_that_cannot_work_is_refused_by_name() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("taken"), "a file").expect("is written");
    let path = folder.path().join("taken/out.log");
    let mut sink = sink("file", &format!("path: '{}'", path.display())).expect("building touches nothing");
    let error = sink.open(&upstream()).await.expect_err("a file is in the way");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.chain().contains("taken"), "{}", error.chain());
}

#[test]
fn a_folder_is_no_file() {
    let mistake = sink("file", "path: './out/'").map(drop).expect_err("it is a folder");
    assert_eq!(mistake.to_string(), "path: a path to a file is needed");
}

struct World {
    folder: TempDir,
    encoding: &'static str,
}

impl World {
    fn path(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn payload(&self, line: &[u8]) -> Option<Vec<u8>> {
        if self.encoding == "lines" {
            return Some(line.to_vec());
        }
        let record: serde_json::Value = serde_json::from_slice(line).expect("a line is JSON");
        match &record["payload"] {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(text.clone().into_bytes()),
            encoded => Some(base64(encoded["base64"].as_str().expect("else it is base64"))),
        }
    }
}

fn base64(text: &str) -> Vec<u8> {
    use ::base64::Engine;
    ::base64::prelude::BASE64_STANDARD.decode(text).expect("it is base64")
}

#[async_trait]
impl SinkWorld for World {
    fn build(&mut self) -> BoxSink {
        sink("file", &format!("{{path: '{}', encoding: {}}}", self.path().display(), self.encoding)).expect("good")
    }

    fn build_broken(&mut self) -> Option<BoxSink> {
        Some(sink("file", "path: /dev/null/out").expect("building touches nothing"))
    }

    async fn read_back(&mut self) -> Vec<Option<Vec<u8>>> {
        let bytes = fs::read(self.path()).expect("is there");
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        lines.map(|line| self.payload(line.strip_suffix(b"\n").expect("each line has its end"))).collect()
    }
}

#[tokio::test]
async fn keeps_the_contract_of_a_sink() {
    for encoding in ["lines", "json"] {
        conformance::sink(&mut World { folder: TempDir::new().expect("a folder"), encoding }).await;
    }
}
