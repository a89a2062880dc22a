//! Text, numbers, choices and the formats of the SDK's types.

use std::fmt::Display;

use catchwater_query::Query;
use catchwater_sdk::config::{Duration, Node, Problem, Scalar, Size, Template, float, integer, record_placeholder};
use catchwater_sdk::files::file_name;
use catchwater_sdk::nearest;
use serde_json::Value;

use super::super::component::OTHERWISE;
use super::super::traps;
use super::{Walker, shown};

/// The texts that a schema allows, if it names them one by one.
pub(super) fn choices(schema: &Value) -> Option<Vec<&str>> {
    if let Some(only) = schema["const"].as_str() {
        return Some(vec![only]);
    }
    if let Some(names) = schema["enum"].as_array() {
        return Some(names.iter().filter_map(Value::as_str).collect());
    }
    let branches = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array())?;
    let branches: Vec<_> = branches.iter().filter(|branch| branch["type"] != "null").map(choices).collect();
    branches.into_iter().collect::<Option<Vec<_>>>().map(|branches| branches.concat())
}

/// Whether a text can be read as a type.
pub(super) fn suits(text: &str, type_name: &str) -> bool {
    match type_name {
        "string" => true,
        "integer" => integer(text).is_some(),
        "number" => float(text).is_some(),
        "boolean" => text == "true" || text == "false",
        _ => false,
    }
}

impl Walker<'_> {
    pub(super) fn choice(&mut self, node: &Node, choices: &[&str]) {
        let Some(text) = node.as_text() else { return self.wrong(node, &list_of(choices), None) };
        // What tells alternatives apart is a constant in each; an unknown one was reported when one was chosen.
        let reported = || self.found.mistakes.iter().any(|mistake| mistake.span == node.span);
        if choices.contains(&text) || reported() {
            return;
        }
        let help = nearest(text, choices.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        self.wrong(node, &list_of(choices), help);
    }

    pub(super) fn text(&mut self, node: &Node, schema: &Value) {
        let format = schema["format"].as_str().unwrap_or_default();
        if format == "secret" {
            self.found.secrets.push(node.span.start..node.cut.as_ref().map_or(node.span.end, |cut| cut.end));
        }
        let Some(scalar) = node.as_scalar() else {
            let help = traps::to_text(node, self.text).filter(|_| format != "secret");
            return self.wrong(node, "text", help);
        };
        if format != "template" {
            self.no_placeholder(node, scalar);
        }
        if let Some(problem) = self.cut_short(node, format) {
            let cut = node.cut.clone().unwrap_or_default();
            return self.report(cut, problem);
        }
        match format {
            "size" => self.quantity(node, schema, Size::read, "a size such as `256MiB`"),
            "duration" => self.quantity(node, schema, Duration::read, "a duration such as `5s`"),
            "template" => self.refuse(node, Template::read(scalar.template()).err()),
            "query" => self.query(node, scalar),
            "when" if scalar.text == OTHERWISE => {}
            "when" => self.query(node, scalar),
            "name" => self.refuse(node, name(&scalar.text)),
            "pipeline" => self.refuse(node, pipeline(&scalar.text)),
            _ => self.refuse(node, length(&scalar.text, schema)),
        }
    }

    fn quantity<T>(&mut self, node: &Node, schema: &Value, read: fn(&str) -> Result<T, Problem>, expected: &str)
    where
        T: PartialOrd + Display,
    {
        let bound = |key: &str| schema[key].as_str().and_then(|text| read(text).ok());
        match read(node.as_text().unwrap_or_default()) {
            Ok(quantity) => self.in_range(node, quantity, bound("x-min"), bound("x-max")),
            // The reader quotes what it read.
            Err(_) if node.is_secret() => self.wrong(node, expected, None),
            Err(problem) => self.refuse(node, Some(problem)),
        }
    }

    /// Points into the query, where it stands in the file as it is read.
    fn query(&mut self, node: &Node, scalar: &Scalar) {
        let written = &self.text[node.span.clone()];
        let problem = match Query::parse(&scalar.text) {
            Ok(_) => return self.refuse(node, traps::lost_quotes(scalar, written)),
            Err(_) if node.is_secret() => return self.wrong(node, "a query", None),
            Err(error) => error,
        };
        let span = match written.find(&scalar.text).filter(|_| !problem.span.is_empty()) {
            Some(at) => node.span.start + at + problem.span.start..node.span.start + at + problem.span.end,
            None => node.span.clone(),
        };
        self.report(span, problem.problem());
    }

    pub(super) fn integer(&mut self, node: &Node, schema: &Value) {
        let Some(number) = node.as_text().and_then(integer) else {
            return self.wrong(node, "a whole number", traps::to_number(node));
        };
        let format = schema["format"].as_str().unwrap_or_default();
        let (least, most) = range_of(format);
        let bound = |key: &str| schema[key].as_i64().map(i128::from).or(schema[key].as_u64().map(i128::from));
        let least = bound("minimum").map_or(least, |min| least.max(min));
        let most = bound("maximum").map_or(most, |max| most.min(max));
        self.in_range(node, number, Some(least), Some(most));
    }

    pub(super) fn number(&mut self, node: &Node, schema: &Value) {
        let Some(number) = node.as_text().and_then(float) else {
            return self.wrong(node, "a number", traps::to_number(node));
        };
        self.in_range(node, number, schema["minimum"].as_f64(), schema["maximum"].as_f64());
    }

    pub(super) fn boolean(&mut self, node: &Node) {
        if !node.as_text().is_some_and(|text| suits(text, "boolean")) {
            self.wrong(node, "`true` or `false`", traps::to_boolean(node));
        }
    }

    /// A `${...}` that is neither of the environment nor, here, of a record.
    pub(super) fn no_placeholder(&mut self, node: &Node, scalar: &Scalar) {
        let Some(name) = record_placeholder(scalar.template()) else { return };
        let problem = match Template::read(&format!("${{{name}}}")) {
            Ok(_) => {
                Problem::new(format!("`${{{name}}}` has no meaning here, since the value is the same for each record"))
            }
            Err(_) => Problem::new(format!("`${{{name}}}` is not known")),
        };
        let help = "there are ${env:NAME}, ${env:NAME:-default} and ${file:/path}, and $${ for the text ${";
        self.report(node.span.clone(), problem.help(help));
    }

    fn in_range<T: PartialOrd + Display>(&mut self, node: &Node, value: T, least: Option<T>, most: Option<T>) {
        let below = least.filter(|least| value < *least).map(|least| format!("must be at least {least}"));
        let above = most.filter(|most| value > *most).map(|most| format!("must be at most {most}"));
        self.refuse(node, below.or(above).map(Problem::new));
    }

    /// Reports what is wrong with a value. One from outside is not to be seen in its line, so its placeholder is named.
    fn refuse(&mut self, node: &Node, problem: Option<Problem>) {
        let Some(mut problem) = problem else { return };
        if node.is_secret() {
            problem.message = format!("{} {}", shown(node), problem.message);
        }
        self.report(node.span.clone(), problem);
    }

    /// `where: a #b` is the text `a` and a comment.
    fn cut_short(&self, node: &Node, format: &str) -> Option<Problem> {
        let cut = node.cut.as_ref()?;
        let problem = Problem::new("the text ends before the ` #`, which begins a comment");
        let whole = &self.text[node.span.start..cut.end];
        Some(match format {
            "secret" => problem.help("quote the text; if it is a comment, put a space after the `#`"),
            _ => problem.help(format!(
                "quote the text: {}; if it is a comment, put a space after the `#`",
                traps::quoted(whole)
            )),
        })
    }
}

