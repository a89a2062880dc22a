//! A connection with a channel that publishes, and what was published by it and is not answered yet.
//!
//! A returned message hangs on some confirmation of its group, not always its own. So confirmations are awaited all
//! together, and returned messages are found again by what is in them; equal ones are interchangeable. A broker may have changed
//! what it returns: its interceptors write headers and times into messages before they look for a queue.

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
    /// A message came back, and it is not known which.
    pub(super) unclear: bool,
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
        let sent = std::mem::take(&mut self.sent).into_iter();
        Ok(sort(sent.map(|Sent { row, message, outcome, .. }| (row, message, outcome))))
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

fn sort(sent: impl Iterator<Item = (Row, Message, Option<lapin::Result<Confirmation>>)>) -> Settlement {
    let mut settlement = Settlement::default();
    let mut returns = Vec::new();
    let mut answered = Vec::new();
    for (row, message, outcome) in sent {
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
    let mut strays = 0;
    for returned in returns {
        // The only one that is left is it, however it was changed, unless it may be one that is published again.
        let is_alone = answered.len() == 1 && settlement.again.is_empty();
        let sent = answered.iter().map(|(row, message, _)| (row.payload(), message));
        match whose(&returned, sent).or(is_alone.then_some(0)) {
            Some(found) => settlement.returned.push((answered.remove(found).0, reason(&returned))),
            None => strays += 1,
        }
    }
    // One that is found nowhere was returned for a record that is published again. Where there are more of them, it may have
    // been for any.
    settlement.unclear = strays > settlement.again.len();
    let again = answered.into_iter().filter(|(.., taken)| settlement.unclear || !taken).map(|(row, ..)| row);
    settlement.again.splice(0..0, again.collect::<Vec<_>>());
    settlement
}

/// Which of these was sent and came back: the one that is the same, else the one that a broker could have made it of.
fn whose<'a>(
    returned: &BasicReturnMessage,
    sent: impl Iterator<Item = (&'a [u8], &'a Message)> + Clone,
) -> Option<usize> {
    let delivery = &returned.delivery;
    let is_there = |payload: &[u8], message: &Message| {
        delivery.exchange == message.exchange && delivery.routing_key == message.routing_key && delivery.data == payload
    };
    let find = |is_same: fn(&BasicProperties, &BasicProperties) -> bool| {
        let is_it = |(payload, message): (&[u8], &Message)| {
            is_there(payload, message) && is_same(&delivery.properties, &message.properties)
        };
        sent.clone().position(is_it)
    };
    find(|returned, sent| returned == sent).or_else(|| find(has_headers)).or_else(|| find(|_, _| true))
}

/// Every header that was sent, but for `BCC`, which each broker takes out.
fn has_headers(returned: &BasicProperties, sent: &BasicProperties) -> bool {
    let none = FieldTable::default();
    let [returned, sent] = [returned, sent].map(|properties| properties.headers().as_ref().unwrap_or(&none).inner());
    sent.iter().all(|(name, value)| name.as_str() == "BCC" || returned.get(name) == Some(value))
}

fn reason(returned: &BasicReturnMessage) -> String {
    let (exchange, key) = (returned.delivery.exchange.as_str(), returned.delivery.routing_key.as_str());
    let through =
        if exchange.is_empty() { "the default exchange".to_owned() } else { format!("exchange `{exchange}`") };
    format!("no queue takes it: {through} with routing key `{key}` ({} {})", returned.reply_code, returned.reply_text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use catchwater_sdk::{BatchBuilder, Limit, Partition, Record};
    use lapin::message::Delivery;
    use lapin::types::AMQPValue;

    use super::*;

    fn message(header: i32) -> Message {
        let mut headers = FieldTable::default();
        headers.insert("n".into(), AMQPValue::LongInt(header));
        Message {
            exchange: "e".into(),
            routing_key: "k".into(),
            properties: BasicProperties::default().with_headers(headers),
        }
    }

    fn returned(payload: &[u8], properties: BasicProperties) -> BasicReturnMessage {
        let delivery = Delivery::mock(1, "e".into(), "k".into(), false, payload.to_vec());
        BasicReturnMessage {
            delivery: Delivery { properties, ..delivery },
            reply_code: 312,
            reply_text: "NO_ROUTE".into(),
        }
    }

    #[test]
    fn what_a_broker_changed_is_found_by_what_it_left() {
        let (one, two) = (message(1), message(2));
        let sent: [(&[u8], &Message); 3] = [(b"a", &one), (b"a", &two), (b"b", &one)];
        let stamped = |message: &Message| {
            let mut headers = message.properties.headers().clone().expect("it has some");
            headers.insert("timestamp_in_ms".into(), AMQPValue::LongLongInt(7));
            message.properties.clone().with_headers(headers).with_timestamp(7)
        };
        let check = |payload, properties, expected| {
            assert_eq!(whose(&returned(payload, properties), sent.into_iter()), expected)
        };
        check(b"a", two.properties.clone(), Some(1));
        check(b"a", stamped(&two), Some(1));
        check(b"a", BasicProperties::default(), Some(0));
        check(b"b", stamped(&two), Some(2));
        check(b"c", one.properties.clone(), None);
    }

    /// What becomes of records that are `a` and `b`, of which the first came back as another.
    fn sorted(outcomes: Vec<lapin::Result<Confirmation>>) -> (usize, usize, bool) {
        let partition =
            Partition { source: "s".into(), stream: "t".into(), incarnation: String::new().into(), number: 0 };
        let mut batch = BatchBuilder::new(Limit::default());
        let origin = batch.origin(&Arc::new(partition));
        for (position, payload) in (0..).zip([b"a", b"b"]) {
            batch.push(origin, position, position + 1, Record { payload: Some(payload), ..Record::default() });
        }
        let batch = batch.finish();
        let sent = outcomes.into_iter().enumerate();
        let sent = sent.map(|(row, outcome)| (Row { batch: batch.clone(), row }, message(1), Some(outcome)));
        let settlement = sort(sent);
        (settlement.returned.len(), settlement.again.len(), settlement.unclear)
    }

    #[test]
    fn one_that_is_not_known_again_is_the_one_that_went_alone_or_may_be_any() {
        let back = || Ok(Confirmation::Ack(Some(returned(b"c", BasicProperties::default()))));
        let lost = || Err(lapin::ErrorKind::ChannelsLimitReached.into());
        assert_eq!(sorted(vec![back()]), (1, 0, false), "it went alone");
        assert_eq!(sorted(vec![back(), Ok(Confirmation::Ack(None))]), (0, 2, true), "it may be either");
        assert_eq!(sorted(vec![back(), lost()]), (0, 1, false), "it is the one that is published again");
        assert_eq!(sorted(vec![back(), back()]), (0, 2, true));
    }
}
