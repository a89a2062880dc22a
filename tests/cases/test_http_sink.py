"""Records posted to a server that is there, away, busy, or says no."""

import json
import threading
import time
from pathlib import Path

import pytest

from harness.http import Reply, Server, client_of
from harness.pipelines import from_file, generated, pipeline, to_file
from services.certificates import Certificates

REPOSITORY = Path(__file__).parents[2]
LINES = [b'{"id":%d}' % number for number in range(20)]
QUICK = {"initial": "50ms", "max": "100ms"}


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def secure_server(tmp_path):
    """With a certificate of an authority that no system knows."""
    certificates = Certificates.make(tmp_path / "certificates")
    server = Server(certificates=certificates)
    yield server, certificates
    server.stop()


@pytest.fixture
def lines(workspace):
    workspace.write("in.ndjson", b"".join(line + b"\n" for line in LINES))
    return from_file("in.ndjson")


def to_http(server: Server, **keys) -> dict:
    return {"type": "http", "url": f"{server.url}/events", **keys}


def bodies(server: Server) -> list[bytes]:
    return [request.body for request in server.received]


def test_the_example_posts_to_the_other_example(workspace):
    """One pipeline posts events of the shop, another takes them and stores them."""
    def example(name: str, port: str) -> str:
        text = (REPOSITORY / "pipelines" / name).read_text()
        assert "127.0.0.1:8080" in text
        workspace.write(name, text.replace("127.0.0.1:8080", f"127.0.0.1:{port}"))
        return name
    taker = workspace.start("run", example("webhook-to-lake.yaml", "0"), "--data-dir", workspace.data_dir)
    port = client_of(taker).port
    workspace.command("run", example("shop-to-http.yaml", str(port)), "--data-dir", workspace.folder / "data-2").succeeded()
    taker.stop().succeeded()
    payloads = workspace.table().payloads()
    assert len(payloads) == len({json.loads(payload)["event_id"] for payload in payloads}) == 2000


def test_records_are_posted_one_by_one_in_order(workspace, server, lines):
    workspace.run(pipeline(lines, to_http(server, token="t0p", headers={"x-id": "${field:id}"}))).succeeded()
    assert bodies(server) == LINES
    request = server.received[7]
    assert (request.method, request.path, request.headers["authorization"]) == ("POST", "/events", "Bearer t0p")
    assert (request.headers["x-id"], request.headers["content-type"]) == ("7", "application/json")


def test_records_are_posted_together_and_compressed(workspace, server, lines):
    workspace.run(pipeline(lines, to_http(server, body="ndjson", batch_records=15, compression="gzip", basic={"user": "u", "password": "p"}))).succeeded()
    assert b"".join(bodies(server)).split() == LINES
    assert [len(body.split()) for body in bodies(server)] == [15, 5]
    assert server.received[0].headers["authorization"] == "Basic dTpw"


def test_a_server_whose_authority_is_named_is_trusted(workspace, secure_server, lines):
    server, certificates = secure_server
    workspace.run(pipeline(lines, to_http(server, tls={"ca": str(certificates.authority)}))).succeeded()
    assert bodies(server) == LINES


def test_a_server_that_nobody_vouches_for_is_refused(workspace, secure_server, lines, tmp_path):
    server, _ = secure_server
    done = workspace.run(pipeline(lines, to_http(server))).failed()
    done.says("certificate is not trusted", "`tls.ca`")
    strangers = Certificates.make(tmp_path / "strangers").authority
    workspace.run(pipeline(lines, to_http(server, tls={"ca": str(strangers)}))).failed().says("certificate is not trusted")
    assert not server.received


def test_a_file_of_authorities_that_is_none(workspace, secure_server, lines):
    server, _ = secure_server
    workspace.run(pipeline(lines, to_http(server, tls={"ca": "nowhere.pem"}))).failed().says("nowhere.pem")
    workspace.run(pipeline(lines, to_http(server, tls={"ca": "in.ndjson"}))).failed().says("in.ndjson", "certificate")


