"""What surrounds a payload is kept as it was: key, headers, timestamp, position."""

import pytest

from harness.kafka import Message
from harness.pipelines import from_kafka, pipeline, to_kafka

HEADERS = [("a", b"1"), ("b", None), ("a", b"2"), ("", b"no name"), ("c", b""), ("a", b"\x00\xff")]
MESSAGES = [
    Message(b'{"id":1}', b"key", HEADERS, 1_795_000_000_123),
    Message(b'{"id":2}', None, [], 1_795_000_000_000),
    Message(b'{"id":3}', b"", [], 1_795_000_000_001),
    Message(None, b"deleted", HEADERS[:2], 1_795_000_000_002),
    Message(None, None, [], 1_795_000_000_003),
    Message(b"", b"\x00\xff", [("only", None)], 1_795_000_000_004),
]


def test_key_headers_timestamp_and_position_reach_the_lake(kafka, workspace):
    topic = kafka.topic()
    kafka.produce(topic, MESSAGES)
    workspace.run(pipeline(from_kafka(kafka, topic), workspace.lake())).succeeded()
    rows = workspace.table().rows()
    assert [(row["_payload"], row["_key"]) for row in rows] == [(message.payload, message.key) for message in MESSAGES]
    assert [[(header["name"], header["value"]) for header in row["_headers"] or []] for row in rows] == [message.headers for message in MESSAGES]
    assert [round(row["_timestamp"].timestamp() * 1000) for row in rows] == [message.timestamp_ms for message in MESSAGES]
    assert [(row["_stream"], row["_partition"], row["_position"], row["_index"]) for row in rows] == [(topic, 0, n, 0) for n in range(len(MESSAGES))]
    assert len({row["_id"] for row in rows}) == len(rows)
    assert all(row["_source"] and row["_ingested_at"] for row in rows)


def test_key_headers_timestamp_and_tombstones_reach_another_topic(kafka, workspace):
    source, target = kafka.topic(), kafka.topic("copy")
    kafka.produce(source, MESSAGES)
    workspace.run(pipeline(from_kafka(kafka, source), to_kafka(kafka, target))).succeeded()
    copied = [(message.payload, message.key, message.headers, message.timestamp_ms) for message in kafka.consume(target)]
    assert copied == [(message.payload, message.key, message.headers, message.timestamp_ms) for message in MESSAGES]


@pytest.mark.parametrize("kind", ["CreateTime", "LogAppendTime"])
def test_the_kind_of_timestamp_is_told(kafka, workspace, kind):
    topic = kafka.topic(message_timestamp_type=kind)
    kafka.produce(topic, MESSAGES)
    workspace.run(pipeline(from_kafka(kafka, topic), workspace.lake())).succeeded()
    rows = workspace.table().rows()
    assert [round(row["_timestamp"].timestamp() * 1000) for row in rows] == [message.timestamp_ms for message in kafka.consume(topic)]
    assert len({row["_timestamp_type"] for row in rows}) == 1 and rows[0]["_timestamp_type"]


def test_records_of_one_partition_keep_their_order_and_partitions_keep_apart(kafka, workspace):
    topic = kafka.topic(partitions=3)
    kafka.produce(topic, [Message(b"%d" % number, partition=number % 3) for number in range(3000)])
    workspace.run(pipeline(from_kafka(kafka, topic), workspace.lake())).succeeded()
    for partition in range(3):
        rows = [row for row in workspace.table().rows(["_partition", "_position", "_payload"]) if row["_partition"] == partition]
        assert [int(row["_payload"]) for row in rows] == list(range(partition, 3000, 3))
