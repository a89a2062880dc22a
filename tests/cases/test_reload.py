"""Hot reload: a folder, a signal or the API changes what runs, and nothing else."""

import json
import os
import signal
import socket
import threading
import time

import pytest

from harness.http import Reply
from harness.http import Server as Taker
from harness.pipelines import following, generated, pipeline, to_file
from harness.server import Server

ORDERS = [b'{"id":%d}' % number for number in range(1000)]


@pytest.fixture
def server(workspace) -> Server:
    return Server(workspace, "--put-back-after", "4s")


@pytest.fixture
def taker():
    taker = Taker()
    yield taker
    taker.stop()


def generation(server: Server) -> int:
    return server.reloaded()["generation"]


def test_a_new_file_starts_its_pipeline_and_one_that_went_stops_its_own(server, kafka):
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    server.start()
    file = server.write(pipeline(following(kafka, topic), server.workspace.lake(), name="orders"))
    server.until("it is stored", lambda: server.workspace.table().count() == len(ORDERS))
    file.unlink()
    server.until("it is gone", lambda: server.get("/v1/pipelines") == [])
    assert server.reloaded()["changes"] == [{"pipeline": "orders", "change": "stop", "trouble": None}]


def test_a_changed_pipeline_goes_on_where_it_was_and_the_other_never_notices(server, kafka):
    """The unchanged one is asked by the broker: a member that left and came back has another id."""
    changed, unchanged = kafka.topic(), kafka.topic()
    lake = server.workspace.lake
    before = pipeline(following(kafka, changed), lake("changed"), name="changed")
    server.write(before)
    kept = following(kafka, unchanged)
    server.write(pipeline(kept, lake("unchanged"), name="unchanged"))
    server.start()
    for topic in (changed, unchanged):
        kafka.produce(topic, ORDERS)
    server.until("both flow", lambda: all(server.workspace.table(name).count() == len(ORDERS) for name in ("changed", "unchanged")))
    members = kafka.members(kept["group"])
    server.write({**before, "transforms": [{"type": "filter", "where": "id:>=0"}]})
    server.until("it is replaced", lambda: generation(server) == 2)
    assert [change["pipeline"] for change in server.reloaded()["changes"]] == ["changed"]
    for topic in (changed, unchanged):
        kafka.produce(topic, ORDERS)
    server.until("both go on", lambda: all(server.workspace.table(name).count() == 2 * len(ORDERS) for name in ("changed", "unchanged")))
    assert kafka.members(kept["group"]) == members and members
    assert server.process.err.count("starting pipeline=unchanged") == 1
    server.stop().succeeded()
    for name in ("changed", "unchanged"):
        assert server.workspace.table(name).payloads() == ORDERS * 2


