"""`catchwater serve`: pipelines of a folder and of the API, kept running, looked at and told what to do over HTTP."""

import json
import re
import socket
import time
import urllib.request

import pytest

from harness.http import Server as Sink
from harness.http import Reply
from harness.pipelines import following, from_file, generated, pipeline, to_file
from harness.server import Server

ORDERS = [b'{"id":%d}' % number for number in range(2000)]


@pytest.fixture
def server(workspace) -> Server:
    return Server(workspace)


def test_a_folder_of_pipelines_is_served_and_looked_at(server, kafka):
    topic = kafka.topic(partitions=2)
    kafka.produce(topic, ORDERS)
    file = server.write(pipeline(following(kafka, topic), server.workspace.lake(), name="orders"))
    server.start()
    server.until("all is read", lambda: server.status("orders")["records"] == len(ORDERS))
    server.until_state("orders", "running")
    [overview] = server.get("/v1/pipelines")
    assert overview["name"] == "orders" and overview["file"] == str(file) and overview["source"] == "kafka" and overview["sinks"] == ["lake"]
    whole = server.get("/v1/pipelines/orders")
    assert [part["type"] for part in whole["components"]] == ["kafka", "lake"] and "name: orders" in whole["document"]
    server.until("it is told that all is committed", lambda: server.status("orders")["committed"])
    server.stop().succeeded()
    assert server.workspace.table().count() == len(ORDERS)


def test_the_process_tells_how_it_is(server, kafka):
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    server.write(pipeline(following(kafka, topic), to_file(server.workspace.folder / "out.ndjson"), name="orders"))
    server.start()
    assert server.ask("GET", "/livez").status == 200
    assert server.get("/readyz") == {"pipelines": 1, "in_trouble": [], "has_mistakes": False}
    server.until("the records are counted", lambda: server.metric("catchwater_pipeline_records_total", pipeline="orders") == len(ORDERS))
    server.until("it runs", lambda: server.metric("catchwater_pipeline_state", pipeline="orders", state="running") == 1)
    assert server.metric("catchwater_config_generation") == 1
    assert server.metric("catchwater_config_reloads_total", outcome="done") == 1


def test_an_empty_folder_is_a_good_one_to_begin_with(server):
    server.start()
    assert server.get("/v1/pipelines") == []
    server.ask("GET", "/v1/pipelines/none").says(404, "there is no pipeline `none`")
    server.ask("GET", "/v1/none").says(404, "/v1/none")
    server.ask("GET", "/v2").says(404, "HTTP 404 Not Found")


def test_a_pipeline_made_by_api_is_kept_changed_and_deleted(server):
    out = [server.workspace.folder / f"{number}.ndjson" for number in range(2)]
    document = pipeline(generated(100), to_file(out[0]), name="made-here")
    server.start()
    made = server.ask("POST", "/v1/pipelines", document).says(201).json
    assert made["name"] == "made-here" and made["file"] is None
    server.ask("POST", "/v1/pipelines", document).says(409, "there is a pipeline `made-here` already")
    server.until_state("made-here", "ended")
    server.stop().succeeded()
    server.start()
    assert server.get("/v1/pipelines/made-here")["document"] == made["document"], "it is kept over a restart"
    document["sinks"][0]["path"] = str(out[1])
    server.ask("PUT", "/v1/pipelines/made-here", document).says(200)
    server.ask("PUT", "/v1/pipelines/other", document).says(400, "`made-here`", "`other`")
    server.ask("DELETE", "/v1/pipelines/made-here").says(204)
    server.ask("DELETE", "/v1/pipelines/made-here").says(404)
    server.stop().succeeded()
    assert len(out[0].read_text().splitlines()) == 100
    server.start()
    assert server.get("/v1/pipelines") == []


