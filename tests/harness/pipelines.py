"""Sources and sinks as pipelines name them; whatever a test adds comes as keywords."""

from harness.kafka import Kafka
from harness.rabbitmq import RabbitMQ


def pipeline(source: dict, *sinks: dict, name: str = "pipeline", **keys) -> dict:
    """One document."""
    return {"name": name, "source": source, **keys, "sinks": list(sinks)}


def from_kafka(kafka: Kafka, *topics: str, **keys) -> dict:
    """Reads to the end offsets of its start, then ends."""
    return {"type": "kafka", "brokers": kafka.address, "topics": list(topics), "group": kafka.group(), "start": "earliest", "until": "end", **keys}


def following(kafka: Kafka, *topics: str, **keys) -> dict:
    """Reads until it is stopped."""
    source = from_kafka(kafka, *topics, **keys)
    del source["until"]
    return source


def from_file(path, **keys) -> dict:
    return {"type": "file", "path": str(path), **keys}


def generated(count: int, **keys) -> dict:
    return {"type": "generate", "seed": 1, "count": count, **keys}


def from_rabbitmq(rabbitmq: RabbitMQ, queue: str, **keys) -> dict:
    """Reads until it is stopped."""
    return {"type": "rabbitmq", "url": rabbitmq.url, "queue": queue, **keys}


def to_rabbitmq(rabbitmq: RabbitMQ, to: str, **keys) -> dict:
    return {"type": "rabbitmq", "url": rabbitmq.url, "to": to, **keys}


def to_kafka(kafka: Kafka, topic: str, **keys) -> dict:
    return {"type": "kafka", "brokers": kafka.address, "topic": topic, **keys}


def to_file(path, **keys) -> dict:
    return {"type": "file", "path": str(path), **keys}
