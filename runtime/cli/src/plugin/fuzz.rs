//! Payloads and answers that nobody would send: a plugin may reject them, and must not break off.

use std::time::{Duration, Instant};

use catchwater_sdk::config::Role;
use catchwater_sdk::transform::BoxTransform;
use catchwater_sdk::{Registry, Result};

use super::cases::{Case, apply};
use super::ends;
use super::records::Given;
use super::server::Answer;

/// So many of each case.
const PAYLOADS: usize = 500;
/// So often a source or a sink is run with each case, as long as that takes no longer than this.
const RUNS: usize = 100;
const TIME: Duration = Duration::from_secs(3);
/// Handed over together.
const BATCH: usize = 100;
/// The start of the reason of a record that made the plugin break off, and what is said where no record did.
const TRAP: &str = "plugin.trap: ";
const BROKEN: &str = " breaks off";
const SHOWN_CHARACTERS_MAX: usize = 200;

/// The first payload that makes the plugin break off, and how; the same payloads each time.
pub(super) fn find(case: &Case, transform: &mut BoxTransform) -> Result<Option<String>> {
    let mut random = fastrand::Rng::with_seed(case.input.len() as u64);
    let made: Vec<_> = (0..PAYLOADS).filter_map(|_| spoiled_record(&case.input, &mut random)).collect();
    for records in made.chunks(BATCH) {
        let came = apply(transform, records)?;
        if let Some((payload, reason)) = came.rejected.iter().find(|(_, reason)| reason.starts_with(TRAP)) {
            let payload = payload.as_deref().unwrap_or_default();
            let payload = shown(String::from_utf8_lossy(payload).into_owned());
            return Ok(Some(format!("{}: {}\n  with the payload {payload}\n", case.name, &reason[TRAP.len()..])));
        }
    }
    Ok(None)
}

/// How a source or a sink breaks off over answers of a server, and payloads, that are not those of the case. That it fails is
/// its right.
pub(super) fn find_at_ends(case: &Case, plugin: &str, role: Role, registry: &Registry) -> Result<Option<String>> {
    let mut random = fastrand::Rng::with_seed(case.answers.len() as u64);
    let started = Instant::now();
    for _ in (0..RUNS).take_while(|_| started.elapsed() < TIME) {
        let input: Vec<_> = case.input.iter().filter_map(|_| spoiled_record(&case.input, &mut random)).collect();
        let answers: Vec<Answer> = case.answers.iter().map(|answer| spoiled(answer, &mut random)).collect();
        let said = match ends::run(&case.with(input, answers.clone()), plugin, role, registry) {
            Ok((came, _)) => {
                came.rejected.into_iter().map(|(_, reason)| reason).find(|reason| reason.starts_with(TRAP))
            }
            Err(error) => Some(error.chain()).filter(|said| said.contains(BROKEN)),
        };
        if let Some(said) = said {
            let answers: String = answers.iter().map(|answer| format!("    {}\n", shown(answer.to_string()))).collect();
            let said = said.strip_prefix(TRAP).unwrap_or(&said);
            return Ok(Some(format!("{}: {said}\n  with the answers\n{answers}", case.name)));
        }
    }
    Ok(None)
}

/// One of the case's records, with another payload.
fn spoiled_record(records: &[Given], random: &mut fastrand::Rng) -> Option<Given> {
    let record = random.choice(records)?;
    let payload = record.payload.clone().and_then(|payload| spoil(payload, random));
    Some(record.with(payload))
}

fn spoiled(answer: &Answer, random: &mut fastrand::Rng) -> Answer {
    let body = spoil(answer.body.clone().into_bytes(), random).unwrap_or_default();
    let status =
        if random.u8(..8) == 0 { *random.choice(&[204, 404, 429, 500]).unwrap_or(&500) } else { answer.status };
    Answer { status, body: String::from_utf8_lossy(&body).into_owned() }
}

fn shown(text: String) -> String {
    text.chars().take(SHOWN_CHARACTERS_MAX).collect()
}

/// A payload cut, flipped, doubled, nested or emptied; nothing is a tombstone.
fn spoil(mut bytes: Vec<u8>, random: &mut fastrand::Rng) -> Option<Vec<u8>> {
    let at = if bytes.is_empty() { 0 } else { random.usize(..bytes.len()) };
    match random.u8(..8) {
        0 => return None,
        1 => bytes.clear(),
        2 => bytes.truncate(at),
        3 => bytes.extend_from_within(at..),
        4 => bytes = [b"[".repeat(at * 50), bytes].concat(),
        5 => bytes.insert(at, random.u8(..)),
        6 => bytes = [&b"{\"a\":"[..], &bytes, b"}"].concat(),
        _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.u8(..)),
    }
    Some(bytes)
}
