//! `catchwater lake info`.

use std::fmt::Write;
use std::process::ExitCode;

use catchwater_lake::care::{Change, Day, Described, Finding, Info, PartitionPosition, SMALL_FILE_BYTES, gaps};
use catchwater_lake::read::Lake;
use catchwater_sdk::Result;
use indicatif::HumanBytes;
use serde_json::{Value, json};

use super::seconds;
use super::verify::findings;
use crate::columns::{Align, columns};
use crate::output::say;

/// Dates and schema changes that are shown, the newest; `--json` has all.
const SHOWN_MAX: usize = 14;

/// A type longer than this is cut; `--json` has it whole.
const TYPE_CHARS_MAX: usize = 100;

pub(super) async fn info(lake: &Lake, collection: &str, with_gaps: bool, as_json: bool) -> Result<ExitCode> {
    let collection = lake.collection(collection).await?;
    let info = Info::read(&collection).await?;
    let gaps = match with_gaps {
        true => Some(gaps(&collection).await?),
        false => None,
    };
    match as_json {
        true => say(&format!("{:#}\n", as_json_with(&info, gaps.as_deref()))),
        false => say(&(text(&info) + &gaps.as_deref().map_or(String::new(), gaps_text))),
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json_with(info: &Info, gaps: Option<&[Finding]>) -> Value {
    let mut value = json!(info);
    if let Some(gaps) = gaps {
        value["gaps"] = json!(gaps);
    }
    value
}

fn gaps_text(gaps: &[Finding]) -> String {
    match gaps.is_empty() {
        true => "\nGaps\nnone: the files have every position up to those above\n".to_owned(),
        false => format!("\nGaps\n{}", findings(gaps)),
    }
}

fn text(info: &Info) -> String {
    let overview = &info.overview;
    let rows = overview.rows.map_or("an unknown number of".to_owned(), |rows| rows.to_string());
    let mut text = format!(
        "{} at {}\nversion {}: {rows} rows, {}, {} files, {} of them below {}\n",
        overview.collection,
        info.url,
        overview.version.unwrap_or_default(),
        HumanBytes(overview.bytes),
        overview.files,
        info.small_files,
        HumanBytes(SMALL_FILE_BYTES),
    );
    section(
        &mut text,
        "Columns from payloads",
        &["NAME", "TYPE", ""],
        &[Align::Left; 3],
        info.columns.iter().map(column),
    );
    let captures: Vec<&str> = info.captures.iter().map(String::as_str).collect();
    let what = format!("Positions, captured by {}", captures.join(", "));
    let header = ["SOURCE", "STREAM", "PARTITION", "POSITION", "CAPTURE", "INCARNATION"];
    use Align::{Left, Right};
    section(&mut text, &what, &header, &[Left, Left, Right, Right, Left, Left], info.positions.iter().map(position));
    let dates = newest(&info.dates, "Dates");
    section(
        &mut text,
        &dates.0,
        &["DATE", "ROWS", "SIZE", "FILES"],
        &[Left, Right, Right, Right],
        dates.1.iter().map(day),
    );
    let changes = newest(&info.schema_history, "Schema history");
    section(&mut text, &changes.0, &["VERSION", "AT", "CHANGES"], &[Right, Left, Left], changes.1.iter().map(change));
    text
}

fn section(text: &mut String, title: &str, header: &[&str], align: &[Align], rows: impl Iterator<Item = Vec<String>>) {
    write!(text, "\n{title}\n{}", columns(header, align, rows)).expect("text takes whatever is written");
}

/// The last of a list, and a title that says so.
fn newest<'a, T>(all: &'a [T], title: &str) -> (String, &'a [T]) {
    match all.len().checked_sub(SHOWN_MAX) {
        None | Some(0) => (title.to_owned(), all),
        Some(more) => (format!("{title}, the newest ({more} more with --json)"), &all[more..]),
    }
}

fn column(column: &Described) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(column.key.as_ref().map(|key| format!("`{key}` in the payload")));
    notes.extend(column.beside.as_ref().map(|beside| format!("what does not fit `{beside}`")));
    vec![column.name.clone(), cut(&column.kind), notes.join(", ")]
}

fn cut(kind: &str) -> String {
    match kind.char_indices().nth(TYPE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &kind[..end]),
        None => kind.to_owned(),
    }
}

fn position(at: &PartitionPosition) -> Vec<String> {
    let PartitionPosition { capture, source, stream, incarnation, partition, position } = at;
    vec![
        source.clone(),
        stream.clone(),
        partition.to_string(),
        position.to_string(),
        capture.clone(),
        incarnation.clone(),
    ]
}

fn day(day: &Day) -> Vec<String> {
    let date = day.date.clone().unwrap_or_else(|| "none".to_owned());
    vec![date, day.rows.to_string(), HumanBytes(day.bytes).to_string(), day.files.to_string()]
}

fn change(change: &Change) -> Vec<String> {
    let more = change.changes.len().saturating_sub(1);
    let first = change.changes.first().map_or("created".to_owned(), |first| cut(first));
    let told = if more == 0 { first } else { format!("{first} and {more} more") };
    vec![change.version.to_string(), change.at.clone().map_or("-".to_owned(), seconds), told]
}
