//! From text to a tree: the grammar.
//!
//! ```text
//! query  = and *("OR" and)
//! and    = unary *(["AND"] unary)
//! unary  = ("NOT" | "-") unary | "(" query ")" | term
//! term   = field ":" (value | "(" query of values ")") | word | phrase
//! value  = word | phrase | (">" | ">=" | "<" | "<=") (word | phrase) | ("[" | "{") end "TO" end ("]" | "}")
//! ```

mod field;
mod range;
mod slips;
mod words;

use std::ops::Range as Span;
use std::sync::Arc;

use crate::condition::{Condition, Literal, Word};
use crate::error::QueryError;
use crate::field::Field;
use crate::syntax::Node;
use words::{Piece, Written};

/// The longest query, in bytes.
pub const QUERY_BYTES_MAX: usize = 16 << 10;
/// The most terms of a query.
pub const TERMS_MAX: usize = 1000;
/// The most parentheses and negations within each other.
pub const DEPTH_MAX: usize = 100;

type Result<T> = std::result::Result<T, QueryError>;

pub(crate) fn parse(text: &str) -> Result<Node> {
    let mut parser = Parser { text, at: 0, depth: 0, terms: 0 };
    if text.len() > QUERY_BYTES_MAX {
        let message = format!("the query is longer than {QUERY_BYTES_MAX} bytes");
        return Err(QueryError::new(&text[..text.floor_char_boundary(60)], 0..0, message, None));
    }
    parser.skip_space();
    if parser.peek().is_none() {
        return Err(parser.error(0..text.len(), "the query is empty", Some("`*` matches everything".into())));
    }
    parser.refuse_sql()?;
    let node = parser.any_of(None)?;
    match parser.peek() {
        None => Ok(node),
        // Only a closing parenthesis ends what `any_of` reads before the text does.
        Some(_) => {
            let help = "remove it, or open it with `(`; to look for the character, quote it: \")\"";
            Err(parser.error(parser.at..parser.at + 1, "this `)` closes nothing", Some(help.into())))
        }
    }
}

/// A field's name without a condition.
pub(crate) fn parse_field(name: &str) -> Result<Field> {
    // Read as if its colon followed, so that names are the same everywhere.
    let with_colon = format!("{name}:");
    let mut parser = Parser { text: &with_colon, at: 0, depth: 0, terms: 0 };
    match parser.field()? {
        Some(field) if parser.at == with_colon.len() => Ok(field),
        _ => {
            let help = "a name with spaces or signs is written in backquotes: `my key`";
            Err(QueryError::new(name, 0..name.len(), "this is no field's name", Some(help.into())))
        }
    }
}

pub(crate) struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    terms: usize,
}

/// The field of the values in parentheses behind it: `country:(DE OR FR)`.
type Of<'a> = Option<&'a Arc<Field>>;

// === Operators ===

impl<'a> Parser<'a> {
    fn any_of(&mut self, of: Of<'_>) -> Result<Node> {
        let mut nodes = vec![self.all_of(of)?];
        while let Some(len) = self.operator("OR") {
            self.at += len;
            nodes.push(self.all_of(of)?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::Or(nodes) })
    }

    fn all_of(&mut self, of: Of<'_>) -> Result<Node> {
        let mut nodes = vec![self.unary(of)?];
        loop {
            self.skip_space();
            match self.operator("AND") {
                Some(len) => self.at += len,
                None if self.operator("OR").is_some() || matches!(self.peek(), None | Some(')')) => break,
                None => {}
            }
            nodes.push(self.unary(of)?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::And(nodes) })
    }

    fn unary(&mut self, of: Of<'_>) -> Result<Node> {
        self.skip_space();
        let start = self.at;
        if let Some(len) = self.operator("NOT") {
            self.at += len;
            return Ok(Node::Not(Box::new(self.deeper(start, |parser| parser.unary(of))?)));
        }
        match self.peek() {
            Some('-') => {
                self.at += 1;
                self.check_minus(start, of)?;
                Ok(Node::Not(Box::new(self.deeper(start, |parser| parser.unary(of))?)))
            }
            Some('(') => self.parenthesis(of),
            None | Some(')') => Err(self.missing_operand()),
            _ if self.operator("AND").or(self.operator("OR")).is_some() => Err(self.missing_operand()),
            _ => self.counted(start, |parser| match of {
                Some(field) => parser.value(field, true),
                None => parser.term(),
            }),
        }
    }

    fn parenthesis(&mut self, of: Of<'_>) -> Result<Node> {
        let start = self.at;
        self.at += 1;
        let node = self.deeper(start, |parser| parser.any_of(of))?;
        self.skip_space();
        if self.peek() != Some(')') {
            let help = "add `)`; to look for the character, quote it: \"(\"";
            return Err(self.error(start..start + 1, "this `(` is never closed", Some(help.into())));
        }
        self.at += 1;
        Ok(node)
    }

    /// `- x` and `--x` are slips; so is a number's sign among the values of a field, where it would negate.
    fn check_minus(&self, start: usize, of: Of<'_>) -> Result<()> {
        let span = start..self.at;
        match self.peek() {
            None | Some(')') => Err(self.error(span, "this `-` negates nothing", Some(slips::quote("-")))),
            Some(c) if c.is_whitespace() => {
                let help =
                    "write `-` directly before what it negates, or `NOT`; to look for the character, quote it: \"-\"";
                Err(self.error(span, "a space follows this `-`", Some(help.into())))
            }
            Some('-') => {
                let help = "options stand outside of the query; to look for the text, quote it";
                Err(self.error(start..self.at + 1, "`--` negates twice", Some(help.into())))
            }
            Some(c) if of.is_some() && c.is_ascii_digit() => {
                let help = "for a negative number write `\\-`, to negate write `NOT`";
                Err(self.error(span, "`-` before a number could be its sign or negate it", Some(help.into())))
            }
            Some(_) => Ok(()),
        }
    }

