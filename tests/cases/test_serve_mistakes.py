"""`catchwater serve` starts with what is sound: a file with a mistake keeps nobody else's pipelines down."""

import os
import socket

import pytest

from harness.kafka import Kafka
from harness.pipelines import following, from_file, generated, pipeline, to_file
from harness.server import Server

ORDERS = [b'{"id":%d}' % number for number in range(1000)]


@pytest.fixture
def server(workspace) -> Server:
    return Server(workspace)


def names(server: Server) -> list[str]:
    return [one["name"] for one in server.get("/v1/pipelines")]


def endless(server: Server, name: str, **keys) -> dict:
    """Follows a file, and writes one of its own."""
    lines = server.workspace.write("in.ndjson", b'{"id":1}\n')
    return pipeline(from_file(lines, follow=True), to_file(server.workspace.folder / f"{name}.out"), name=name, **keys)


def misspelt(document: dict) -> dict:
    return {**document, "idel": "1s"}


def test_a_file_with_a_mistake_is_left_out_at_the_start_and_taken_in_once_it_is_mended(server, kafka: Kafka):
    topic = kafka.topic()
    good = pipeline(following(kafka, topic), server.workspace.lake(), name="good")
    server.write(good)
    bad = endless(server, "bad")
    server.write(misspelt(bad))
    server.start()
    kafka.produce(topic, ORDERS)
    assert names(server) == ["good"]
    told = server.reloaded()
    assert "idel: unknown key" in told["error"] and "bad.yaml:" in told["error"] and "1 mistake in 1 file" in told["error"]
    assert [(change["pipeline"], change["change"]) for change in told["changes"]] == [("good", "start")] and told["generation"] == 1
    assert server.process.err.count("idel: unknown key") == 1 and told["error"] in server.process.err
    outcomes = {outcome: server.metric("catchwater_config_reloads_total", outcome=outcome) for outcome in ("done", "refused")}
    assert outcomes == {"done": 0, "refused": 1}
    assert server.get("/readyz") == {"pipelines": 1, "in_trouble": [], "has_mistakes": True}
    assert server.metric("catchwater_config_has_mistakes") == 1
    server.until("the good one flows", lambda: server.workspace.table().count() == len(ORDERS))
    member = kafka.members(good["source"]["group"])
    server.ask("POST", "/v1/reload").says(422, "idel", "bad.yaml")
    server.write({**good, "idle": "1s"})
    server.until("a change beside it is refused", lambda: server.metric("catchwater_config_reloads_total", outcome="refused") == 3)
    assert "idel" in server.reloaded()["error"] and server.reloaded()["generation"] == 1 and names(server) == ["good"]
    server.write(bad)
    server.until("it is taken in", lambda: names(server) == ["bad", "good"])
    server.until_state("bad", "running")
    server.until("nothing is wrong any more", lambda: server.reloaded()["error"] is None)
    assert server.get("/readyz") == {"pipelines": 2, "in_trouble": [], "has_mistakes": False}
    assert server.metric("catchwater_config_has_mistakes") == 0
    assert kafka.members(good["source"]["group"]) == member, "the good one never stopped"
    server.stop().succeeded()


def test_a_server_of_bad_files_alone_is_up_and_says_so(server):
    server.write(misspelt(endless(server, "one")))
    (server.folder / "two.yaml").write_text("name: [\n")
    (server.folder / "three.yaml").write_bytes(b"\xff")
    server.start()
    assert names(server) == [] and server.get("/readyz") == {"pipelines": 0, "in_trouble": [], "has_mistakes": True}
    assert server.ask("GET", "/livez").status == 200 and server.metric("catchwater_config_reloads_total", outcome="refused") == 1
    assert all(f"{name}.yaml:" in server.reloaded()["error"] for name in ("one", "two", "three"))
    for file in server.folder.iterdir():
        file.unlink()
    server.until("nothing is wrong any more", lambda: server.reloaded()["error"] is None)
    server.stop().succeeded()


