"""`catchwater run`: every way through, one after the other, as a new user would try them."""

import json

from harness.pipelines import following, from_file, from_kafka, generated, pipeline, to_file, to_kafka

ORDERS = [b'{"id":%d,"state":"paid","customer":{"name":"Ada"}}' % number for number in range(500)]


def lines(payloads: list[bytes]) -> bytes:
    return b"".join(payload + b"\n" for payload in payloads)


def test_kafka_to_lake(kafka, workspace):
    topic = kafka.topic(partitions=2)
    kafka.produce(topic, ORDERS)
    workspace.run(pipeline(from_kafka(kafka, topic), workspace.lake())).succeeded()
    rows = workspace.table().rows()
    assert [row["_payload"] for row in rows] == ORDERS
    assert [row["id"] for row in rows] == list(range(500))
    assert rows[7]["customer"]["name"] == "Ada"
    assert {row["_stream"] for row in rows} == {topic}


def test_file_to_lake(workspace):
    workspace.write("orders.ndjson", lines(ORDERS))
    workspace.run(pipeline(from_file("orders.ndjson"), workspace.lake())).succeeded()
    assert workspace.table().payloads() == ORDERS


def test_generated_events_to_lake(workspace):
    workspace.run(pipeline(generated(1000), workspace.lake())).succeeded()
    assert workspace.table().count() == 1000


def test_generated_events_are_the_same_for_the_same_seed(workspace):
    for name in ("a", "b"):
        workspace.run(pipeline(generated(100), to_file(f"{name}.ndjson"), name=name)).succeeded()
    first, second = ((workspace.folder / f"{name}.ndjson").read_bytes() for name in ("a", "b"))
    assert first == second and first.count(b"\n") == 100


def test_kafka_to_kafka(kafka, workspace):
    source, target = kafka.topic(), kafka.topic("copy")
    kafka.produce(source, ORDERS)
    workspace.run(pipeline(from_kafka(kafka, source), to_kafka(kafka, target))).succeeded()
    assert [message.payload for message in kafka.consume(target)] == ORDERS


def test_file_to_kafka(kafka, workspace):
    topic = kafka.topic()
    workspace.write("orders.ndjson", lines(ORDERS))
    workspace.run(pipeline(from_file("orders.ndjson"), to_kafka(kafka, topic))).succeeded()
    assert [message.payload for message in kafka.consume(topic)] == ORDERS


def test_kafka_to_file(kafka, workspace):
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    workspace.run(pipeline(from_kafka(kafka, topic), to_file("out.ndjson"))).succeeded()
    assert (workspace.folder / "out.ndjson").read_bytes() == lines(ORDERS)


def test_kafka_to_the_terminal(kafka, workspace):
    topic = kafka.topic()
    kafka.produce(topic, ORDERS[:3])
    finished = workspace.run(pipeline(from_kafka(kafka, topic), {"type": "stdout"})).succeeded()
    assert [json.loads(line)["id"] for line in finished.out.splitlines()] == [0, 1, 2]


def test_standard_input_to_lake(workspace):
    path = workspace.write("orders.ndjson", lines(ORDERS))
    with open(path, "rb") as orders:
        workspace.run(pipeline({"type": "stdin"}, workspace.lake()), stdin=orders).succeeded()
    assert workspace.table().payloads() == ORDERS


def test_a_folder_of_pipelines_runs_whole_and_ends_when_the_last_has_ended(kafka, workspace):
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    workspace.write("orders.ndjson", lines(ORDERS[:10]))
    workspace.write("pipelines/one.yaml", pipeline(from_kafka(kafka, topic), workspace.lake("from-kafka"), name="one"))
    both = [pipeline(from_file("orders.ndjson"), workspace.lake("from-file"), name="two"), pipeline(generated(20), workspace.lake("made"), name="three")]
    workspace.write("pipelines/others.yaml", both)
    workspace.command("run", "pipelines", "--data-dir", workspace.data_dir).succeeded()
    assert [workspace.table(name).count() for name in ("from-kafka", "from-file", "made")] == [500, 10, 20]


def test_a_second_run_adds_only_what_is_new(kafka, workspace):
    topic = kafka.topic()
    through = pipeline(from_kafka(kafka, topic), workspace.lake())
    kafka.produce(topic, ORDERS[:200])
    workspace.run(through).succeeded()
    kafka.produce(topic, ORDERS[200:])
    workspace.run(through).succeeded()
    assert workspace.table().payloads() == ORDERS


def test_a_file_read_again_adds_only_what_was_appended(workspace):
    through = pipeline(from_file("orders.ndjson"), workspace.lake())
    workspace.write("orders.ndjson", lines(ORDERS[:200]))
    workspace.run(through).succeeded()
    workspace.write("orders.ndjson", lines(ORDERS))
    workspace.run(through).succeeded()
    assert workspace.table().payloads() == ORDERS


def test_several_topics_and_a_pattern_reach_their_own_collections(kafka, workspace):
    prefix = kafka.group("shop")
    topics = [f"{prefix}.orders", f"{prefix}.payments", kafka.topic("clicks")]
    for topic in topics:
        if topic.startswith(prefix):
            kafka.create(topic)
        kafka.produce(topic, ORDERS[:5])
    source = from_kafka(kafka, f"^{prefix}\\..*", topics[2])
    workspace.run(pipeline(source, workspace.lake("${stream}"))).succeeded()
    stored = {path.name: workspace.table(path.name).count() for path in workspace.lake_path.iterdir()}
    assert sorted(stored.values()) == [5, 5, 5] and len(stored) == 3


def test_one_source_feeds_several_sinks(kafka, workspace):
    topic, copy = kafka.topic(), kafka.topic("copy")
    kafka.produce(topic, ORDERS)
    sinks = [workspace.lake(), to_kafka(kafka, copy), to_file("out.ndjson")]
    workspace.run(pipeline(from_kafka(kafka, topic), *sinks)).succeeded()
    assert workspace.table().payloads() == ORDERS
    assert [message.payload for message in kafka.consume(copy)] == ORDERS
    assert (workspace.folder / "out.ndjson").read_bytes() == lines(ORDERS)


def test_it_says_every_few_seconds_what_flows(kafka, workspace):
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    process = workspace.start_run(pipeline(following(kafka, topic), workspace.lake()))
    process.wait_until("rates, lag and the last commit are told", lambda: all(word in process.err for word in ("/s", "lag", "commit")), 30)
    kafka.produce(topic, [b'{"id":1,"voucher":"SAVE10"}'])
    process.wait_until("the new column is told", lambda: "voucher" in process.err, 30)
    process.stop().succeeded()
