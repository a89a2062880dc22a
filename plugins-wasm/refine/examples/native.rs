//! The plugin's work without a sandbox around it, for the benchmark: `native FILE` measures it with 1,000 of its lines, first
//! as one writes it in Rust with `serde_json`, and then as the plugin is written.

use std::time::{Duration, Instant};

use catchwater_plugin::bindings::catchwater::plugin::types::{self, ByteColumn, FieldColumn, TimeColumn};
use catchwater_plugin::{Batch, Failure, Opening, Output, Transform, exports};
use refine::{Config, Refine};
use serde_json::Value;

const RECORDS: usize = 1000;
const TIME: Duration = Duration::from_secs(3);

/// The same with a tree of each payload.
struct WithTrees;

impl Transform for WithTrees {
    type Config = Config;

    fn open(_: Config, _: &Opening) -> Result<WithTrees, Failure> {
        Ok(WithTrees)
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Failure> {
        for record in batch {
            match refine(record.payload().unwrap_or_default()) {
                Ok(Some(payload)) => out.replace_payload(record, &payload),
                Ok(None) => out.drop_record(record),
                Err(error) => out.reject(record, format!("the payload is not JSON: {error}")),
            }
        }
        Ok(())
    }
}

fn refine(payload: &[u8]) -> Result<Option<Vec<u8>>, serde_json::Error> {
    let mut order: Value = serde_json::from_slice(payload)?;
    if order["event"] == "order_returned" {
        return Ok(None);
    }
    if let Some(email) = order.pointer_mut("/customer/email") {
        *email = "***".into();
    }
    let is_valuable = order["total"].as_f64().is_some_and(|total| total > 500.0);
    if let Some(fields) = order.as_object_mut() {
        fields.insert("valuable".into(), is_valuable.into());
    }
    serde_json::to_vec(&order).map(Some)
}

fn main() {
    let path = std::env::args().nth(1).expect("the file with the orders");
    let text = std::fs::read_to_string(&path).expect("it can be read");
    let lines: Vec<_> = text.lines().cycle().take(RECORDS).collect();
    let batch = columns(&lines);
    measure::<WithTrees>(&batch);
    measure::<Refine>(&batch);
}

fn measure<T: Transform<Config = Config>>(batch: &types::Batch) {
    let config = serde_json::from_str("{}").expect("it is right");
    let mut plugin = T::open(config, &Opening::default()).unwrap_or_else(|failure| panic!("{failure:?}"));
    let (started, mut rounds) = (Instant::now(), 0);
    while started.elapsed() < TIME {
        // The copy stands for reading the records from somewhere, as the sandbox has to.
        let outcome = exports::process(&mut plugin, batch.clone());
        std::hint::black_box(outcome.unwrap_or_else(|failure| panic!("{}", failure.message)));
        rounds += 1;
    }
    let nanoseconds = started.elapsed().as_secs_f64() * 1e9 / f64::from(rounds) / RECORDS as f64;
    println!("{nanoseconds:.1} ns a record");
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
