"""RabbitMQ as source and sink: into the lake and back, to Kafka and from there, and whatever breaks on the way."""

import datetime
import decimal
from collections import Counter

import pika
import pytest

from harness.kafka import Message
from harness.pipelines import from_kafka, from_rabbitmq, generated, pipeline, to_kafka, to_rabbitmq
from harness.rabbitmq import RabbitMQ
from harness.replays import replay

ORDERS = [b'{"id":%d}' % number for number in range(1000)]
MOMENT = 1_795_000_000
HEADERS = {
    "text": "gr\u00fcn", "empty": "", "bytes": b"\x00\xff", "yes": True, "no": False, "small": 5, "large": 2**40,
    "decimal": decimal.Decimal("1.50"), "time": datetime.datetime.fromtimestamp(MOMENT, datetime.UTC).replace(tzinfo=None), "none": None,
    "list": [1, "two", None, [3]], "table": {"a": {"b": 2**33, "c": []}, "$int32": True}, "only": {"$int32": "a text"},
}
PROPERTIES = dict(content_type="application/json", content_encoding="identity", priority=7, correlation_id="c-1", reply_to="answers",
                  expiration="3600000", message_id="m-1", timestamp=MOMENT, type="order.created", user_id="guest", app_id="shop", cluster_id="x")


def capture(workspace, through: dict, count: int, collection: str = "events", environment: dict | None = None) -> None:
    """Runs until so many rows are stored."""
    process = workspace.start_run(through, environment=environment)
    process.wait_until("all is stored", lambda: workspace.table(collection).count() >= count)
    process.stop().succeeded()


def by_hand(rows: list[dict]) -> dict[str, tuple]:
    return {field["name"]: (field["value"], field["type"]) for field in rows}


# === into the lake, and back ===

@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_a_queue_is_archived_and_emptied(rabbitmq, workspace, kind):
    queue = rabbitmq.queue(**{"x-queue-type": kind})
    rabbitmq.publish(queue, ORDERS)
    capture(workspace, pipeline(from_rabbitmq(rabbitmq, queue), workspace.lake()), len(ORDERS))
    assert workspace.table().payloads() == ORDERS
    rabbitmq.expect_ready(queue, 0)


def test_until_empty_ends_once_all_is_stored_and_acknowledged(rabbitmq, workspace):
    queue = rabbitmq.queue()
    rabbitmq.publish(queue, ORDERS)
    # Fewer may be out than there are: an empty wait in between is not the end.
    source = from_rabbitmq(rabbitmq, queue) | {"until": "empty", "prefetch": 100}
    workspace.run(pipeline(source, workspace.lake())).succeeded()
    assert workspace.table().payloads() == ORDERS
    rabbitmq.expect_ready(queue, 0)
    workspace.run(pipeline(source, workspace.lake())).succeeded()


def test_the_lake_has_everything_that_a_message_has(rabbitmq, workspace):
    queue = rabbitmq.queue()
    exchange = rabbitmq.exchange("topic")
    rabbitmq.bind(queue, exchange, "order.#")
    rabbitmq.publish("order.created", [b'{"id":1}'], exchange, headers=HEADERS, **PROPERTIES)
    capture(workspace, pipeline(from_rabbitmq(rabbitmq, queue), workspace.lake()), 1)
    (row,) = workspace.table().rows()
    assert (row["_payload"], row["_key"], row["_stream"]) == (b'{"id":1}', b"order.created", queue)
    assert row["_timestamp"] == datetime.datetime.fromtimestamp(MOMENT, datetime.UTC)
    assert row["_redelivered"] is False
    properties, headers = by_hand(row["_properties"]), by_hand(row["_headers"])
    assert properties["exchange"] == (exchange.encode(), "text")
    assert properties["priority"] == (b"7", "uint8")
    assert properties["type"] == (b"order.created", "text")
    assert headers["decimal"] == (b"1.5", "decimal"), "the client that sends it cuts zeros"
    assert headers["bytes"] == (b"\x00\xff", "bytes")
    assert headers["none"][0] is None
    assert headers["time"] == (b"%d" % (MOMENT * 1_000_000), "timestamp")
    assert headers["table"] == (b'{"$int32":true,"a":{"b":8589934592,"c":[]}}', "json")


