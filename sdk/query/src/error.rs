//! What is wrong with a query, and where.

use std::fmt;
use std::ops::Range;

use catchwater_sdk::config::Problem;

/// How much of a line is shown around a mistake, in characters.
const SHOWN_MAX: usize = 100;

/// A query that does not parse. Its text draws the query with a caret under the mistake:
///
/// ```text
/// `or` is an ordinary word here
///   |
///   | status:paid or status:sent
///   |             ^^
///   = help: operators are upper case: `OR`; to look for the word, quote it: "or"
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// What is wrong; lowercase.
    pub message: String,
    /// The bytes of the query to point at; empty at its end.
    pub span: Range<usize>,
    /// What to do.
    pub help: Option<String>,
    text: Box<str>,
}

impl QueryError {
    pub(crate) fn new(text: &str, span: Range<usize>, message: impl Into<String>, help: Option<String>) -> QueryError {
        QueryError { message: message.into(), span, help, text: text.into() }
    }

    /// The same for a configuration, which shows the line itself.
    pub fn problem(&self) -> Problem {
        Problem { message: self.message.clone(), help: self.help.clone() }
    }

    /// The line that the mistake is in, cut to what fits, and the caret's place and width in characters.
    fn line(&self) -> (String, usize, usize) {
        let at = self.text.floor_char_boundary(self.span.start.min(self.text.len()));
        let start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline);
        let before = self.text[start..at].chars().count();
        let marked = self.text[at..self.text.floor_char_boundary(self.span.end.clamp(at, end))].chars().count();
        let skipped = before.saturating_sub(SHOWN_MAX / 2);
        let shown = self.text[start..end].chars().skip(skipped).take(SHOWN_MAX);
        let shown = shown.map(|c| if c.is_control() { ' ' } else { c });
        let width = marked.clamp(1, SHOWN_MAX - (before - skipped));
        (shown.collect(), before - skipped, width)
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, indent, width) = self.line();
        write!(f, "{}\n  |\n  | {line}\n  | {:indent$}{}", self.message, "", "^".repeat(width))?;
        match &self.help {
            Some(help) => write!(f, "\n  = help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for QueryError {}
