"""`until: end` ends when the position has reached the end offsets seen at the start, whatever lies at the last offset."""

import pytest

from harness.kafka import Message
from harness.pipelines import from_kafka, pipeline
from harness.waiting import wait_until


def ends_with(kafka, workspace, topic: str, payloads: list) -> None:
    """The run ends by itself, and the lake holds exactly these."""
    workspace.run(pipeline(from_kafka(kafka, topic), workspace.lake()), seconds=30).succeeded()
    assert workspace.table().payloads() == payloads


def test_an_empty_topic_ends_at_once(kafka, workspace):
    ends_with(kafka, workspace, kafka.topic(partitions=3), [])


def test_a_partition_without_records_does_not_hold_up_the_end(kafka, workspace):
    topic = kafka.topic(partitions=3)
    kafka.produce(topic, [b"1", b"2"])
    ends_with(kafka, workspace, topic, [b"1", b"2"])


@pytest.mark.parametrize("commit", [True, False])
def test_a_transaction_marker_at_the_last_offset_is_passed(kafka, workspace, commit):
    topic = kafka.topic()
    kafka.produce(topic, [b"1", b"2"])
    kafka.transactional(topic, [b"3", b"4"], commit)
    ends_with(kafka, workspace, topic, [b"1", b"2"] + [b"3", b"4"] * commit)


def test_a_topic_whose_end_was_compacted_away_ends(kafka, workspace):
    """The cleaner leaves the last offset of a segment empty; a tombstone that was itself removed leaves a gap at the end."""
    topic = kafka.topic(cleanup_policy="compact", segment_ms=100, min_cleanable_dirty_ratio="0.001", delete_retention_ms=0, max_compaction_lag_ms=100)
    kafka.transactional(topic, [Message(b"1", b"a"), Message(b"2", b"b"), Message(b"3", b"a")])
    wait_until("the topic was compacted", lambda: compacted(kafka, topic), 60)
    left = [message.payload for message in kafka.consume(topic)]
    ends_with(kafka, workspace, topic, left)


def compacted(kafka, topic: str) -> bool:
    # A segment is closed by the next record only; each one gives the cleaner something to look at.
    kafka.transactional(topic, [Message(b"t", b"tick")])
    return b"1" not in [message.payload for message in kafka.consume(topic)]


def test_records_that_arrive_during_the_run_are_left_for_the_next(kafka, workspace):
    topic = kafka.topic()
    kafka.produce(topic, [b"%d" % number for number in range(100)])
    through = pipeline(from_kafka(kafka, topic), workspace.lake())
    workspace.run(through).succeeded()
    kafka.produce(topic, [b"more"])
    workspace.run(through).succeeded()
    assert workspace.table().payloads() == [*(b"%d" % number for number in range(100)), b"more"]


@pytest.mark.parametrize("start, expected", [("latest", []), ("2026-01-02T00:00:00Z", [b"new"]), ({0: 1}, [b"new"])])
def test_the_start_may_be_the_end_a_time_or_offsets(kafka, workspace, start, expected):
    topic = kafka.topic()
    kafka.produce(topic, [Message(b"old", timestamp_ms=1_767_225_600_000), Message(b"new", timestamp_ms=1_767_398_400_000)])
    start = {topic: start} if isinstance(start, dict) else start
    workspace.run(pipeline(from_kafka(kafka, topic, start=start), workspace.lake())).succeeded()
    assert workspace.table().payloads() == expected