def test_a_list_is_json(workspace, server):
    workspace.run(pipeline(generated(1000), to_http(server, body="array", batch_records=300))).succeeded()
    assert [len(json.loads(body)) for body in bodies(server)] == [300, 300, 300, 100]


def test_a_server_that_is_away_is_waited_for(workspace, lines):
    away = Server()
    away.stop()
    process = workspace.start_run(pipeline(lines, to_http(away), retry=QUICK))
    process.wait_until("it says so", lambda: "sink unavailable" in process.err)
    back = Server(away.port)
    process.wait().succeeded()
    assert bodies(back) == LINES
    back.stop()


def test_a_server_that_stops_in_the_middle_gets_the_rest_later(workspace, server, lines):
    """It read the eighth request and hung up without a word: that one comes again, nothing is out of order."""
    hung_up = []
    def reply(request):
        if request.body == LINES[7] and len(hung_up) < 3:
            hung_up.append(request)
            return Reply(hang_up=True)
        return Reply()
    server.reply = reply
    workspace.run(pipeline(lines, to_http(server), retry=QUICK)).succeeded()
    assert list(dict.fromkeys(bodies(server))) == LINES
    assert len(hung_up) == 3


def test_a_busy_server_is_asked_again_when_it_said(workspace, server, lines):
    times = []
    def reply(_):
        times.append(time.monotonic())
        return Reply(429, {"retry-after": "2"}) if len(times) == 1 else Reply()
    server.reply = reply
    workspace.run(pipeline(lines, to_http(server), retry=QUICK)).succeeded()
    assert bodies(server) == [LINES[0], *LINES]
    assert times[1] - times[0] >= 1.9


def test_what_a_server_refuses_becomes_a_dead_letter_with_its_answer(workspace, server, lines):
    server.reply = lambda request: Reply(422, body=b"seven is not liked") if b'"id":7}' in request.body else Reply()
    sink = to_http(server, body="ndjson")
    workspace.run(pipeline(lines, sink, dead_letters=to_file("letters.ndjson", encoding="json"))).succeeded()
    letters = [json.loads(line) for line in (workspace.folder / "letters.ndjson").read_text().splitlines()]
    assert [letter["payload"] for letter in letters] == ['{"id":7}']
    assert sorted(line for body in bodies(server) for line in body.split() if b'"id":7}' not in body) == sorted(set(LINES) - {LINES[7]})
    reasons = [header["value"] for header in letters[0]["headers"] if header["name"] == "catchwater.reason"]
    assert "422" in reasons[0] and "seven is not liked" in reasons[0]


def test_a_refusal_stops_a_pipeline_without_dead_letters(workspace, server, lines):
    server.reply = lambda request: Reply(400, body=b"no")
    workspace.run(pipeline(lines, to_http(server))).failed().says("answered 400: no", "dead_letters")


@pytest.mark.parametrize("status, words", [(401, ["token"]), (403, ["token"]), (301, ["/new", "set `url`"])])
def test_a_server_that_takes_nothing_at_all_stops_the_pipeline(workspace, server, lines, status, words):
    server.reply = lambda request: Reply(status, {"location": "/new"})
    sink = to_http(server)
    workspace.run(pipeline(lines, sink, dead_letters=to_file("letters.ndjson", encoding="json"))).failed().says(str(status), *words)
    letters = workspace.folder / "letters.ndjson"
    assert not letters.exists() or letters.read_bytes() == b""


def test_a_server_that_never_answers_is_asked_again(workspace, server, lines):
    release = threading.Event()
    asked = []
    def reply(request):
        asked.append(request)
        if len(asked) == 1:
            release.wait(10)
        return Reply()
    server.reply = reply
    process = workspace.start_run(pipeline(lines, to_http(server, timeout="500ms"), retry=QUICK))
    process.wait_until("it gave up waiting", lambda: "sink unavailable" in process.err)
    release.set()
    process.wait().succeeded()
    assert list(dict.fromkeys(bodies(server))) == LINES
