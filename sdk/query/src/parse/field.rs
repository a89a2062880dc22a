//! The name before a colon.

use catchwater_sdk::nearest;

use super::{Parser, Result, slips, words};
use crate::error::QueryError;
use crate::field::{Envelope, Field, Key, NAMES, Path};

/// A key as it was written.
struct Step {
    name: String,
    /// In backquotes.
    whole: bool,
    /// Its first character was escaped: it is no envelope's `_`.
    escaped: bool,
}

impl Parser<'_> {
    /// Reads a field's name with its colon, if that is what stands here; else nothing is read.
    pub(super) fn field(&mut self) -> Result<Option<Field>> {
        let start = self.at;
        let mut steps = vec![Step::new()];
        let mut at_start = true;
        while let Some(c) = self.peek() {
            let step = steps.last_mut().expect("there is one");
            match c {
                '`' if at_start => {
                    let name = self.backquoted()?;
                    *step = Step { name, whole: true, escaped: true };
                    if !matches!(self.peek(), Some('.' | ':')) {
                        return Err(self.no_field(start));
                    }
                }
                ':' => {
                    self.at += 1;
                    return self.named(start, steps).map(Some);
                }
                '.' => {
                    self.at += 1;
                    steps.push(Step::new());
                    at_start = true;
                    continue;
                }
                '*' | '?' if self.colon_follows() => return Err(self.wild_field(start)),
                '*' | '?' => break,
                '\\' => {
                    self.at += 1;
                    let Some(c) = self.peek() else { break };
                    step.escaped |= at_start;
                    step.name.push(c);
                    self.at += c.len_utf8();
                }
                c if words::ends_word(c) => break,
                c => {
                    step.name.push(c);
                    self.at += c.len_utf8();
                }
            }
            at_start = false;
        }
        self.at = start;
        Ok(None)
    }

    fn named(&self, start: usize, steps: Vec<Step>) -> Result<Field> {
        let span = start..self.at - 1;
        if steps.len() == 1 && steps[0].name.is_empty() && !steps[0].whole {
            let help = "a field's name stands before the colon; to look for text with a colon, quote it";
            return Err(self.error(start..self.at, "this `:` has no field", Some(help.into())));
        }
        if steps.iter().any(|step| step.name.is_empty() && !step.whole) {
            let help = "dots part a key from the key within it; if they belong to the key, put it in backquotes: `a.`";
            return Err(self.error(span, "a key of this field is empty", Some(help.into())));
        }
        if steps[0].name.starts_with('_') && !steps[0].escaped {
            return self.envelope(start, steps).map(Field::Envelope);
        }
        slips::check_field(&self.text[span.clone()])
            .map_or(Ok(()), |(message, help)| Err(self.error(span.clone(), message, Some(help))))?;
        let key = |step: Step| Key { name: step.name.into(), whole: step.whole };
        Ok(Field::Payload(Path { keys: steps.into_iter().map(key).collect() }))
    }

    fn envelope(&self, start: usize, steps: Vec<Step>) -> Result<Envelope> {
        let span = start..self.at - 1;
        let name = steps[0].name.clone();
        let rest: Vec<_> = steps[1..].iter().map(|step| step.name.as_str()).collect();
        let rest = (!rest.is_empty()).then(|| rest.join("."));
        if let Some(envelope) = Envelope::named(&name, rest.as_deref()) {
            return Ok(envelope);
        }
        let of_payload = format!("a payload's own key is written in backquotes: `{name}`");
        if NAMES.contains(&name.as_str()) {
            let message = format!("`{name}` has nothing within it");
            return Err(self.error(span, message, Some(of_payload)));
        }
        if matches!(name.as_str(), "_exists_" | "_missing_") {
            let help = "`f:*` finds what is there and not null, `NOT f:*` what is missing or null";
            return Err(self.error(span, format!("`{name}` is no field here"), Some(format!("{help}; {of_payload}"))));
        }
        let near = nearest(&name, NAMES.iter().copied());
        let help = match near {
            Some(near) => format!("did you mean `{near}`? {of_payload}"),
            None => format!("{of_payload}; of the record itself there are {}", NAMES.join(", ")),
        };
        Err(self.error(span, format!("nothing is known of records under the name `{name}`"), Some(help)))
    }

    /// A key in backquotes, which stand here; two of them are one in it.
    fn backquoted(&mut self) -> Result<String> {
        let start = self.at;
        let mut name = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            if c != '`' {
                name.push(c);
            } else if chars.peek().is_some_and(|(_, next)| *next == '`') {
                chars.next();
                name.push('`');
            } else {
                self.at += at + 1;
                return Ok(name);
            }
        }
        let help = "they hold a field's name; to look for the character itself, quote it: \"`\"";
        Err(self.error(start..start + 1, "this backquote is never closed", Some(help.into())))
    }

    /// Whether the word that stands here has a colon.
    fn colon_follows(&self) -> bool {
        let mut chars = self.rest().chars();
        while let Some(c) = chars.next() {
            match c {
                ':' => return true,
                '\\' => drop(chars.next()),
                c if words::ends_word(c) => return false,
                _ => {}
            }
        }
        false
    }

    fn wild_field(&self, start: usize) -> QueryError {
        let help =
            "a bare word is looked for in every field; if the character belongs to the name, put it in backquotes";
        self.error(start..self.at + 1, "a field's name takes no wildcards", Some(help.into()))
    }

    fn no_field(&self, start: usize) -> QueryError {
        let help = "backquotes hold a field's name: `my key`:value; to look for the text, quote it with \"";
        self.error(start..self.at, "a name in backquotes needs a `:` and a value", Some(help.into()))
    }
}

impl Step {
    fn new() -> Step {
        Step { name: String::new(), whole: false, escaped: false }
    }
}
