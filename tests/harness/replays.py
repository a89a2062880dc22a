"""The command `catchwater replay`: started, and its copies held against the originals."""

from collections import Counter
from itertools import zip_longest

from confluent_kafka import KafkaException

from harness.kafka import Kafka, Message
from harness.pipelines import from_kafka, pipeline
from harness.process import Process
from harness.workspace import Workspace

START_MS = 1_795_000_000_000


def replay(workspace: Workspace, *arguments, to: str | None = None, **options) -> Process:
    """A replay of the collection `events`."""
    target = [] if to is None else ["--to", to]
    return workspace.start("replay", "events", "--lake", workspace.lake_path, "--data-dir", workspace.data_dir, *target, *arguments, **options)


def url(kafka: Kafka, topic: str = "") -> str:
    return f"kafka://{kafka.address}/{topic}"


def archive(workspace: Workspace, kafka: Kafka, topic: str) -> None:
    """All that is in the topic now, into the collection `events`."""
    workspace.run(pipeline(from_kafka(kafka, topic, group=f"archive-{topic}"), workspace.lake())).succeeded()


def numbered(count: int, partitions: int = 3, step_ms: int = 1) -> list[Message]:
    return [Message(b'{"n":%d,"kind":"k%d"}' % (n, n % 100), b"key%d" % n, timestamp_ms=START_MS + n * step_ms, partition=n % partitions) for n in range(count)]


def numbers(messages: list[Message]) -> list[int]:
    return [int(message.payload.split(b",")[0].split(b":")[1]) for message in messages]


def same(message: Message) -> tuple:
    """What an original and its copy have in common."""
    return message.partition, message.payload, message.key, tuple(message.headers), message.timestamp_ms


def count_of(kafka: Kafka, topic: str) -> int:
    """0 while the brokers are still busy electing leaders."""
    try:
        return sum(kafka.end_offsets(topic).values())
    except KafkaException:
        return 0


def audit(kafka: Kafka, source: str, target: str) -> Counter:
    """Nothing is missing, and each partition has its order but for what is sent again; answers how often each came."""
    originals, sent = list(map(same, kafka.consume(source))), Counter(map(same, kafka.consume(target)))
    wrong = next((pair for pair in zip_longest(originals, sent) if pair[0] != pair[1]), None)
    assert wrong is None, f"both by partition and in order; what came twice stands where it came first; {len(originals)} originals, {len(sent)} sent"
    return sent