def test_a_changed_transform_takes_over_while_source_and_sinks_stay_connected(server, kafka):
    topic = kafka.topic()
    before = pipeline(following(kafka, topic), server.workspace.lake(), name="orders")
    server.write(before)
    server.start()
    kafka.produce(topic, ORDERS)
    server.until("it is stored", lambda: server.workspace.table().count() == len(ORDERS))
    members = kafka.members(before["source"]["group"])
    server.write({**before, "transforms": [{"type": "filter", "where": "id:>=500"}], "checkpoint_interval": "200ms", "retry": {"max": "3s"}})
    server.until("it has changed", lambda: generation(server) == 2)
    assert server.reloaded()["changes"] == [{"pipeline": "orders", "change": "adapt", "trouble": None}]
    kafka.produce(topic, ORDERS)
    server.until("it goes on", lambda: server.workspace.table().count() == len(ORDERS) * 3 // 2)
    assert kafka.members(before["source"]["group"]) == members and members
    server.stop().succeeded()
    assert server.workspace.table().payloads() == ORDERS + ORDERS[500:]


def test_a_changed_sink_is_flushed_and_replaced_while_source_and_other_sinks_stay(server, kafka):
    topic, lake = kafka.topic(), server.workspace.lake
    file = to_file(server.workspace.folder / "out.ndjson", name="file")
    before = pipeline(following(kafka, topic), {**lake("one"), "commit_interval": "1h", "name": "lake"}, file, name="orders", idle="1h")
    server.write(before)
    server.start()
    kafka.produce(topic, ORDERS)
    server.until("it is read", lambda: server.status("orders")["records"] == len(ORDERS))
    members = kafka.members(before["source"]["group"])
    server.write({**before, "sinks": [{**lake("two"), "name": "lake"}, file], "idle": "200ms"})
    server.until("it has changed", lambda: generation(server) == 2)
    assert server.reloaded()["changes"] == [{"pipeline": "orders", "change": "adapt", "trouble": None}]
    assert server.workspace.table("one").count() == len(ORDERS), "all that it was given is stored before it goes"
    kafka.produce(topic, ORDERS)
    server.until("it goes on", lambda: server.workspace.table("two").count() == len(ORDERS))
    assert kafka.members(before["source"]["group"]) == members and members
    server.write({**before, "sinks": [{**lake("two"), "name": "lake"}, {**lake("one"), "name": "other"}], "idle": "200ms"})
    server.until("it has changed again", lambda: generation(server) == 3)
    server.until("what the first lake lacks is read again", lambda: server.workspace.table("one").count() == 2 * len(ORDERS))
    server.stop().succeeded()
    assert server.workspace.table("one").payloads() == ORDERS * 2
    assert server.workspace.table("two").payloads() == ORDERS
    assert (server.workspace.folder / "out.ndjson").read_bytes().splitlines() == ORDERS * 2


def test_other_sinks_flow_on_while_a_changed_one_is_slow_to_store_what_it_has(server, kafka, taker):
    """The slow one posts to a server that does not answer for a while; a second after each of its barriers comes the next."""
    topic, answering = kafka.topic(), threading.Event()
    answering.set()
    taker.reply = lambda request: answering.wait() and Reply()
    out = server.workspace.folder / "out.ndjson"
    slow = {"type": "http", "url": f"{taker.url}/events", "name": "slow"}
    before = pipeline(following(kafka, topic), slow, to_file(out, name="file"), name="orders")
    server.write(before)
    server.start()

    def taken() -> list[bytes]:
        return [line for request in taker.received for line in request.body.splitlines()]

    def stored() -> list[bytes]:
        return out.read_bytes().splitlines() if out.exists() else []

    kafka.produce(topic, ORDERS)
    server.until("it flows", lambda: len(taken()) == len(stored()) == len(ORDERS))
    members = kafka.members(before["source"]["group"])
    answering.clear()
    kafka.produce(topic, ORDERS[:1])
    server.until("it is read", lambda: server.status("orders")["records"] == len(ORDERS) + 1)
    server.write({**before, "sinks": [{**slow, "timeout": "20s"}, before["sinks"][1]]})
    for number in range(1, 7):
        time.sleep(1)
        kafka.produce(topic, ORDERS[1:])
        server.until("the other one flows on", lambda: len(stored()) == number * (len(ORDERS) - 1) + len(ORDERS) + 1)
    assert len(taken()) == len(ORDERS) and generation(server) == 1
    answering.set()
    server.until("it has changed", lambda: generation(server) == 2)
    assert server.reloaded()["changes"] == [{"pipeline": "orders", "change": "adapt", "trouble": None}]
    assert kafka.members(before["source"]["group"]) == members and members
    server.stop().succeeded()
    assert sorted(taken()) == sorted(stored()) == sorted(ORDERS + ORDERS[:1] + ORDERS[1:] * 6)


def test_a_bad_file_changes_nothing_and_says_why(server, kafka):
    topic = kafka.topic()
    good = pipeline(following(kafka, topic), server.workspace.lake(), name="good")
    server.write(good)
    server.start()
    server.until_state("good", "running")
    server.write({**good, "checkpoint_interval": "2s"})
    server.until("it is replaced", lambda: generation(server) == 2)
    bad = server.write({"name": "bad", "source": {"type": "kafak"}, "sinks": [{"type": "lake"}]})
    server.write({**good, "checkpoint_interval": "3s"})
    server.until("the mistake is told", lambda: server.reloaded()["error"])
    assert "kafak" in server.reloaded()["error"] and "bad.yaml:" in server.reloaded()["error"]
    server.process.says("kafak", "nothing was changed")
    assert server.metric("catchwater_config_reloads_total", outcome="refused") >= 1
    assert generation(server) == 2 and server.state("good") == "running"
    server.ask("POST", "/v1/reload").says(422, "kafak")
    kafka.produce(topic, ORDERS)
    server.until("it flows", lambda: server.workspace.table().count() == len(ORDERS))
    bad.unlink()
    server.until("the change comes after all", lambda: generation(server) == 3 and server.reloaded()["error"] is None)


def test_nothing_changes_when_a_file_is_saved_unchanged(server, kafka):
    document = pipeline(following(kafka, kafka.topic()), to_file(server.workspace.folder / "out"), name="orders")
    server.write(document)
    server.start()
    server.write(document)
    server.until("it was looked at", lambda: server.metric("catchwater_config_reloads_total", outcome="done") == 2)
    assert generation(server) == 1 and server.reloaded()["changes"] == []


@pytest.mark.parametrize("ask", ["signal", "api"])
def test_a_reload_is_made_when_asked(server, kafka, ask):
    """The file is the same; what stands in the environment cannot be: so the change is one that only a reload finds."""
    server.start()
    before = server.reloaded()["at"]
    if ask == "signal":
        server.process.popen.send_signal(signal.SIGHUP)
        server.until("it was reloaded", lambda: server.reloaded()["at"] != before)
    else:
        assert server.ask("POST", "/v1/reload").says(200).json["error"] is None


def test_a_swung_link_as_kubernetes_does_it_is_a_change(workspace, kafka):
    """A config map is a folder of links into `..data`, which is itself a link that is swung round."""
    server = Server(workspace)
    topic = kafka.topic()
    for number in (1, 2):
        version = server.folder / f"..{number}"
        version.mkdir()
        document = pipeline(following(kafka, topic), workspace.lake(f"events{number}"), name="orders")
        workspace.write(f"pipelines/..{number}/orders.yaml", document)
    (server.folder / "..data").symlink_to("..1")
    (server.folder / "orders.yaml").symlink_to("..data/orders.yaml")
    server.start()
    kafka.produce(topic, ORDERS)
    server.until("it is stored", lambda: workspace.table("events1").count() == len(ORDERS))
    (server.folder / "..swing").symlink_to("..2")
    os.replace(server.folder / "..swing", server.folder / "..data")
    server.until("it is replaced", lambda: generation(server) == 2)
    kafka.produce(topic, ORDERS)
    server.until("it goes on", lambda: workspace.table("events2").count() == len(ORDERS))
    assert workspace.table("events1").count() == len(ORDERS)


def test_a_changed_secret_is_a_change(server, kafka):
    """The file of the pipeline is the same; the one that it names is not."""
    group = server.workspace.write("secrets/group", "before")
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    server.write(pipeline(following(kafka, topic, group=f"${{file:{group}}}-{topic}"), server.workspace.lake(), name="orders"))
    server.start()
    server.until_state("orders", "running")
    server.workspace.write("secrets/draft", "after").rename(group)
    server.until("it is replaced", lambda: generation(server) == 2)
    server.until("the new one is used", lambda: kafka.members(f"after-{topic}"))


def test_a_file_may_come_later_than_the_pipeline_that_names_it(server):
    out = server.workspace.folder / "out.ndjson"
    server.start()
    server.write(pipeline(generated(10), to_file(f"${{file:{server.workspace.folder}/later}}"), name="orders"))
    server.until("the reload is refused", lambda: "later" in (server.reloaded()["error"] or ""))
    server.workspace.write("draft", str(out)).rename(server.workspace.folder / "later")
    server.until("it is made after all", lambda: out.exists() and len(out.read_bytes().splitlines()) == 10)
    assert server.reloaded()["error"] is None


def test_a_mistake_in_the_servers_settings_is_told(server):
    settings = server.folder / "catchwater.yaml"
    settings.write_text("kafak: {}\n")
    server.start()
    server.process.says("catchwater.yaml", "kafak")
    assert "kafak" in server.reloaded()["error"] and server.metric("catchwater_config_reloads_total", outcome="refused") == 1
    settings.write_text("kafka: {brokerz: there}\n")
    server.until("it is told anew", lambda: "brokers" in server.reloaded()["error"])
    server.write(pipeline(generated(1), to_file(server.workspace.folder / "out"), name="orders"))
    server.until("a pipeline has nothing to do with it", lambda: len(server.get("/v1/pipelines")) == 1)
    assert "catchwater.yaml" in server.ask("POST", "/v1/reload").says(200).json["error"]
    refused = server.metric("catchwater_config_reloads_total", outcome="refused")
    assert refused >= 4 and server.metric("catchwater_config_reloads_total", outcome="done") == 0
    server.ask("POST", "/v1/pipelines", pipeline(generated(1), to_file(server.workspace.folder / "made"), name="made")).says(201)
    assert "catchwater.yaml" in server.reloaded()["error"], "it still is one"
    assert server.metric("catchwater_config_reloads_total", outcome="refused") == refused, "and no matter of a pipeline's"
    settings.write_text("kafka: {brokers: 'there:9092'}\n")
    server.until("it is over", lambda: server.reloaded()["error"] is None)


def test_a_draft_that_an_editor_hides_is_no_pipeline(server):
    document = pipeline(generated(1), to_file(server.workspace.folder / "out"), name="orders")
    server.write({**document, "source": {"type": "kafak"}}, name=".orders")
    server.write(document)
    server.start()
    server.write({**document, "idle": "5s"})
    server.until("what is not hidden is served", lambda: generation(server) == 2)
    assert server.reloaded()["error"] is None


def test_a_file_that_a_pipeline_made_by_api_names_is_no_change_before_it_changes(server):
    out = server.workspace.write("secret", str(server.workspace.folder / "out"))
    server.start()
    server.ask("POST", "/v1/pipelines", pipeline(generated(1), to_file(f"${{file:{out}}}"), name="made")).says(201)
    time.sleep(2)
    assert [change["pipeline"] for change in server.reloaded()["changes"]] == ["made"]
    assert "files have changed" not in server.process.err
    server.workspace.write("draft", str(server.workspace.folder / "other")).rename(out)
    server.until("it is a change", lambda: "files have changed" in server.process.err)
    server.until("it is made", lambda: (server.workspace.folder / "other").exists())


def test_a_wish_goes_with_its_pipeline_and_stays_with_its_file(server):
    document = pipeline(generated(1), to_file(server.workspace.folder / "out"), name="orders")
    file = server.write(document)
    server.start()
    server.do("orders", "stop").says(200)
    server.write({**document, "idle": "5s"})
    server.until("the edit is seen", lambda: "idle" in server.get("/v1/pipelines/orders")["document"])
    assert server.state("orders") == "stopped"
    server.stop().succeeded()
    draft = file.rename(server.workspace.folder / "aside")
    server.start()
    assert server.get("/v1/pipelines") == []
    draft.rename(file)
    server.until("its folder comes late", lambda: server.get("/v1/pipelines"))
    assert server.state("orders") == "stopped"
    file.unlink()
    server.until("it is gone", lambda: server.get("/v1/pipelines") == [])
    server.write(document)
    server.until("another of its name comes", lambda: server.get("/v1/pipelines"))
    server.until_state("orders", "ended")


def test_what_is_made_by_api_runs_whatever_was_wanted_of_another_of_its_name(server):
    """The wish of the old one is still kept: its file went while no server looked on."""
    for name in ("put", "applied"):
        server.write(pipeline(generated(1), to_file(server.workspace.folder / name), name=name))
    server.start()
    for name in ("put", "applied"):
        server.do(name, "stop").says(200)
    server.stop().succeeded()
    texts = {path.stem: path.read_text() for path in server.folder.iterdir()}
    for path in server.folder.iterdir():
        path.unlink()
    server.start()
    server.ask("PUT", "/v1/pipelines/put", texts["put"]).says(200)
    server.until_state("put", "ended")
    wish = json.dumps({"files": [{"name": "a.yaml", "text": texts["applied"]}]})
    ask = lambda path: server.ask("POST", path, wish, {"content-type": "application/json"}).says(200).json
    ask(f"/v1/apply?hash={ask('/v1/plan')['hash']}")
    server.until_state("applied", "ended")


def test_a_change_that_does_not_start_is_put_back(server, kafka):
    topic = kafka.topic()
    good = pipeline(following(kafka, topic), server.workspace.lake(), name="orders")
    server.write(good)
    server.start()
    server.until_state("orders", "running")
    in_the_way = server.workspace.write("in-the-way", "")
    server.write({**good, "sinks": [*good["sinks"], to_file(in_the_way / "out.ndjson")]})
    server.until("it is put back", lambda: server.status("orders").get("put_back"))
    status = server.status("orders")
    assert "in-the-way" in status["put_back"]
    assert [change["pipeline"] for change in server.reloaded()["changes"] if "in-the-way" in (change["trouble"] or "")] == ["orders"]
    assert server.metric("catchwater_config_reloads_total", outcome="put_back") == 1
    server.until_state("orders", "running")
    kafka.produce(topic, ORDERS)
    server.until("what ran before runs", lambda: server.workspace.table().count() == len(ORDERS))
    server.write(pipeline(following(kafka, kafka.topic()), to_file(server.workspace.folder / "out"), name="another"))
    server.until("another starts", lambda: len(server.get("/v1/pipelines")) == 2)
    assert [change["pipeline"] for change in server.reloaded()["changes"]] == ["another"], "it is not tried again for another's change"
    server.ask("POST", "/v1/pipelines", pipeline(generated(1), to_file(server.workspace.folder / "made"), name="made")).says(201)
    assert [change["pipeline"] for change in server.reloaded()["changes"]] == ["made"], "nor for one through the API"
    server.do("orders", "pause").says(200)
    server.do("orders", "resume").says(200)
    server.until_state("orders", "running")
    kafka.produce(topic, ORDERS)
    server.until("what ran before goes on", lambda: server.workspace.table().count() == 2 * len(ORDERS))
    assert "in-the-way" in server.status("orders")["put_back"]
    assert server.ask("POST", "/v1/reload").says(200).json["changes"][0]["pipeline"] == "orders", "it is where somebody asks"
    server.write(good)
    server.until("it is what is wanted again", lambda: not server.status("orders").get("put_back"))


def test_a_sink_that_cannot_connect_leaves_what_runs_untouched(server, kafka):
    topic = kafka.topic()
    good = pipeline(following(kafka, topic), server.workspace.lake(), name="orders")
    server.write(good)
    server.start()
    server.until_state("orders", "running")
    server.write({**good, "sinks": [*good["sinks"], {"type": "kafka", "brokers": "127.0.0.1:1", "topic": "copy"}]})
    server.until("it is seen", lambda: "files have changed" in server.process.err)
    kafka.produce(topic, ORDERS)
    server.until("what runs flows on", lambda: server.workspace.table().count() == len(ORDERS))
    server.until("it is given up", lambda: server.status("orders").get("put_back"))
    assert "it had not connected after 4 s; kafka-2 " in server.status("orders")["put_back"]
    assert server.state("orders") == "running" and "closing" not in server.process.err and server.process.err.count("starting pipeline=orders") == 1
    kafka.produce(topic, ORDERS)
    server.until("what runs flows on", lambda: server.workspace.table().count() == 2 * len(ORDERS))


def test_an_exclusive_port_is_handed_over(server):
    """The new pipeline listens where the old one did."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    source = {"type": "http", "listen": f"127.0.0.1:{port}"}
    first = server.write(pipeline(source, to_file(server.workspace.folder / "first"), name="first"))
    server.start()
    server.until_state("first", "running")
    second = server.workspace.write("second.yaml", pipeline(source, to_file(server.workspace.folder / "second"), name="second"))
    os.rename(second, first)
    server.until("it is handed over", lambda: [one["name"] for one in server.get("/v1/pipelines")] == ["second"])
    server.until_state("second", "running")