def test_a_replay_gives_back_every_property_as_it_was(rabbitmq, workspace):
    original, copy = rabbitmq.queue(), rabbitmq.queue()
    rabbitmq.publish(original, [b"\x00\xff\xfe"], headers=HEADERS, **PROPERTIES)
    rabbitmq.publish(original, [b"", b"x"])
    with rabbitmq.channel() as channel:
        channel.basic_publish("", original, b"bare", pika.BasicProperties())
    capture(workspace, pipeline(from_rabbitmq(rabbitmq, original), workspace.lake()), 4)
    replay(workspace, to=f"{rabbitmq.url}/%2F/{copy}").wait().succeeded().says("sent 4 events", "guest:***@")
    first, empty, x, bare = rabbitmq.take(copy)
    assert first.body == b"\x00\xff\xfe"
    assert first.headers == HEADERS
    assert first.properties == {"delivery_mode": 2, **PROPERTIES}
    assert all(isinstance(first.headers[name], type(value)) for name, value in HEADERS.items()), "a switch is no number, a text no bytes"
    assert [(message.body, message.properties, message.headers) for message in (empty, x, bare)] == \
        [(b"", {"delivery_mode": 2}, None), (b"x", {"delivery_mode": 2}, None), (b"bare", {}, None)]


def test_a_replay_without_a_name_goes_through_the_exchange_that_each_came_through(rabbitmq, workspace):
    first, later = rabbitmq.queue(), rabbitmq.queue()
    exchange = rabbitmq.exchange("direct")
    rabbitmq.bind(first, exchange, "a")
    rabbitmq.publish("a", ORDERS[:5], exchange)
    capture(workspace, pipeline(from_rabbitmq(rabbitmq, first), workspace.lake()), 5)
    rabbitmq.bind(later, exchange, "a")
    replay(workspace, to=f"{rabbitmq.url}/").wait().succeeded()
    assert [(message.body, message.exchange, message.routing_key) for message in rabbitmq.take(later)] == [(body, exchange, "a") for body in ORDERS[:5]]


# === to and from Kafka ===

def test_rabbitmq_to_kafka(rabbitmq, kafka, workspace):
    queue, topic = rabbitmq.queue(), kafka.topic()
    rabbitmq.publish(queue, ORDERS, headers={"n": 5, "t": "x"}, timestamp=MOMENT)
    process = workspace.start_run(pipeline(from_rabbitmq(rabbitmq, queue), to_kafka(kafka, topic)))
    process.wait_until("all has arrived", lambda: sum(kafka.end_offsets(topic).values()) >= len(ORDERS))
    process.stop().succeeded()
    arrived = kafka.consume(topic)
    assert [message.payload for message in arrived] == ORDERS
    assert {(message.key, message.timestamp_ms, tuple(message.headers)) for message in arrived} == {(queue.encode(), MOMENT * 1000, (("n", b"5"), ("t", b"x")))}
    rabbitmq.expect_ready(queue, 0)


def test_kafka_to_rabbitmq(rabbitmq, kafka, workspace):
    queue, topic = rabbitmq.queue(), kafka.topic()
    kafka.produce(topic, [Message(payload, b"key", [("h", b"raw"), ("none", None)], timestamp_ms=MOMENT * 1000 + 999) for payload in ORDERS])
    workspace.run(pipeline(from_kafka(kafka, topic), to_rabbitmq(rabbitmq, queue))).succeeded()
    arrived = rabbitmq.take(queue)
    assert [message.body for message in arrived] == ORDERS
    assert arrived[0].properties == {"delivery_mode": 2, "timestamp": MOMENT}
    assert arrived[0].headers == {"h": b"raw", "none": None}


