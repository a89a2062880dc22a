//! How fast a plugin is with the records of a case.

use std::time::{Duration, Instant};

use catchwater_sdk::config::Role;
use catchwater_sdk::transform::Output;
use catchwater_sdk::{Error, Registry, Result};

use super::cases::{Case, batch, build};
use super::ends;

const RECORDS: usize = 1000;
const TIME: Duration = Duration::from_secs(3);

/// Hands the case's records over again and again, or has a source read, and answers how many went through in a second.
pub(super) fn measure(case: &Case, plugin: &str, role: Role, registry: &Registry) -> Result<String> {
    match role {
        Role::Transform => measure_transform(case, plugin, registry),
        Role::Source => {
            let (last, records, seconds) = ends::measure(case, plugin, registry, TIME)?;
            let rate = records as f64 / seconds;
            Ok(format!("{plugin}, {}: {rate:.0} records/s, {} in the last batch\n", case.name, last.len()))
        }
        _ => Err(Error::config("a sink is as fast as what it stores in: run a pipeline to measure it")),
    }
}

fn measure_transform(case: &Case, plugin: &str, registry: &Registry) -> Result<String> {
    let mut transform = build(case, plugin, registry)?;
    let payloads: Vec<_> = case.input.iter().cycle().take(RECORDS).cloned().collect();
    let batch = batch(&payloads);
    let bytes: usize = batch.iter().map(|record| record.size_bytes()).sum();
    let (mut rounds, mut started) = (0, Instant::now());
    while started.elapsed() < TIME {
        let mut output = Output::new(&batch);
        transform.apply(&batch, &mut output)?;
        output.finish()?;
        rounds += 1;
        if rounds == 1 {
            started = Instant::now(); // the first one opened the plugin
        }
    }
    let (seconds, rounds) = (started.elapsed().as_secs_f64(), f64::from(rounds - 1));
    let records = rounds * batch.len() as f64;
    Ok(format!(
        "{plugin}, {}: {:.0} records/s, {:.0} ns a record, {:.1} MB/s, {} records a batch\n",
        case.name,
        records / seconds,
        seconds / records * 1e9,
        rounds * bytes as f64 / seconds / 1e6,
        batch.len(),
    ))
}
