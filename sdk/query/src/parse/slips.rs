//! What people write who know another language: refused with what to write instead, since it would match nothing or too much
//! without a word.

use std::ops::Range;

use super::{Of, Parser, Result};
use crate::error::QueryError;
use crate::field::Field;

/// What is wrong and what to do.
type Slip = (String, String);

/// Advice for who meant the text itself.
pub(super) fn quote(text: &str) -> String {
    format!("to look for the text, quote it: \"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn slip(message: impl Into<String>, help: impl Into<String>) -> Option<Slip> {
    Some((message.into(), help.into()))
}

impl Parser<'_> {
    /// A word without a field.
    pub(super) fn check_bare(&self, span: Range<usize>) -> Result<()> {
        let word = &self.text[span.clone()];
        let behind = &self.text[span.end..];
        match operator(word).or_else(|| sql_word(word, behind)).or_else(|| equals(word)).or_else(|| foreign(word, "")) {
            None => Ok(()),
            Some((message, help)) => Err(self.error(span, message, Some(help))),
        }
    }

    /// A word behind `field:`.
    pub(super) fn check_value(&self, field: &Field, span: Range<usize>) -> Result<()> {
        let word = &self.text[span.clone()];
        let found = match word.trim_start_matches(['=', '!']) {
            value if value.len() < word.len() && !value.is_empty() => {
                let not = if word.starts_with('!') { "NOT " } else { "" };
                let sign = if word.contains('=') { "=" } else { "!" };
                slip(
                    format!("`{sign}` has no place behind `:`"),
                    format!("write {not}{field}:{value}; or quote the text: {field}:\"{word}\""),
                )
            }
            _ => foreign(word, &format!("{field}:")),
        };
        found.map_or(Ok(()), |(message, help)| Err(self.error(span, message, Some(help))))
    }

    /// A word behind a comparison's sign or in a range.
    pub(super) fn check_end(&self, span: Range<usize>) -> Result<()> {
        let word = &self.text[span.clone()];
        let relative =
            word.strip_prefix("now").is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '+', '/', '|']));
        let found = match relative {
            true => slip(
                "a query knows no present time",
                format!("give a date or a time, or use `--since`; to compare with the text, quote it: \"{word}\""),
            ),
            false => quotes(word, ""),
        };
        found.map_or(Ok(()), |(message, help)| Err(self.error(span, message, Some(help))))
    }

    /// A query that is SQL from its first word on.
    pub(super) fn refuse_sql(&self) -> Result<()> {
        let mut words = self.rest().split_whitespace();
        let first = words.next().unwrap_or_default();
        let select = first.eq_ignore_ascii_case("select") && words.any(|word| word.eq_ignore_ascii_case("from"));
        if select || (first == "WHERE" && words.next().is_some()) {
            let help = "`catchwater sql` takes SQL; here write `status:paid amount:>100`";
            return Err(self.error(self.at..self.at + first.len(), "this looks like SQL", Some(help.into())));
        }
        Ok(())
    }

    pub(super) fn missing_operand(&self) -> QueryError {
        let before = self.text[..self.at].trim_end();
        let operator = ["AND", "OR", "NOT"].into_iter().find(|name| before.ends_with(name));
        let standing = ["AND", "OR"].into_iter().find(|name| self.operator(name).is_some());
        match (operator, standing) {
            (Some(name), _) => {
                let span = before.len() - name.len()..before.len();
                self.error(span, format!("nothing follows this `{name}`"), Some(quote(name)))
            }
            (None, Some(name)) => {
                let span = self.at..self.at + name.len();
                self.error(span, format!("nothing stands before this `{name}`"), Some(quote(name)))
            }
            (None, None) if before.ends_with('(') => {
                let help = "put a term between them; to look for the characters, quote them: \"()\"";
                let end = self.at + usize::from(self.peek() == Some(')'));
                self.error(before.len() - 1..end, "nothing stands between these parentheses", Some(help.into()))
            }
            (None, None) if self.peek() == Some(')') => {
                let help = "remove it, or open it with `(`; to look for the character, quote it: \")\"";
                self.error(self.at..self.at + 1, "this `)` closes nothing", Some(help.into()))
            }
            (None, None) => self.error(self.at..self.at, "a term is missing", None),
        }
    }

    pub(super) fn missing_value(&self, field: &Field) -> QueryError {
        let next = self.rest().split_whitespace().next().unwrap_or_default();
        let spaced = self.rest().starts_with(char::is_whitespace) && !next.is_empty() && !next.starts_with(')');
        let help = match spaced {
            true => format!("no space follows the `:`: write {field}:{next}"),
            false => format!("{field}:* finds what is there and not null, {field}:\"\" the empty text"),
        };
        self.error(self.at - 1..self.at, "a value is missing behind this `:`", Some(help))
    }

    /// What may stand behind a phrase.
    pub(super) fn end_of_phrase(&self, start: usize, of: Of<'_>) -> Result<()> {
        let phrase = &self.text[start..self.at];
        let (message, help) = match self.peek() {
            None | Some(')') => return Ok(()),
            Some(c) if c.is_whitespace() => return Ok(()),
            Some(':') if of.is_none() => {
                let name = phrase.trim_matches('"');
                (
                    "a field's name stands in no quotes",
                    format!("backquotes hold one that has spaces or dots: `{name}`:"),
                )
            }
            Some('~' | '^') => ("there is no fuzziness, and no weights", format!("write {phrase} alone")),
            Some(_) => ("a space is missing behind this phrase", "quotes hold a whole value".to_owned()),
        };
        Err(self.error(start..self.char_at(self.at).end, message, Some(help)))
    }

    /// What may stand behind a word: `a(b)` and `a"b"` are two terms to nobody but a parser.
    pub(super) fn end_of_word(&self, word: Range<usize>) -> Result<()> {
        let help = match self.peek() {
            Some('"') => "a quote inside of a word: quote the whole of it, or write `\\\"` for the character",
            Some('(') => "put a space before `(`; to look for the character, quote the text or write `\\(`",
            Some(c) if c != ')' && !c.is_whitespace() => "put a space behind it",
            _ => return Ok(()),
        };
        Err(self.error(word.start..self.char_at(self.at).end, "a space is missing", Some(help.into())))
    }
}