def test_of_files_that_contradict_each_other_none_is_taken(server):
    """Which is meant? The draft of a pipeline with its name and group would move the offsets of the real one."""
    server.write(endless(server, "orders"), name="orders-draft")
    server.write(endless(server, "orders", idle="1s"), name="orders")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for name in ("first", "second"):
        server.write({**endless(server, name), "source": {"type": "http", "listen": f"127.0.0.1:{port}"}})
    server.write(endless(server, "third"))
    server.start()
    assert names(server) == ["third"]
    error = server.reloaded()["error"]
    assert all(f"{name}.yaml:" in error for name in ("orders-draft", "orders", "first", "second")), error
    assert error.count("two pipelines are called `orders`") == error.count("is taken by") == 2, error
    (server.folder / "orders-draft.yaml").unlink()
    (server.folder / "second.yaml").unlink()
    server.until("the others are taken in", lambda: names(server) == ["first", "orders", "third"])
    assert server.reloaded()["error"] is None


def test_a_copied_folder_within_a_folder_is_left_out_however_large_it_is(server):
    """More mistakes than anybody is shown."""
    for number in range(210):
        for name in (f"{number}", f"{number}-copy"):
            server.write(endless(server, f"copied-{number}"), name)
    server.write(endless(server, "good"))
    server.start()
    assert names(server) == ["good"] and "420 mistakes in 420 files" in server.reloaded()["error"]


def test_a_file_is_left_out_as_a_whole_and_mistakes_in_tests_are_none(server):
    many = [endless(server, "a"), misspelt(endless(server, "b"))]
    server.write(many, name="many")
    server.write({**endless(server, "tested"), "tests": [{"nmae": "x"}]})
    (server.folder / "tested.test.yaml").write_text("name: [\n")
    server.start()
    assert names(server) == ["tested"] and "many.yaml:" in server.reloaded()["error"]
    assert "tested" not in server.reloaded()["error"]


def test_a_secret_that_comes_late_brings_its_pipeline(server):
    secret = server.workspace.folder / "secret"
    document = endless(server, "late")
    server.write({**document, "sinks": [to_file(f"${{file:{secret}}}")]})
    server.write(endless(server, "good"))
    server.start()
    assert names(server) == ["good"] and str(secret) in server.reloaded()["error"]
    secret.write_text(str(server.workspace.folder / "late.out"))
    server.until("it is taken in", lambda: names(server) == ["good", "late"])
    server.until_state("late", "running")
    assert server.reloaded()["error"] is None


def test_what_the_server_keeps_itself_was_there_before_a_file_of_its_name(server):
    made = endless(server, "made")
    server.start()
    server.ask("POST", "/v1/pipelines", made).says(201)
    server.stop().succeeded()
    server.write({**made, "idle": "7s"})
    server.start()
    assert server.get("/v1/pipelines/made")["file"] is None and "two pipelines are called `made`" in server.reloaded()["error"]
    server.ask("DELETE", "/v1/pipelines/made").says(204)
    assert server.get("/v1/pipelines/made")["file"] and server.reloaded()["error"] is None


def test_a_wish_and_the_api_do_not_mind_a_file_that_is_left_out(server):
    paused = endless(server, "paused")
    server.write(paused)
    server.start()
    server.do("paused", "pause").says(200)
    server.stop().succeeded()
    server.write(misspelt(paused))
    server.start()
    mine = server.workspace.write("mine/made.yaml", endless(server, "made"))
    tell = lambda *words: server.workspace.command(*words, "--server", f"http://127.0.0.1:{server.port}").succeeded().out
    plan = next(line for line in tell("plan", mine).splitlines() if line.startswith("plan ")).removeprefix("plan ")
    assert "made: started" in tell("apply", mine, "--plan", plan)
    server.until_state("made", "running")
    server.do("made", "restart").says(200)
    assert "idel" in server.reloaded()["error"] and server.get("/readyz")["has_mistakes"], "it still is one"
    server.write(paused)
    server.until("it is taken in", lambda: names(server) == ["made", "paused"])
    assert server.state("paused") == "paused" and server.reloaded()["error"] is None


def test_a_folder_that_cannot_be_read_ends_the_start(server):
    server.folder.rmdir()
    server._start().wait().failed().says("read the folder", str(server.folder))
    os.mkfifo(server.folder)
    server._start().wait().failed().says("read the folder", str(server.folder))
