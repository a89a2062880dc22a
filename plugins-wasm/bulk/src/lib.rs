//! Indexes records in Elasticsearch or OpenSearch by their bulk API: a sink that says of each record whether it is stored.

use catchwater_plugin::{Batch, Failure, Mistake, Opening, Record, Rejects, Request, Sink, Want, count};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// Where records go.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cluster, such as `https://search.example.com:9200`.
    url: String,
    /// The index.
    index: String,
    /// Not more than so many bytes in one request; a single larger record goes by itself.
    #[serde(default = "bytes_max")]
    bytes_max: usize,
}

fn bytes_max() -> usize {
    4 << 20
}

/// The plugin.
pub struct Bulk {
    config: Config,
    taken: Vec<Document>,
}

/// Two lines of a request: what is to be done, and the event.
struct Document {
    lines: Vec<u8>,
}

/// So much of a server's answer is shown.
const SHOWN_CHARACTERS_MAX: usize = 300;

impl Sink for Bulk {
    type Config = Config;
    const WANTS: &'static [Want] = &[Want::Egress];

    fn check(config: &Config) -> Result<(), Mistake> {
        if config.index.is_empty() || config.index.contains(['/', ' ', ',', '*']) {
            return Err(Mistake::new("index", "is no name of an index"));
        }
        Ok(())
    }

    fn open(config: Config, _: &Opening) -> Result<Bulk, Failure> {
        Ok(Bulk { config, taken: Vec::new() })
    }

    fn write(&mut self, batch: &Batch, rejects: &mut Rejects) -> Result<(), Failure> {
        for record in batch {
            match Document::new(record) {
                Ok(document) => self.taken.push(document),
                Err(reason) => rejects.reject(record.number(), reason),
            }
        }
        Ok(())
    }

    /// All of it again, if one of several requests failed: a document's id is made of the record's place, so nothing is doubled.
    fn flush(&mut self, rejects: &mut Rejects) -> Result<(), Failure> {
        let mut first = 0;
        while first < self.taken.len() {
            let some = self.request_from(first);
            let answer = self.post(&self.taken[first..first + some])?;
            for (number, item) in (first..).zip(items(&answer, some)?) {
                if let Some(reason) = judge(item)? {
                    rejects.reject(number, reason);
                }
            }
            first += some;
        }
        count("indexed", self.taken.len() as u64);
        self.taken.clear();
        Ok(())
    }
}

impl Bulk {
    /// How many from there on go into one request.
    fn request_from(&self, first: usize) -> usize {
        let mut bytes = 0;
        let fits = self.taken[first..].iter().take_while(|document| {
            bytes += document.lines.len();
            bytes <= self.config.bytes_max
        });
        fits.count().max(1)
    }

    fn post(&self, documents: &[Document]) -> Result<Value, Failure> {
        let body: Vec<u8> = documents.iter().flat_map(|document| document.lines.iter().copied()).collect();
        let url = format!("{}/{}/_bulk", self.config.url.trim_end_matches('/'), self.config.index);
        let answer = Request::post(url, body).header("content-type", "application/x-ndjson").send()?.ok()?;
        serde_json::from_slice(&answer.body)
            .map_err(|error| Failure::Unavailable(format!("the answer is not JSON: {error}")))
    }
}

impl Document {
    fn new(record: Record<'_>) -> Result<Document, String> {
        let payload = record.payload().ok_or("a tombstone has nothing to index")?;
        let _: IgnoredAny =
            serde_json::from_slice(payload).map_err(|error| format!("the payload is not JSON: {error}"))?;
        if !payload.trim_ascii_start().starts_with(b"{") {
            return Err("the payload is no JSON object".into());
        }
        let (stream, partition, position) = (record.stream(), record.partition(), record.position());
        let id = format!("{stream}-{partition}-{position}-{:016x}", fingerprint(payload));
        let mut lines = json!({ "index": { "_id": id } }).to_string().into_bytes();
        lines.push(b'\n');
        // As it is: in JSON a newline is between values and never within one.
        lines.extend(payload.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
        lines.push(b'\n');
        Ok(Document { lines })
    }
}

/// Tells apart what transforms made out of one record (FNV-1a).
fn fingerprint(payload: &[u8]) -> u64 {
    payload.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// The server's word on each document, in their order.
fn items(answer: &Value, documents: usize) -> Result<&[Value], Failure> {
    let items = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    match items.len() == documents {
        true => Ok(items),
        false => {
            Err(Failure::Refused(format!("the answer is of {} documents, and {documents} were sent", items.len())))
        }
    }
}

/// Why a document is refused, if it is; an error where the server was busy.
fn judge(item: &Value) -> Result<Option<String>, Failure> {
    let result = &item["index"];
    let error = || result["error"].to_string().chars().take(SHOWN_CHARACTERS_MAX).collect::<String>();
    match result["status"].as_u64() {
        Some(200..300) => Ok(None),
        Some(429 | 500..) => Err(Failure::Unavailable(format!("the server is busy: {}", error()))),
        _ => Ok(Some(format!("the server refuses the document: {}", error()))),
    }
}

catchwater_plugin::sink!(Bulk);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_server_is_asked_again_and_a_refused_document_is_rejected() {
        assert_eq!(judge(&json!({ "index": { "status": 201 } })), Ok(None));
        assert!(matches!(judge(&json!({ "index": { "status": 429 } })), Err(Failure::Unavailable(_))));
        let refused = judge(&json!({ "index": { "status": 400, "error": { "reason": "no date" } } }));
        assert!(refused.expect("it is judged").is_some_and(|reason| reason.contains("no date")));
        items(&json!({ "items": [1] }), 2).expect_err("one is missing");
    }

    #[test]
    fn a_fingerprint_is_that_of_its_inventors() {
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn a_request_has_so_many_bytes_or_one_document() {
        let config = Config { url: "http://a".into(), index: "i".into(), bytes_max: 10 };
        let taken = [4, 6, 1, 20].map(|bytes| Document { lines: vec![b'x'; bytes] });
        let bulk = Bulk { config, taken: taken.into() };
        assert_eq!([0, 2, 3].map(|first| bulk.request_from(first)), [2, 1, 1]);
    }
}