/// Operators as others write them.
fn operator(word: &str) -> Option<Slip> {
    let upper = word.to_ascii_uppercase();
    let meant = match word {
        "&&" | "&" => "AND",
        "||" | "|" => "OR",
        "!" => "NOT",
        _ if matches!(upper.as_str(), "AND" | "OR" | "NOT") => &upper,
        _ => return None,
    };
    slip(format!("`{word}` is an ordinary word here"), format!("operators are upper case: `{meant}`; {}", quote(word)))
}

/// `status IN (a, b)`, `name LIKE x`, `a = b`.
fn sql_word(word: &str, behind: &str) -> Option<Slip> {
    let alone = !behind.trim().is_empty();
    let help = match word {
        "IN" if behind.trim_start().starts_with('(') => "write `status:(paid OR sent)`",
        "LIKE" if alone => "write `name:Ann*`; `*` is any text, `?` any one character",
        "BETWEEN" if alone => "write `amount:[1 TO 5]`",
        "IS" if alone => "`f:*` finds what is there and not null, `NOT f:*` what is missing or null",
        "=" | "==" => "write `status:paid`, without spaces",
        "!=" | "<>" => "write `NOT status:paid`",
        _ => return None,
    };
    slip(format!("`{word}` is an ordinary word here"), format!("{help}; {}", quote(word)))
}

/// `status=paid`, `amount>100`.
fn equals(word: &str) -> Option<Slip> {
    let name_len = word.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(word.len());
    let (name, rest) = word.split_at(name_len);
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let sign = ["==", "!=", "<>", ">=", "<=", "=", ">", "<"].into_iter().find(|sign| rest.starts_with(sign))?;
    let value = &rest[sign.len()..];
    let meant = match sign {
        "==" | "=" => format!("{name}:{value}"),
        "!=" | "<>" => format!("NOT {name}:{value}"),
        sign => format!("{name}:{sign}{value}"),
    };
    let meant = if value.is_empty() { format!("{name}:value") } else { meant };
    slip(
        format!("`{sign}` is an ordinary character here"),
        format!("a `:` ends a field's name: {meant}; {}", quote(word)),
    )
}

/// Regular expressions, fuzziness, weights, SQL's wildcards, other quotes.
fn foreign(word: &str, field: &str) -> Option<Slip> {
    let inner = word.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).unwrap_or_default();
    let means =
        |text: &str| format!("{text}; to look for the text, quote it: {field}\"{}\"", word.replace('\\', "\\\\"));
    if inner.contains(['^', '$', '[', '|', '+', '\\']) || inner.contains(".*") || inner.contains(".?") {
        return slip("there are no regular expressions", means("`*` is any text, `?` any one character"));
    }
    let digits_cut = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let escaped = digits_cut.ends_with("\\~") || digits_cut.ends_with("\\^");
    if digits_cut.len() > 1
        && !escaped
        && (digits_cut.ends_with('~') || (digits_cut.ends_with('^') && digits_cut != word))
    {
        let plain = &digits_cut[..digits_cut.len() - 1];
        return slip("there is no fuzziness, and no weights", means(&format!("write {field}{plain}")));
    }
    let any = word.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')).filter(|text| !text.is_empty());
    if let Some(text) = any {
        return slip("`%` is an ordinary character here", means(&format!("`*` is any text: write {field}*{text}*")));
    }
    if let Some(slip) = quotes(word, field) {
        return Some(slip);
    }
    if field.is_empty() && word.starts_with('!') {
        return slip("`!` is an ordinary character here", format!("write `-` or `NOT`; {}", quote(word)));
    }
    None
}

/// Quotes that are none here: single ones, and those that text processors make.
fn quotes(word: &str, field: &str) -> Option<Slip> {
    let message = match word.chars().next()? {
        '\'' => "single quotes quote nothing",
        '“' | '”' | '„' | '‘' | '’' | '«' => "typographic quotes quote nothing",
        _ => return None,
    };
    slip(
        message,
        format!("text with spaces stands in \"double quotes\"; for the character itself write {field}\\{word}"),
    )
}

/// A field's name with an operator of another language in front.
pub(super) fn check_field(name: &str) -> Option<Slip> {
    let rest = name.strip_prefix(['!', '+'])?;
    match name.starts_with('!') {
        true => slip(
            "`!` is an ordinary character here",
            format!("write `-{rest}:` or `NOT {rest}:`; if it belongs to the name: `{name}`:"),
        ),
        false => slip(
            "`+` is an ordinary character here",
            format!("every term must match anyway: write {rest}:; if it belongs to the name: `{name}`:"),
        ),
    }
}
