//! Where a record goes, and under which key.

use catchwater_sdk::record::RecordRef;
use rdkafka::message::{Header, OwnedHeaders};

use super::config::{PartitionBy, Plan};

/// Where a record goes; the buffers are used again for the next.
#[derive(Debug, Default)]
pub(super) struct Route {
    pub(super) topic: String,
    pub(super) partition: Option<i32>,
    key: Vec<u8>,
    has_own_key: bool,
}

impl Route {
    /// Finds the way for a record, or says what the record lacks.
    pub(super) fn find(&mut self, plan: &Plan, record: RecordRef<'_>) -> Result<(), String> {
        self.topic.clear();
        plan.topic.render_text(record, &mut self.topic)?;
        if self.topic.is_empty() || self.topic.contains('\0') {
            return Err("the record gives its topic no name".into());
        }
        self.key.clear();
        self.has_own_key = plan.key.is_none();
        if let Some(key) = &plan.key {
            key.render(record, &mut self.key)?;
        }
        self.partition = partition(&plan.partition, record)?;
        Ok(())
    }

    /// The key; `None` is no key.
    pub(super) fn key<'a>(&'a self, record: RecordRef<'a>) -> Option<&'a [u8]> {
        if self.has_own_key { record.key() } else { Some(&self.key) }
    }
}

fn partition(by: &PartitionBy, record: RecordRef<'_>) -> Result<Option<i32>, String> {
    match by {
        PartitionBy::Key => Ok(None),
        PartitionBy::Same => Ok(Some(record.partition().number)),
        PartitionBy::Number(number) => Ok(Some(*number)),
        PartitionBy::Template(template) => {
            let mut text = String::new();
            template.render_text(record, &mut text)?;
            let number = text.parse().ok().filter(|number| *number >= 0);
            number.map(Some).ok_or_else(|| format!("`{text}` is not the number of a partition"))
        }
    }
}

/// Headers as they are: order, duplicates and nulls.
pub(super) fn headers(record: RecordRef<'_>) -> Option<OwnedHeaders> {
    let headers = record.headers();
    if headers.len() == 0 {
        return None;
    }
    let all = OwnedHeaders::new_with_capacity(headers.len());
    Some(headers.fold(all, |all, header| all.insert(Header { key: header.name, value: header.value })))
}

/// Milliseconds, as Kafka counts. For the client 0 means now, so the first moment of 1970 becomes the second.
pub(super) fn timestamp(record: RecordRef<'_>) -> Option<i64> {
    let millis = record.timestamp()?.micros.div_euclid(1000);
    Some(if millis == 0 { 1 } else { millis })
}
