"""`catchwater serve`: many who change pipelines at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from harness.http import Reply
from harness.http import Server as Sink
from harness.pipelines import generated, pipeline, to_file
from harness.server import Server
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
