//! `${env:NAME}`, `${env:NAME:-default}` and `${file:/path}`: put in on parsed values, never on text, so that no value can
//! change the shape of the file. `$${` stands for `${`.

use std::env::VarError;
use std::io::Read;

use super::limits::FILE_BYTES_MAX;
use super::mistake::join;
use super::node::Resolved;
use super::{Kind, Mistake, Node, Problem, Scalar, Style};

/// Where values from outside come from; tests have their own.
pub trait Environment {
    /// An environment variable; `None` if it is not set.
    fn variable(&self, name: &str) -> Result<Option<String>, Problem>;
    /// The text of a file.
    fn file(&self, path: &str) -> Result<String, Problem>;
}

/// The environment of this process, and the files of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Result<Option<String>, Problem> {
        match std::env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => {
                Err(Problem::new(format!("the environment variable `{name}` is not UTF-8")))
            }
        }
    }

    fn file(&self, path: &str) -> Result<String, Problem> {
        let cannot = |error: std::io::Error| Problem::new(format!("cannot read `{path}`: {error}"));
        let file = std::fs::File::open(path).map_err(cannot)?;
        let mut text = String::new();
        file.take(FILE_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(cannot)?;
        if text.len() > FILE_BYTES_MAX {
            return Err(Problem::new(format!("`{path}` is larger than {FILE_BYTES_MAX} bytes")));
        }
        Ok(text)
    }
}

/// Puts in what the placeholders in `node` stand for. One that cannot be resolved makes its node [`Kind::Bad`].
pub fn resolve(node: &mut Node, environment: &dyn Environment, mistakes: &mut Vec<Mistake>) {
    match &mut node.kind {
        Kind::Scalar(scalar) if scalar.text.contains("${") => match resolved(&scalar.text, environment) {
            Ok((text, resolved)) => put_in(scalar, text, resolved),
            Err(problem) => {
                mistakes.push(problem.at(node.span.clone()));
                node.kind = Kind::Bad;
            }
        },
        Kind::Seq(items, _) => {
            for (index, item) in items.iter_mut().enumerate() {
                resolve_within(&format!("[{index}]"), item, environment, mistakes);
            }
        }
        Kind::Map(entries, _) => {
            for (key, value) in entries {
                resolve_within(&key.text, value, environment, mistakes);
            }
        }
        _ => {}
    }
}

/// The first `${...}` that was left for a record template, in the [template form](Scalar::template) of a text.
pub fn record_placeholder(template: &str) -> Option<&str> {
    Pieces(template).find_map(|piece| match piece {
        Piece::Placeholder(name) => Some(name),
        _ => None,
    })
}

fn resolve_within(parent: &str, node: &mut Node, environment: &dyn Environment, mistakes: &mut Vec<Mistake>) {
    let before = mistakes.len();
    resolve(node, environment, mistakes);
    for mistake in &mut mistakes[before..] {
        mistake.key = Some(join(parent, mistake.key.as_deref().unwrap_or_default()));
    }
}

fn put_in(scalar: &mut Scalar, text: String, resolved: Resolved) {
    // What comes from outside is never null: an empty variable is empty text.
    if text.is_empty() {
        scalar.style = Style::Quoted;
    }
    scalar.text = text;
    scalar.resolved = Some(Box::new(resolved));
}

fn resolved(written: &str, environment: &dyn Environment) -> Result<(String, Resolved), Problem> {
    let mut text = String::new();
    let mut template = String::new();
    let mut secret = false;
    for piece in Pieces(written) {
        match piece {
            Piece::Text(part) => {
                text.push_str(part);
                template.push_str(part);
            }
            Piece::Escape => {
                text.push_str("${");
                template.push_str("$${");
            }
            Piece::Unclosed => {
                return Err(Problem::new("a `${` is never closed").help("write `$${` for the text `${`"));
            }
            Piece::Placeholder(name) => match outside(name, environment)? {
                Some(value) => {
                    secret = true;
                    template.push_str(&value.replace("${", "$${"));
                    text.push_str(&value);
                }
                None => {
                    let same = format!("${{{name}}}");
                    text.push_str(&same);
                    template.push_str(&same);
                }
            },
        }
    }
    Ok((text, Resolved { written: written.to_owned(), template, secret }))
}

