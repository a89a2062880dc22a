use std::collections::BTreeMap;
use std::future::Future;

use catchwater_sdk::conformance::{self, SourceWorld};
use catchwater_sdk::source::{BoxSource, Polled};
use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;
use crate::testing::source;

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it is bound").port()
}

/// Sends the text of a request, as soon as someone listens; the text of the answer.
async fn send(port: u16, request: String) -> String {
    let mut stream = loop {
        match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it is answered");
    answer
}

fn post(port: u16, path: &str, body: &str) -> impl Future<Output = String> + use<> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: h\r\nX-Kind: test\r\nCookie: c\r\nConnection: close\r\n");
    send(port, format!("{head}Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

/// The engine's part: a source that is open and started.
struct Scene {
    source: BoxSource,
    port: u16,
    partitions: Vec<Arc<Partition>>,
}

impl Scene {
    async fn new(settings: &str) -> Scene {
        let port = free_port();
        let mut source =
            source("http", &format!("listen: 127.0.0.1:{port}\n{settings}")).expect("a good configuration");
        source.open().await.expect("it opens");
        let Ok(Polled::Assigned(assigned)) = source.poll(Limit::default()).await else { panic!("it assigns first") };
        let partitions: Vec<_> = assigned.into_iter().map(|assignment| assignment.partition).collect();
        let mut scene = Scene { source, port, partitions };
        scene.start(0).await;
        scene
    }

    async fn start(&mut self, at: i64) {
        let at = self.partitions.iter().map(|partition| (Arc::clone(partition), at)).collect();
        self.source.start(&at).await.expect("it starts");
    }

    async fn read(&mut self, records: usize) -> Batch {
        let limit = Limit { records, ..Limit::default() };
        match self.source.poll(limit).await.expect("it reads") {
            Polled::Records(batch) => batch,
            other => panic!("{other:?} are no records"),
        }
    }

    fn post(&self, path: &str, body: &str) -> JoinHandle<String> {
        tokio::spawn(post(self.port, path, body))
    }
}

async fn check(answer: JoinHandle<String>, status: &str, body: &str) {
    let answer = answer.await.expect("it is answered");
    assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(body), "{answer}");
}

fn shown(batch: &Batch) -> Vec<String> {
    let text = |payload: Option<&[u8]>| String::from_utf8_lossy(payload.expect("set")).into_owned();
    batch
        .iter()
        .map(|record| format!("{}@{} {}", record.partition(), record.position(), text(record.payload())))
        .collect()
}

#[tokio::test]
async fn a_request_is_answered_once_all_its_events_are_committed() {
    let mut scene = Scene::new("").await;
    let answer = scene.post("/events", "1\n2\n3\n");
    let first = scene.read(2).await;
    assert_eq!(shown(&first), ["events[0]@0 1", "events[0]@1 2"]);
    scene.source.commit(&first.positions()).await.expect("it commits");
    let second = scene.read(2).await;
    assert_eq!(shown(&second), ["events[0]@2 3"]);
    assert!(!answer.is_finished());
    scene.source.commit(&second.positions()).await.expect("it commits");
    check(answer, "200", "{\"records\":3}").await;
}

#[tokio::test]
async fn a_record_has_what_the_request_says_but_for_what_is_secret_or_about_the_connection() {
    let mut scene = Scene::new("paths: {/a: x, /b: y}").await;
    let _answer = scene.post("/b?q=1", "{}");
    let batch = scene.read(10).await;
    let record = batch.get(0);
    let fields = |fields: Vec<Field<'_>>| -> Vec<String> {
        fields.iter().map(|f| format!("{}={}", f.name, String::from_utf8_lossy(f.value.expect("set")))).collect()
    };
    assert_eq!(fields(record.headers().collect()), ["x-kind=test", "content-type=application/x-ndjson"]);
    let properties = ["method=POST", "path=/b", "query=q=1", "remote_address=127.0.0.1"];
    assert_eq!(fields(record.properties().collect()), properties);
    assert_eq!(record.partition().stream.as_ref(), "y");
    assert!(record.timestamp().is_some_and(|timestamp| timestamp.kind == TimestampKind::Append));
}

#[tokio::test]
async fn what_is_abandoned_is_never_answered_with_success_and_its_numbers_never_come_again() {
    let mut scene = Scene::new("").await;
    let answer = scene.post("/events", "1\n2\n");
    assert_eq!(scene.read(9).await.len(), 2);
    let half_read = scene.post("/events", "3\n4\n");
    assert_eq!(scene.read(1).await.len(), 1);
    scene.start(1).await;
    check(answer, "503", "before the events were durable").await;
    check(half_read, "503", "retry-after: 1").await;
    let again = scene.post("/events", "5\n");
    let batch = scene.read(9).await;
    assert_eq!(shown(&batch), ["events[0]@3 5"]);
    scene.source.commit(&batch.positions()).await.expect("it commits");
    check(again, "200", "{\"records\":1}").await;
}

#[tokio::test]
async fn new_numbers_begin_where_the_engine_says() {
    let mut scene = Scene::new("").await;
    scene.start(70).await;
    let _answer = scene.post("/events", "1\n");
    assert_eq!(shown(&scene.read(9).await), ["events[0]@70 1"]);
}

#[tokio::test]
async fn who_still_waits_when_the_source_closes_is_told_so() {
    let mut scene = Scene::new("").await;
    let read = scene.post("/events", "1\n");
    scene.read(9).await;
    let unread = scene.post("/events", "2\n");
    while scene.source.poll(Limit { records: 0, bytes: 0 }).now_or_never().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    scene.source.close(true).await.expect("it closes");
    check(read, "503", "send the request again").await;
    check(unread, "503", "send the request again").await;
    TcpStream::connect(("127.0.0.1", scene.port)).await.expect_err("nobody listens");
}

#[tokio::test]
async fn a_client_that_hangs_up_takes_nothing_back() {
    let mut scene = Scene::new("").await;
    let answer = scene.post("/events", "1\n");
    let batch = scene.read(9).await;
    answer.abort();
    assert_eq!(shown(&batch), ["events[0]@0 1"]);
    scene.source.commit(&batch.positions()).await.expect("nobody hears it");
    let next = scene.post("/events", "2\n");
    let batch = scene.read(9).await;
    scene.source.commit(&batch.positions()).await.expect("it commits");
    check(next, "200", "{\"records\":1}").await;
}

#[tokio::test]
async fn more_requests_than_may_be_under_way_are_told_to_come_again() {
    let mut scene = Scene::new("requests_max: 1\nanswer_timeout: 100ms").await;
    let first = scene.post("/events", "1\n");
    let _batch = scene.read(9).await;
    check(scene.post("/events", "2\n"), "503", "too many requests are under way").await;
    check(first, "503", "not durable after 0.1 s").await;
}

#[tokio::test]
async fn nothing_to_store_is_stored_at_once() {
    let scene = Scene::new("").await;
    check(scene.post("/events", "\n\n"), "200", "{\"records\":0}").await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_waited_for() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let mut source = source("http", &format!("listen: 127.0.0.1:{port}")).expect("a good configuration");
    let error = source.open().await.expect_err("it is taken");
    assert_eq!(error.kind(), catchwater_sdk::ErrorKind::Unavailable);
    drop(taken);
    source.open().await.expect("it is free now");
}

struct World {
    poster: Option<JoinHandle<()>>,
}

const POSTS: i64 = 30;

#[async_trait]
impl SourceWorld for World {
    /// Someone posts as soon as a source listens; nothing is answered, since nothing is committed.
    async fn build(&mut self) -> BoxSource {
        if let Some(poster) = self.poster.take() {
            poster.abort();
            let _ = poster.await;
        }
        let port = free_port();
        let body = lines(0..POSTS).join("\n");
        self.poster = Some(tokio::spawn(async move { drop(post(port, "/events", &body).await) }));
        source("http", &format!("listen: 127.0.0.1:{port}")).expect("a good configuration")
    }

    fn build_broken(&mut self) -> Option<BoxSource> {
        // An address that this machine does not have.
        Some(source("http", "{listen: '192.0.2.1:8080', token: t}").expect("a good configuration"))
    }

    fn records(&self) -> BTreeMap<(String, i32), Vec<Option<Vec<u8>>>> {
        let records = lines(0..POSTS).into_iter().map(|line| Some(line.into_bytes())).collect();
        [(("events".to_owned(), 0), records)].into()
    }

    fn ends(&self) -> bool {
        false
    }
}

fn lines(numbers: std::ops::Range<i64>) -> Vec<String> {
    numbers.map(|number| format!("{{\"n\":{number}}}")).collect()
}

#[tokio::test]
async fn keeps_the_contract_of_a_source() {
    conformance::source(&mut World { poster: None }).await;
}
