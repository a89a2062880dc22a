//! What is wrong in a configuration, and where.

use std::fmt;
use std::ops::Range;

use super::Node;
use crate::error::Error;

/// What is wrong with a value, and what to do about it; the place is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong; lowercase, reads on after the key.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// A problem without advice.
    pub fn new(message: impl Into<String>) -> Problem {
        Problem { message: message.into(), help: None }
    }

    /// With advice.
    pub fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }

    /// At a place.
    pub fn at(self, span: Range<usize>) -> Mistake {
        Mistake { span, message: self.message, help: self.help, key: None }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

/// A mistake in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The bytes of the file to point at.
    pub span: Range<usize>,
    /// What is wrong; lowercase, reads on after the key.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The path of the key, such as `sinks[0].path`, where it is known.
    pub key: Option<String>,
}

impl Mistake {
    /// A mistake without advice.
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Mistake {
        Problem::new(message).at(span)
    }

    /// What a component said when it was built out of `component`, at the key that it named.
    pub fn of_component(component: &Node, error: &Error) -> Mistake {
        let key = error.key().unwrap_or_default();
        Mistake::new(component.span_of(key), component.redact(error.chain())).key(key)
    }

    /// With advice.
    pub fn help(mut self, help: impl Into<String>) -> Mistake {
        self.help = Some(help.into());
        self
    }

    /// With the path of its key.
    pub fn key(mut self, key: impl Into<String>) -> Mistake {
        self.key = Some(key.into()).filter(|key: &String| !key.is_empty());
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

/// The path of a key within another.
pub(super) fn join(parent: &str, rest: &str) -> String {
    let dot = if rest.is_empty() || rest.starts_with('[') { "" } else { "." };
    format!("{parent}{dot}{rest}")
}
