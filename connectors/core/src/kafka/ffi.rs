//! The calls of librdkafka that `rdkafka` has no safe form of. All that is unsafe about Kafka is in this file.

use std::ffi::{CStr, CString, c_void};
use std::ptr::{null, null_mut};
use std::slice;
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::client::{Client, ClientContext};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

const DONE: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;

/// What a broker without topic ids (before 2.8) answers.
const NO_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// A topic as the brokers describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) name: String,
    /// Differs between two topics of one name, one made after the other was deleted. `None`: the brokers have no ids.
    pub(crate) id: Option<String>,
    pub(crate) partitions: i32,
}

/// Describes topics; one that is unknown is missing from the answer. Blocks for at most about `timeout`.
pub(crate) fn describe_topics<C: ClientContext>(
    client: &Client<C>,
    names: &[String],
    timeout: Duration,
) -> Result<Vec<Topic>, RDKafkaErrorCode> {
    let names: Vec<CString> = names.iter().filter_map(|name| CString::new(name.as_str()).ok()).collect();
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX - 1000);
    // SAFETY: the client lives through the call. Queue, names, options and event are made here and destroyed here once,
    // after their last use. The event owns the descriptions, so it goes after they were copied. The queue is ours: only
    // our answer comes, at the latest at the time-out of the request.
    unsafe {
        let rk = client.native_ptr();
        let queue = rd::rd_kafka_queue_new(rk);
        let options = rd::rd_kafka_AdminOptions_new(rk, rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        rd::rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, null_mut(), 0);
        let collection = rd::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        rd::rd_kafka_DescribeTopics(rk, collection, options, queue);
        rd::rd_kafka_TopicCollection_destroy(collection);
        rd::rd_kafka_AdminOptions_destroy(options);
        let event = rd::rd_kafka_queue_poll(queue, timeout_ms + 1000);
        let answer = if event.is_null() { Err(RDKafkaErrorCode::OperationTimedOut) } else { described(event) };
        if !event.is_null() {
            rd::rd_kafka_event_destroy(event);
        }
        rd::rd_kafka_queue_destroy(queue);
        answer
    }
}

/// Asks for a topic that every cluster has. What the answer says about the topic does not matter. Blocks.
pub(crate) fn check_contact<C: ClientContext>(client: &Client<C>) -> Result<(), RDKafkaErrorCode> {
    match describe_topics(client, &["__consumer_offsets".into()], super::ANSWER_WITHIN) {
        Ok(_) | Err(RDKafkaErrorCode::TopicAuthorizationFailed) => Ok(()),
        Err(code) => Err(code),
    }
}

/// # Safety
/// `event` is a live answer to a description of topics.
unsafe fn described(event: *mut rd::rd_kafka_event_t) -> Result<Vec<Topic>, RDKafkaErrorCode> {
    // SAFETY: everything read here belongs to the event, which the caller keeps alive.
    unsafe {
        let code = rd::rd_kafka_event_error(event);
        if code != DONE {
            return Err(code.into());
        }
        let mut count = 0;
        let topics =
            rd::rd_kafka_DescribeTopics_result_topics(rd::rd_kafka_event_DescribeTopics_result(event), &mut count);
        let topics = if count == 0 { &[] } else { slice::from_raw_parts(topics, count) };
        let mut known = Vec::with_capacity(count);
        for topic in topics {
            match rd::rd_kafka_error_code(rd::rd_kafka_TopicDescription_error(*topic)) {
                DONE => known.push(described_topic(*topic)),
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => {}
                code => return Err(code.into()),
            }
        }
        Ok(known)
    }
}

/// # Safety
/// `topic` belongs to a live event.
unsafe fn described_topic(topic: *const rd::rd_kafka_TopicDescription_t) -> Topic {
    // SAFETY: name, id and partitions belong to the description, and are copied.
    unsafe {
        let name = CStr::from_ptr(rd::rd_kafka_TopicDescription_name(topic)).to_string_lossy().into_owned();
        let id = CStr::from_ptr(rd::rd_kafka_Uuid_base64str(rd::rd_kafka_TopicDescription_topic_id(topic)));
        let id = Some(id.to_string_lossy().into_owned()).filter(|id| id != NO_ID);
        let mut partitions = 0;
        rd::rd_kafka_TopicDescription_partitions(topic, &mut partitions);
        Topic { name, id, partitions: i32::try_from(partitions).unwrap_or(i32::MAX) }
    }
}