def test_one_that_cannot_be_planned_any_more_is_shown_as_failed_and_keeps_nobody_from_running(server):
    secret, out = server.workspace.folder / "secret", server.workspace.folder / "out.ndjson"
    secret.write_text(str(out))
    document = pipeline(generated(10), to_file(f"${{file:{secret}}}"), name="made")
    server.start()
    server.ask("POST", "/v1/pipelines", document).says(201)
    server.until_state("made", "ended")
    server.stop().succeeded()
    secret.rename(f"{secret}-aside")
    server.write(pipeline(generated(10), to_file(f"{out}2"), name="other"))
    server.start()
    server.process.says("until it is mended", str(secret))
    server.until_state("other", "ended")
    failed = server.get("/v1/pipelines/made")
    assert (failed["state"], failed["source"], failed["sinks"]) == ("failed", "generate", ["file"]) and str(secret) in failed["reason"]
    assert "name: made" in failed["document"] and server.get("/readyz")["in_trouble"] == ["made"]
    [task] = server.get("/connectors/made/status")["tasks"]
    assert task["state"] == "FAILED" and str(secret) in task["trace"]
    server.ask("POST", "/v1/pipelines", {**document, "sinks": [to_file(out)]}).says(409, "there is a pipeline `made` already")
    assert server.do("made", "restart").says(200).json["state"] == "failed"
    server.do("made", "stop").says(200)
    server.ask("PATCH", "/v1/pipelines/made/offsets", '{"to": "earliest"}', {"content-type": "application/json"}).says(409, "cannot be planned")
    assert server.do("made", "resume").says(200).json["state"] == "failed"
    (secret.parent / f"{secret.name}-aside").rename(secret)
    server.until_state("made", "ended")
    server.stop().succeeded()
    secret.unlink()
    server.start()
    server.ask("PUT", "/v1/pipelines/made", document).says(422, str(secret))
    server.ask("PUT", "/v1/pipelines/made", {**document, "sinks": [to_file(f"{out}3")]}).says(200)
    server.until_state("made", "ended")
    assert server.reloaded()["error"] is None
    server.ask("DELETE", "/v1/pipelines/made").says(204)


def test_one_that_cannot_be_planned_any_more_runs_on_and_can_be_deleted(server, kafka):
    secret = server.workspace.write("secret", str(server.workspace.folder / "out"))
    server.start()
    server.ask("POST", "/v1/pipelines", pipeline(following(kafka, kafka.topic()), to_file(f"${{file:{secret}}}"), name="made")).says(201)
    server.until_state("made", "running")
    secret.unlink()
    server.until("it is told", lambda: str(secret) in (server.reloaded()["error"] or ""))
    server.write(pipeline(generated(10), to_file(server.workspace.folder / "other"), name="other"))
    server.until("the folder is served all the same", lambda: len(server.get("/v1/pipelines")) == 2)
    assert server.state("made") == "running"
    server.ask("DELETE", "/v1/pipelines/made").says(204)
    assert [one["name"] for one in server.get("/v1/pipelines")] == ["other"] and server.reloaded()["error"] is None


def test_a_mistake_in_the_folder_is_no_matter_of_a_pipeline_made_by_api(server):
    out = server.workspace.folder / "out"
    document = pipeline(generated(10), to_file(out), name="made")
    server.start()
    bad = server.write({**document, "source": {"type": "kafak"}}, name="bad")
    server.until("the mistake is told", lambda: "kafak" in (server.reloaded()["error"] or ""))
    server.ask("POST", "/v1/pipelines", document).says(201)
    server.until_state("made", "ended")
    server.ask("PUT", "/v1/pipelines/made", {**document, "idle": "1s"}).says(200)
    assert "kafak" in server.reloaded()["error"], "it still is one"
    server.write(document, name="bad")
    server.until("the name is taken", lambda: "two pipelines are called `made`" in (server.reloaded()["error"] or ""))
    server.ask("DELETE", "/v1/pipelines/made").says(204)
    assert server.get("/v1/pipelines/made")["file"] == str(bad), "what stood in its way is gone"


def test_a_document_with_mistakes_makes_nothing_and_names_each_place(server):
    server.start()
    answer = server.ask("POST", "/v1/pipelines", "name: x\nsource: {type: generate, cuont: 1}\nsinks: [{type: file}]\n").says(422, "cuont")
    places = [(mistake["line"], mistake["key"]) for mistake in answer.json["mistakes"]]
    assert (2, "source.cuont") in places and len(places) == 2
    assert server.get("/v1/pipelines") == []


