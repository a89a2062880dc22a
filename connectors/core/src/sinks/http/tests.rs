use std::convert::Infallible;
use std::sync::Mutex;

use catchwater_sdk::conformance::doubles::upstream;
use catchwater_sdk::conformance::{self, SinkWorld};
use catchwater_sdk::sink::BoxSink;
use catchwater_sdk::{BarrierKind, BatchBuilder, ErrorKind, Limit, Record};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;
use crate::testing::sink;

type Decide = Box<dyn FnMut(&str, &[u8]) -> Response<Full<Bytes>> + Send>;

/// The path and body of each request.
type Taken = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A server that keeps the bodies that it takes.
#[derive(Clone)]
struct Server {
    port: u16,
    taken: Taken,
}

fn status(status: u16) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::default()).expect("a response")
}

impl Server {
    /// `decide` answers each request by its path and body.
    async fn start(decide: impl FnMut(&str, &[u8]) -> Response<Full<Bytes>> + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let server = Server { port: listener.local_addr().expect("bound").port(), taken: Arc::default() };
        let decide: Arc<Mutex<Decide>> = Arc::new(Mutex::new(Box::new(decide)));
        let this = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (this, decide) = (this.clone(), Arc::clone(&decide));
                let service = service_fn(move |request| this.clone().answer(request, Arc::clone(&decide)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        server
    }

    async fn answer(
        self,
        request: Request<Incoming>,
        decide: Arc<Mutex<Decide>>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.expect("a whole body").to_bytes().to_vec();
        let response = (decide.lock().expect("whole"))(&path, &body);
        if response.status().is_success() {
            self.taken.lock().expect("whole").push((path, body));
        }
        Ok(response)
    }

    fn sink(&self, settings: &str) -> BoxSink {
        sink("http", &format!("url: http://127.0.0.1:{}/in/${{stream}}\n{settings}", self.port))
            .expect("a good configuration")
    }

    fn taken(&self) -> Vec<String> {
        let taken = self.taken.lock().expect("whole");
        taken.iter().map(|(_, body)| String::from_utf8_lossy(body).into_owned()).collect()
    }
}

fn batch(payloads: &[&str]) -> Batch {
    let partition = Partition { source: "k".into(), stream: "a/b".into(), incarnation: "1".into(), number: 0 };
    let mut batch = BatchBuilder::new(Limit::default());
    let origin = batch.origin(&Arc::new(partition));
    for (i, payload) in (0..).zip(payloads) {
        batch.push(origin, i, i + 1, Record::payload(payload.as_bytes()));
    }
    batch.finish()
}

async fn store(sink: &mut BoxSink, payloads: &[&str]) -> Result<Durable> {
    sink.open(&upstream()).await.expect("it opens");
    let _ = sink.write(&batch(payloads)).await.expect("it takes the batch");
    barrier(sink, 1).await
}

async fn barrier(sink: &mut BoxSink, number: u64) -> Result<Durable> {
    sink.barrier(&Barrier { number, kind: BarrierKind::Mark, positions: Arc::default(), last: false }).await
}

/// What arrives of these payloads with these settings.
async fn check(settings: &str, payloads: &[&str], expected: &[&str]) {
    let server = Server::start(|_, _| status(204)).await;
    let durable = store(&mut server.sink(settings), payloads).await.expect("it is stored");
    assert_eq!((durable.through, durable.rejected.len()), (Some(1), 0));
    assert_eq!(server.taken(), expected);
}

#[tokio::test]
async fn a_request_holds_a_record_or_lines_or_a_list() {
    check("", &["1", "2"], &["1", "2"]).await;
    check("body: ndjson", &["1", "2"], &["1\n2\n"]).await;
    check("body: array", &["1", " {}"], &["[1, {}]"]).await;
    check("body: array\nbatch_records: 2", &["1", "2", "3"], &["[1,2]", "[3]"]).await;
    check(
        "body: ndjson\nbatch_size: 1KiB",
        &[&"x".repeat(600), &"y".repeat(600)],
        &[&format!("{}\n", "x".repeat(600)), &format!("{}\n", "y".repeat(600))],
    )
    .await;
    let place = r#"{"source":"k","stream":"a/b","partition":0,"position":0,"timestamp":null,"key":null,"payload":"1"}"#;
    check("encoding: json", &["1"], &[place]).await;
}

#[tokio::test]
async fn what_a_record_brings_into_the_url_stays_one_part_of_the_path() {
    let server = Server::start(|_, _| status(200)).await;
    let _ = store(&mut server.sink(""), &["1"]).await.expect("it is stored");
    assert_eq!(server.taken.lock().expect("whole")[0].0, "/in/a%2Fb");
}

#[tokio::test]
async fn a_server_that_fails_is_asked_again_and_order_is_kept() {
    let mut failures = 2;
    let server = Server::start(move |_, body| {
        let fails = body == b"2" && failures > 0;
        failures -= i32::from(fails);
        status(if fails { 503 } else { 200 })
    })
    .await;
    let mut sink = server.sink("");
    let error = store(&mut sink, &["1", "2", "3"]).await.expect_err("it failed twice: in `write` and here");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(barrier(&mut sink, 1).await.expect("it is stored").through, Some(1));
    assert_eq!(server.taken(), ["1", "2", "3"]);
}

#[tokio::test]
async fn records_that_are_to_blame_are_found_by_halving_and_rejected_with_the_answer() {
    let server = Server::start(|_, body| match String::from_utf8_lossy(body).contains("bad") {
        true => Response::builder().status(422).body(Full::from("no such order")).expect("a response"),
        false => status(200),
    })
    .await;
    let payloads = ["1", "2", "\"bad\"", "4", "5", "6", "\"bad\""];
    let durable = store(&mut server.sink("body: array"), &payloads).await.expect("the rest is stored");
    let reasons: Vec<_> = durable.rejected.iter().map(|rejected| rejected.reason.clone()).collect();
    assert!(reasons.len() == 2 && reasons[0].contains("answered 422: no such order"), "{reasons:?}");
    let mut arrived = server.taken().join("").replace(['[', ']', ','], "");
    arrived.retain(|character| character != ' ');
    assert_eq!(arrived, "12456");
}

#[tokio::test]
async fn retry_after_is_obeyed_up_to_the_bound() {
    let mut first = None;
    let server = Server::start(move |_, _| match first {
        None => {
            first = Some(Instant::now());
            Response::builder().status(429).header("retry-after", "3600").body(Full::default()).expect("a response")
        }
        Some(at) => status(if at.elapsed() >= Duration::from_millis(300) { 200 } else { 400 }),
    })
    .await;
    let durable = store(&mut server.sink("retry_after_max: 300ms"), &["1"]).await.expect("it is stored");
    assert!(durable.rejected.is_empty(), "{durable:?}");
    assert_eq!(server.taken(), ["1"]);
}

#[tokio::test]
async fn who_is_not_let_in_stops_the_pipeline_and_a_redirect_is_not_followed() {
    for (answer, word) in [(401, "token"), (302, "/elsewhere")] {
        let server = Server::start(move |_, _| {
            Response::builder()
                .status(answer)
                .header("location", "/elsewhere")
                .body(Full::default())
                .expect("a response")
        })
        .await;
        let error = store(&mut server.sink(""), &["1"]).await.expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_in_a_body_is_rejected_before_it_is_sent() {
    let server = Server::start(|_, _| status(200)).await;
    let rejected = |settings: &'static str, payloads: &'static [&'static str]| {
        let mut sink = server.sink(settings);
        async move { store(&mut sink, payloads).await.expect("the rest is stored").rejected.remove(0).reason }
    };
    assert!(rejected("body: ndjson", &["a\nb"]).await.contains("newline at byte 1"));
    assert!(rejected("body: array", &["{"]).await.contains("not JSON"));
    assert!(rejected("headers: {x-id: '${key}'}", &["{}"]).await.contains("has no key"));
}

struct World(Server);

#[async_trait]
impl SinkWorld for World {
    fn build(&mut self) -> BoxSink {
        self.0.sink("concurrency: 4")
    }

    fn build_broken(&mut self) -> Option<BoxSink> {
        None
    }

    async fn read_back(&mut self) -> Vec<Option<Vec<u8>>> {
        self.0.taken.lock().expect("whole").iter().map(|(_, body)| Some(body.clone())).collect()
    }
}

#[tokio::test]
async fn keeps_the_contract_of_a_sink() {
    conformance::sink(&mut World(Server::start(|_, _| status(200)).await)).await;
}
