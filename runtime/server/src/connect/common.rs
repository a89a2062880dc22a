//! The keys that every connector has, what each takes here, and what is told of them.

use super::class::VERSION;

/// A key of every connector.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common {
    pub(crate) name: &'static str,
    pub(crate) of: Of,
    /// Its type in Kafka Connect's words.
    pub(crate) kind: &'static str,
    pub(crate) default: Option<&'static str>,
    pub(crate) importance: &'static str,
    pub(crate) group: &'static str,
    pub(crate) display_name: &'static str,
    pub(crate) takes: Takes,
    pub(crate) documentation: &'static str,
}

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    All,
    Sinks,
    Sources,
    /// Of a converter, and so not listed with connectors: only `JsonConverter` has any.
    Converter,
}

/// What may be said with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// It becomes a part of the pipeline.
    Meaning,
    /// Only these, which say what is done in any case.
    Only(&'static [&'static str]),
    /// Nothing, since it would not be done; but clients that send all keys send this one too.
    Empty(&'static str),
    /// Nothing, since it would not be done. Such a key is not listed.
    Nothing(&'static str),
}

const BYTES: &str = "org.apache.kafka.connect.converters.ByteArrayConverter";
const STRING: &str = "org.apache.kafka.connect.storage.StringConverter";
pub(crate) const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
const SIMPLE: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";

/// What may stand for a converter, and which kind it is there.
pub(crate) const CONVERTERS: &[(&str, &str)] = &[
    (BYTES, "converter"),
    (JSON, "converter"),
    (STRING, "converter"),
    (BYTES, "header_converter"),
    (SIMPLE, "header_converter"),
    (STRING, "header_converter"),
];

const GENERAL: &str = "Common";
const ERRORS: &str = "Error Handling";

const fn key(name: &'static str, kind: &'static str, takes: Takes, documentation: &'static str) -> Common {
    let (group, display_name, importance) = (GENERAL, name, "MEDIUM");
    Common { name, of: Of::All, kind, default: None, importance, group, display_name, takes, documentation }
}

impl Common {
    const fn of(self, of: Of) -> Common {
        Common { of, ..self }
    }

    const fn default(self, default: &'static str) -> Common {
        Common { default: Some(default), ..self }
    }

    const fn shown(self, display_name: &'static str, importance: &'static str) -> Common {
        Common { display_name, importance, ..self }
    }

    const fn group(self, group: &'static str) -> Common {
        Common { group, ..self }
    }

    /// Whether a connector without it is incomplete.
    pub(crate) fn is_required(&self) -> bool {
        self.default.is_none()
    }
}

use Takes::{Empty, Meaning, Nothing, Only};

/// In the order in which they are listed.
#[rustfmt::skip]
const KEYS: &[Common] = &[
    key("name", "STRING", Meaning, "Names the connector: the pipeline of that name.").shown("Connector name", "HIGH"),
    key("connector.class", "STRING", Meaning, "The connector: `LakeSinkConnector`, or shorter `LakeSink` or `lake`.").shown("Connector class", "HIGH"),
    key("connector.plugin.version", "STRING", Only(&[VERSION]), "All connectors are of the server's own version.").default(VERSION).shown("Connector version", "MEDIUM"),
    key("tasks.max", "INT", Meaning, "How many copies of the pipeline share the partitions; a source that cannot be shared has one.").default("1").shown("Tasks max", "HIGH"),
    key("tasks.max.enforce", "BOOLEAN", Only(&["true"]), "There are never more tasks than that.").default("true").shown("Enforce tasks max", "LOW"),
    key("key.converter", "CLASS", Only(&[BYTES, STRING]), "Keys pass byte for byte.").default(BYTES).shown("Key converter class", "LOW"),
    key("key.converter.schemas.enable", "BOOLEAN", Only(&["false"]), "No envelope of a schema is taken off or put around keys.").default("false").shown("Schemas in keys", "LOW"),
    key("value.converter", "CLASS", Only(&[BYTES, STRING, JSON]), "Payloads pass byte for byte; steps that ask for fields read them as JSON. With `JsonConverter` a sink takes nothing but JSON.").default(BYTES).shown("Value converter class", "LOW"),
    key("value.converter.converter.type", "STRING", Only(&["value"]), "What is converted.").of(Of::Converter).shown("converter.type", "LOW"),
    key("value.converter.schemas.enable", "BOOLEAN", Only(&["true", "false"]), "Whether the values that `JsonConverter` reads stand in an envelope with their schema, which is taken off. None is put around values that are written.").default("true").shown("Schemas in values", "LOW"),
    key("value.converter.schemas.cache.size", "INT", Only(&["1000"]), "No schema is kept.").of(Of::Converter).default("1000").group("Schemas").shown("Schema Cache Size", "HIGH"),
    key("value.converter.decimal.format", "STRING", Only(&["BASE64", "NUMERIC"]), "Numbers stay as they are written.").of(Of::Converter).default("BASE64").group("Serialization").shown("Decimal Format", "LOW"),
    key("value.converter.replace.null.with.default", "BOOLEAN", Only(&["false"]), "A field that is null stays null, whatever default its schema has.").of(Of::Converter).default("false").group("Serialization").shown("Replace null with default", "LOW"),
    key("header.converter", "CLASS", Only(&[BYTES, STRING, SIMPLE]), "Headers pass byte for byte.").default(BYTES).shown("Header converter class", "LOW"),
    key("transforms", "LIST", Meaning, "Names for the steps that records pass on their way, in this order.").default("").group("Transforms").shown("Transforms", "LOW"),
    key("predicates", "LIST", Empty("give a transform `transforms.NAME.when`, a query"), "A transform has conditions of its own: `transforms.NAME.when`, a query.").default("").group("Predicates").shown("Predicates", "LOW"),
    key("config.action.reload", "STRING", Only(&["restart"]), "A file that a connector reads and that changes is read again.").default("restart").shown("Reload Action", "LOW"),
    key("errors.retry.timeout", "LONG", Only(&["-1"]), "What another system refuses while it is away is tried again until it is back.").default("-1").group(ERRORS).shown("Retry Timeout for Errors", "MEDIUM"),
    key("errors.retry.delay.max.ms", "LONG", Meaning, "The longest wait between two attempts.").default("30000").group(ERRORS).shown("Maximum Delay Between Retries for Errors", "MEDIUM"),
    key("errors.tolerance", "STRING", Meaning, "`none`: a record that cannot be processed or stored stops the connector. `all`: it goes to the dead letter queue, or is dropped and counted where there is none.").default("none").group(ERRORS).shown("Error Tolerance", "MEDIUM"),
    key("errors.log.enable", "BOOLEAN", Only(&["false"]), "Rejected records are in the dead letter queue with the reason, not in the log.").default("false").group(ERRORS).shown("Log Errors", "MEDIUM"),
    key("errors.log.include.messages", "BOOLEAN", Only(&["false"]), "No record is shown in the log.").default("false").group(ERRORS).shown("Log Error Details", "MEDIUM"),
    key("topics", "LIST", Meaning, "Topics to read, separated by commas.").of(Of::Sinks).default("").shown("Topics", "HIGH"),
    key("topics.regex", "STRING", Meaning, "A regular expression that a topic's whole name matches, instead of `topics`.").of(Of::Sinks).default("").shown("Topics regex", "HIGH"),
    key("errors.deadletterqueue.topic.name", "STRING", Meaning, "The topic that records go to which cannot be processed or stored, with the reason in their headers. It has to be there.").of(Of::Sinks).default("").group(ERRORS).shown("Dead Letter Queue Topic Name", "MEDIUM"),
    key("errors.deadletterqueue.topic.replication.factor", "SHORT", Nothing("topics are not created, the dead letter queue has to be there"), "").of(Of::Sinks),
    key("errors.deadletterqueue.context.headers.enable", "BOOLEAN", Only(&["true"]), "Dead letters say in `catchwater.*` headers where they come from and why.").of(Of::Sinks).default("true").group(ERRORS).shown("Enable Error Context Headers", "MEDIUM"),
    key("topic", "STRING", Meaning, "The topic to write to, which may differ from record to record: `${stream}`.").of(Of::Sources).shown("Topic", "HIGH"),
    key("topic.creation.groups", "LIST", Nothing("topics are not created"), "").of(Of::Sources),
    key("exactly.once.support", "STRING", Only(&["requested"]), "Records are written at least once.").of(Of::Sources).default("requested").shown("Exactly once support", "LOW"),
    key("transaction.boundary", "STRING", Nothing("records are not written in transactions"), "").of(Of::Sources),
    key("transaction.boundary.interval.ms", "LONG", Nothing("records are not written in transactions"), "").of(Of::Sources),
    key("offsets.storage.topic", "STRING", Nothing("offsets are kept in the server's data folder"), "").of(Of::Sources),
];

/// Those that are listed of sinks, or of sources.
pub(crate) fn keys(is_source: bool) -> impl Iterator<Item = &'static Common> {
    KEYS.iter().filter(move |key| match key.of {
        Of::All => true,
        Of::Sinks => !is_source,
        Of::Sources => is_source,
        Of::Converter => false,
    })
}

/// Those of `JsonConverter`, by the names that it has for them itself.
pub(crate) fn of_json() -> impl Iterator<Item = (&'static str, &'static Common)> {
    KEYS.iter().filter_map(|key| Some((key.name.strip_prefix("value.converter.")?, key)))
}

/// The key of that name.
pub(crate) fn find(name: &str, is_source: bool) -> Option<&'static Common> {
    keys(is_source).chain(of_json().map(|(_, key)| key)).find(|key| key.name == name)
}
