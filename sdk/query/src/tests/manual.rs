//! `LANGUAGE.md`: each of its examples, as it stands there.

use catchwater_sdk::record::{Timestamp, TimestampKind};
use catchwater_sdk::{Field, Record};

use super::matches;
use crate::{DEPTH_MAX, QUERY_BYTES_MAX, Query, TERMS_MAX};

const PAGE: &str = include_str!("../../LANGUAGE.md");

/// A fenced block: what stands behind its fence, and its lines.
struct Block<'p> {
    kind: &'p str,
    text: &'p str,
}

/// A part of the page.
enum Piece<'p> {
    Block(Block<'p>),
    /// A row of a table of examples: a query and what it finds.
    Example(&'p str, &'p str),
}

/// The page's blocks and examples, in order.
fn pieces(page: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = page;
    while !rest.is_empty() {
        let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = behind;
        if let Some(kind) = line.strip_prefix("```") {
            let (text, behind) = behind.split_once("\n```").expect("a block is closed");
            rest = behind.split_once('\n').map_or("", |(_, behind)| behind);
            pieces.push(Piece::Block(Block { kind, text }));
        } else if let Some(row) = line.strip_prefix("| ").filter(|row| row.starts_with('`')) {
            let mut cells = row.split(" | ");
            let mut cell = || cells.next().expect("a row has three cells");
            pieces.push(Piece::Example(code(cell()), cell()));
        }
    }
    pieces
}

/// What is marked as code; in two backquotes and spaces where it has backquotes itself.
fn code(cell: &str) -> &str {
    let inner = cell.strip_prefix("`` ").and_then(|cell| cell.strip_suffix(" ``"));
    inner.or_else(|| cell.strip_prefix('`')?.strip_suffix('`')).expect("an example is code")
}

fn record<'r>(payload: &'r str, headers: &'r [Field<'r>]) -> Record<'r> {
    let micros = crate::time::timestamp("2026-11-22T10:00:00Z").expect("a time");
    let timestamp = Some(Timestamp { micros, kind: TimestampKind::Create });
    Record { payload: Some(payload.as_bytes()), key: Some(b"c-17"), headers, timestamp, ..Record::default() }
}

fn found(query: &str, block: &Block<'_>) -> String {
    let headers = [Field::text("env", "test")];
    let of = |payload| match block.kind {
        "envelope" => record(payload, &headers),
        _ => Record::payload(str::as_bytes(payload)),
    };
    let numbers = block.text.lines().enumerate().filter(|(_, payload)| matches(query, of(payload)));
    let numbers: Vec<_> = numbers.map(|(i, _)| (i + 1).to_string()).collect();
    if numbers.is_empty() { "none".to_owned() } else { numbers.join(", ") }
}

#[test]
fn each_example_finds_what_it_says() {
    let (mut records, mut count) = (None, 0);
    for piece in pieces(PAGE) {
        match piece {
            Piece::Block(block) if matches!(block.kind, "json" | "envelope") => records = Some(block),
            Piece::Block(_) => {}
            Piece::Example(query, expected) => {
                let block = records.as_ref().expect("records stand before their examples");
                assert_eq!(found(query, block), expected, "{query}");
                count += 1;
            }
        }
    }
    assert!(count > 50, "{count} examples were found on the page");
}

#[test]
fn mistakes_are_answered_as_shown() {
    let blocks: Vec<_> = pieces(PAGE)
        .into_iter()
        .filter_map(|piece| if let Piece::Block(block) = piece { Some(block) } else { None })
        .collect();
    let shown = blocks.windows(2).filter(|pair| pair[0].kind == "error");
    let answers = shown.map(|pair| (Query::parse(pair[0].text).expect_err(pair[0].text).to_string(), pair[1].text));
    let answers: Vec<_> = answers.collect();
    assert!(!answers.is_empty());
    answers.into_iter().for_each(|(answer, expected)| assert_eq!(answer, expected));
}

#[test]
fn the_page_knows_all_fields_and_bounds() {
    for name in crate::field::NAMES {
        assert!(PAGE.contains(name), "{name}");
    }
    let bounds = format!("{} KiB long, with at most {TERMS_MAX} terms and {DEPTH_MAX} ", QUERY_BYTES_MAX >> 10);
    assert!(PAGE.contains(&bounds), "{bounds}");
    let first =
        pieces(PAGE).into_iter().find_map(|piece| if let Piece::Block(block) = piece { Some(block) } else { None });
    Query::parse(first.expect("the page begins with a query").text).expect("it parses");
}
