//! Asks the brokers where partitions begin and end, and where a time stands in them.

use rdkafka::consumer::{Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::ANSWER_WITHIN;
use crate::begin::Begin;

/// A topic's name and the number of a partition.
pub(crate) type Named = (String, i32);

/// An offset of each partition in order: its first, the one behind its last record, or that of the first record of a time in
/// milliseconds, which there is none of when no record is that late yet. One question to each broker; a partition about
/// which there is no answer is an error. Blocks.
pub(crate) fn offsets<C: ConsumerContext>(
    consumer: &impl Consumer<C>,
    partitions: &[Named],
    which: Offset,
) -> KafkaResult<Vec<Option<i64>>> {
    let answer = consumer.offsets_for_times(list(partitions, which), ANSWER_WITHIN)?;
    answer.elements().iter().try_for_each(|element| element.error())?;
    Ok(found(&answer))
}

/// The first offset of each partition, or the one behind its last record. Blocks.
pub(crate) fn bounds<C: ConsumerContext>(
    consumer: &impl Consumer<C>,
    partitions: &[Named],
    which: Offset,
) -> KafkaResult<Vec<i64>> {
    Ok(offsets(consumer, partitions, which)?.into_iter().map(Option::unwrap_or_default).collect())
}

/// The first record of a time in each partition; its end where no record is that late yet. Blocks.
pub(crate) fn since<C: ConsumerContext>(
    consumer: &impl Consumer<C>,
    partitions: &[Named],
    milliseconds: i64,
    ends: &[i64],
) -> KafkaResult<Vec<i64>> {
    let at = offsets(consumer, partitions, Offset::Offset(milliseconds))?;
    Ok(at.into_iter().zip(ends).map(|(at, end)| at.unwrap_or(*end)).collect())
}

/// Where each partition begins for who begins like this. Blocks.
pub(crate) fn begins<C: ConsumerContext>(
    consumer: &impl Consumer<C>,
    partitions: &[Named],
    begin: Begin,
) -> KafkaResult<Vec<i64>> {
    let low = || bounds(consumer, partitions, Offset::Beginning);
    let end = || bounds(consumer, partitions, Offset::End);
    match begin {
        Begin::Earliest => low(),
        Begin::Latest => end(),
        Begin::Last(count) => {
            Ok(end()?.into_iter().zip(low()?).map(|(end, low)| (end - i64::from(count)).max(low)).collect())
        }
        Begin::Time(micros) => since(consumer, partitions, micros.div_euclid(1000), &end()?),
    }
}

/// The partitions, each with this offset.
pub(crate) fn list(partitions: &[Named], offset: Offset) -> TopicPartitionList {
    partitions.iter().map(|(topic, number)| (topic.clone(), *number, offset)).collect()
}

/// The offsets that are numbers, in the order of the list.
pub(crate) fn found(list: &TopicPartitionList) -> Vec<Option<i64>> {
    let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
    list.elements().iter().map(|element| offset(element.offset())).collect()
}