def test_a_pipeline_of_a_file_is_changed_in_its_file(server, kafka):
    document = pipeline(following(kafka, kafka.topic()), to_file(server.workspace.folder / "x"), name="orders")
    server.write(document)
    server.start()
    server.ask("PUT", "/v1/pipelines/orders", document).says(409, "orders.yaml")
    server.ask("DELETE", "/v1/pipelines/orders").says(409, "orders.yaml")


@pytest.mark.parametrize("ask, state", [("pause", "paused"), ("stop", "stopped")])
def test_what_was_stopped_stays_so_over_a_restart_and_goes_on_where_it_was(server, kafka, ask, state):
    topic = kafka.topic()
    server.write(pipeline(following(kafka, topic), server.workspace.lake(), name="orders"))
    server.start()
    kafka.produce(topic, ORDERS)
    server.until("some is stored", lambda: server.workspace.table().count() > 0)
    assert server.do("orders", ask).says(200).json["state"] == state
    stored = server.workspace.table().count()
    kafka.produce(topic, ORDERS)
    server.stop().succeeded()
    server.start()
    assert server.state("orders") == state
    time.sleep(1)
    assert server.workspace.table().count() == stored
    server.do("orders", "restart").says(409, "resume")
    server.do("orders", "resume").says(200)
    server.until("all is stored", lambda: server.workspace.table().count() == 2 * len(ORDERS))
    server.stop().succeeded()
    assert server.workspace.table().payloads() == ORDERS * 2


def test_a_pipeline_may_be_made_and_wait(server):
    server.start()
    document = pipeline(generated(10), to_file(server.workspace.folder / "x"), name="later")
    assert server.ask("POST", "/v1/pipelines?wanted=stopped", document).says(201).json["state"] == "stopped"
    server.do("later", "resume").says(200)
    server.until_state("later", "ended")


def test_a_failed_pipeline_says_why_and_recovers_by_itself(server):
    """Its file cannot be written at first."""
    folder = server.workspace.folder / "missing"
    server.workspace.write("in.ndjson", b'{"id":1}\n')
    folder.write_text("in the way")
    server.write(pipeline(from_file(server.workspace.folder / "in.ndjson"), to_file(folder / "out.ndjson"), name="orders"))
    server.start()
    server.until_state("orders", "recovering")
    status = server.status("orders")
    assert "missing" in status["reason"] and status["attempts"] >= 1 and status["next_try"]
    assert server.get("/readyz")["in_trouble"] == ["orders"]
    folder.unlink()
    folder.mkdir()
    server.until("what was wrong is over", lambda: (folder / "out.ndjson").exists() and (folder / "out.ndjson").read_bytes())
    server.stop().succeeded()


def test_a_failed_pipeline_is_tried_at_once_when_asked(server):
    """The wait before the next attempt has grown meanwhile."""
    server.workspace.write("in.ndjson", b'{"id":1}\n')
    folder = server.workspace.write("missing", "in the way")
    server.write(pipeline(from_file(server.workspace.folder / "in.ndjson"), to_file(folder / "out.ndjson"), name="orders"))
    server.start()
    server.until("it has failed", lambda: server.status("orders")["attempts"] >= 3)
    folder.unlink()
    folder.mkdir()
    server.do("orders", "restart").says(200)
    server.until("it works", lambda: (folder / "out.ndjson").exists() and (folder / "out.ndjson").read_bytes(), 5)


def test_a_restart_is_made_whatever_could_not_be_stored_before(server):
    """Nobody takes what was read."""
    lines = server.workspace.write("in.ndjson", b'{"id":1}\n')
    server.write(pipeline(from_file(lines), {"type": "http", "url": "http://127.0.0.1:1"}, name="orders", drain_timeout="500ms"))
    server.start()
    server.until("it waits", lambda: server.status("orders")["waits"])
    server.do("orders", "restart").says(200)
    server.until("it waits again", lambda: server.status("orders")["waits"])


