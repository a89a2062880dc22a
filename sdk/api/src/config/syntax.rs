//! What a mistake of syntax is in plain words, and what to paint over to read on.
//!
//! The parser tells what it did not expect; what the author did wrong often stands earlier. So each kind of error looks at
//! the text around it for the mistakes that people make.

use std::ops::Range;

use granit_parser::ErrorKind;

use super::lines::{indent, line_at, value_of, with_deeper_lines, with_lines_like};
use super::{Mistake, Problem};

/// Where and how reading ended.
pub(super) struct Broken<'a> {
    pub(super) text: &'a str,
    pub(super) error: &'a ErrorKind,
    /// Where the parser gave up.
    pub(super) at: usize,
    /// The last text it had read.
    pub(super) last: Option<Range<usize>>,
    /// Where each open bracket or brace stands.
    pub(super) open: Vec<usize>,
}

/// A mistake, and what to take out.
pub(super) struct Repair {
    pub(super) mistake: Mistake,
    /// The value at fault, when it has a key that can stay.
    pub(super) value: Option<Range<usize>>,
    /// Its line, with the lines that belong to it.
    pub(super) extent: Range<usize>,
}

/// Explains an error of the parser.
pub(super) fn explain(broken: &Broken<'_>) -> Repair {
    let found = tab(broken)
        .or_else(|| placeholder_in_flow(broken))
        .or_else(|| unclosed_flow(broken))
        .or_else(|| quotes(broken))
        .or_else(|| merged_lines(broken))
        .or_else(|| mapping_in_value(broken))
        .or_else(|| missing_space(broken))
        .or_else(|| value_start(broken))
        .unwrap_or_else(|| fallback(broken));
    let line = line_at(broken.text, found.mistake.span.start);
    let extent = match found.fault {
        Fault::Value | Fault::Line => with_deeper_lines(broken.text, line.clone()),
        Fault::Indentation => with_lines_like(broken.text, line.clone()),
    };
    let value = (found.fault == Fault::Value).then(|| value_of(broken.text, &line)).flatten();
    Repair { mistake: found.mistake, value: value.map(|start| start..extent.end), extent }
}

struct Found {
    mistake: Mistake,
    fault: Fault,
}

/// What of its line a mistake concerns.
#[derive(PartialEq)]
enum Fault {
    /// The value, so that the key can stay.
    Value,
    Line,
    /// The indentation, which lines after it may share.
    Indentation,
}

impl Found {
    fn value(span: Range<usize>, problem: Problem) -> Option<Found> {
        Some(Found { mistake: problem.at(span), fault: Fault::Value })
    }

    fn line(span: Range<usize>, problem: Problem) -> Found {
        Found { mistake: problem.at(span), fault: Fault::Line }
    }
}

impl Broken<'_> {
    /// From `at` to the end of what is written on its line.
    fn place(&self, at: usize) -> Range<usize> {
        let line = line_at(self.text, at);
        let end = line.start + self.text[line].trim_end().len();
        at..end.max(at)
    }

    /// The same without a comment.
    fn written(&self, at: usize) -> &str {
        let written = &self.text[self.place(at)];
        written.find(" #").map_or(written, |comment| written[..comment].trim_end())
    }

    fn same_line(&self, one: usize, other: usize) -> bool {
        line_at(self.text, one) == line_at(self.text, other)
    }
}

fn tab(broken: &Broken<'_>) -> Option<Found> {
    use ErrorKind::{TabInBlockIndentation, TabInIndentation, TabInPlainScalar, TabNotAllowed};
    if !matches!(broken.error, TabInBlockIndentation | TabInIndentation | TabInPlainScalar | TabNotAllowed) {
        return None;
    }
    let here = line_at(broken.text, broken.at);
    let next = line_at(broken.text, here.end + 1);
    let indent_tab = |line: &Range<usize>| {
        let line_text = &broken.text[line.clone()];
        let indent = line_text.len() - line_text.trim_start().len();
        line_text[..indent].find('\t').map(|tab| line.start + tab)
    };
    let at = indent_tab(&here).or_else(|| indent_tab(&next))?;
    let problem = Problem::new("a tab indents this line").help("YAML wants spaces");
    Some(Found { mistake: problem.at(at..at + 1), fault: Fault::Indentation })
}

