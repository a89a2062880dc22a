//! What the RabbitMQ source and the RabbitMQ sink share: how a broker is reached, what its errors mean, and how its typed
//! values become fields of a record and values again.

pub(crate) mod connection;
pub(crate) mod failure;
pub(crate) mod nested;
pub(crate) mod typed;

/// The property that names the exchange which a message came through. Who has it came from AMQP.
pub(crate) const EXCHANGE: &str = "exchange";
/// Stands for a table of headers that is there and empty, which is not the same as none.
pub(crate) const HEADERS: &str = "headers";