    fn deeper<T>(&mut self, start: usize, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} parentheses and negations within each other");
            return Err(self.error(self.char_at(start), message, None));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn counted<T>(&mut self, start: usize, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.terms += 1;
        if self.terms > TERMS_MAX {
            return Err(self.error(self.char_at(start), format!("the query has more than {TERMS_MAX} terms"), None));
        }
        parse(self)
    }
}

// === Terms ===

impl<'a> Parser<'a> {
    fn term(&mut self) -> Result<Node> {
        let start = self.at;
        match self.peek() {
            Some('"') => {
                let phrase = self.phrase()?;
                self.end_of_phrase(start, None)?;
                if phrase.is_empty() {
                    return Err(self.error(
                        start..self.at,
                        "an empty phrase is in every text",
                        Some("remove it".into()),
                    ));
                }
                Ok(Node::Word(Box::new(Word::new(&phrase))))
            }
            Some('>' | '<' | '[' | '{') => Err(self.range_without_field()),
            _ => match self.field()? {
                Some(field) => self.value(&Arc::new(field), false),
                None => self.bare_word(),
            },
        }
    }

    fn bare_word(&mut self) -> Result<Node> {
        let start = self.at;
        let Written { pieces, span } = self.word(words::ends_word)?;
        self.check_bare(span.clone())?;
        self.end_of_word(span)?;
        Ok(match words::pattern(&pieces) {
            Some(pattern) if pattern.is_anything() => Node::All,
            Some(pattern) => Node::Value(pattern.ignoring_case()),
            None => {
                debug_assert!(self.at > start, "a word has a character");
                Node::Word(Box::new(Word::new(&words::text(&pieces))))
            }
        })
    }

    /// A value behind `field:`, or one of those in parentheses.
    fn value(&mut self, field: &Arc<Field>, in_group: bool) -> Result<Node> {
        let start = self.at;
        let condition = match self.peek() {
            Some('(') if !in_group => return self.parenthesis(Some(field)),
            None | Some(')') => return Err(self.missing_value(field)),
            Some(c) if c.is_whitespace() => return Err(self.missing_value(field)),
            Some('"') => {
                let text = self.phrase()?;
                self.end_of_phrase(start, Some(field))?;
                Condition::Equals(Literal::quoted(text))
            }
            Some('>' | '<') => self.comparison()?,
            Some('[' | '{') => self.range()?,
            Some(_) => self.word_value(field)?,
        };
        self.check_kind(field, &condition, start..self.at)?;
        Ok(Node::Field(Arc::clone(field), condition))
    }

    fn word_value(&mut self, field: &Field) -> Result<Condition> {
        let Written { pieces, span } = self.word(words::ends_word)?;
        self.check_value(field, span.clone())?;
        self.end_of_word(span)?;
        Ok(match words::pattern(&pieces) {
            Some(pattern) if pattern.is_anything() => Condition::Exists,
            Some(pattern) => Condition::Like(pattern),
            None => Condition::Equals(Literal::word(words::text(&pieces))),
        })
    }
}

// === Characters ===

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// The span of the character that stands at `at`; empty at the end.
    fn char_at(&self, at: usize) -> Span<usize> {
        at..at + self.text[at..].chars().next().map_or(0, char::len_utf8)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// The length of an operator that stands here by itself.
    fn operator(&self, name: &str) -> Option<usize> {
        let behind = self.rest().trim_start().strip_prefix(name)?;
        let alone =
            behind.starts_with(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"')) || behind.is_empty();
        alone.then(|| self.rest().len() - behind.len())
    }

    fn error(&self, span: Span<usize>, message: impl Into<String>, help: Option<String>) -> QueryError {
        QueryError::new(self.text, span, message, help)
    }

    /// A phrase in quotes, which stand here.
    fn phrase(&mut self) -> Result<String> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some((_, c)) => text.push(c),
                    None => break,
                },
                c => text.push(c),
            }
        }
        let help = "add the closing `\"`; to look for the character itself, write `\\\"`";
        Err(self.error(start..start + 1, "this quote is never closed", Some(help.into())))
    }

    /// A word up to the first character that ends it; none of it was escaped by accident.
    fn word(&mut self, ends: fn(char) -> bool) -> Result<Written> {
        let start = self.at;
        let mut pieces = Vec::new();
        let mut chars = self.rest().char_indices();
        let mut len = self.rest().len();
        while let Some((at, c)) = chars.next() {
            if ends(c) {
                len = at;
                break;
            }
            pieces.push(match c {
                '*' => Piece::Any,
                '?' => Piece::One,
                '\\' => match chars.next() {
                    Some((_, c)) => Piece::Char(c),
                    None => {
                        let help = Some("to look for the character itself, write `\\\\`".into());
                        return Err(self.error(start + at..start + at + 1, "this `\\` escapes nothing", help));
                    }
                },
                c => Piece::Char(c),
            });
        }
        self.at += len;
        Ok(Written { pieces, span: start..self.at })
    }
}
