"""Events posted over HTTP: answered once they are durable, and every way to get a request wrong. The hot log has cases of its own."""

import gzip
import hashlib
import hmac
import http.client
import json
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.http import Client, client_of, heard
from harness.pipelines import pipeline, to_file
from harness.workspace import Workspace


REPOSITORY = Path(__file__).parents[2]


def listening(**keys) -> dict:
    return {"type": "http", "listen": "127.0.0.1:0", **keys}


@pytest.fixture
def served(workspace):
    """A pipeline from HTTP into the lake; answers its client."""
    def start(**keys) -> Client:
        # The lake's own interval is far away and there is no hot log: only the waiting requests make it commit.
        return client_of(workspace.start_run(pipeline(listening(**keys), workspace.lake(commit_interval="1h", hot_log=False))))
    return start


def payloads(workspace: Workspace) -> list[bytes]:
    return workspace.table().payloads()


def test_without_a_hot_log_success_means_that_it_is_in_the_lake(workspace, served):
    client = served()
    started = time.monotonic()
    client.post(b'{"id": 1.50,  "a":"\\u0041"}', headers={"Content-Type": "application/json"}).says(200, '{"records":1}')
    assert time.monotonic() - started < 5
    assert payloads(workspace) == [b'{"id": 1.50,  "a":"\\u0041"}']


def test_the_example_runs(workspace):
    example = (REPOSITORY / "pipelines" / "webhook-to-lake.yaml").read_text()
    workspace.write("example.yaml", example.replace("127.0.0.1:8080", "127.0.0.1:0"))
    process = workspace.start("run", "example.yaml", "--data-dir", workspace.data_dir)
    client_of(process).post(b'{"event":"order_paid","amount":12.5}').says(200, '{"records":1}')
    process.stop().succeeded()
    assert workspace.table(collection="events").payloads() == [b'{"event":"order_paid","amount":12.5}']


def test_lines_and_lists_become_events_byte_for_byte(workspace, served):
    client = served()
    client.post(b'{"a":1}\r\n\n{"a": 2}\n', headers={"Content-Type": "application/x-ndjson"}).says(200, '{"records":2}')
    client.post(b'[ {"a" : 3} , [4],"5"]', headers={"Content-Type": "application/json"}).says(200, '{"records":3}')
    assert payloads(workspace) == [b'{"a":1}', b'{"a": 2}', b'{"a" : 3}', b"[4]", b'"5"']


def test_a_record_keeps_what_the_request_said(workspace, served):
    client = served(paths={"/hooks/shop": "shop"})
    client.post(b"{}", "/hooks/shop?v=2", {"X-Event": "paid", "Cookie": "secret", "Authorization": "Basic secret"}).says(200)
    row, = workspace.table().rows()
    headers = {header["name"]: header["value"] for header in row["_headers"]}
    assert headers["x-event"] == b"paid" and not {"cookie", "authorization", "host", "content-length"} & set(headers)
    properties = {entry["name"]: entry["value"] for entry in row["_properties"]}
    assert properties == {"method": b"POST", "path": b"/hooks/shop", "query": b"v=2", "remote_address": b"127.0.0.1"}
    assert (row["_stream"], row["_partition"], row["_position"]) == ("shop", 0, 0)


