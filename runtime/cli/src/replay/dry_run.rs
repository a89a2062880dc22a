//! `--dry-run`: how many events there are, and what some of them look like.

use std::process::ExitCode;
use std::sync::Arc;

use catchwater_lake::replay::{Config, Count, Sample, count, quick_count};
use catchwater_sdk::format::Format;
use catchwater_sdk::{Error, Registry, Result};
use indicatif::HumanCount;

use super::document::Job;
use crate::output::{complain, say};
use crate::run::runtime;

/// A sample is shown up to here.
const WIDTH: usize = 100;

/// Exits 0 once it was counted.
pub(super) fn dry_run(job: &Job, samples: usize, registry: &Registry) -> ExitCode {
    match runtime().block_on(counted(job, samples, registry)) {
        Ok(count) => {
            say(&told(job, &count));
            if count.unproven == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            complain(&format!("error: {}", error.chain()));
            ExitCode::FAILURE
        }
    }
}

/// How many events there are, if the table's log alone tells.
pub(super) async fn quick_total(job: &Job, registry: &Registry) -> Option<u64> {
    let (config, format) = what(job, registry).ok()?;
    quick_count(&config, &format).await.ok().flatten()
}

async fn counted(job: &Job, samples: usize, registry: &Registry) -> Result<Count> {
    let (config, format) = what(job, registry)?;
    count(&config, &format, samples).await
}

fn what(job: &Job, registry: &Registry) -> Result<(Config, Arc<dyn Format>)> {
    let source = &job.pipeline.source;
    let config = source.node.read::<Config>().map_err(|mistake| Error::bug(mistake.to_string()))?;
    let format = registry.find_format(&job.pipeline.format);
    let format = format.ok_or_else(|| Error::bug("there is no such format"))?;
    Ok((config, Arc::clone(format)))
}

fn told(job: &Job, count: &Count) -> String {
    let mut text = format!("would send {} events to {}\n", HumanCount(count.events), job.to);
    text.push_str(&format!(
        "read {} of {} files; of the others the log tells enough\n",
        HumanCount(count.files_read),
        HumanCount(count.files)
    ));
    if count.replayed > 0 {
        text.push_str(&format!("left out: {} that a replay had sent before\n", HumanCount(count.replayed)));
    }
    if count.unproven > 0 {
        text.push_str(&format!("{}\n", super::report::unproven(count.unproven)));
    }
    for sample in &count.samples {
        text.push_str(&format!("  {}\n", shown(sample)));
    }
    text
}

/// One line: when, where from, key, payload.
fn shown(sample: &Sample) -> String {
    let key = sample.key.as_deref().map(|key| format!(" {}", String::from_utf8_lossy(key))).unwrap_or_default();
    let payload = match &sample.payload {
        Some(payload) => String::from_utf8_lossy(payload).into_owned(),
        None => "(tombstone)".to_owned(),
    };
    let line = format!("{} {}:{}{key} {payload}", sample.time, sample.partition, sample.position);
    let plain: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match plain.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}...", &plain[..end]),
        None => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_one_line_that_fits() {
        let sample = Sample {
            time: "2026-11-22T12:00:00Z".into(),
            partition: "orders[0]".into(),
            position: 7,
            key: Some(b"k".to_vec()),
            payload: Some(b"{\n\"a\": 1}\x1b[31m".to_vec()),
        };
        assert_eq!(shown(&sample), "2026-11-22T12:00:00Z orders[0]:7 k { \"a\": 1} [31m");
        assert_eq!(
            shown(&Sample { payload: None, ..sample.clone() }),
            "2026-11-22T12:00:00Z orders[0]:7 k (tombstone)"
        );
        let long = Sample { payload: Some(vec![b'x'; 500]), ..sample };
        assert_eq!(shown(&long).chars().count(), WIDTH + 3);
    }
}
