//! How fast a plugin is with the records of a case.

use std::time::{Duration, Instant};

use catchwater_sdk::config::Role;
use catchwater_sdk::transform::Output;
use catchwater_sdk::{Batch, Registry, Result};

use super::cases::{Case, batch, build};
use super::ends::{self, Flow};
use super::records::Given;

const RECORDS: usize = 1000;
const TIME: Duration = Duration::from_secs(3);

/// Hands the case's records over again and again, or has a source read, and answers how many went through in a second.
pub(super) fn measure(case: &Case, plugin: &str, role: Role, registry: &Registry) -> Result<String> {
    let title = format!("{plugin}, {}", case.name);
    if role != Role::Source && case.input.is_empty() {
        return Ok(format!("{title}: there is no record in it\n"));
    }
    let flow = match role {
        Role::Transform => flow_through(case, plugin, registry)?,
        role => ends::measure(case, plugin, role, registry, TIME)?,
    };
    Ok(format!("{title}: {}\n", describe(&flow, (role != Role::Source).then(|| bytes_of(case)))))
}

/// With the mean size of a record, where it is known.
fn describe(flow: &Flow, record_bytes: Option<f64>) -> String {
    let rate = flow.records as f64 / flow.seconds;
    let bytes = record_bytes.map(|bytes| format!(", {:.1} MB/s", rate * bytes / 1e6)).unwrap_or_default();
    format!("{rate:.0} records/s, {:.0} ns a record{bytes}, {} records a batch", 1e9 / rate, flow.in_batch)
}

fn bytes_of(case: &Case) -> f64 {
    let batch = full(&case.input);
    batch.iter().map(|record| record.size_bytes()).sum::<usize>() as f64 / batch.len() as f64
}

/// A batch as large as those of a pipeline under load.
pub(super) fn full(records: &[Given]) -> Batch {
    batch(&records.iter().cycle().take(RECORDS).cloned().collect::<Vec<_>>())
}

fn flow_through(case: &Case, plugin: &str, registry: &Registry) -> Result<Flow> {
    let mut transform = build(case, plugin, registry)?;
    let batch = full(&case.input);
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
    Ok(Flow { records: (rounds - 1) * batch.len(), seconds: started.elapsed().as_secs_f64(), in_batch: batch.len() })
}
