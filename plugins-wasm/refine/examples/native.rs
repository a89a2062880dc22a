//! The plugin's work without a sandbox around it, for the benchmark: `native FILE` measures it with 1,000 of its lines.

use std::time::{Duration, Instant};

use catchwater_plugin::bindings::catchwater::plugin::types::{self, ByteColumn, FieldColumn, TimeColumn};
use catchwater_plugin::{Opening, Transform, exports};
use refine::Refine;

const RECORDS: usize = 1000;
const TIME: Duration = Duration::from_secs(3);

fn main() {
    let path = std::env::args().nth(1).expect("the file with the orders");
    let text = std::fs::read_to_string(&path).expect("it can be read");
    let lines: Vec<_> = text.lines().cycle().take(RECORDS).collect();
    let batch = columns(&lines);
    for config in ["{\"through\":false}", "{\"through\":true}"] {
        let config = serde_json::from_str(config).expect("it is right");
        let mut plugin = Refine::open(config, &Opening::default()).unwrap_or_else(|failure| panic!("{failure:?}"));
        let (started, mut rounds) = (Instant::now(), 0);
        while started.elapsed() < TIME {
            // The copy stands for reading the records from somewhere, as the sandbox has to.
            let outcome = exports::process(&mut plugin, batch.clone());
            std::hint::black_box(outcome.unwrap_or_else(|failure| panic!("{}", failure.message)));
            rounds += 1;
        }
        let nanoseconds = started.elapsed().as_secs_f64() * 1e9 / f64::from(rounds) / lines.len() as f64;
        println!("{nanoseconds:.1} ns a record");
    }
}

fn columns(lines: &[&str]) -> types::Batch {
    let nothing = || FieldColumn { row_offsets: Vec::new(), names: bytes(&[]), values: bytes(&[]), kinds: Vec::new() };
    let count = lines.len();
    types::Batch {
        count: count as u32,
        payload: bytes(lines),
        key: ByteColumn { offsets: vec![0; count + 1], data: Vec::new(), absent: vec![0xff; count.div_ceil(8)] },
        headers: nothing(),
        properties: nothing(),
        time: TimeColumn { micros: vec![0; count], kinds: vec![0; count] },
        origins: vec![types::Origin { source: "file".into(), stream: "orders".into(), partition: 0 }],
        origin: vec![0; count],
        position: (0..count as i64).collect(),
    }
}

fn bytes(values: &[&str]) -> ByteColumn {
    let mut end = 0;
    let ends = values.iter().map(|value| {
        end += value.len() as u32;
        end
    });
    ByteColumn {
        offsets: std::iter::once(0).chain(ends).collect(),
        data: values.concat().into_bytes(),
        absent: Vec::new(),
    }
}