/// What a placeholder stands for; `None` if it is one of records.
fn outside(name: &str, environment: &dyn Environment) -> Result<Option<String>, Problem> {
    if let Some(variable) = name.strip_prefix("env:") {
        return from_variable(variable, environment).map(Some);
    }
    let Some(path) = name.strip_prefix("file:") else {
        return Ok(None);
    };
    let mut text = environment.file(path)?;
    // Editors and `echo` end a file with a newline that is no part of a password.
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(Some(text))
}

/// As in a shell, the default also stands in for an empty variable.
fn from_variable(written: &str, environment: &dyn Environment) -> Result<String, Problem> {
    let (name, default) = match written.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (written, None),
    };
    let value = environment.variable(name)?;
    match default {
        Some(default) => Ok(value.filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned())),
        None => value.ok_or_else(|| {
            let problem = Problem::new(format!("the environment variable `{name}` is not set"));
            problem.help(format!("set it, or give a default: ${{env:{name}:-...}}"))
        }),
    }
}

/// A part of a text with placeholders.
pub(super) enum Piece<'a> {
    Text(&'a str),
    /// `$${`
    Escape,
    /// What stands between `${` and `}`.
    Placeholder(&'a str),
    Unclosed,
}

/// Splits a text at its placeholders.
pub(super) struct Pieces<'a>(pub(super) &'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let text = self.0;
        if text.is_empty() {
            return None;
        }
        let opener = text.find("${");
        let escaped = opener.is_some_and(|at| text[..at].ends_with('$'));
        let (piece, rest) = match opener {
            None => (Piece::Text(text), ""),
            Some(1) if escaped => (Piece::Escape, &text[3..]),
            Some(at) if escaped => (Piece::Text(&text[..at - 1]), &text[at - 1..]),
            Some(0) => match text.find('}') {
                Some(end) => (Piece::Placeholder(&text[2..end]), &text[end + 1..]),
                None => (Piece::Unclosed, ""),
            },
            Some(at) => (Piece::Text(&text[..at]), &text[at..]),
        };
        self.0 = rest;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    struct Fixed;

    impl Environment for Fixed {
        fn variable(&self, name: &str) -> Result<Option<String>, Problem> {
            Ok(match name {
                "HOST" => Some("db:5432".into()),
                "EMPTY" => Some(String::new()),
                "DOLLAR" => Some("${stream}".into()),
                _ => None,
            })
        }

        fn file(&self, path: &str) -> Result<String, Problem> {
            if path == "/secret" { Ok("hunter2\n".into()) } else { Err(Problem::new(format!("cannot read `{path}`"))) }
        }
    }

    fn check(value: &str, expected: &str) {
        let mut node = parse(value).documents.remove(0).root;
        let mut mistakes = Vec::new();
        resolve(&mut node, &Fixed, &mut mistakes);
        let shown = match node.as_scalar() {
            Some(scalar) => format!("{} | {} | {}", scalar.text, scalar.template(), scalar.is_secret()),
            None => mistakes.remove(0).message,
        };
        assert_eq!(shown, expected, "{value}");
    }

    #[test]
    fn puts_in_variables_and_files() {
        check("a-${env:HOST}/x", "a-db:5432/x | a-db:5432/x | true");
        check("${env:NOPE:-localhost:9092}", "localhost:9092 | localhost:9092 | true");
        check("${env:EMPTY:-x}", "x | x | true");
        check("${env:EMPTY}", " |  | true");
        check("${file:/secret}", "hunter2 | hunter2 | true");
    }

    #[test]
    fn leaves_record_templates_and_takes_what_it_puts_in_literally() {
        check("x-${stream}", "x-${stream} | x-${stream} | false");
        check("x-$${stream}", "x-${stream} | x-$${stream} | false");
        check("${env:DOLLAR}", "${stream} | $${stream} | true");
        check("costs $5", "costs $5 | costs $5 | false");
    }

    #[test]
    fn names_what_is_missing() {
        check("${env:NOPE}", "the environment variable `NOPE` is not set");
        check("${file:/nope}", "cannot read `/nope`");
        check("'a ${env:HOST'", "a `${` is never closed");
    }
}
