"""Producer threads, one a partition. The idempotent producer repeats and reorders nothing, so in a topic of one load the offset is the sequence."""

import threading
import time

from confluent_kafka import Producer

from crash.events import Events
from harness.kafka import Kafka, send

BURST_SECONDS = 0.02


class Load:
    """Runs from `start` to `stop`; afterwards `sent` says how many events of each partition the broker confirmed: all of them."""

    def __init__(self, kafka: Kafka, topic: str, events: Events, partitions: int, rate: float):
        self.events = events
        self.sent = dict.fromkeys(range(partitions), 0)
        self._kafka, self._topic, self._rate = kafka, topic, rate / partitions
        self._stopping = threading.Event()
        self._failures: list = []
        self._threads = [threading.Thread(target=self._produce, args=(partition,), daemon=True) for partition in self.sent]

    def start(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        assert not self._failures, f"the load could not be produced: {self._failures[0]}"

    @property
    def total(self) -> int:
        return sum(self.sent.values())

    def _produce(self, partition: int) -> None:
        config = {"bootstrap.servers": self._kafka.address, "enable.idempotence": True, "linger.ms": 5, "log_level": 0, "message.timeout.ms": 300_000}
        producer = Producer(config)
        started = time.monotonic()
        while not self._stopping.wait(BURST_SECONDS):
            due = int((time.monotonic() - started) * self._rate)
            for sequence in range(self.sent[partition], due):
                send(producer, self._topic, self.events.message(partition, sequence), self._failures)
                self.sent[partition] = sequence + 1
        producer.flush()
