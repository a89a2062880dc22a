use std::collections::BTreeMap;

use catchwater_sdk::conformance::{self, SourceWorld};
use catchwater_sdk::source::BoxSource;

use super::*;
use crate::s3::testing::Place;
use crate::s3::{Compression, Packer};
use crate::testing;

fn packed(compression: Compression, text: &str) -> Vec<u8> {
    let mut packer = Packer::new(compression).expect("a packer");
    packer.pack(text.as_bytes()).expect("packed");
    packer.finish().expect("packed")
}

fn source(place: &Place, more: &str) -> BoxSource {
    testing::source("s3", &format!("{{{}{more}}}", place.keys)).expect("a good configuration")
}

/// What a run reads from where it is told to start, and where it then stands.
async fn read(place: &Place, more: &str, at: &Positions) -> (Vec<String>, Positions) {
    let mut source = source(place, more);
    source.open().await.expect("it opens");
    let (mut read, mut positions) = (Vec::new(), Positions::new());
    loop {
        match source.poll(Limit { records: 7, bytes: 1 << 20 }).await.expect("it reads") {
            Polled::Assigned(assigned) => {
                let starts =
                    assigned.iter().map(|new| (Arc::clone(&new.partition), at.get(&new.partition).unwrap_or(new.at)));
                source.start(&starts.collect()).await.expect("it starts");
            }
            Polled::Records(batch) => {
                let text = |payload: &[u8]| String::from_utf8_lossy(payload).into_owned();
                read.extend(batch.iter().map(|record| match record.rejected() {
                    Some(reason) => format!("rejected: {reason}"),
                    None => text(record.payload().unwrap_or_default()),
                }));
                batch.positions().iter().for_each(|(partition, at)| positions.set(Arc::clone(partition), at));
            }
            Polled::End => return (read, positions),
            other => panic!("{other:?}"),
        }
    }
}

async fn check(place: &Place, more: &str, expected: &[&str]) {
    assert_eq!(read(place, more, &Positions::new()).await.0, expected);
}

/// One object, so that there is one partition, as the suite wants it.
struct World {
    place: Place,
    lines: Vec<String>,
}

#[async_trait]
impl SourceWorld for World {
    async fn build(&mut self) -> BoxSource {
        source(&self.place, "")
    }

    fn build_broken(&mut self) -> Option<BoxSource> {
        let yaml = "{url: 's3://bucket/x', endpoint: 'http://127.0.0.1:1', access_key_id: a, secret_access_key: b}";
        Some(testing::source("s3", yaml).expect("a good configuration"))
    }

    fn records(&self) -> BTreeMap<(String, i32), Vec<Option<Vec<u8>>>> {
        let lines = self.lines.iter().map(|line| Some(line.clone().into_bytes()));
        [((self.place.url.clone(), 0), lines.collect())].into()
    }

    fn ends(&self) -> bool {
        true
    }
}

async fn conforms(name: &str, compression: Compression) {
    let lines: Vec<_> = (0..50).map(|number| format!("{{\"number\":{number}}}")).collect();
    let place = Place::new();
    place.put(name, packed(compression, &lines.join("\n"))).await;
    conformance::source(&mut World { place, lines }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_object_is_a_source() {
    conforms("a.ndjson", Compression::None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packed_object_is_a_source() {
    conforms("a.ndjson.gz", Compression::Gzip).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_read_in_the_order_of_their_keys_whatever_they_are_packed_with() {
    let place = Place::new();
    place.put("c.zst", packed(Compression::Zstd, "5\n6\n")).await;
    place.put("b/x.gz", packed(Compression::Gzip, "3\n4")).await;
    place.put("a", "1\n2\n").await;
    check(&place, "", &["1", "2", "3", "4", "5", "6"]).await;
    check(&place, ", pattern: '*.zst'", &["5", "6"]).await;
    check(&place, ", pattern: '*/*'", &["3", "4"]).await;
    check(&place, ", records: objects, pattern: '[ab]*'", &["1\n2\n"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_is_not_read_again_but_an_object_written_anew_is() {
    let place = Place::new();
    place.put("a", "1\n2\n").await;
    place.put("b", "3\n").await;
    let (_, at) = read(&place, "", &Positions::new()).await;
    assert_eq!(read(&place, "", &at).await.0, [""; 0]);
    place.put("a", "new\n").await;
    assert_eq!(read(&place, "", &at).await.0, ["new"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_cannot_be_unpacked_is_rejected_and_the_next_is_read() {
    let place = Place::new();
    place.put("a.gz", "not gzip at all, but long enough").await;
    place.put("b", "1\n").await;
    let (read, _) = read(&place, "", &Positions::new()).await;
    assert!(read[0].contains("rejected") && read[0].contains("a.gz cannot be unpacked"), "{read:?}");
    assert_eq!(read[1..], ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_is_rejected_with_its_place() {
    let place = Place::new();
    place.put("a", format!("1\n{}\n2\n", "x".repeat(5000))).await;
    let (lines, _) = read(&place, ", line_max: 1KiB", &Positions::new()).await;
    assert!(lines[1].contains("line_max"), "{lines:?}");
    assert_eq!([&lines[0], &lines[2]], ["1", "2"]);
    let (whole, _) = read(&place, ", line_max: 1KiB, records: objects", &Positions::new()).await;
    assert!(whole[0].contains("is larger than `line_max`"), "{whole:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_key_and_a_wrong_pattern_are_found_without_any_contact() {
    let mistake = |yaml: &str| match testing::source("s3", yaml) {
        Ok(_) => panic!("a mistake: {yaml}"),
        Err(mistake) => mistake.to_string(),
    };
    assert!(mistake("{url: 's3://b/x', access_key_id: a}").contains("secret_access_key"));
    assert!(mistake("{url: 's3://b/x', pattern: '[a'}").contains("pattern"));
    assert!(mistake("{url: './x'}").contains("s3://bucket/prefix"));
}
