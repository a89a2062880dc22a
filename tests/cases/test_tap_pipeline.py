"""`catchwater tap NAME` and `NAME/STEP`: a pipeline's source is tapped, and its steps tried on what passes; nothing of it runs."""

import json

import pytest

from harness.pipelines import following, from_rabbitmq, generated, pipeline, to_file

ORDERS = [b'{"id":%d,"status":"%s","card":"4111"}' % (number, b"paid" if number % 2 else b"test") for number in range(6)]
STEPS = [
    {"type": "filter", "where": "NOT status:test"},
    {"type": "drop", "name": "mask", "fields": ["card"]},
    {"type": "require", "name": "strict", "fields": ["customer"]},
]


@pytest.fixture
def tapped(kafka, workspace):
    """Taps the pipeline `orders`, which nobody runs, from its beginning; answers the payloads."""
    topic = kafka.topic("orders")
    kafka.produce(topic, ORDERS)
    workspace.write("pipelines/orders.yaml", pipeline(following(kafka, topic), to_file("out.ndjson"), name="orders", transforms=STEPS))

    def tap(what: str, *arguments):
        return workspace.command("tap", what, "--from", "earliest", "--json", "--for", "5s", *arguments)
    return tap


def payloads(done) -> list[dict]:
    return [json.loads(json.loads(line)["payload"]) for line in done.out.splitlines()]


def test_a_name_taps_what_the_source_reads(workspace, tapped):
    assert [order["id"] for order in payloads(tapped("orders", "--limit", "6").succeeded())] == list(range(6))
    assert not (workspace.folder / "out.ndjson").exists(), "no sink was opened"
    assert not workspace.data_dir.exists()


def test_a_step_shows_what_comes_out_of_it(tapped):
    assert [order["id"] for order in payloads(tapped("orders/filter", "--limit", "3").succeeded())] == [1, 3, 5]
    assert payloads(tapped("orders/mask", "--limit", "3").succeeded()) == [{"id": number, "status": "paid"} for number in (1, 3, 5)]


def test_what_a_step_rejects_is_told(tapped):
    done = tapped("orders/strict").succeeded()
    assert done.out == "" and done.err.count("strict rejects a message") == 3


def test_a_sink_shows_what_it_is_sent(workspace, kafka):
    topic = kafka.topic("orders")
    kafka.produce(topic, ORDERS)
    branch = {"name": "paid", "when": "status:paid", "transforms": [{"type": "drop", "name": "lean", "fields": ["status"]}]}
    sinks = [to_file("out.ndjson"), {**to_file("paid.ndjson"), **branch}]
    workspace.write("pipelines/orders.yaml", pipeline(following(kafka, topic), *sinks, name="orders", transforms=STEPS[1:2]))
    for what, expected in [
        ("orders/file", [{"id": number, "status": "paid" if number % 2 else "test"} for number in range(6)]),
        ("orders/lean", [{"id": number} for number in (1, 3, 5)]),
        ("orders/paid", [{"id": number} for number in (1, 3, 5)]),
    ]:
        arguments = ["--from", "earliest", "--json", "--for", "5s", "--limit", str(len(expected))]
        assert payloads(workspace.command("tap", what, *arguments).succeeded()) == expected, what
    assert not (workspace.folder / "paid.ndjson").exists(), "no sink was opened"


def test_a_pattern_taps_the_topics_that_match(workspace, kafka):
    topics = [kafka.topic("orders"), kafka.topic("orders"), kafka.topic("payments")]
    for number, topic in enumerate(topics):
        kafka.produce(topic, ORDERS[number:number + 1])
    source = following(kafka, "^" + "|^".join(topics[:2]))
    workspace.write("pipelines/orders.yaml", pipeline(source, to_file("out.ndjson"), name="orders"))
    done = workspace.command("tap", "orders", "--from", "earliest", "--json", "--for", "5s")
    assert sorted(order["id"] for order in payloads(done.succeeded())) == [0, 1]
    done = workspace.command("tap", f"kafka://{kafka.address}/^nothing-like-it")
    assert done.status == 1
    done.says("no topic", "`^nothing-like-it`")


def test_bindings_of_a_pipeline_are_tapped_beside(rabbitmq, workspace):
    queue, exchange = rabbitmq.queue(), rabbitmq.exchange("direct")
    source = from_rabbitmq(rabbitmq, queue, bindings=[{"exchange": exchange, "routing_key": "a"}])
    workspace.write("here.yaml", pipeline(source, to_file("out.ndjson"), name="orders"))
    process = workspace.start("tap", "orders", "--pipelines", "here.yaml", "--json", "--limit", "2")
    process.wait_until("it waits", lambda: "waiting for messages" in process.err)
    rabbitmq.bind(queue, exchange, "a")
    rabbitmq.publish("a", ORDERS[:2], exchange)
    assert [order["id"] for order in payloads(process.wait().succeeded())] == [0, 1]
    rabbitmq.expect_ready(queue, 2)


def test_what_there_is_is_offered(workspace, tapped):
    workspace.write("pipelines/made.yaml", pipeline(generated(1), to_file("made.ndjson"), name="made"))
    for what, words in [
        ("order", ["did you mean `orders`?"]),
        ("orders/filtre", ["did you mean `filter`?"]),
        ("orders/nothing", ["filter, mask, strict"]),
        ("made", ["source of type `generate` cannot be tapped", "kafka"]),
    ]:
        done = tapped(what)
        assert done.status == 2, what
        done.says(*words)
    done = workspace.command("tap", "orders", "--pipelines", "nowhere")
    assert done.status == 2
    done.says("nowhere", "--pipelines")
