//! Hits over time.

use catchwater_lake::search::Histogram;
use indicatif::HumanCount;
use serde_json::json;

/// So many bars fit a screen.
const BARS_MAX: usize = 24;

/// How long the longest is.
const WIDTH: u64 = 40;

/// Eighths of a block.
const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A line for each stretch of time.
pub(super) fn drawn(histogram: &Histogram) -> String {
    let mut text = String::new();
    if let Some(bars) = histogram.bars(BARS_MAX) {
        let most = bars.hits.iter().copied().max().unwrap_or(1).max(1);
        for (start, &hits) in starts(bars.start, bars.width).zip(&bars.hits) {
            let line = format!("{start:<27}  {:>12}  {}", HumanCount(hits).to_string(), bar(hits, most));
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text.push_str(&format!("{} events match\n", HumanCount(histogram.hits)));
    if histogram.untimed > 0 {
        text.push_str(&format!("{} of them have no time\n", HumanCount(histogram.untimed)));
    }
    text
}

/// The same for a program.
pub(super) fn json(histogram: &Histogram) -> String {
    let bars = histogram.bars(BARS_MAX);
    let bars = bars.iter().flat_map(|bars| starts(bars.start, bars.width).zip(&bars.hits));
    let bars: Vec<_> = bars.map(|(start, hits)| json!({"start": start, "hits": hits})).collect();
    format!("{}\n", json!({"hits": histogram.hits, "untimed": histogram.untimed, "bars": bars}))
}

fn starts(first: i64, width: i64) -> impl Iterator<Item = String> {
    std::iter::successors(Some(first), move |start| start.checked_add(width)).map(|start| {
        jiff::Timestamp::from_microsecond(start).map_or_else(|_| start.to_string(), |time| time.to_string())
    })
}

/// A hit is never nothing.
fn bar(hits: u64, most: u64) -> String {
    let eighths = (u128::from(hits) * u128::from(WIDTH * 8)).div_ceil(u128::from(most)) as usize;
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share_and_a_single_hit_is_seen() {
        assert_eq!(bar(0, 1000), "");
        assert_eq!(bar(1, 1_000_000), "▏");
        assert_eq!(bar(7, 7), "█".repeat(40));
        assert_eq!(bar(u64::MAX, u64::MAX), "█".repeat(40));
        assert_eq!(bar(1, 2), "█".repeat(20));
    }
}
