//! The example plugins at the ends of a pipeline keep the contracts of a source and of a sink, before real HTTP servers.
//! `tests/run` builds them and names their folder in `CATCHWATER_PLUGINS`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use catchwater_sdk::config::parse;
use catchwater_sdk::conformance::{self, SinkWorld, SourceWorld};
use catchwater_sdk::sink::BoxSink;
use catchwater_sdk::source::BoxSource;
use catchwater_sdk::{Context, Registry, async_trait};
use catchwater_wasm::{Places, Plugins};
use serde_json::{Value, json};

/// Answers a request's path and body.
type Answer = Arc<dyn Fn(&str, &[u8]) -> String + Send + Sync>;

/// Starts a server that ends with the process; its address.
fn server(answer: Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || serve(connection, &answer));
        }
    });
    address
}

/// Answers until the client hangs up.
fn serve(connection: TcpStream, answer: &Answer) {
    let mut reader = BufReader::new(connection.try_clone().expect("it is open"));
    let mut writer = connection;
    while let Some((path, body)) = request(&mut reader) {
        let said = answer(&path, &body);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", said.len());
        if writer.write_all((head + &said).as_bytes()).is_err() {
            return;
        }
    }
}

fn request(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line: &String| line != "\r\n") {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        lines.push(line);
    }
    let length = lines.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((lines[0].split(' ').nth(1)?.to_owned(), body))
}

struct Bench {
    registry: Registry,
    context: Context,
    address: String,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(answer: Answer) -> Bench {
        let plugins =
            std::env::var_os("CATCHWATER_PLUGINS").expect("`tests/run` builds the plugins and names their folder");
        let folder = tempfile::tempdir().expect("a folder");
        let places = Places { plugins: plugins.into(), data: folder.path().to_owned() };
        let mut registry = Registry::new();
        catchwater_wasm::register(&mut registry, &Arc::new(Plugins::new(places)));
        let context = Context::unattached("test", PathBuf::new());
        Bench { registry, context, address: server(answer), _folder: folder }
    }

    fn node(&self, plugin: &str, config: Value) -> catchwater_sdk::config::Node {
        let keys = json!({ "plugin": plugin, "config": config, "grants": { "egress": [{ "to": self.address }] } });
        parse(&keys.to_string()).documents.remove(0).root
    }
}

const ORDERS: usize = 40;

struct Orders(Bench);

#[async_trait]
impl SourceWorld for Orders {
    async fn build(&mut self) -> BoxSource {
        let url = format!("{}/?from={{from}}", self.0.address);
        let node = self.0.node("poll", json!({ "url": url, "until_empty": true }));
        self.0.registry.build_source("wasm", &node, &self.0.context).expect("it is sound")
    }

    fn build_broken(&mut self) -> Option<BoxSource> {
        None
    }

    fn records(&self) -> BTreeMap<(String, i32), Vec<Option<Vec<u8>>>> {
        let payloads = (0..ORDERS).map(|number| Some(format!("{{\"id\":{number}}}").into_bytes()));
        BTreeMap::from([((String::new(), 0), payloads.collect())])
    }

    fn ends(&self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_that_polls_keeps_the_contract() {
    let list = |path: &str, _: &[u8]| {
        let first: usize = path.split("from=").nth(1).and_then(|text| text.parse().ok()).expect("it says from where");
        let orders: Vec<_> = (first..ORDERS.min(first + 7)).map(|number| json!({ "id": number })).collect();
        Value::from(orders).to_string()
    };
    conformance::source(&mut Orders(Bench::new(Arc::new(list)))).await;
}

/// Documents by their ids, in the order in which they came first.
#[derive(Default)]
struct Index {
    ids: Vec<String>,
    documents: BTreeMap<String, Vec<u8>>,
}

impl Index {
    fn bulk(&mut self, body: &[u8]) -> String {
        let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        let items: Vec<_> = lines.chunks(2).map(|pair| self.index(pair[0], pair[1])).collect();
        json!({ "items": items }).to_string()
    }

    fn index(&mut self, action: &[u8], document: &[u8]) -> Value {
        let action: Value = serde_json::from_slice(action).expect("an action");
        let id = action["index"]["_id"].as_str().expect("it has an id").to_owned();
        if self.documents.insert(id.clone(), document.to_vec()).is_none() {
            self.ids.push(id);
        }
        json!({ "index": { "status": 201 } })
    }
}

struct Cluster {
    bench: Bench,
    index: Arc<Mutex<Index>>,
}

#[async_trait]
impl SinkWorld for Cluster {
    fn build(&mut self) -> BoxSink {
        let node = self.bench.node("bulk", json!({ "url": self.bench.address, "index": "events" }));
        self.bench.registry.build_sink("wasm", &node, &self.bench.context).expect("it is sound")
    }

    fn build_broken(&mut self) -> Option<BoxSink> {
        None
    }

    async fn read_back(&mut self) -> Vec<Option<Vec<u8>>> {
        let index = self.index.lock().expect("nobody panicked");
        index.ids.iter().map(|id| Some(index.documents[id].clone())).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sink_that_indexes_keeps_the_contract() {
    let index = Arc::new(Mutex::new(Index::default()));
    let filled = Arc::clone(&index);
    let bulk = move |_: &str, body: &[u8]| filled.lock().expect("nobody panicked").bulk(body);
    conformance::sink(&mut Cluster { bench: Bench::new(Arc::new(bulk)), index }).await;
}

/// What these tests start to compile a plugin is they once more, and this one of them.
#[test]
fn compile_worker() {
    if catchwater_wasm::worker().is_some() {
        std::process::exit(0);
    }
}
