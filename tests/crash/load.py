"""Producer threads, one a partition. Idempotent producers repeat and reorder nothing, so in a topic of one load the offset is the sequence."""

import threading
import time

from confluent_kafka import KafkaError, KafkaException, Producer

from crash.events import Events
from harness.kafka import Kafka, send
from harness.waiting import wait_until

BURST_SECONDS = 0.02
# Longer than any harm lasts.
GIVE_UP_MS = 60_000
GAVE_UP = (KafkaError._MSG_TIMED_OUT, KafkaError._FATAL, KafkaError._GAPLESS_GUARANTEE)


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
        """A producer can miss that its broker is back. One that gave up wrote nothing behind a gap: the next begins at the partition's end."""
        started = time.monotonic()
        while failure := self._produce_until_failure(partition, started):
            if failure.code() not in GAVE_UP:
                self._failures.append(failure)
                return
            self.sent[partition] = wait_until("the partition's end is known", self._ends)[partition]

    def _ends(self) -> dict[int, int] | None:
        try:
            return self._kafka.end_offsets(self._topic)
        except KafkaException:
            return None

    def _produce_until_failure(self, partition: int, started: float) -> KafkaError | None:
        config = {"bootstrap.servers": self._kafka.address, "enable.idempotence": True, "enable.gapless.guarantee": True, "linger.ms": 5, "log_level": 0,
                  "message.timeout.ms": GIVE_UP_MS}
        producer, failures = Producer(config), []
        try:
            while not failures and not self._stopping.wait(BURST_SECONDS):
                due = int((time.monotonic() - started) * self._rate)
                for sequence in range(self.sent[partition], due):
                    send(producer, self._topic, self.events.message(partition, sequence), failures)
                    self.sent[partition] = sequence + 1
            producer.flush()
        except KafkaException as error:
            failures.append(error.args[0])
        if failures:
            producer.purge()
            producer.flush()
        return failures[0] if failures else None
