"""`catchwater serve`: many who change pipelines at once."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from harness.connect import Connect
from harness.exchanges import Answer
from harness.http import Reply
from harness.http import Server as Sink
from harness.pipelines import generated, pipeline, to_file
from harness.server import Server
from harness.waiting import wait_until
from services.server import free_ports


@pytest.fixture
def server(workspace) -> Server:
    return Server(workspace)


def test_what_is_done_to_one_pipeline_waits_for_none_of_the_others(server):
    """One that drains for as long as it may; what is done to it meanwhile waits its turn."""
    asked, goes_on = Event(), Event()
    sink = Sink()
    sink.reply = lambda request: asked.set() or goes_on.wait(60) and Reply()
    stuck = pipeline(generated(1000, rate="10/s"), {"type": "http", "url": f"http://127.0.0.1:{sink.port}"}, name="stuck", drain_timeout="50s")
    server.write(stuck, "stuck")
    server.start()
    server.until("it waits for an answer", asked.is_set)
    with ThreadPoolExecutor() as others:
        paused = others.submit(server.do, "stuck", "pause")
        server.until_state("stuck", "stopping")
        resumed = others.submit(server.do, "stuck", "resume")
        begun = time.monotonic()
        names = [f"p{number}" for number in range(6)]
        document = lambda name, rate="10/s": pipeline(generated(1000, rate=rate), to_file(f"{name}.ndjson"), name=name)
        made = list(others.map(lambda name: server.ask("POST", "/v1/pipelines", document(name)), names))
        assert [answer.status for answer in made] == [201] * 6
        changed = list(others.map(lambda name: server.ask("PUT", f"/v1/pipelines/{name}", document(name, "20/s")), names))
        assert [answer.status for answer in changed] == [200] * 6, [answer.body for answer in changed]
        for what in ("pause", "resume", "restart", "stop"):
            assert [answer.status for answer in others.map(lambda name: server.do(name, what), names)] == [200] * 6
        deleted = list(others.map(lambda name: server.ask("DELETE", f"/v1/pipelines/{name}"), names))
        assert [answer.status for answer in deleted] == [204] * 6
        assert time.monotonic() - begun < 30 and not paused.done() and not resumed.done()
        goes_on.set()
        assert (paused.result().status, resumed.result().status) == (200, 200)
    server.until_state("stuck", "running")
    assert [one["name"] for one in server.get("/v1/pipelines")] == ["stuck"]


def test_of_two_that_want_the_same_one_gets_it(server):
    server.start()
    with ThreadPoolExecutor() as others:
        for number in range(3):
            name, [port] = f"p{number}", free_ports(1)
            here = lambda name: pipeline({"type": "http", "listen": f"127.0.0.1:{port}"}, to_file(f"{name}.ndjson"), name=name)
            same = list(others.map(lambda _: server.ask("POST", "/v1/pipelines", here(name)).status, range(3)))
            assert sorted(same) == [201, 409, 409]
            rivals = list(others.map(lambda rival: server.ask("POST", "/v1/pipelines", here(rival)), [f"{name}-a", f"{name}-b"]))
            assert [answer.status for answer in rivals] == [422, 422], [answer.body for answer in rivals]
            server.ask("DELETE", f"/v1/pipelines/{name}").says(204)
            rivals = list(others.map(lambda rival: server.ask("POST", "/v1/pipelines", here(rival)), [f"{name}-a", f"{name}-b"]))
            assert sorted(answer.status for answer in rivals) == [201, 422], [answer.body for answer in rivals]
    assert len(server.get("/v1/pipelines")) == 3


def test_ten_connectors_are_made_changed_and_deleted_at_once_as_terraforms_provider_does(workspace, kafka):
    """Its client gives each request 10 s, and asks until what it sent is what it is shown."""
    server = Connect(workspace, kafka).start()
    topics = [kafka.topic(), kafka.topic()]

    def ask(method: str, path: str, body: dict | None = None) -> Answer:
        asked = time.monotonic()
        answer = server.request(method, path, body)
        assert time.monotonic() - asked < 10, f"{method} {path}"
        return answer

    def until(name: str, what: str, is_so) -> None:
        wait_until(f"{name}: {what}", lambda: is_so(ask("GET", f"/connectors/{name}{what}")), 120)

    def live(name: str) -> None:
        config = {"connector.class": "FileSink", "topics": topics[0], "path": str(workspace.folder / name), "tasks.max": "1"}
        assert ask("GET", f"/connectors/{name}").status == 404
        assert ask("POST", "/connectors", {"name": name, "config": config}).status == 201
        until(name, "", lambda answer: answer.status == 200)
        until(name, "/status", lambda answer: json.loads(answer.body)["tasks"][0]["state"] == "RUNNING")
        changed = {**config, "topics": topics[1], "tasks.max": "2"}
        assert ask("PUT", f"/connectors/{name}/config", changed).status == 200
        until(name, "/config", lambda answer: json.loads(answer.body) == {**changed, "name": name})
        for what, state in (("pause", "PAUSED"), ("resume", "RUNNING")):
            assert ask("PUT", f"/connectors/{name}/{what}").status == 202
            until(name, "/status", lambda answer: json.loads(answer.body)["connector"]["state"] == state)
        assert ask("DELETE", f"/connectors/{name}").status == 204
        until(name, "", lambda answer: answer.status == 404)

    with ThreadPoolExecutor(10) as others:
        list(others.map(live, [f"c{number}" for number in range(10)]))
    assert server.json("/connectors") == []
