"""The Kafka sink: where a record goes, under which key, and what happens to those that the broker refuses."""

import random

import pytest

from harness.kafka import Message
from harness.pipelines import from_kafka, generated, pipeline, to_kafka

# Text that does not compress to less than the small topic's limit.
LARGE = random.Random(1).randbytes(250_000).hex().encode()
ORDERS = [Message(b'{"id":%d,"customer":{"id":"c%d"}}' % (number, number % 7), b"k%d" % number, partition=number % 3) for number in range(300)]


@pytest.fixture
def orders(kafka) -> str:
    topic = kafka.topic(partitions=3)
    kafka.produce(topic, ORDERS)
    return topic


def test_the_partition_may_be_kept(kafka, workspace, orders):
    target = kafka.topic("copy", 3)
    workspace.run(pipeline(from_kafka(kafka, orders), to_kafka(kafka, target, partition="${partition}"))).succeeded()
    expected = [(message.partition, message.payload) for message in kafka.consume(orders)]
    assert [(message.partition, message.payload) for message in kafka.consume(target)] == expected


def test_the_key_may_be_chosen_from_the_payload_and_gathers_what_belongs_together(kafka, workspace, orders):
    target = kafka.topic("copy", 3)
    workspace.run(pipeline(from_kafka(kafka, orders), to_kafka(kafka, target, key="${field:customer.id}"))).succeeded()
    copied = kafka.consume(target)
    assert {message.key for message in copied} == {b"c%d" % number for number in range(7)}
    assert all(len({message.partition for message in copied if message.key == key}) == 1 for key in {message.key for message in copied})


def test_the_topic_may_follow_the_stream(kafka, workspace, orders):
    kafka.create(f"copy-of-{orders}", 3)
    workspace.run(pipeline(from_kafka(kafka, orders), to_kafka(kafka, "copy-of-${stream}"))).succeeded()
    assert len(kafka.consume(f"copy-of-{orders}")) == len(ORDERS)


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_compression_arrives_whole(kafka, workspace, orders, compression):
    target = kafka.topic("copy", 3)
    workspace.run(pipeline(from_kafka(kafka, orders), to_kafka(kafka, target, compression=compression))).succeeded()
    assert sorted(message.payload for message in kafka.consume(target)) == sorted(message.payload for message in ORDERS)


def test_order_within_a_partition_is_kept(kafka, workspace):
    target = kafka.topic("made", 1)
    through = pipeline(generated(5000), workspace.lake(), to_kafka(kafka, target))
    workspace.run(through).succeeded()
    assert [message.payload for message in kafka.consume(target)] == workspace.table().payloads()


def test_a_record_too_large_for_the_topic_is_dead_lettered_and_its_neighbours_pass(kafka, workspace):
    """The broker refuses the whole batch: each record is sent again alone, so that only the guilty one is put aside."""
    source, target = kafka.topic(max_message_bytes=4_000_000), kafka.topic("small", max_message_bytes=20_000)
    payloads = [b'{"id":%d}' % number for number in range(50)]
    payloads[25] = LARGE
    kafka.produce(source, payloads, **{"message.max.bytes": 4_000_000})
    through = pipeline(from_kafka(kafka, source), to_kafka(kafka, target), dead_letters=workspace.lake("dead"))
    workspace.run(through).succeeded()
    assert [message.payload for message in kafka.consume(target)] == payloads[:25] + payloads[26:]
    assert workspace.table("dead").payloads() == [payloads[25]]


def test_without_dead_letters_a_record_that_is_refused_stops_the_pipeline_and_is_named(kafka, workspace):
    source, target = kafka.topic(max_message_bytes=4_000_000), kafka.topic("small", max_message_bytes=20_000)
    kafka.produce(source, [b"{}", LARGE, b"{}"], **{"message.max.bytes": 4_000_000})
    finished = workspace.run(pipeline(from_kafka(kafka, source), to_kafka(kafka, target))).failed()
    finished.says(f"{source}[0] at 1", "MessageSizeTooLarge")


def test_a_topic_that_does_not_exist_is_refused_by_name(kafka, workspace, orders):
    finished = workspace.run(pipeline(from_kafka(kafka, orders), to_kafka(kafka, "no-such-target"))).failed()
    finished.says("no-such-target")
