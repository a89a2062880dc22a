"""A client of RabbitMQ that is not ours: pika."""

import itertools
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pika
from pika.adapters.blocking_connection import BlockingChannel

from harness.waiting import wait_until

_numbers = itertools.count()
# What AMQP says of a message beside its headers.
PROPERTIES = ("content_type", "content_encoding", "delivery_mode", "priority", "correlation_id", "reply_to", "expiration", "message_id",
              "timestamp", "type", "user_id", "app_id", "cluster_id")


@dataclass(frozen=True)
class Delivered:
    """A message as it arrived."""

    body: bytes
    exchange: str
    routing_key: str
    properties: dict
    headers: dict | None


class RabbitMQ:
    """The broker at `url`. Names are new each time, so that tests share it."""

    def __init__(self, url: str):
        self.url = url

    @contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            yield channel
        finally:
            connection.close()

    def name(self, prefix: str) -> str:
        return f"{prefix}-{os.getpid()}-{time.time_ns()}-{next(_numbers)}"

    def queue(self, prefix: str = "queue", **arguments) -> str:
        name = self.name(prefix)
        with self.channel() as channel:
            channel.queue_declare(name, durable=True, arguments=arguments or None)
        return name

    def exchange(self, kind: str, prefix: str = "exchange", **bound: str) -> str:
        """An exchange; `bound` has a routing key for each queue."""
        name = self.name(prefix)
        with self.channel() as channel:
            channel.exchange_declare(name, kind, durable=True)
            for queue, key in bound.items():
                channel.queue_bind(queue, name, key)
        return name

    def bind(self, queue: str, exchange: str, key: str = "") -> None:
        with self.channel() as channel:
            channel.queue_bind(queue, exchange, key)

    def publish(self, queue: str, bodies: Iterable[bytes], exchange: str = "", **properties) -> None:
        """Persistent, and confirmed."""
        with self.channel() as channel:
            for body in bodies:
                channel.basic_publish(exchange, queue, body, pika.BasicProperties(**{"delivery_mode": 2, **properties}))

    def delete(self, queue: str) -> None:
        with self.channel() as channel:
            channel.queue_delete(queue)

    def ready(self, queue: str) -> int:
        """How many messages wait."""
        with self.channel() as channel:
            return channel.queue_declare(queue, passive=True).method.message_count

    def expect_ready(self, queue: str, count: int) -> None:
        """So many wait. A queue counts what it takes, and what it is given back, a moment later."""
        wait_until(f"{count} messages wait in {queue}", lambda: self.ready(queue) == count)

    def take(self, queue: str) -> list[Delivered]:
        """All that is in the queue."""
        delivered = []
        with self.channel() as channel:
            while True:
                method, properties, body = channel.basic_get(queue, auto_ack=True)
                if method is None:
                    return delivered
                said = {name: getattr(properties, name) for name in PROPERTIES if getattr(properties, name) is not None}
                delivered.append(Delivered(body, method.exchange, method.routing_key, said, properties.headers))

    def bodies(self, queue: str) -> list[bytes]:
        return [message.body for message in self.take(queue)]
