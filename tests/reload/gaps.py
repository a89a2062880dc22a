"""How long a topic was silent: a consumer that notes when records arrive."""

import threading
import time
import uuid

from confluent_kafka import Consumer

from harness.kafka import Kafka

POLL_SECONDS = 0.02
# The members of a group that has just begun share its partitions out anew a second later, and are silent for a second.
EVEN_FOR_SECONDS = 3
EVEN_SECONDS_MAX = 0.5


class Gaps:
    """Follows a topic from its end on; `longest` is the longest silence between two arrivals, in seconds."""

    def __init__(self, kafka: Kafka, topic: str):
        self._config = {"bootstrap.servers": kafka.address, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest", "enable.auto.commit": False,
                        "fetch.wait.max.ms": 10, "log_level": 0}
        self._topic = topic
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self.longest, self.arrived = 0.0, 0

    def start(self) -> "Gaps":
        self._thread.start()
        return self

    def forget(self) -> None:
        """What was until now does not count."""
        self.longest = 0.0

    def is_even(self) -> bool:
        """Whether it flows without a silence for a while."""
        self.forget()
        time.sleep(EVEN_FOR_SECONDS)
        return self.longest < EVEN_SECONDS_MAX

    def stop(self) -> float:
        self._stopping.set()
        self._thread.join()
        return self.longest

    def _follow(self) -> None:
        consumer = Consumer(self._config)
        consumer.subscribe([self._topic])
        last = None
        while not self._stopping.is_set():
            records = consumer.consume(1000, POLL_SECONDS)
            now = time.monotonic()
            if records:
                self.arrived += len(records)
                self.longest = max(self.longest, now - last) if last else 0.0
                last = now
        consumer.close()