/// The answer to a commit, on a queue of its own. Made and dropped within one call, it never outlives the client.
pub(crate) struct CommitAnswer(*mut rd::rd_kafka_queue_t);

// SAFETY: the queue has its own lock.
unsafe impl Send for CommitAnswer {}
// SAFETY: as above.
unsafe impl Sync for CommitAnswer {}

impl CommitAnswer {
    /// Asks the group's coordinator to commit; returns at once.
    pub(crate) fn request<C: ClientContext>(client: &Client<C>, offsets: &TopicPartitionList) -> CommitAnswer {
        // SAFETY: client and list live through the call, which copies the list.
        unsafe {
            let queue = rd::rd_kafka_queue_new(client.native_ptr());
            rd::rd_kafka_commit_queue(client.native_ptr(), offsets.ptr(), queue, None, null_mut());
            CommitAnswer(queue)
        }
    }

    /// The answer, once it is there.
    pub(crate) fn take(&self) -> Option<Result<(), RDKafkaErrorCode>> {
        // SAFETY: the queue is ours until drop; the event is destroyed once, after its code was copied.
        unsafe {
            let event = rd::rd_kafka_queue_poll(self.0, 0);
            if event.is_null() {
                return None;
            }
            let code = rd::rd_kafka_event_error(event);
            rd::rd_kafka_event_destroy(event);
            Some(if code == DONE { Ok(()) } else { Err(code.into()) })
        }
    }
}

impl Drop for CommitAnswer {
    fn drop(&mut self) {
        // SAFETY: the queue is ours, and dropped once.
        unsafe { rd::rd_kafka_queue_destroy(self.0) }
    }
}

/// Whether the client is no member of its group, or no longer: its leave was sent and answered.
pub(crate) fn is_no_member<C: ClientContext>(client: &Client<C>) -> bool {
    // SAFETY: the client lives through the call; the metadata is ours, read before it is destroyed once.
    unsafe {
        let metadata = rd::rd_kafka_consumer_group_metadata(client.native_ptr());
        if metadata.is_null() {
            return true;
        }
        let member = rd::rd_kafka_consumer_group_metadata_member_id(metadata);
        let empty = member.is_null() || CStr::from_ptr(member).is_empty();
        rd::rd_kafka_consumer_group_metadata_destroy(metadata);
        empty
    }
}

/// The end of a partition as the last fetch saw it; asks nobody.
pub(crate) fn last_seen_end<C: ClientContext>(client: &Client<C>, topic: &str, partition: i32) -> Option<i64> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: client, name and both numbers live through the call.
    let code = unsafe {
        rd::rd_kafka_get_watermark_offsets(client.native_ptr(), topic.as_ptr(), partition, &mut low, &mut high)
    };
    (code == DONE && high >= 0).then_some(high)
}

/// The metadata that was committed with each offset, in the order of the list.
/// `rdkafka`'s own reader panics where another client has committed what is not UTF-8.
pub(crate) fn committed_metadata(list: &TopicPartitionList) -> Vec<String> {
    if list.count() == 0 {
        return Vec::new();
    }
    // SAFETY: the list owns `count` elements, and each its metadata, which is copied.
    unsafe {
        let elements = slice::from_raw_parts((*list.ptr()).elems, list.count());
        elements.iter().map(|element| lossy(element.metadata, element.metadata_size)).collect()
    }
}

/// # Safety
/// `text` is null or points to `size` bytes.
unsafe fn lossy(text: *const c_void, size: usize) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    String::from_utf8_lossy(unsafe { slice::from_raw_parts(text.cast(), size) }).into_owned()
}

/// Calls `each` with every header of a message, in order.
/// `rdkafka`'s own reader panics on a name that is not UTF-8, which a producer may well send.
pub(crate) fn each_header<'a>(message: &'a BorrowedMessage<'_>, mut each: impl FnMut(&'a CStr, Option<&'a [u8]>)) {
    let mut headers = null_mut();
    // SAFETY: names and values belong to the message, which `'a` keeps alive; librdkafka ends each name with a zero.
    unsafe {
        if rd::rd_kafka_message_headers(message.ptr(), &mut headers) != DONE {
            return;
        }
        let (mut name, mut value, mut size) = (null(), null(), 0);
        for i in 0..rd::rd_kafka_header_cnt(headers) {
            if rd::rd_kafka_header_get_all(headers, i, &mut name, &mut value, &mut size) == DONE {
                let value = (!value.is_null()).then(|| slice::from_raw_parts(value.cast(), size));
                each(CStr::from_ptr(name), value);
            }
        }
    }
}