def test_one_failed_pipeline_is_not_anothers_affair(server, kafka):
    topic = kafka.topic()
    sink = Sink()
    sink.reply = lambda request: Reply(400)
    url = f"http://127.0.0.1:{sink.port}"
    server.write(pipeline(following(kafka, topic), {"type": "http", "url": url}, name="refused"))
    server.write(pipeline(following(kafka, topic), server.workspace.lake(), name="stored"))
    server.start()
    kafka.produce(topic, ORDERS)
    server.until_state("refused", "recovering")
    server.until("the other has it all", lambda: server.workspace.table().count() == len(ORDERS))
    assert server.state("stored") == "running"


def test_others_need_a_token(server):
    server._start = lambda: server.workspace.start("serve", server.folder, "--listen", "0.0.0.0:0", "--data-dir", server.workspace.data_dir)
    server._start().wait().failed().says("--token-file")
    token = server.workspace.write("token", "open sesame\n")
    guarded = Server(server.workspace, "--token-file", token, listen="0.0.0.0:0").start()
    guarded.ask("GET", "/v1/pipelines").says(401, "token")
    guarded.ask("GET", "/metrics").says(401, "token")
    guarded.ask("GET", "/v1/pipelines", headers={"authorization": "Bearer open sesam"}).says(401)
    assert guarded.ask("GET", "/livez").status == guarded.ask("GET", "/readyz").status == 200
    url = f"http://127.0.0.1:{guarded.port}/v1/pipelines"
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, url, "anybody", "open sesame")
    # It shows its password only where it is asked for one.
    with urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords)).open(url, timeout=30) as answer:
        assert json.load(answer) == []
    assert guarded.ask("GET", "/v1/pipelines", headers={"authorization": "bearer open sesame"}).status == 200
    guarded.headers = {"authorization": "Bearer open sesame"}
    assert guarded.get("/v1/pipelines") == []
    assert "open sesame" not in guarded.process.err


def test_a_page_in_a_browser_cannot_make_pipelines(server):
    server.start()
    document = pipeline(generated(1), to_file("x"))
    server.ask("POST", "/v1/pipelines", document, {"origin": "https://evil.example", "content-type": "text/plain"}).says(403)
    server.ask("GET", "/v1/pipelines", headers={"host": "rebound.example:8083"}).says(403)
    assert server.get("/v1/pipelines") == []


def test_two_servers_do_not_share_a_data_folder(server):
    server.start()
    Server(server.workspace)._start().wait().failed().says("another server", "--data-dir")


def test_the_api_describes_itself(server):
    server.start()
    document = server.get("/v1/openapi.json")
    assert document["openapi"].startswith("3.")
    for path, methods in document["paths"].items():
        assert path.startswith("/v1/")
        for method, operation in methods.items():
            assert operation.get("summary") or operation.get("description"), f"{method} {path} says nothing"
    assert {"get", "put", "delete"} <= set(document["paths"]["/v1/pipelines/{name}"])


JSON = {"content-type": "application/json"}
LARGE = b"#" * (5 << 20)