def test_a_tombstone_is_dead_lettered_since_a_message_has_a_body(rabbitmq, kafka, workspace):
    queue, topic = rabbitmq.queue(), kafka.topic()
    kafka.produce(topic, [Message(b"1", b"k"), Message(None, b"k"), Message(b"2", b"k")])
    workspace.run(pipeline(from_kafka(kafka, topic), to_rabbitmq(rabbitmq, queue), dead_letters=workspace.lake("dead"))).succeeded()
    assert rabbitmq.bodies(queue) == [b"1", b"2"]
    assert workspace.table("dead").payloads() == [None]


# === what no queue takes, what is not there, who may not ===

def test_what_no_queue_takes_is_dead_lettered_and_its_neighbours_pass(rabbitmq, workspace):
    queue = rabbitmq.queue()
    exchange = rabbitmq.exchange("direct")
    rabbitmq.bind(queue, exchange, "even")
    source = workspace.write("in.ndjson", b"".join(b'{"n":%d,"kind":"%s"}\n' % (n, b"odd" if n % 2 else b"even") for n in range(100)))
    sink = {"type": "rabbitmq", "url": rabbitmq.url, "exchange": exchange, "routing_key": "${field:kind}"}
    workspace.run(pipeline({"type": "file", "path": str(source)}, sink, dead_letters=workspace.lake("dead"))).succeeded()
    assert [b'"even"' in body for body in rabbitmq.bodies(queue)] == [True] * 50
    rows = workspace.table("dead").rows()
    assert len(rows) == 50 and all(b'"odd"' in row["_payload"] for row in rows)
    reasons = {value for row in rows for value, _ in by_hand(row["_headers"]).values() if value and b"no queue takes it" in value}
    assert len(reasons) == 1 and b"312" in reasons.pop()


def test_without_dead_letters_it_stops_the_pipeline_and_is_named(rabbitmq, workspace):
    exchange = rabbitmq.exchange("direct")
    sink = {"type": "rabbitmq", "url": rabbitmq.url, "exchange": exchange, "routing_key": "nobody"}
    workspace.run(pipeline(generated(10), sink)).failed().says("no queue takes it", exchange, "`nobody`")


def test_a_queue_that_is_not_there_is_named(rabbitmq, workspace):
    workspace.run(pipeline(from_rabbitmq(rabbitmq, "no-such-queue"), workspace.lake())).failed().says("use queue `no-such-queue`", "create it, or mend the name")
    workspace.run(pipeline(generated(1), to_rabbitmq(rabbitmq, "no-such-queue"))).failed().says("neither an exchange nor a queue `no-such-queue`")


def test_a_wrong_password_is_named_and_not_shown(rabbitmq, workspace):
    wrong = RabbitMQ(rabbitmq.url.replace("guest:guest@", "guest:wrong-secret@"))
    for through in (pipeline(from_rabbitmq(wrong, "q"), workspace.lake()), pipeline(generated(1), to_rabbitmq(wrong, "q"))):
        finished = workspace.run(through).failed().says("the broker refuses user and password")
        assert "wrong-secret" not in finished.err + finished.out


def test_check_contacts_nobody(workspace):
    nobody = RabbitMQ("amqp://127.0.0.1:1")
    path = workspace.write("p.yaml", pipeline(from_rabbitmq(nobody, "q", declare={"kind": "quorum"}), to_rabbitmq(nobody, "x")))
    workspace.command("check", path).succeeded()


# === what breaks ===

def test_a_broker_that_is_killed_in_the_middle_loses_nothing(workspace, own_rabbitmq):
    rabbitmq = RabbitMQ(own_rabbitmq.url)
    queue = rabbitmq.queue()
    rabbitmq.publish(queue, ORDERS[:500])
    process = workspace.start_run(pipeline(from_rabbitmq(rabbitmq, queue, prefetch=50), workspace.lake()))
    process.wait_until("some is stored", lambda: workspace.table().count() > 0)
    own_rabbitmq.settle()
    own_rabbitmq.kill()
    process.wait_until("it says so", lambda: "source unavailable" in process.err)
    own_rabbitmq.start()
    rabbitmq.publish(queue, ORDERS[500:])
    process.wait_until("the queue is empty and all is stored", lambda: len(set(workspace.table().payloads())) == len(ORDERS))
    process.stop().succeeded()
    check_repeats(workspace)


