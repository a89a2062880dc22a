//! Payloads that nobody would send: a plugin may reject them, and must not break off.

use catchwater_sdk::Result;

use super::cases::{Case, Payload, apply};
use catchwater_sdk::transform::BoxTransform;

/// So many of each case.
const PAYLOADS: usize = 500;
/// Handed over together.
const BATCH: usize = 100;
/// The start of the reason of a record that made the plugin break off.
const TRAP: &str = "plugin.trap: ";
const SHOWN_CHARACTERS_MAX: usize = 200;

/// The first payload that makes the plugin break off, and how; the same payloads each time.
pub(super) fn find(case: &Case, transform: &mut BoxTransform) -> Result<Option<String>> {
    let mut random = fastrand::Rng::with_seed(case.input.len() as u64);
    let made: Vec<Payload> = (0..PAYLOADS).map(|_| spoil(&case.input, &mut random)).collect();
    for payloads in made.chunks(BATCH) {
        let came = apply(transform, payloads)?;
        if let Some((payload, reason)) = came.rejected.iter().find(|(_, reason)| reason.starts_with(TRAP)) {
            let payload = payload.as_deref().unwrap_or_default();
            let payload: String = String::from_utf8_lossy(payload).chars().take(SHOWN_CHARACTERS_MAX).collect();
            return Ok(Some(format!("{}: {}\n  with the payload {payload}\n", case.name, &reason[TRAP.len()..])));
        }
    }
    Ok(None)
}

/// A payload of the case, cut, flipped, doubled, nested or emptied.
fn spoil(input: &[Payload], random: &mut fastrand::Rng) -> Payload {
    let mut bytes = random.choice(input).cloned().flatten()?;
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