@pytest.mark.parametrize("encoding, compress", [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_body_is_inflated(workspace, served, encoding, compress):
    body = b"\n".join(b'{"n":%d}' % n for n in range(5000))
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": encoding}
    served().post(compress(body), headers=headers).says(200, '{"records":5000}')
    assert payloads(workspace) == body.split(b"\n")


def test_many_clients_are_answered_by_common_commits(workspace, served):
    client = served()
    threads = [threading.Thread(target=lambda n=n: client.post(b'{"n":%d}' % n).says(200)) for n in range(100)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(payloads(workspace)) == sorted(b'{"n":%d}' % n for n in range(100))
    assert len(workspace.table().commits()) < 30


def test_a_stop_answers_what_was_read_and_the_next_run_goes_on_numbering(workspace):
    through = pipeline(listening(), workspace.lake())
    for number in (1, 2):
        process = workspace.start_run(through)
        client_of(process).post(b"%d" % number).says(200)
        process.stop().succeeded()
    assert [row["_position"] for row in workspace.table().rows()] == [0, 1]


def test_an_event_that_cannot_be_stored_is_answered_once_it_is_a_dead_letter(workspace):
    through = pipeline(listening(), workspace.lake(), transforms=[{"type": "require"}], dead_letters=to_file("letters.ndjson", encoding="json"))
    client = client_of(workspace.start_run(through))
    client.post(b"not JSON").says(200, '{"records":1}')
    letter = json.loads((workspace.folder / "letters.ndjson").read_text())
    assert letter["payload"] == "not JSON"


def test_new_events_are_numbered_past_the_sink_that_is_ahead(workspace):
    """Two lakes, one of which has stored more: a new event whose number lies below would be skipped there in silence."""
    ahead, behind = workspace.lake("ahead"), workspace.lake("behind")
    process = workspace.start_run(pipeline(listening(), ahead))
    for number in range(3):
        client_of(process).post(b"%d" % number).says(200)
    process.stop().succeeded()
    positions = next((workspace.data_dir).glob("**/positions/*.json"))
    positions.unlink()
    process = workspace.start_run(pipeline(listening(), ahead, behind))
    client_of(process).post(b"new").says(200)
    process.stop().succeeded()
    assert workspace.table("ahead").payloads() == [b"0", b"1", b"2", b"new"]
    assert workspace.table("behind").payloads() == [b"new"]


# Who may post


def test_a_token_is_asked_for(workspace, served):
    client = served(token="t0p")
    for headers in ({}, {"Authorization": "Bearer nope"}, {"Authorization": "t0p"}):
        answer = client.post(b"{}", headers=headers).says(401, "token", "Authorization: Bearer")
        assert answer.headers["www-authenticate"] == "Bearer"
    client.post(b"{}", headers={"Authorization": "Bearer t0p"}).says(200)
    assert payloads(workspace) == [b"{}"]


def sign(secret: bytes, body: bytes, digest=hashlib.sha256) -> str:
    return hmac.new(secret, body, digest).hexdigest()


def test_githubs_signature_is_over_the_body_as_sent(workspace, served):
    client = served(signature={"scheme": "github", "secret": "s3cret"})
    body = gzip.compress(b'{"zen":1}')
    signed = {"Content-Encoding": "gzip", "X-Hub-Signature-256": "sha256=" + sign(b"s3cret", body)}
    client.post(body, headers=signed).says(200)
    client.post(body, headers={**signed, "X-Hub-Signature-256": "sha256=" + sign(b"wrong", body)}).says(401, "not that of this body")
    client.post(body + b" ", headers=signed).says(401)
    client.post(b"{}").says(401, "missing")
    assert payloads(workspace) == [b'{"zen":1}']


def test_segments_signature(served):
    client = served(signature={"scheme": "segment", "secret": "s3cret"})
    client.post(b"{}", headers={"X-Signature": sign(b"s3cret", b"{}", hashlib.sha1)}).says(200)
    client.post(b"[]", headers={"X-Signature": sign(b"s3cret", b"{}", hashlib.sha1)}).says(401)


def test_stripes_signature_ages(served):
    client = served(signature={"scheme": "stripe", "secret": "whsec"})
    def signed(at: int) -> dict:
        return {"Stripe-Signature": f"t={at},v1={sign(b'whsec', b'%d.{}' % at)}"}
    now = int(time.time())
    client.post(b"{}", headers=signed(now)).says(200)
    client.post(b"{}", headers=signed(now - 600)).says(401, "off this server's clock")


def test_an_open_address_wants_to_know_who_posts(workspace):
    workspace.write("open.yaml", pipeline(listening(listen="0.0.0.0:8080"), to_file("out")))
    workspace.command("check", "open.yaml").failed().says("token", "signature", "listen")


def test_two_pipelines_cannot_listen_on_one_address(workspace):
    for name in ("one", "two"):
        workspace.write(f"{name}.yaml", pipeline(listening(listen="127.0.0.1:8080"), to_file(name), name=name))
    workspace.command("check", "one.yaml", "two.yaml").failed().says("the address 127.0.0.1:8080 is taken by", "`one`")


# Bad requests


def test_what_is_not_taken_is_refused_with_what_to_do(workspace, served):
    client = served()
    client.post(b"{}", "/other").says(404, "/other", "paths")
    assert client.post(b"", method="GET").says(405, "POST").headers["allow"] == "POST, PUT"
    client.post(b"").says(400, "empty")
    client.post(b'[{"a":1},', headers={"Content-Type": "application/json"}).says(400, "no JSON list", "line 1")
    client.post(b"{}", headers={"Content-Encoding": "br"}).says(415, "br", "gzip")
    client.post(b"{}", headers={f"X-{n}": "" for n in range(80)}).says(431, "headers_max")
    client.post(b"1\n" * 10_001, headers={"Content-Type": "application/x-ndjson"}).says(413, "events_max")
    client.post(b"plain", headers={"Content-Encoding": "gzip"}).says(400, "decompressed")
    client.post(gzip.compress(b"x" * 1000)[:-9], headers={"Content-Encoding": "gzip"}).says(400, "decompressed")
    assert workspace.table().open() is None


def test_a_huge_body_and_a_bomb_are_stopped_at_the_bound(workspace, served):
    client = served(body_max="1MiB", buffer="2MiB")
    client.post(b"x" * (1 << 20)).says(200)
    client.post(b"x" * (1 << 20) + b"x").says(413, "1048576", "body_max")
    client.post(b"x" * (16 << 20)).says(413, "body_max")
    client.post(gzip.compress(bytes(64 << 20)), headers={"Content-Encoding": "gzip"}).says(413, "decompressed")
    # Chunked: nobody says beforehand how long it is.
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
    connection.request("POST", "/events", iter([b"x" * (1 << 19)] * 3), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert connection.getresponse().status == 413
    connection.close()
    assert len(payloads(workspace)) == 1


HEAD = b"POST /events HTTP/1.1\r\nHost: h\r\n"


def test_who_asks_before_sending_a_huge_body_is_not_given_leave(served):
    client = served(body_max="1MiB")
    said = client.say(HEAD + b"Content-Length: 99999999\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 413") and b"100 Continue" not in said


def test_a_length_that_lies_brings_in_nothing(workspace, served):
    client = served(read_timeout="1s")
    # Longer than what comes: waited for, then refused.
    said = client.say(HEAD + b"Content-Length: 100\r\nConnection: close\r\n\r\n{}")
    assert said.startswith(b"HTTP/1.1 408") and b"Content-Length" in said
    # Longer than what comes before the client hangs up.
    with client.open() as connection:
        connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{}")
    # Shorter: the rest is no request.
    said = client.say(HEAD + b"Content-Length: 2\r\n\r\n{}GARBAGE\r\n\r\n")
    assert said.count(b"HTTP/1.1 ") == 2 and b"HTTP/1.1 400" in said
    assert b"HTTP/1.1 400" in client.say(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}")
    assert b"HTTP/1.1 400" in client.say(HEAD + b"Content-Length: -1\r\n\r\n{}")
    client.post(b"last").says(200)
    assert payloads(workspace) == [b"{}", b"last"]


def test_a_cut_off_chunked_body_brings_in_nothing(workspace, served):
    client = served()
    with client.open() as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
    with client.open() as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert b"HTTP/1.1 400" in heard(connection)
    client.post(b"last").says(200)
    assert payloads(workspace) == [b"last"]


def test_slow_clients_are_let_go_and_hold_up_nobody(served):
    client = served(read_timeout="1s")
    silent, in_head, in_body = client.open(), client.open(), client.open()
    in_head.sendall(b"POST /events HTTP/1.1\r\nHo")
    in_body.sendall(HEAD + b"Content-Length: 10\r\n\r\n{")
    client.post(b"{}").says(200)
    for connection, expected in ((silent, b""), (in_head, b""), (in_body, b"HTTP/1.1 408")):
        assert heard(connection).startswith(expected)
        connection.close()


def test_more_requests_than_may_be_under_way_are_told_when_to_come_again(workspace):
    """Nothing becomes durable: every commit is an hour away. Of two requests at once one is too many, whichever it is."""
    source = listening(requests_max=1, answer_timeout="5s", commit_within="1h")
    client = client_of(workspace.start_run(pipeline(source, workspace.lake(commit_interval="1h", hot_log=False), idle="1h")))
    with ThreadPoolExecutor(2) as both:
        refused, late = sorted(both.map(client.post, [b"1", b"2"]), key=lambda answer: "5 s" in answer.json["error"])
    assert refused.says(503, "too many requests are under way").headers["retry-after"] == "1"
    late.says(503, "not durable after 5 s")


def test_sigkill_under_load_keeps_every_event_that_was_answered(workspace):
    through = pipeline(listening(), workspace.lake())
    answered, lock = [], threading.Lock()
    port, over = [None], threading.Event()

    def post_on(client: int) -> None:
        """Each event until it is answered, as a client does that wants it stored."""
        for number in range(100_000):
            event = b'{"client":%d,"n":%d}' % (client, number)
            while not over.is_set():
                try:
                    if Client(port[0]).post(event).status == 200:
                        with lock:
                            answered.append(event)
                        break
                except (OSError, http.client.HTTPException):
                    pass
            if over.is_set():
                return

    process = workspace.start_run(through)
    port[0] = client_of(process).port
    threads = [threading.Thread(target=post_on, args=(client,)) for client in range(8)]
    [thread.start() for thread in threads]
    for _ in range(4):
        before = len(answered)
        process.wait_until("some are answered", lambda: len(answered) > before + 20)
        process.kill()
        process = workspace.start_run(through)
        port[0] = client_of(process).port
    before = len(answered)
    process.wait_until("some are answered", lambda: len(answered) > before + 20)
    over.set()
    [thread.join() for thread in threads]
    process.stop().succeeded()
    stored = payloads(workspace)
    assert set(answered) <= set(stored)
    # What stands there twice was sent twice: by a client that had no answer when the process was killed.
    assert len(stored) - len(set(stored)) <= 8 * 4
    rows = workspace.table().rows(["_source", "_stream", "_position"])
    assert len({(row["_source"], row["_position"]) for row in rows}) == len(rows)