def test_a_connection_that_is_cut_again_and_again_loses_nothing(rabbitmq, workspace, toxiproxy):
    proxy = toxiproxy.proxy(rabbitmq.url.rsplit("@")[1])
    queue = rabbitmq.queue()
    rabbitmq.publish(queue, ORDERS)
    through = RabbitMQ(f"amqp://guest:guest@{proxy.address}")
    process = workspace.start_run(pipeline(from_rabbitmq(through, queue, prefetch=40), workspace.lake()))
    for part in range(1, 4):
        process.wait_until("some more is stored", lambda: workspace.table().count() >= part * 150)
        proxy.cut()
        process.wait_until("it says so", lambda: process.err.count("source unavailable") >= part)
        proxy.heal()
    process.wait_until("all is stored", lambda: len(set(workspace.table().payloads())) == len(ORDERS))
    process.stop().succeeded()
    check_repeats(workspace)
    rabbitmq.expect_ready(queue, 0)


def test_messages_that_wait_for_longer_than_the_broker_allows_come_again(workspace, own_rabbitmq):
    """As with a lake that commits less often than `consumer_timeout` wants it, half an hour by default, or is away for so long."""
    own_rabbitmq.set(consumer_timeout=2000, channel_tick_interval=200)
    rabbitmq = RabbitMQ(own_rabbitmq.url)
    queue, few = rabbitmq.queue(), ORDERS[:5]
    rabbitmq.publish(queue, few)
    process = workspace.start_run(pipeline(from_rabbitmq(rabbitmq, queue), workspace.lake(commit_interval="5s", hot_log=False), idle="1h"))
    process.wait_until("all is stored", lambda: workspace.table().count() >= len(few))
    process.stop().succeeded().says("consumer_timeout")
    check_repeats(workspace, few)
    rabbitmq.expect_ready(queue, 0)


def check_repeats(workspace, sent: list[bytes] = ORDERS) -> None:
    """None is lost; what came twice was marked by the broker the second time."""
    rows = sorted(workspace.table().rows(["_payload", "_position", "_redelivered"]), key=lambda row: row["_position"])
    counts = Counter(row["_payload"] for row in rows)
    assert set(counts) == set(sent)
    seen = set()
    for row in rows:
        assert row["_payload"] not in seen or row["_redelivered"], f"{row} came twice without a mark"
        seen.add(row["_payload"])


def test_a_process_that_is_killed_loses_nothing(rabbitmq, workspace):
    queue = rabbitmq.queue()
    rabbitmq.publish(queue, ORDERS)
    through = pipeline(from_rabbitmq(rabbitmq, queue, prefetch=100), workspace.lake())
    for stored in (100, 400):
        process = workspace.start_run(through)
        process.wait_until("some is stored", lambda: workspace.table().count() >= stored)
        process.kill()
    process = workspace.start_run(through)
    process.wait_until("all is stored", lambda: len(set(workspace.table().payloads())) == len(ORDERS))
    process.stop().succeeded()
    check_repeats(workspace)


def test_a_sink_whose_broker_is_killed_publishes_the_rest(workspace, own_rabbitmq):
    rabbitmq = RabbitMQ(own_rabbitmq.url)
    queue = rabbitmq.queue()
    own_rabbitmq.settle()
    process = workspace.start_run(pipeline(generated(2000, rate="500/s"), to_rabbitmq(rabbitmq, queue), workspace.lake()))
    process.wait_until("some has arrived", lambda: rabbitmq.ready(queue) > 200)
    own_rabbitmq.kill()
    own_rabbitmq.start()
    process.wait(120).succeeded()
    arrived = list(dict.fromkeys(rabbitmq.bodies(queue)))
    assert arrived == list(dict.fromkeys(workspace.table().payloads())), "lost or out of order"


