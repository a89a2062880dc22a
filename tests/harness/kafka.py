"""Kafka through confluent-kafka: topics, groups, a producer that keeps what it sent, a consumer that reads a topic to its end."""

import time
import uuid
from dataclasses import dataclass, field

from confluent_kafka import OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from harness.waiting import wait_until


@dataclass(frozen=True)
class Message:
    """What goes in and comes out. Header values may be null, names may repeat, their order counts."""

    payload: bytes | None
    key: bytes | None = None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)
    timestamp_ms: int | None = None
    partition: int = 0
    offset: int | None = None


class Kafka:
    """One cluster as seen from a test; names are made unique, so that tests share the broker."""

    def __init__(self, address: str):
        self.address = address
        self.admin = AdminClient({"bootstrap.servers": address, "log_level": 0})

    def topic(self, name: str = "orders", partitions: int = 1, **config) -> str:
        """A new topic that keeps messages however old they claim to be; properties are given with underscores for dots."""
        topic = f"{name}-{uuid.uuid4().hex[:8]}"
        self.create(topic, partitions, **config)
        return topic

    def create(self, topic: str, partitions: int = 1, **config) -> None:
        properties = {key.replace("_", "."): str(value) for key, value in {"retention_ms": -1, **config}.items()}
        wait_for(self.admin.create_topics([NewTopic(topic, partitions, 1, config=properties)]))
        wait_until(f"topic {topic} has leaders", lambda: self._has_leaders(topic, partitions))

    def delete(self, topic: str) -> None:
        wait_for(self.admin.delete_topics([topic]))
        wait_until(f"topic {topic} is gone", lambda: topic not in self.admin.list_topics(timeout=5).topics)

    def group(self, name: str = "group") -> str:
        return f"{name}-{uuid.uuid4().hex[:8]}"

    def produce(self, topic: str, messages: list[Message] | list[bytes | None], **config) -> None:
        """Returns once the broker has confirmed all, in their order."""
        producer = Producer({"bootstrap.servers": self.address, "enable.idempotence": True, "linger.ms": 5, "log_level": 0, **config})
        failures = []
        for message in map(as_message, messages):
            send(producer, topic, message, failures)
        producer.flush()
        assert not failures, failures[0]

    def transactional(self, topic: str, messages: list[bytes | Message], commit: bool = True) -> None:
        """One transaction: its marker takes an offset of its own behind the messages."""
        producer = Producer({"bootstrap.servers": self.address, "transactional.id": uuid.uuid4().hex, "log_level": 0})
        producer.init_transactions(30)
        producer.begin_transaction()
        for message in map(as_message, messages):
            producer.produce(topic, message.payload, key=message.key, partition=0)
        producer.flush()
        producer.commit_transaction(30) if commit else producer.abort_transaction(30)

    def consume(self, topic: str, count: int | None = None, seconds: float = 30) -> list[Message]:
        """All that is in the topic now, or waits for `count`, partition by partition in order."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": uuid.uuid4().hex, "enable.auto.commit": False, "enable.partition.eof": True,
                             "log_level": 0})
        try:
            return read_to_end(consumer, topic, self.partitions(topic), count, time.monotonic() + seconds)
        finally:
            consumer.close()

    def partitions(self, topic: str) -> list[int]:
        return sorted(self.admin.list_topics(topic, timeout=10).topics[topic].partitions)

    def end_offsets(self, topic: str) -> dict[int, int]:
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "end-offsets", "log_level": 0})
        try:
            return {partition: consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1] for partition in self.partitions(topic)}
        finally:
            consumer.close()

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """The group's offsets; partitions without one are left out."""
        asked = [TopicPartition(topic, partition) for partition in self.partitions(topic)]
        answer = self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, asked)])[group].result(10)
        return {part.partition: part.offset for part in answer.topic_partitions if part.offset >= 0}

    def reset(self, group: str, topic: str, offsets: dict[int, int]) -> None:
        """What an operator does with `kafka-consumer-groups --reset-offsets`; the group must have no members."""
        parts = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        request = [ConsumerGroupTopicPartitions(group, parts)]
        wait_until("the group accepts a reset", lambda: try_result(self.admin.alter_consumer_group_offsets(request)[group]))

    def members(self, group: str) -> dict[str, set[tuple[str, int]]]:
        """Who holds what, by member id."""
        try:
            description = self.admin.describe_consumer_groups([group])[group].result(10)
        except KafkaException:
            return {}
        return {member.member_id: {(part.topic, part.partition) for part in member.assignment.topic_partitions} for member in description.members}

    def holders(self, group: str) -> int:
        """How many members hold something. Where it is all of them, nothing is being handed over."""
        return sum(1 for partitions in self.members(group).values() if partitions)

    def _has_leaders(self, topic: str, partitions: int) -> bool:
        known = self.admin.list_topics(topic, timeout=5).topics[topic]
        return known.error is None and len(known.partitions) == partitions and all(part.leader >= 0 for part in known.partitions.values())


def as_message(message: Message | bytes | None) -> Message:
    return message if isinstance(message, Message) else Message(message)


def send(producer: Producer, topic: str, message: Message, failures: list) -> None:
    def report(error, _message):
        if error:
            failures.append(error)
    options = {} if message.timestamp_ms is None else {"timestamp": message.timestamp_ms}
    while True:
        try:
            producer.produce(topic, message.payload, key=message.key, partition=message.partition, headers=message.headers, on_delivery=report, **options)
            producer.poll(0)
            return
        except BufferError:
            producer.poll(0.1)


def read_to_end(consumer: Consumer, topic: str, partitions: list[int], count: int | None, deadline: float) -> list[Message]:
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    messages, open_partitions = [], set(partitions)
    while open_partitions if count is None else len(messages) < count:
        assert time.monotonic() < deadline, f"{len(messages)} messages in {topic} when the time was over, {count} expected"
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error() is None:
            messages.append(received(message))
        elif message.error().code() == KafkaError._PARTITION_EOF:
            open_partitions.discard(message.partition())
        else:
            raise KafkaException(message.error())
    return sorted(messages, key=lambda message: (message.partition, message.offset))


def received(message) -> Message:
    return Message(message.value(), message.key(), message.headers() or [], message.timestamp()[1], message.partition(), message.offset())


def wait_for(futures: dict) -> None:
    for future in futures.values():
        future.result(30)


def try_result(future) -> bool:
    try:
        answer = future.result(10)
        return all(part.error is None for part in answer.topic_partitions)
    except KafkaException:
        return False
