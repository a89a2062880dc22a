//! Errors whose kind is the instruction to the engine.

use std::error::Error as StdError;
use std::fmt;

/// What a connector answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the engine does about an error; it is matched in one place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration cannot work. The pipeline does not start.
    Config,
    /// The other system is away. The same call again, after `open`, with backoff and jitter.
    Unavailable,
    /// What this component holds is fenced or lost. Abandon what is not durable, ask what is stored, read on from there.
    Stale,
    /// The other system said no, or going on would harm. Stop and tell the operator.
    Refused,
    /// The other side wants nothing more, as the reader of a pipe that has gone. Stop, and do not call it a failure.
    Ended,
    /// The records at hand cannot be processed or stored. Dead-letter them.
    Data,
    /// A promise inside Catchwater was broken. Stop and ask for a report.
    Bug,
}

/// What was being done to what; the cause is the source, not part of the text.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    key: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of that kind; `message` is lowercase and says what was being done to what.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), key: None, source: None }
    }

    /// See [`ErrorKind::Config`].
    pub fn config(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Config, message)
    }

    /// See [`ErrorKind::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Unavailable, message)
    }

    /// See [`ErrorKind::Stale`].
    pub fn stale(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Stale, message)
    }

    /// See [`ErrorKind::Refused`].
    pub fn refused(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Refused, message)
    }

    /// See [`ErrorKind::Ended`].
    pub fn ended(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Ended, message)
    }

    /// See [`ErrorKind::Data`].
    pub fn data(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Data, message)
    }

    /// See [`ErrorKind::Bug`].
    pub fn bug(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Bug, message)
    }

    /// The key of the component's configuration that is to blame, such as `topics[1]`: `check` then shows its line.
    pub fn at_key(mut self, key: impl Into<String>) -> Error {
        self.key = Some(key.into());
        self
    }

    /// With the error that caused it.
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.source = Some(source.into());
        self
    }

    /// What the engine does about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The configuration key to blame, if the error named one.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The message and all its causes in one line.
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            let part = error.to_string();
            if !text.ends_with(&part) {
                text.push_str(": ");
                text.push_str(&part);
            }
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Gives an error its kind and says what was being done.
pub trait ResultExt<T>: Sized {
    /// An error of `kind` with this one as its cause.
    fn or_kind(self, kind: ErrorKind, doing: impl FnOnce() -> String) -> Result<T>;

    /// See [`ErrorKind::Config`].
    fn or_config(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.or_kind(ErrorKind::Config, doing)
    }

    /// See [`ErrorKind::Unavailable`].
    fn or_unavailable(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.or_kind(ErrorKind::Unavailable, doing)
    }

    /// See [`ErrorKind::Refused`].
    fn or_refused(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.or_kind(ErrorKind::Refused, doing)
    }

    /// See [`ErrorKind::Data`].
    fn or_data(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.or_kind(ErrorKind::Data, doing)
    }

    /// See [`ErrorKind::Bug`].
    fn or_bug(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.or_kind(ErrorKind::Bug, doing)
    }
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> ResultExt<T> for std::result::Result<T, E> {
    fn or_kind(self, kind: ErrorKind, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::new(kind, doing()).because(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_causes_without_saying_one_twice() {
        let io: std::result::Result<(), _> = Err(std::io::Error::other("disk is full"));
        let error = io.or_unavailable(|| "write segment 7".into()).expect_err("it is an error");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.to_string(), "write segment 7");
        assert_eq!(error.chain(), "write segment 7: disk is full");
    }
}