fn list_of(choices: &[&str]) -> String {
    match choices {
        [only] => format!("`{only}`"),
        _ => format!("one of {}", choices.join(", ")),
    }
}

/// The longest name of a file is 255 bytes, and behind a pipeline's name comes what kind of file it is.
const PIPELINE_BYTES_MAX: usize = 240;

/// Whoever makes a connector calls it as they like. Where its name becomes that of a file, it is written as a file system takes it.
fn pipeline(text: &str) -> Option<Problem> {
    match text {
        "" => Some(Problem::new("must not be empty")),
        "." | ".." => Some(Problem::new("must be another name than `.` and `..`, which lead elsewhere in a URL")),
        _ if text.contains(is_unseen) => {
            Some(Problem::new("must be a name without line breaks and other characters that are not seen"))
        }
        _ if text.trim() != text => Some(Problem::new("must be a name without spaces around it")),
        _ if file_name(text).len() > PIPELINE_BYTES_MAX => {
            let problem = Problem::new(format!("must be a name of at most {PIPELINE_BYTES_MAX} bytes"));
            Some(
                problem.help("of what is neither a letter or digit of ASCII nor `-` or `_`, each byte counts as three"),
            )
        }
        _ => None,
    }
}

/// By which a name would be shown as another, or not be one line: controls, ends of lines and paragraphs, what has no width or turns
/// the direction of writing, and what is no character.
fn is_unseen(c: char) -> bool {
    let is_unseen =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_control() || is_unseen || u32::from(c) & 0xfffe == 0xfffe
}

/// A name becomes part of file names, metrics and URLs.
fn name(text: &str) -> Option<Problem> {
    let safe = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 100
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let problem = Problem::new("must be a name of at most 100 letters, digits, `-`, `_` and `.`");
    (!safe).then(|| problem.help("it becomes part of file names, metrics and URLs, and begins with a letter or digit"))
}

fn length(text: &str, schema: &Value) -> Option<Problem> {
    let length = text.chars().count() as u64;
    match (schema["minLength"].as_u64(), schema["maxLength"].as_u64()) {
        (Some(1), _) if length == 0 => Some(Problem::new("must not be empty")),
        (Some(min), _) if length < min => Some(Problem::new(format!("must have at least {min} characters"))),
        (_, Some(max)) if length > max => Some(Problem::new(format!("must have at most {max} characters"))),
        _ => None,
    }
}

/// What fits into an integer type; `schemars` leaves the bounds of the wide ones out.
fn range_of(format: &str) -> (i128, i128) {
    match format {
        "uint8" => (0, u8::MAX.into()),
        "uint16" => (0, u16::MAX.into()),
        "uint32" => (0, u32::MAX.into()),
        "int8" => (i8::MIN.into(), i8::MAX.into()),
        "int16" => (i16::MIN.into(), i16::MAX.into()),
        "int32" => (i32::MIN.into(), i32::MAX.into()),
        "uint64" | "uint" => (0, u64::MAX.into()),
        _ => (i64::MIN.into(), i64::MAX.into()),
    }
}
