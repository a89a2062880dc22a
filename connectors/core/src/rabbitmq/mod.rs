//! What the RabbitMQ source, sink and tap share: how a broker is reached, what its errors mean, how a message becomes a record,
//! and how its typed values become fields of one and values again.

pub(crate) mod connection;
pub(crate) mod failure;
pub(crate) mod message;
pub(crate) mod nested;
pub(crate) mod typed;

use lapin::types::FieldTable;

/// Which messages of an exchange are led to a queue.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) arguments: FieldTable,
}

/// The property that names the exchange which a message came through. Who has it came from AMQP.
pub(crate) const EXCHANGE: &str = "exchange";
/// Stands for a table of headers that is there and empty, which is not the same as none.
pub(crate) const HEADERS: &str = "headers";
