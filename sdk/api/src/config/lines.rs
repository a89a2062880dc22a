//! Lines, their indentation and what belongs to them: the shape of YAML without its syntax.

use std::ops::Range;

/// The line around an offset, without its line break.
pub(super) fn line_at(text: &str, at: usize) -> Range<usize> {
    let at = at.min(text.len());
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    start..end
}

/// Paints over a value with one word of the same length, so that its key keeps a value.
pub(super) fn paint_value(text: &str, value: &Range<usize>) -> String {
    let first = value.start..line_at(text, value.start).end.min(value.end);
    let word = "x".repeat(text[first.clone()].trim_end_matches('\r').len());
    let rest = blank(&text[first.start + word.len()..value.end]);
    [&text[..value.start], &word, &rest, &text[value.end..]].concat()
}

/// Paints over lines.
pub(super) fn paint_line(text: &str, lines: &Range<usize>) -> String {
    [&text[..lines.start], &blank(&text[lines.clone()]), &text[lines.end..]].concat()
}

/// Where the value on a line begins: after its `key: `, or after the dashes of a list.
pub(super) fn value_of(text: &str, line: &Range<usize>) -> Option<usize> {
    let written = &text[line.clone()];
    let item = item_start(written);
    let after_key = written[item..].find(": ").map(|colon| item + colon + 2);
    let start = after_key.unwrap_or(item);
    let start = start + indent(&written[start..]);
    let has_value = start < written.trim_end().len() && (after_key.is_some() || item > indent(written));
    has_value.then_some(line.start + start)
}

/// After the indentation and the dashes of a list.
pub(super) fn item_start(written: &str) -> usize {
    let mut at = indent(written);
    while written[at..].starts_with("- ") {
        at += 1;
        at += indent(&written[at..]);
    }
    at
}

pub(super) fn indent(written: &str) -> usize {
    written.len() - written.trim_start_matches(' ').len()
}

/// The line and those after it that are deeper than its key.
pub(super) fn with_deeper_lines(text: &str, line: Range<usize>) -> Range<usize> {
    let column = item_start(&text[line.clone()]);
    extend(text, line, |next| indent(next) > column)
}

/// The line and those after it that are no less deep, up to one that fits what stands above.
pub(super) fn with_lines_like(text: &str, line: Range<usize>) -> Range<usize> {
    let column = indent(&text[line.clone()]);
    let above = text[..line.start].lines().rev().find(|above| !above.trim().is_empty()).unwrap_or_default();
    let fitting = item_start(above);
    extend(text, line, |next| indent(next) >= column && indent(next) != fitting && item_start(next) == indent(next))
}

fn extend(text: &str, line: Range<usize>, belongs: impl Fn(&str) -> bool) -> Range<usize> {
    let mut extent = line;
    while extent.end < text.len() {
        let next = line_at(text, extent.end + 1);
        let written = text[next.clone()].trim_end();
        let document_ends = written.starts_with("---") || written.starts_with("...");
        if document_ends || !written.is_empty() && !belongs(written) {
            break;
        }
        extent.end = next.end;
    }
    extent
}

fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' || byte == b'\r' { byte as char } else { ' ' }).collect()
}
