//! What a query names: fields of the payload, and the envelope around it.

use std::fmt;

use catchwater_sdk::Value;

use crate::error::QueryError;
use crate::evaluate::payload;
use crate::parse;

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// A value in the payload.
    Payload(Path),
    /// What is known of the record beside its payload.
    Envelope(Envelope),
}

/// A way into the payload: keys within keys, through lists into each element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    pub(crate) keys: Box<[Key]>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key as it stands in the payload.
    pub name: Box<str>,
    /// Written in backquotes: it is one key. Others next to each other may also be one key with dots.
    pub whole: bool,
}

/// What is known of a record beside its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// `_key`: the bytes of the key.
    Key,
    /// `_headers.NAME`: the values of all headers of that name; `_headers`: of all headers.
    Headers(Option<Box<str>>),
    /// `_properties.NAME`, as headers.
    Properties(Option<Box<str>>),
    /// `_timestamp`: the source's time.
    Timestamp,
    /// `_timestamp_type`: `create` or `append`.
    TimestampType,
    /// `_ingested_at`: when it came into the lake.
    IngestedAt,
    /// `_source`: the system that it came from.
    Source,
    /// `_stream`: topic, queue, file.
    Stream,
    /// `_partition`: a number.
    Partition,
    /// `_position`: a number.
    Position,
    /// `_index`: a number, 0 unless one record became several.
    Index,
    /// `_id`: the row's identity.
    Id,
    /// `_payload`: the bytes of the payload.
    Payload,
    /// `_schema`: the hash of the schema that it was stored under.
    Schema,
    /// `_error`: what no columns could be made of.
    Error,
    /// `_redelivered`: true or false.
    Redelivered,
    /// `_replay`: the replay that sent it.
    Replay,
}

/// What kind of values an envelope field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// Headers say of each value what it is.
    Any,
    Number,
    Moment,
    Bool,
}

/// The names without their dotted parts.
pub(crate) const NAMES: &[&str] = &[
    "_key",
    "_headers",
    "_properties",
    "_timestamp",
    "_timestamp_type",
    "_ingested_at",
    "_source",
    "_stream",
    "_partition",
    "_position",
    "_index",
    "_id",
    "_payload",
    "_schema",
    "_error",
    "_redelivered",
    "_replay",
];

// === impl Field ===

impl Field {
    /// Reads a name as a query has it before the colon.
    pub fn parse(name: &str) -> Result<Field, QueryError> {
        parse::parse_field(name)
    }

    /// Whether it is known only of records that are in a lake.
    pub fn is_of_the_lake(&self) -> bool {
        use Envelope::{Error, IngestedAt, Replay, Schema};
        matches!(self, Field::Envelope(IngestedAt | Schema | Error | Replay))
    }
}

impl Path {
    /// Its keys, outermost first.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// What a payload has there, by the rules by which a query looks: several values where the way leads through a list.
    pub fn values<'v>(&self, payload: Value<'v>) -> Vec<Value<'v>> {
        payload::values(payload, &self.keys)
    }
}

impl Envelope {
    /// By its name; `rest` is what stands behind the first dot.
    pub(crate) fn named(name: &str, rest: Option<&str>) -> Option<Envelope> {
        let plain = match name {
            "_headers" => return Some(Envelope::Headers(rest.map(Into::into))),
            "_properties" => return Some(Envelope::Properties(rest.map(Into::into))),
            "_key" => Envelope::Key,
            "_timestamp" => Envelope::Timestamp,
            "_timestamp_type" => Envelope::TimestampType,
            "_ingested_at" => Envelope::IngestedAt,
            "_source" => Envelope::Source,
            "_stream" => Envelope::Stream,
            "_partition" => Envelope::Partition,
            "_position" => Envelope::Position,
            "_index" => Envelope::Index,
            "_id" => Envelope::Id,
            "_payload" => Envelope::Payload,
            "_schema" => Envelope::Schema,
            "_error" => Envelope::Error,
            "_redelivered" => Envelope::Redelivered,
            "_replay" => Envelope::Replay,
            _ => return None,
        };
        rest.is_none().then_some(plain)
    }

    /// The name of its column.
    pub fn name(&self) -> &'static str {
        match self {
            Envelope::Key => "_key",
            Envelope::Headers(_) => "_headers",
            Envelope::Properties(_) => "_properties",
            Envelope::Timestamp => "_timestamp",
            Envelope::TimestampType => "_timestamp_type",
            Envelope::IngestedAt => "_ingested_at",
            Envelope::Source => "_source",
            Envelope::Stream => "_stream",
            Envelope::Partition => "_partition",
            Envelope::Position => "_position",
            Envelope::Index => "_index",
            Envelope::Id => "_id",
            Envelope::Payload => "_payload",
            Envelope::Schema => "_schema",
            Envelope::Error => "_error",
            Envelope::Redelivered => "_redelivered",
            Envelope::Replay => "_replay",
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Envelope::Timestamp | Envelope::IngestedAt => Kind::Moment,
            Envelope::Partition | Envelope::Position | Envelope::Index => Kind::Number,
            Envelope::Redelivered => Kind::Bool,
            Envelope::Headers(_) | Envelope::Properties(_) => Kind::Any,
            _ => Kind::Text,
        }
    }
}

/// As a query writes it.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Payload(path) => path.fmt(f),
            Field::Envelope(envelope) => {
                f.write_str(envelope.name())?;
                match envelope {
                    Envelope::Headers(Some(name)) | Envelope::Properties(Some(name)) => write!(f, ".{}", Quoted(name)),
                    _ => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, key) in self.keys.iter().enumerate() {
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '$' | '/');
            let begins = |c: char| !matches!(c, '-') && (i > 0 || c != '_');
            let bare = !key.whole && key.name.starts_with(begins) && key.name.chars().all(plain);
            let dot = if i == 0 { "" } else { "." };
            match bare {
                true => write!(f, "{dot}{}", key.name)?,
                false if key.whole => write!(f, "{dot}{}", Quoted(&key.name))?,
                false => write!(f, "{dot}{}", Escaped(&key.name))?,
            }
        }
        Ok(())
    }
}

/// In backquotes.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0.replace('`', "``"))
    }
}

/// With a backslash before each character that could mean something.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c.is_alphanumeric() {
            true => write!(f, "{c}"),
            false => write!(f, "\\{c}"),
        })
    }
}