/// `[${env:X}]`: within brackets a brace opens a map.
fn placeholder_in_flow(broken: &Broken<'_>) -> Option<Found> {
    use ErrorKind::{ExpectedFlowMappingSeparator, ExpectedFlowSequenceSeparator};
    if !matches!(broken.error, ExpectedFlowSequenceSeparator | ExpectedFlowMappingSeparator) {
        return None;
    }
    let start = broken.text[..broken.at].ends_with('$').then(|| broken.at - 1)?;
    let end = broken.at + broken.text[broken.at..].find('}')? + 1;
    let written = &broken.text[start..end];
    let problem = Problem::new(format!("`{written}` needs quotes within brackets"));
    Found::value(start..end, problem.help(format!("write \"{written}\"")))
}

fn unclosed_flow(broken: &Broken<'_>) -> Option<Found> {
    use ErrorKind::UnclosedFlowCollection;
    let opener = *broken.open.last()?;
    let ended = matches!(broken.error, UnclosedFlowCollection { .. }) || broken.at >= broken.text.trim_end().len();
    if !ended && broken.same_line(opener, broken.at) {
        return None;
    }
    let bracket = &broken.text[opener..opener + 1];
    let closing = if bracket == "[" { "]" } else { "}" };
    let problem = Problem::new(format!("this `{bracket}` is never closed"));
    Found::value(
        opener..opener + 1,
        problem.help(format!("close it with `{closing}`, or quote the text if it is none")),
    )
}

fn quotes(broken: &Broken<'_>) -> Option<Found> {
    use ErrorKind::{DocumentIndicatorInQuotedScalar, UnclosedQuotedScalar};
    use ErrorKind::{InvalidTrailingDoubleQuotedScalar, InvalidTrailingSingleQuotedScalar};
    let unclosed = matches!(broken.error, UnclosedQuotedScalar | DocumentIndicatorInQuotedScalar);
    let opener = match broken.error {
        _ if unclosed => broken.at,
        InvalidTrailingDoubleQuotedScalar => opening_quote(broken, '"')?,
        InvalidTrailingSingleQuotedScalar => opening_quote(broken, '\'')?,
        _ => return bad_escape(broken),
    };
    if unclosed || !broken.same_line(opener, broken.at) {
        return Found::value(broken.place(opener), Problem::new("this quote is never closed"));
    }
    let problem = Problem::new("there is text after the closing quote");
    Found::value(broken.place(broken.at), problem.help(format!("quote all of it: {}", quoted(broken.written(opener)))))
}

fn opening_quote(broken: &Broken<'_>, quote: char) -> Option<usize> {
    let from = broken.last.as_ref().map_or(0, |last| last.end.min(broken.at));
    broken.text[from..broken.at].find(quote).map(|at| from + at)
}

fn bad_escape(broken: &Broken<'_>) -> Option<Found> {
    use ErrorKind::{InvalidQuotedScalarHexEscape, InvalidUnicodeEscape, UnknownQuotedScalarEscape};
    if !matches!(broken.error, UnknownQuotedScalarEscape | InvalidQuotedScalarHexEscape | InvalidUnicodeEscape) {
        return None;
    }
    let problem = Problem::new("a backslash begins an escape in double quotes, and this is none");
    Found::value(broken.place(broken.at), problem.help("use single quotes, where it stands for itself"))
}

