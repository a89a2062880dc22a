"""A load for RabbitMQ: numbered messages, each published again until the broker confirms it; and what the lake holds of them."""

import threading
import time
from collections import Counter

import pika

from harness.pipelines import from_rabbitmq, pipeline
from harness.process import Process
from harness.rabbitmq import RabbitMQ
from harness.waiting import wait_until
from harness.workspace import Workspace

BURST = 20
PREFETCH = 400
CATCH_UP_SECONDS = 120


class Queueing:
    """Runs from the start of the first life to `end`. `sent` counts every attempt: one whose confirmation was lost may be there twice."""

    def __init__(self, rabbitmq: RabbitMQ, workspace: Workspace, by: str | None = None, **queue):
        self.sent: Counter[int] = Counter()
        self.confirmed = 0
        self._rabbitmq, self._workspace, self._over = rabbitmq, workspace, threading.Event()
        self._queue = rabbitmq.queue("load", **queue)
        source = from_rabbitmq(RabbitMQ(by or rabbitmq.url), self._queue, prefetch=PREFETCH, heartbeat="2s")
        self._pipeline = pipeline(source, workspace.lake(commit_interval="700ms"), idle="1h")
        self._thread = threading.Thread(target=self._publish_on, daemon=True)
        self._lives: list[Process] = []

    @property
    def process(self) -> Process:
        """The life at hand."""
        return self._lives[-1]

    def start(self, environment: dict[str, str] | None = None) -> Process:
        """The next life."""
        self._lives.append(self._workspace.start_run(self._pipeline, environment=environment))
        if not self._thread.ident:
            self._thread.start()
        return self.process

    def grows(self, rows: int = 50) -> None:
        before = self._workspace.table().count()
        self.process.wait_until(f"{rows} more rows are stored", lambda: self._workspace.table().count() >= before + rows)

    def end(self) -> None:
        """No message more; all that were confirmed get stored, and the process stops in an orderly way."""
        self._over.set()
        self._thread.join()
        self.process.wait_until("all is stored", lambda: len(self._numbers()) >= self.confirmed, CATCH_UP_SECONDS)
        self.process.stop().succeeded()
        wait_until("the queue is empty", lambda: self._rabbitmq.ready(self._queue) == 0)

    def _numbers(self) -> set[int]:
        return {int(payload) for payload in self._workspace.table().payloads()}

    def _publish_on(self) -> None:
        while not self._over.is_set():
            try:
                with self._rabbitmq.channel() as channel:
                    while not self._over.is_set():
                        self._burst(channel)
            except (pika.exceptions.AMQPError, OSError):
                time.sleep(0.1)

    def _burst(self, channel) -> None:
        for _ in range(BURST):
            self.sent[self.confirmed] += 1
            channel.basic_publish("", self._queue, b"%d" % self.confirmed, pika.BasicProperties(delivery_mode=2))
            self.confirmed += 1
        time.sleep(0.02)

    def audit(self) -> str:
        """None is lost. What is there more often than it was sent, the broker had marked as delivered before; and each time that a
        connection began, no more came again than may be unacknowledged when one breaks: all else was acknowledged. A mark alone
        says little: a broker that was killed marks all that waits."""
        rows = self._workspace.table().rows(["_payload", "_position", "_redelivered"])
        stored = Counter(int(row["_payload"]) for row in rows)
        fresh = Counter(int(row["_payload"]) for row in rows if not row["_redelivered"])
        lost = [number for number in range(self.confirmed) if not stored[number]]
        assert not lost, f"{len(lost)} of {self.confirmed} confirmed messages are lost: {lost[:5]}"
        doubled = [number for number, copies in fresh.items() if copies > self.sent[number]]
        assert not doubled, f"{len(doubled)} messages are there more often than they were sent, without a mark: {doubled[:5]}"
        again = sum(max(0, copies - self.sent[number]) for number, copies in stored.items())
        connections = sum(1 + life.err.count("source unavailable") for life in self._lives)
        assert again <= connections * PREFETCH, f"{again} came again over at most {connections} connections"
        positions = [row["_position"] for row in rows]
        assert len(set(positions)) == len(positions), "a number was given out twice"
        return f"{self.confirmed} messages, {len(rows)} rows, {len(rows) - len(stored)} of them redelivered or sent twice"

    def forget(self) -> None:
        """Removes what a clean audit no longer needs: a long run must not fill the disk."""
        self._workspace.remove_lake()
