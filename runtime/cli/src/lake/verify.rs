//! `catchwater lake verify`.

use std::fmt::Write;
use std::process::ExitCode;

use catchwater_lake::care::{Finding, Level, Verification, verify as verify_collection};
use catchwater_lake::read::Lake;
use catchwater_sdk::Result;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::json;

use super::{chosen, say_empty};
use crate::output::say;

pub(super) async fn verify(lake: &Lake, collection: Option<&str>, as_json: bool) -> Result<ExitCode> {
    let mut verifications = Vec::new();
    for collection in chosen(lake, collection).await? {
        let bar = bar(collection.name());
        let verification = verify_collection(&collection, |at| {
            bar.set_length(at.bytes_all);
            bar.set_position(at.bytes);
        });
        let verification = verification.await?;
        bar.finish_and_clear();
        if !as_json {
            say(&text(&verification));
        }
        verifications.push(verification);
    }
    if as_json {
        say(&format!("{:#}\n", json!(verifications)));
    } else if verifications.is_empty() {
        say_empty(lake);
    }
    let clean = verifications.iter().all(Verification::is_clean);
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Shown at a terminal only.
fn bar(collection: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {bar:40} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}");
    ProgressBar::new(0).with_style(style.expect("a template")).with_prefix(collection.to_owned())
}

fn text(verification: &Verification) -> String {
    let Verification { collection, entries, checkpoints, files, bytes, rows, .. } = verification;
    let verdict = if verification.is_clean() { "whole" } else { "DAMAGED" };
    let version = verification.version.map_or(String::new(), |version| format!("version {version}, "));
    let mut text = format!(
        "{collection}: {verdict}. {version}{entries} log entries, {checkpoints} checkpoints, {files} files, {}, {rows} rows read\n",
        HumanBytes(*bytes)
    );
    text.push_str(&findings(&verification.findings));
    match verification.more_findings {
        0 => {}
        more => writeln!(text, "  and {more} more").expect("text takes whatever is written"),
    }
    text
}

/// Each with the way out.
pub(super) fn findings(list: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let level = match finding.level {
            Level::Damage => "damage",
            Level::Note => "note",
        };
        format!("  {level}: {}: {}\n    -> {}\n", finding.place, finding.what, finding.advice)
    };
    list.iter().map(line).collect()
}