/// A line that the parser took for the continuation of the one before.
fn merged_lines(broken: &Broken<'_>) -> Option<Found> {
    use ErrorKind::{InvalidSimpleKey, MappingValueNotAllowed, SimpleKeyExpected};
    if !matches!(broken.error, MappingValueNotAllowed | SimpleKeyExpected | InvalidSimpleKey) {
        return None;
    }
    let last = broken.last.clone()?;
    if last.end > broken.at || broken.same_line(last.start, broken.at) || !broken.same_line(last.end, broken.at) {
        return None;
    }
    if let Some(problem) = without_space(&broken.text[broken.place(last.start)]) {
        return Some(Found::line(broken.place(last.start), problem));
    }
    let here = line_at(broken.text, broken.at);
    let start = here.start + indent(&broken.text[here]);
    if value_of(broken.text, &line_at(broken.text, last.start)) == Some(last.start) {
        let problem = Problem::new("this line is indented deeper than the keys above it").help("indent it as they are");
        return Some(Found { mistake: problem.at(broken.place(start)), fault: Fault::Indentation });
    }
    let problem = Problem::new("this line has no `:`, so it is not a key");
    Some(Found::line(broken.place(last.start), problem))
}

/// `where: a: b`.
fn mapping_in_value(broken: &Broken<'_>) -> Option<Found> {
    use ErrorKind::{InvalidColonPlacement, MappingValueNotAllowed};
    if !matches!(broken.error, MappingValueNotAllowed | InvalidColonPlacement) {
        return None;
    }
    let start = value_of(broken.text, &line_at(broken.text, broken.at)).filter(|start| *start <= broken.at)?;
    let problem = Problem::new("a `: ` within a value starts a map");
    Found::value(broken.place(start), problem.help(format!("quote it: {}", quoted(broken.written(start)))))
}

/// `group:g` and `-item`, on a line of their own.
fn missing_space(broken: &Broken<'_>) -> Option<Found> {
    if *broken.error != ErrorKind::SimpleKeyExpected {
        return None;
    }
    let place = broken.place(broken.at);
    let problem = without_space(&broken.text[place.clone()])
        .unwrap_or_else(|| Problem::new("this line has no `:`, so it is not a key").help("write `key: value`"));
    Some(Found::line(place, problem))
}

fn without_space(written: &str) -> Option<Problem> {
    if let Some(item) = written.strip_prefix('-').filter(|item| item.starts_with(|c: char| c.is_alphanumeric())) {
        return Some(Problem::new("a space is missing after the `-`").help(format!("write `- {item}`")));
    }
    let (key, value) = written.split_once(':')?;
    let word = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_.-".contains(c));
    let problem = Problem::new(format!("a space is missing after `{key}:`"));
    word.then(|| problem.help(format!("write `{key}: {}`", value.trim())))
}

/// A value that begins with a character that means something to YAML.
fn value_start(broken: &Broken<'_>) -> Option<Found> {
    use ErrorKind::{BlockSequenceEntryNotAllowed, InvalidBlockScalarHeader, ZeroBlockScalarIndent};
    let line = line_at(broken.text, broken.at);
    let start = value_of(broken.text, &line)?;
    let written = broken.written(start);
    let quote = format!("quote it: {}", quoted(written));
    let problem = match broken.error {
        InvalidBlockScalarHeader | ZeroBlockScalarIndent => {
            let opener = written.chars().next()?;
            Problem::new(format!("`{opener}` opens a block of text")).help(quote)
        }
        BlockSequenceEntryNotAllowed => Problem::new("a list cannot start on the line of its key")
            .help(format!("begin a new line, or write it in brackets: [{}]", written.trim_start_matches('-').trim())),
        _ if start == broken.at => {
            let first = written.chars().next()?;
            Problem::new(format!("a value cannot start with `{first}`")).help(quote)
        }
        _ => return None,
    };
    Found::value(broken.place(start), problem)
}

fn fallback(broken: &Broken<'_>) -> Found {
    use ErrorKind::{DirectiveDisallowed, ExpectedBlockMappingKey, ExpectedBlockSequenceEntry, InvalidIndentation};
    let place = broken.place(broken.at);
    match broken.error {
        ExpectedBlockMappingKey | ExpectedBlockSequenceEntry | InvalidIndentation => {
            let problem = Problem::new("the indentation of this line fits nothing above it");
            Found { mistake: problem.at(place), fault: Fault::Indentation }
        }
        DirectiveDisallowed => Found::line(place, Problem::new("YAML directives (`%`) are not used here")),
        other => Found::line(place, Problem::new(format!("this is not YAML: {other}"))),
    }
}

/// In quotes that change nothing in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
