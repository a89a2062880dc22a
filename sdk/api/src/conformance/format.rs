//! What every payload format promises.

use super::samples::Dice;
use crate::format::Format;
use crate::value::{Decoded, Values};

/// No payload makes it panic, each is decoded as if it were alone, and who cannot be decoded is told why.
///
/// `samples` are payloads that it decodes; the suite damages them.
pub fn format(format: &dyn Format, samples: &[&[u8]]) {
    assert!(
        !format.name().is_empty() && format.name().chars().all(|c| c.is_ascii_lowercase() || c == '_'),
        "it has a name"
    );
    for sample in samples {
        let values = decode(format, &[Some(sample.to_vec())]);
        assert!(
            matches!(values.get(0), Decoded::Value(_)),
            "it decodes {:?}: {:?}",
            String::from_utf8_lossy(sample),
            values.get(0)
        );
    }
    let mut payloads: Vec<_> = samples.iter().map(|sample| Some(sample.to_vec())).collect();
    payloads.extend(damaged(samples));
    payloads.extend([None, Some(Vec::new()), Some(vec![0]), Some(vec![0xff; 100])]);
    let together = decode(format, &payloads);
    for (row, payload) in payloads.iter().enumerate() {
        let alone = decode(format, std::slice::from_ref(payload));
        let (here, there) = (show(together.get(row)), show(alone.get(0)));
        assert_eq!(here, there, "{payload:?} is the same alone and among others");
        assert_eq!(payload.is_none(), matches!(together.get(row), Decoded::Absent), "only a tombstone is absent");
    }
}

fn decode(format: &dyn Format, payloads: &[Option<Vec<u8>>]) -> Values {
    Values::decode(format, payloads.iter().map(|payload| payload.as_deref()))
}

fn show(decoded: Decoded<'_>) -> String {
    if let Decoded::Undecodable(reason) = decoded {
        assert!(!reason.is_empty() && reason.len() < 1000, "a reason is a short text: {reason:?}");
    }
    format!("{decoded:?}")
}

/// Cut short, with a byte changed, with a byte too many.
fn damaged(samples: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
    let mut dice = Dice::new(1);
    let mut damaged = Vec::new();
    for sample in samples.iter().filter(|sample| !sample.is_empty()) {
        for _ in 0..50 {
            let place = dice.roll(sample.len());
            damaged.push(Some(sample[..place].to_vec()));
            let mut changed = sample.to_vec();
            changed[place] = dice.roll(256) as u8;
            damaged.push(Some(changed.clone()));
            changed.insert(place, dice.roll(256) as u8);
            damaged.push(Some(changed));
        }
    }
    damaged
}