@pytest.mark.parametrize("status, method, path, body, headers", [
    (400, "POST", "/v1/plan", "{bad", JSON), (422, "POST", "/v1/plan", '{"files": 1}', JSON), (415, "POST", "/v1/plan", "{}", {}),
    (413, "POST", "/v1/plan", LARGE, JSON), (400, "POST", "/v1/apply", '{"files": []}', JSON), (415, "POST", "/v1/apply?hash=x", "{}", {}),
    (400, "POST", "/v1/pipelines", b"\xff", {}), (413, "POST", "/v1/pipelines", LARGE, {}), (422, "POST", "/v1/pipelines", "name: x", {}),
    (400, "POST", "/v1/pipelines?wanted=gone", "name: x", {}), (413, "PUT", "/v1/pipelines/x", LARGE, {}),
    (400, "PUT", "/v1/pipelines/x", b"\xff", {}), (400, "GET", "/v1/pipelines/%ff", None, {}), (400, "PUT", "/v1/pipelines/%ff", "x", {}),
    (400, "DELETE", "/v1/pipelines/%ff", None, {}), (404, "DELETE", "/v1/pipelines/x", None, {}), (404, "GET", "/v1/pipelines/x", None, {}),
    (400, "GET", "/v1/pipelines/%ff/status", None, {}), (400, "POST", "/v1/pipelines/%ff/pause", None, {}),
    (404, "POST", "/v1/pipelines/x/restart", None, {}), (400, "GET", "/v1/pipelines/%ff/offsets", None, {}),
    (422, "PATCH", "/v1/pipelines/x/offsets", "{}", JSON), (400, "PATCH", "/v1/pipelines/x/offsets", "{", JSON),
    (415, "PATCH", "/v1/pipelines/x/offsets", "{}", {}), (404, "PATCH", "/v1/pipelines/x/offsets", '{"to": "earliest"}', JSON),
    (403, "GET", "/v1/reload", None, {"origin": "https://evil.example"}),
    (405, "DELETE", "/v1/pipelines", None, {}), (405, "POST", "/v1/openapi.json", None, {}), (404, "GET", "/v1/none", None, {}),
])
def test_what_is_refused_is_refused_as_the_api_says_of_itself(server, status, method, path, body, headers):
    server.start()
    answer = server.ask(method, path, body, headers)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json"), answer.body
    assert isinstance(answer.json["error"], str) and answer.json["error"] and set(answer.json) <= {"error", "mistakes"}
    document = server.get("/v1/openapi.json")
    described = re.sub(r"/pipelines/[^/?]+", "/pipelines/{name}", path.partition("?")[0])
    operation = document["paths"].get(described, {}).get(method.lower())
    assert operation is None if status == 405 or described == "/v1/none" else str(status) in operation["responses"], operation


def test_secrets_are_not_shown(server, kafka):
    sink = {"type": "http", "url": "http://127.0.0.1:1", "token": "hunter2"}
    document = pipeline(following(kafka, kafka.topic()), sink, name="orders")
    server.start()
    server.ask("POST", "/v1/pipelines", document).says(201)
    said = json.dumps([server.get("/v1/pipelines/orders"), server.get("/v1/pipelines"), server.status("orders")])
    assert "hunter2" not in said + server.process.err


def test_what_the_server_keeps_is_its_own_to_read(server):
    sink = {"type": "http", "url": "http://127.0.0.1:1", "token": "hunter2"}
    kept = server.workspace.data_dir / "server"
    old = kept / "pipelines" / "old.new"
    old.parent.mkdir(parents=True)
    old.write_text("token: hunter2\n")
    for path, mode in ((kept, 0o755), (old.parent, 0o755), (old, 0o644)):
        path.chmod(mode)
    server.start()
    server.ask("POST", "/v1/pipelines", pipeline(generated(1), sink, name="made")).says(201)
    server.do("made", "stop").says(200)
    modes = {path: path.stat().st_mode & 0o777 for path in [kept, *kept.rglob("*")]}
    assert "hunter2" in (kept / "pipelines" / "made.yaml").read_text() and len(modes) >= 5
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items()), modes


def test_a_client_that_hangs_up_stops_nothing_half_way(server, kafka):
    """The drain of the pause takes a while; whoever asked is gone by then."""
    topic = kafka.topic()
    sink = Sink()
    sink.reply = lambda request: time.sleep(2) or Reply()
    server.write(pipeline(following(kafka, topic), {"type": "http", "url": f"http://127.0.0.1:{sink.port}"}, name="orders"))
    server.start()
    kafka.produce(topic, ORDERS[:1])
    server.until("it is on its way", lambda: server.status("orders")["records"] == 1)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"POST /v1/pipelines/orders/pause HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")
        server.until_state("orders", "stopping")
    server.until_state("orders", "paused")
    server.do("orders", "resume").says(200)
    server.until_state("orders", "running")
    assert len(sink.received) == 1