def test_a_sink_whose_exchange_is_deleted_waits_for_it(rabbitmq, workspace):
    """It was there: it is on its way back, as behind a node that starts later."""
    queue = rabbitmq.queue()
    exchange = rabbitmq.exchange("direct", **{queue: "key"})
    sink = {"type": "rabbitmq", "url": rabbitmq.url, "exchange": exchange, "routing_key": "key"}
    through = pipeline(generated(1500, rate="300/s"), sink, workspace.lake(), dead_letters=workspace.lake("dead"))
    process = workspace.start_run(through)
    process.wait_until("some has arrived", lambda: rabbitmq.ready(queue) > 100)
    with rabbitmq.channel() as channel:
        channel.exchange_delete(exchange)
    process.wait_until("it says so", lambda: f"exchange `{exchange}` is not there" in process.err)
    with rabbitmq.channel() as channel:
        channel.exchange_declare(exchange, "direct", durable=True)
        channel.queue_bind(queue, exchange, "key")
    process.wait(60).succeeded()
    # What comes before the binding is there finds no queue.
    arrived = {*rabbitmq.bodies(queue), *(workspace.table("dead").payloads() if workspace.table("dead").path.exists() else [])}
    assert arrived == set(workspace.table().payloads())


def test_a_queue_that_is_deleted_is_made_again_where_that_was_said(rabbitmq, workspace):
    queue = rabbitmq.name("made")
    process = workspace.start_run(pipeline(from_rabbitmq(rabbitmq, queue, declare={"kind": "quorum"}), workspace.lake()))
    process.wait_until("it starts", lambda: "starting" in process.err)
    publish_when_there(process, rabbitmq, queue, [b"1"])
    process.wait_until("it is stored", lambda: workspace.table().count() == 1)
    rabbitmq.delete(queue)
    process.wait_until("it says so", lambda: "was the queue deleted?" in process.err)
    publish_when_there(process, rabbitmq, queue, [b"2"])
    process.wait_until("it is stored", lambda: workspace.table().payloads() == [b"1", b"2"])
    process.stop().succeeded()


def publish_when_there(process, rabbitmq: RabbitMQ, queue: str, bodies: list[bytes]) -> None:
    def is_there() -> bool:
        try:
            return rabbitmq.ready(queue) == 0
        except pika.exceptions.ChannelClosedByBroker:
            return False
    process.wait_until("the queue is there", is_there)
    rabbitmq.publish(queue, bodies)


def test_a_message_that_cannot_be_read_is_no_endless_loop(rabbitmq, workspace):
    """Its correlation id is not UTF-8, which the broker takes and AMQP forbids."""
    queue = rabbitmq.queue()
    rabbitmq.publish(queue, [b"poison"], correlation_id=b"\xff\xfe")
    rabbitmq.publish(queue, [b"good"])
    finished = workspace.run(pipeline(from_rabbitmq(rabbitmq, queue), workspace.lake())).failed()
    finished.says("cannot be read", queue)
    rabbitmq.expect_ready(queue, 2)


# === TLS ===

def test_tls_with_an_authority_of_ones_own(workspace, secured_rabbitmq):
    plain, secured = RabbitMQ(secured_rabbitmq.url), RabbitMQ(f"amqps://guest:guest@{secured_rabbitmq.tls_address}")
    ca = {"tls": {"ca": str(secured_rabbitmq.certificates.authority)}}
    first, second = plain.queue(), plain.queue()
    plain.publish(first, ORDERS[:10])
    process = workspace.start_run(pipeline(from_rabbitmq(secured, first, **ca), to_rabbitmq(secured, second, **ca)))
    process.wait_until("all has arrived", lambda: plain.ready(second) == 10)
    process.stop().succeeded()
    assert plain.bodies(second) == ORDERS[:10]


def test_a_certificate_that_nobody_trusts_is_named(workspace, secured_rabbitmq):
    secured = RabbitMQ(f"amqps://guest:guest@{secured_rabbitmq.tls_address}")
    workspace.run(pipeline(from_rabbitmq(secured, "q"), workspace.lake())).failed().says("the certificate is not trusted, see `tls`")
