//! A connection with a channel that publishes, and what was published by it and is not answered yet.
//!
//! A returned message hangs on some confirmation of its group, not always its own. So confirmations are awaited all
//! together, and returned messages are found again by what is in them; equal ones are interchangeable.

use std::time::Duration;

use catchwater_sdk::{Batch, Error, Result};
use lapin::message::BasicReturnMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ExchangeKind, PublisherConfirm};
use tokio::time::{Instant, timeout_at};

use super::message::Message;
use crate::rabbitmq::connection::{Address, answered, close};
use crate::rabbitmq::failure::is_not_found;

/// A broker that confirms nothing for this long counts as away.
const CONFIRM_WITHIN: Duration = Duration::from_secs(30);

/// A record of a batch.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) batch: Batch,
    pub(super) row: usize,
}

/// A record that is on its way.
struct Sent {
    row: Row,
    message: Message,
    confirm: PublisherConfirm,
    outcome: Option<lapin::Result<Confirmation>>,
}

/// What became of the records that were on their way.
#[derive(Default)]
pub(super) struct Settlement {
    /// No queue takes them.
    pub(super) returned: Vec<(Row, String)>,
    /// The broker took them back, or nobody knows.
    pub(super) again: Vec<Row>,
    /// Why nobody knows.
    pub(super) cause: Option<lapin::Error>,
}

/// A channel that publishes.
pub(super) struct Link {
    connection: Connection,
    channel: Channel,
    sent: Vec<Sent>,
    sent_bytes: usize,
}

impl Row {
    pub(super) fn payload(&self) -> &[u8] {
        self.batch.get(self.row).payload().unwrap_or_default()
    }
}

impl Link {
    /// Connects, and asks for confirmations.
    pub(super) async fn open(address: &Address, name: &str) -> Result<Link> {
        let connection = address.connect(name).await?;
        let doing = format!("publish to RabbitMQ at {}", address.shown);
        let channel = answered(&doing, connection.create_channel()).await?;
        answered(&doing, channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(Link { connection, channel, sent: Vec::new(), sent_bytes: 0 })
    }

    pub(super) fn is_connected(&self) -> bool {
        self.channel.status().connected()
    }

    /// How many records are on their way, and how many bytes.
    pub(super) fn under_way(&self) -> (usize, usize) {
        (self.sent.len(), self.sent_bytes)
    }

    /// Whether there is an exchange of that name. A channel of its own: the broker closes it to say no.
    pub(super) async fn has_exchange(&self, name: &str) -> lapin::Result<bool> {
        let channel = self.connection.create_channel().await?;
        let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        let declared =
            channel.exchange_declare(name.into(), ExchangeKind::Direct, options, FieldTable::default()).await;
        answer(declared)
    }

    /// Whether there is a queue of that name.
    pub(super) async fn has_queue(&self, name: &str) -> lapin::Result<bool> {
        let channel = self.connection.create_channel().await?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        answer(channel.queue_declare(name.into(), options, FieldTable::default()).await)
    }

    /// Publishes a record; it is on its way afterwards, whatever the answer. While the broker is short of memory or room on
    /// its disk, it reads nothing, and this waits.
    pub(super) async fn publish(&mut self, row: Row, message: Message, mandatory: bool) -> lapin::Result<()> {
        let (exchange, key) = (message.exchange.clone(), message.routing_key.clone());
        let options = BasicPublishOptions { mandatory, immediate: false };
        let publishing = self.channel.basic_publish(exchange, key, options, row.payload(), message.properties.clone());
        let confirm = publishing.await?;
        self.sent_bytes += row.payload().len();
        self.sent.push(Sent { row, message, confirm, outcome: None });
        Ok(())
    }

    /// Waits until everything on its way is answered. `Err`: not yet, and it stays on its way.
    pub(super) async fn settle(&mut self) -> Result<Settlement> {
        let deadline = Instant::now() + CONFIRM_WITHIN;
        for sent in self.sent.iter_mut().filter(|sent| sent.outcome.is_none()) {
            match timeout_at(deadline, &mut sent.confirm).await {
                Ok(outcome) => sent.outcome = Some(outcome),
                Err(_) if self.connection.status().blocked() => {
                    return Err(Error::unavailable(
                        "publish to RabbitMQ: the broker takes nothing at present, its memory or its disk is short",
                    ));
                }
                Err(_) => {
                    return Err(Error::unavailable(format!(
                        "publish to RabbitMQ: messages are not confirmed after {CONFIRM_WITHIN:?}"
                    )));
                }
            }
        }
        self.sent_bytes = 0;
        Ok(sort(std::mem::take(&mut self.sent)))
    }

    /// All that is on its way. It is published again by another link: a confirmation that nobody awaits any more would take the
    /// next returned message away.
    pub(super) fn into_rows(self) -> Vec<Row> {
        self.sent.into_iter().map(|sent| sent.row).collect()
    }

    /// Says goodbye.
    pub(super) async fn close(self) {
        close(self.connection).await;
    }
}

fn answer<T>(declared: lapin::Result<T>) -> lapin::Result<bool> {
    match declared {
        Ok(_) => Ok(true),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn sort(sent: Vec<Sent>) -> Settlement {
    let mut settlement = Settlement::default();
    let mut returns = Vec::new();
    let mut answered = Vec::new();
    for Sent { row, message, outcome, .. } in sent {
        match outcome {
            Some(Ok(confirmation)) => {
                let taken = confirmation.is_ack();
                returns.extend(confirmation.take_message());
                answered.push((row, message, taken));
            }
            Some(Err(error)) => {
                settlement.cause.get_or_insert(error);
                settlement.again.push(row);
            }
            None => settlement.again.push(row),
        }
    }
    for returned in returns {
        let found = answered.iter().position(|(row, message, _)| is_same(&returned, row, message));
        // One that is found nowhere was returned for a record that is published again.
        let Some(found) = found else { continue };
        let (row, ..) = answered.remove(found);
        settlement.returned.push((row, reason(&returned)));
    }
    let taken_back: Vec<Row> = answered.into_iter().filter(|(.., taken)| !taken).map(|(row, ..)| row).collect();
    settlement.again.splice(0..0, taken_back);
    settlement
}

fn is_same(returned: &BasicReturnMessage, row: &Row, message: &Message) -> bool {
    let delivery = &returned.delivery;
    delivery.exchange == message.exchange
        && delivery.routing_key == message.routing_key
        && delivery.data == row.payload()
        && is_same_but_for_bcc(&delivery.properties, &message.properties)
}

/// The broker takes the header `BCC` out.
fn is_same_but_for_bcc(returned: &BasicProperties, sent: &BasicProperties) -> bool {
    let has_bcc = sent.headers().as_ref().is_some_and(|headers| headers.contains_key("BCC"));
    has_bcc || returned == sent
}

fn reason(returned: &BasicReturnMessage) -> String {
    let (exchange, key) = (returned.delivery.exchange.as_str(), returned.delivery.routing_key.as_str());
    let through =
        if exchange.is_empty() { "the default exchange".to_owned() } else { format!("exchange `{exchange}`") };
    format!("no queue takes it: {through} with routing key `{key}` ({} {})", returned.reply_code, returned.reply_text)
}
