//! What a user says about the sink.

use std::collections::BTreeMap;

use catchwater_sdk::config::Template;
use catchwater_sdk::{Context, Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;

use super::message;
use crate::rabbitmq::connection::{Address, Connection};

/// Publishes records to RabbitMQ, or to anything that speaks AMQP 0-9-1.
///
/// A record counts as written once the broker has confirmed it; what it does not confirm is published again, so that a
/// message may come twice and none is lost. A message that no queue takes is rejected, and not dropped in silence. Records keep
/// their order, but for those that the broker takes back.
///
/// A record that came from RabbitMQ is published as it was: exchange, routing key, every property, and headers with their
/// types. Three things are left out, because the broker would refuse or misread them: `user_id` where it is not the user who
/// publishes, and the headers `x-death` and `x-delivery-count`, which tell of the deliveries of another life. Of a
/// record that came from elsewhere the key becomes the routing key, headers of plain bytes become byte arrays, the time is cut
/// to seconds, and the message is persistent. AMQP has no two headers of one name: the last one stays. A tombstone has no
/// body, so it is rejected; so is what has no place in AMQP, such as a routing key of more than 255 bytes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(rename = "..")]
    connection: Connection,

    /// The exchange of this name, or where there is none the queue. Instead of `exchange`.
    #[schemars(extend("examples" = ["orders"], "x-names" = ["queue", "target"]))]
    to: Option<String>,

    /// The exchange, which may differ from record to record; an empty name is the default exchange, which leads to the queue
    /// that the routing key names. Default: the one that the record came through, else the default exchange.
    #[schemars(extend("examples" = ["events", "${header:exchange}"]))]
    exchange: Option<Template>,

    /// The routing key. Default: the record's own key, else none.
    #[schemars(extend("examples" = ["order.${field:status}"], "x-names" = ["key", "topic"]))]
    routing_key: Option<Template>,

    /// Properties to set, in place of the record's own: `content_type`, `content_encoding`, `delivery_mode`, `priority`,
    /// `correlation_id`, `reply_to`, `expiration`, `message_id`, `type`, `user_id`, `app_id` and `cluster_id`.
    #[serde(default)]
    #[schemars(extend("examples" = [{"content_type": "application/json", "message_id": "${key}"}]))]
    properties: BTreeMap<String, Template>,

    /// Whether a message that no queue takes is rejected. Without it the broker drops such messages, and nobody hears of it.
    #[serde(default = "yes")]
    mandatory: bool,

    /// How many messages may wait for the broker's confirmation before the pipeline waits for some.
    #[serde(default = "in_flight")]
    #[schemars(range(min = 1, max = 100000), extend("x-names" = ["max_in_flight", "batch_size"]))]
    in_flight: usize,
}

fn yes() -> bool {
    true
}

fn in_flight() -> usize {
    2000
}

/// Where records go.
#[derive(Debug)]
pub(super) enum Way {
    /// Through the exchange of this name, or to the queue: known once the broker was asked.
    To(String),
    /// Through the exchange that this says, or the record.
    Exchange(Option<Template>),
}

/// What the sink is to do; nothing is touched yet.
pub(super) struct Plan {
    pub(super) address: Address,
    pub(super) name: String,
    pub(super) way: Way,
    pub(super) routing_key: Option<Template>,
    pub(super) properties: BTreeMap<String, Template>,
    pub(super) mandatory: bool,
    pub(super) in_flight: usize,
    pub(super) in_flight_bytes: usize,
}

impl Plan {
    /// Checks what a schema cannot say.
    pub(super) fn new(config: Config, context: &Context) -> Result<Plan> {
        let address = config.connection.address()?;
        config.connection.note_files(context);
        if let Some(name) = config.properties.keys().find(|name| !message::is_property(name)) {
            let there_are = message::PROPERTIES.join(", ");
            let text = format!("`{name}` is no property of AMQP that can be set; there are {there_are}");
            return Err(Error::config(text).at_key(format!("properties.{name}")));
        }
        let way = match (config.to, config.exchange) {
            (Some(_), Some(_)) => return Err(Error::config("`to` and `exchange` exclude each other").at_key("to")),
            (Some(to), None) if to.is_empty() || to.len() > 255 => {
                return Err(Error::config("an exchange or queue has a name of at most 255 bytes").at_key("to"));
            }
            (Some(to), None) => Way::To(to),
            (None, exchange) => Way::Exchange(exchange),
        };
        Ok(Plan {
            address,
            name: format!("catchwater {}", context.pipeline),
            way,
            routing_key: config.routing_key,
            properties: config.properties,
            mandatory: config.mandatory,
            in_flight: config.in_flight,
            in_flight_bytes: usize::try_from(context.memory_bytes).unwrap_or(usize::MAX),
        })
    }
}
