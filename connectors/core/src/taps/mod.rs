//! Looks at messages while they pass, without a trace: nothing is committed, and nothing is taken from anybody.
//!
//! A tap is written as a URL. Each kind is one file with its configuration, the trait, and a line in `KINDS`.

#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;

use catchwater_sdk::config::{Node, ProcessEnvironment, parse, resolve};
use catchwater_sdk::{Batch, Error, Limit, Result, async_trait, nearest};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::address::set_options;
use crate::begin::Begin;

/// Live messages of a topic or queue.
#[async_trait]
pub trait Tap: Send {
    /// Connects, and finds where to begin. Called once, before anything else.
    async fn open(&mut self) -> Result<()>;
    /// Waits for what comes next. Cancel safe: a message counts as seen once a returned batch holds it. A connection that
    /// breaks is made anew inside; an error is the end.
    async fn next(&mut self, limit: Limit) -> Result<Batch>;
}

/// How to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// Where to begin.
    pub begin: Begin,
    /// Whether messages may be taken from a queue where there is no other way to see them.
    pub consume: bool,
}

/// What stands behind the scheme, for the one who knows the scheme.
struct Address<'a> {
    /// Only who has several asks which one it was.
    #[cfg_attr(not(feature = "rabbitmq"), allow(dead_code))]
    scheme: &'a str,
    /// Between `//` and the question mark.
    rest: &'a str,
    options: &'a str,
}

type Build = fn(&Address<'_>, Way) -> Result<Box<dyn Tap>>;
type Beside = fn(&Node, Way) -> Result<Box<dyn Tap>>;

/// What can be tapped: the scheme, how it is written, and who builds it.
const KINDS: &[(&str, &str, Build)] = &[
    #[cfg(feature = "kafka")]
    ("kafka", "kafka://host:9092/topic", kafka::build),
    #[cfg(feature = "rabbitmq")]
    ("amqp", "amqp://user:password@host/vhost/queue", rabbitmq::build),
    #[cfg(feature = "rabbitmq")]
    ("amqps", "amqps://host/vhost?exchange=NAME&routing_key=KEY", rabbitmq::build),
];

/// Sources beside which can be tapped.
const SOURCES: &[(&str, Beside)] = &[
    #[cfg(feature = "kafka")]
    ("kafka", kafka::beside),
    #[cfg(feature = "rabbitmq")]
    ("rabbitmq", rabbitmq::beside),
];

/// A tap beside a source of that type with these keys; contacts nobody yet.
pub fn beside(source: &str, keys: &Node, way: Way) -> Result<Box<dyn Tap>> {
    let Some((_, beside)) = SOURCES.iter().find(|(name, _)| *name == source) else {
        let names = SOURCES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        return Err(Error::config(format!("a source of type `{source}` cannot be tapped; those can: {names}")));
    };
    beside(keys, way)
}

fn read<T: DeserializeOwned>(keys: &Node) -> Result<T> {
    keys.read().map_err(|mistake| Error::config(mistake.to_string()))
}

/// A tap for a URL; contacts nobody yet.
pub fn build(url: &str, way: Way) -> Result<Box<dyn Tap>> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(Error::config(format!("tap what? write a URL: {}", choices())));
    };
    let Some((_, _, build)) = KINDS.iter().find(|(kind, ..)| *kind == scheme) else {
        let near = nearest(scheme, KINDS.iter().map(|(kind, ..)| *kind));
        let near = near.map(|near| format!("did you mean `{near}://`? ")).unwrap_or_default();
        return Err(Error::config(format!("`{scheme}://` cannot be tapped; {near}there are: {}", choices())));
    };
    let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
    build(&Address { scheme, rest, options }, way)
}

fn choices() -> String {
    KINDS.iter().map(|(_, written, _)| *written).collect::<Vec<_>>().join(", ")
}

/// A configuration out of keys and options, read as a pipeline's is: with `${env:NAME}` and `${file:PATH}`.
fn configuration<T: DeserializeOwned>(mut keys: Map<String, Value>, options: &str) -> Result<T> {
    set_options(&mut keys, options).map_err(Error::config)?;
    let parsed = parse(&Value::Object(keys).to_string());
    let (mut mistakes, document) = (parsed.mistakes, parsed.documents.into_iter().next());
    let mut root = document.ok_or_else(|| Error::bug("read the keys of a URL"))?.root;
    resolve(&mut root, &ProcessEnvironment, &mut mistakes);
    match mistakes.into_iter().next() {
        Some(mistake) => Err(Error::config(mistake.to_string())),
        None => read(&root),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, words: &[&str]) {
        let error = build(url, Way::default()).map(drop).expect_err(url).chain();
        for word in words {
            assert!(error.contains(word), "{url}: {error}");
        }
        assert!(!error.contains("s3cret"), "{url}: {error}");
    }

    #[test]
    fn a_url_that_cannot_be_tapped_is_answered_with_what_can() {
        check("orders", &["write a URL"]);
        check("s3cret", &["write a URL"]);
    }

    #[test]
    #[cfg(feature = "rabbitmq")]
    fn mistakes_in_a_url_of_rabbitmq_are_named() {
        check("amqp://me:s3cret@mq/shop", &["which queue?", "exchange="]);
        check("amqp:///shop/orders", &["which broker?"]);
        check("amqp://me:s3cret@mq/shop/orders?exchange=events", &["either a queue or an exchange"]);
        check("amqp://me:s3cret@mq/shop?exchange=events&rooting_key=x", &["rooting_key"]);
        check("amqp://me:s3cret@mq/shop?routing_key=x", &["which exchange?"]);
    }

    #[test]
    #[cfg(feature = "kafka")]
    fn mistakes_in_a_url_of_kafka_are_named() {
        check("kafak://localhost:9092/orders", &["did you mean `kafka://`?"]);
        check("kafka://localhost:9092", &["which topic?"]);
        check("kafka:///orders", &["which broker?"]);
        check("kafka://me:s3cret@localhost:9092/orders", &["sasl"]);
        check("kafka://localhost:9092/orders?grup=x", &["grup"]);
        check("kafka://localhost:9092/orders?sasl.pasword=s3cret", &["pasword"]);
    }
}
