"""`catchwater tap` on RabbitMQ: messages are seen beside those who get them, and nothing of it is left."""

import json
import re

import pytest

from harness.rabbitmq import RabbitMQ
from harness.waiting import wait_until

ORDERS = [b'{"id":%d,"status":"%s"}' % (number, b"paid" if number % 2 else b"failed") for number in range(10)]


@pytest.fixture
def orders(rabbitmq) -> tuple[str, str]:
    """A topic exchange, and the queue that its orders are led to."""
    queue = rabbitmq.queue("orders")
    exchange = rabbitmq.exchange("topic", "events")
    rabbitmq.bind(queue, exchange, "order.#")
    return exchange, queue


def url(rabbitmq, path: str) -> str:
    return f"{rabbitmq.url}/%2F{path}"


def waiting(workspace, *arguments):
    """A tap that has begun to look."""
    process = workspace.start("tap", *arguments)
    process.wait_until("it waits", lambda: "waiting for messages" in process.err)
    return process


def ids(out: str) -> list[int]:
    return [json.loads(json.loads(line)["payload"])["id"] for line in out.splitlines()]


def test_what_passes_through_an_exchange_is_seen_and_arrives_all_the_same(rabbitmq, workspace, orders):
    exchange, queue = orders
    process = waiting(workspace, url(rabbitmq, f"?exchange={exchange}&routing_key=order.%23"), "--json", "--match", "status:paid", "--limit", "5")
    rabbitmq.publish("order.created", ORDERS, exchange, headers={"trace": "t1"}, priority=3)
    rabbitmq.publish("invoice.created", [b'{"id":99,"status":"paid"}'], exchange)
    done = process.wait().succeeded()
    assert ids(done.out) == [1, 3, 5, 7, 9]
    message = json.loads(done.out.splitlines()[0])
    assert (message["stream"], message["key"], message["headers"]) == (exchange, "order.created", [{"name": "trace", "value": "t1"}])
    assert {field["name"]: field["value"] for field in message["properties"]}["exchange"] == exchange
    assert rabbitmq.bodies(queue) == ORDERS, "whoever the messages are for gets all of them"


def test_it_leaves_no_trace(own_rabbitmq, workspace):
    rabbitmq = RabbitMQ(own_rabbitmq.url)
    queue, exchange = rabbitmq.queue("orders"), rabbitmq.exchange("fanout", "events")
    rabbitmq.bind(queue, exchange)

    def seen() -> tuple:
        queues = own_rabbitmq.listed("queues", "name", "messages", "exclusive", "auto_delete")
        bindings = own_rabbitmq.listed("bindings", "source_name", "destination_name", "routing_key")
        return sorted(queues, key=str), sorted(bindings, key=str), own_rabbitmq.listed("consumers", "queue_name")
    before = seen()
    for end in ("stop", "kill"):
        process = waiting(workspace, url(rabbitmq, f"?exchange={exchange}"))
        own = [queue for queue in seen()[0] if queue not in before[0]]
        assert len(own) == 1 and own[0]["exclusive"] and own[0]["auto_delete"], "a queue of its own, and no other"
        rabbitmq.publish("", ORDERS, exchange)
        process.wait_until("it is seen", lambda: len(process.out.splitlines()) == len(ORDERS))
        getattr(process, end)()
        assert len(rabbitmq.bodies(queue)) == len(ORDERS)
        wait_until(f"nothing is left after {end}", lambda: seen() == before)


def test_a_queue_alone_says_what_to_do(rabbitmq, workspace, orders):
    done = workspace.command("tap", url(rabbitmq, f"/{orders[1]}"))
    assert done.status == 2
    done.says("AMQP does not tell what queue", "exchange=NAME&routing_key=KEY", "--consume", "given back")


def test_what_is_taken_from_a_queue_goes_back(rabbitmq, workspace, orders):
    _, queue = orders
    rabbitmq.publish(queue, ORDERS)
    done = workspace.command("tap", url(rabbitmq, f"/{queue}"), "--consume", "--json", "--limit", "10").succeeded()
    assert ids(done.out) == list(range(10))
    wait_until("all are back", lambda: rabbitmq.ready(queue) == len(ORDERS))
    assert rabbitmq.bodies(queue) == ORDERS, "in their order"


def test_a_broker_that_comes_back_is_tapped_on(own_rabbitmq, workspace):
    rabbitmq = RabbitMQ(own_rabbitmq.url)
    exchange = rabbitmq.exchange("fanout", "events")
    process = waiting(workspace, url(rabbitmq, f"?exchange={exchange}"))
    own_rabbitmq.settle()
    own_rabbitmq.kill()
    process.wait_until("it says so", lambda: "connects again" in process.err)
    own_rabbitmq.start()

    def seen() -> bool:
        rabbitmq.publish("", ORDERS[:1], exchange)
        return '"id":0' in process.out
    process.wait_until("it sees what passes", seen)
    process.stop().succeeded()


@pytest.mark.parametrize(
    ("path", "arguments", "status", "words"),
    [
        ("?exchange=no-such-exchange", [], 1, ["no-such-exchange", "not there"]),
        ("/no-such-queue", ["--consume"], 1, ["no-such-queue", "not there"]),
        ("?exchange=amq.fanout", ["--from", "earliest"], 2, ["keeps no past"]),
        ("", [], 2, ["which queue?"]),
    ],
)
def test_what_cannot_be_tapped_is_named(rabbitmq, workspace, path, arguments, status, words):
    done = workspace.command("tap", url(rabbitmq, path), *arguments)
    assert done.status == status, done.err
    done.says(*words)
    assert not re.search(r"guest:guest", done.err), "no password is shown"
