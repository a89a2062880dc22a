"""Plugins as sources and sinks: what they read and store, and that they reach nothing but what a pipeline grants."""

import json
import os
import re
from pathlib import Path

import pytest

from harness.http import Received, Reply, Server
from harness.pipelines import from_file, generated, pipeline, to_file
from harness.plugins import Builder, out, reasons
from harness.server import Server as Service

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


class Orders:
    """An API that lists orders from a number on, ten at a time."""

    def __init__(self, server: Server, count: int):
        self.count = count
        server.reply = self.reply

    def reply(self, request: Received) -> Reply:
        first = int(re.search(r"from=(\d+)", request.path)[1])
        orders = [{"id": number} for number in range(first, min(first + 10, self.count))]
        return Reply(body=json.dumps({"orders": orders}).encode())


class Cluster:
    """A search cluster's bulk API: refuses documents without an event, and is busy at first."""

    def __init__(self, server: Server):
        self.documents: dict[str, dict] = {}
        self.busy = 1
        server.reply = self.reply

    def reply(self, request: Received) -> Reply:
        if self.busy:
            self.busy -= 1
            return Reply(status=429)
        lines = [json.loads(line) for line in request.body.splitlines()]
        return Reply(body=json.dumps({"items": [self.index(*pair) for pair in zip(lines[::2], lines[1::2])]}).encode())

    def index(self, action: dict, document: dict) -> dict:
        if "event" not in document:
            return {"index": {"status": 400, "error": {"reason": "no event"}}}
        self.documents[action["index"]["_id"]] = document
        return {"index": {"status": 201}}


def poll(url: str, *grants: dict, **keys) -> dict:
    granted = {"grants": {"egress": list(grants)}} if grants else {}
    return {"type": "wasm", "plugin": "poll", "config": {"url": url, "items": "orders", "until_empty": True}, **granted, **keys}


def read(workspace, source: dict, **options):
    return workspace.run(pipeline(source, to_file("out.ndjson")), **options)


def test_the_example_reads_an_api_with_credentials_that_the_plugin_does_not_have(workspace, server):
    orders = Orders(server, 25)
    environment = {"ORDERS_API": server.url, "ORDERS_TOKEN": "s3cret"}

    def reads(count: int) -> None:
        running = workspace.start("run", REPOSITORY / "pipelines" / "api-to-lake.yaml", "--data-dir", workspace.data_dir, environment=environment)
        running.wait_until(f"{count} are asked for", lambda: any(f"from={count}" in request.path for request in server.received))
        running.stop().succeeded()
        assert "s3cret" not in running.err

    reads(25)
    orders.count = 30
    reads(30)
    assert [json.loads(payload)["id"] for payload in workspace.table("orders").payloads()] == list(range(30))
    assert {request.headers["authorization"] for request in server.received} == {"Bearer s3cret"}


def test_the_example_indexes_all_events_and_what_is_refused_is_a_dead_letter(workspace, server):
    cluster = Cluster(server)
    environment = {"SEARCH_CLUSTER": server.url, "SEARCH_KEY": "key"}
    path = REPOSITORY / "pipelines" / "shop-to-search.yaml"
    workspace.command("run", path, "--data-dir", workspace.data_dir, environment=environment).succeeded()
    assert len(cluster.documents) == 5000
    assert {request.headers["authorization"] for request in server.received} == {"ApiKey key"}
    workspace.write("in.ndjson", b'{"event":1}\n{"a":1}\nnot JSON\n')
    sink = {"type": "wasm", "plugin": "bulk", "config": {"url": server.url, "index": "shop"}, "grants": {"egress": [{"to": server.url}]}}
    letters = to_file("letters.ndjson", encoding="json")
    workspace.run(pipeline(from_file("in.ndjson"), sink, dead_letters=letters, name="other")).succeeded()
    assert sorted(reason.split(":")[0] for reason in reasons(workspace)) == ["the payload is not JSON", "the server refuses the document"]
    assert len(cluster.documents) == 5001


def test_a_plugin_reads_on_where_it_was_after_a_restart(workspace, server):
    Orders(server, 25)
    source = poll(f"{server.url}/orders?from={{from}}", {"to": server.url})
    read(workspace, source).succeeded()
    read(workspace, source).succeeded()
    assert [json.loads(line)["id"] for line in out(workspace)] == list(range(25))


def test_crashes_lose_and_double_nothing_of_a_source_in_a_lake(workspace, server):
    Orders(server, 4000)
    through = pipeline(poll(f"{server.url}/?from={{from}}", {"to": server.url}), workspace.lake())
    for _ in range(2):
        before, running = workspace.table().count(), workspace.start_run(through)
        running.wait_until("more is stored", lambda: workspace.table().count() > before)
        running.kill()
    workspace.run(through).succeeded()
    assert [json.loads(payload)["id"] for payload in workspace.table().payloads()] == list(range(4000))


def test_another_version_of_a_source_takes_over_where_the_old_one_was(workspace, server):
    orders, service, file = Orders(server, 25), Service(workspace), workspace.folder / "swapped.wasm"
    one = (Path(os.environ["CATCHWATER_PLUGINS"]) / "poll.wasm").read_bytes()
    other = one.replace(b"the answer is not JSON", b"this answer's not JSON")
    assert one != other, "what it says is in the file as it stands"
    file.write_bytes(one)
    source = poll(f"{server.url}/?from={{from}}", {"to": server.url}, plugin=str(file))
    source["config"] |= {"until_empty": False, "every": 1}
    service.write(pipeline(source, workspace.lake(), name="orders"))
    service.start()
    service.until("they are stored", lambda: workspace.table().count() == 25)
    draft = file.with_suffix(".draft")
    draft.write_bytes(other)
    draft.rename(file)
    service.until("it takes over", lambda: service.reloaded()["generation"] == 2)
    orders.count = 40
    service.until("they are stored", lambda: workspace.table().count() == 40)
    service.stop().succeeded()
    assert [json.loads(payload)["id"] for payload in workspace.table().payloads()] == list(range(40))


def test_what_is_not_granted_is_not_reached(workspace, server):
    finished = read(workspace, poll(f"{server.url}/?from={{from}}", {"to": "https://api.example.com"}))
    finished.failed().says("`http://127.0.0.1", "is not granted", "plugin poll")
    assert server.received == []


def test_a_name_that_stands_for_this_machine_is_not_reached_without_its_port(workspace):
    finished = read(workspace, poll("http://localhost/?from={from}", {"to": "http://localhost"}))
    finished.failed().says("`localhost` stands for", "grant the name with its port")


def test_a_name_with_its_port_reaches_this_machine(workspace, server):
    Orders(server, 3)
    address = server.url.replace("127.0.0.1", "localhost")
    read(workspace, poll(f"{address}/?from={{from}}", {"to": address})).succeeded()
    assert len(out(workspace)) == 3


def test_a_redirect_is_not_followed(workspace, server):
    elsewhere = Server()
    server.reply = lambda _: Reply(status=302, headers={"location": f"{elsewhere.url}/?from=0"})
    grants = [{"to": server.url, "headers": {"authorization": "secret"}}, {"to": elsewhere.url}]
    read(workspace, poll(f"{server.url}/?from={{from}}", *grants)).failed().says("the server answers 302")
    elsewhere.stop()
    assert elsewhere.received == [] and len(server.received) == 1


def test_no_proxy_of_the_environment_hears_of_a_request(workspace, server):
    Orders(server, 3)
    proxy = Server()
    names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    environment = {**dict.fromkeys(names, proxy.url), "no_proxy": "", "NO_PROXY": ""}
    read(workspace, poll(f"{server.url}/?from={{from}}", {"to": server.url}), environment=environment).succeeded()
    proxy.stop()
    assert proxy.received == [] and len(out(workspace)) == 3


def test_one_that_asks_too_much_in_one_call_hears_its_bound(workspace, server):
    server.reply = lambda _: Reply(body=b'{"orders":["' + b"x" * 5000 + b'"]}')
    source = poll(f"{server.url}/?from={{from}}", {"to": server.url})
    source["grants"]["body_max"] = "1KiB"
    read(workspace, source).failed().says("`grants.body_max`")


@pytest.mark.parametrize("source, words", [
    (poll("https://a/?from={from}"), ["bad.yaml:", "source.grants", "poll wants `egress`, which is not granted"]),
    (poll("https://a/?from={from}", {"to": "a"}), ["source.grants.egress[0].to", "is no address"]),
    (poll("https://a/?from={from}", {"to": "https://a/path"}), ["source.grants.egress[0].to", "nothing else"]),
    (poll("https://a/?from={from}", {"to": "https://a", "headers": {"a b": "c"}}), ["source.grants.egress[0].headers.a b", "is no name"]),
    (poll("https://a/"), ["source.grants"]),
    (poll("https://a/", {"to": "https://a"}), ["source.config.url", "neither `{from}` nor `{after}`"]),
    (poll("https://a/?from={from}", {"to": "https://a"}, plugin="mask"), ["source.plugin", "mask is a transform, and this is the place of a source"]),
], ids=["ungranted", "no address", "path", "header", "both", "config", "role"])
def test_a_grant_that_is_missing_or_wrong_is_found_by_check_at_its_line(workspace, source, words):
    path = workspace.write("bad.yaml", pipeline(source, to_file("out.ndjson")))
    workspace.command("check", path).failed().says(*words)


def test_a_transform_gets_no_network(workspace):
    step = {"type": "wasm", "plugin": "mask", "config": {"fields": ["a"]}, "grants": {"egress": [{"to": "https://a"}]}}
    path = workspace.write("bad.yaml", pipeline(generated(1), to_file("out.ndjson"), transforms=[step]))
    workspace.command("check", path).failed().says("transforms[0].grants.egress", "is for sources and sinks")


def test_inspect_says_what_a_plugin_wants(workspace):
    said = workspace.command("plugin", "inspect", "poll").succeeded().out
    assert "catchwater:plugin/source@0.1.0" in said and re.search(r"^wants +egress$", said, re.M), said


@pytest.mark.parametrize("name", ["poll", "bulk", "mask", "enrich", "distinct", "refine"])
def test_the_examples_pass_their_own_tests(workspace, name):
    assert " passed" in workspace.command("plugin", "test", REPOSITORY / "plugins-wasm" / name).succeeded().out


def test_answers_that_nobody_would_give_are_tried(workspace):
    plugin = Builder(workspace)
    plugin("new", "mine", "--kind", "sink").succeeded()
    code = workspace.folder / "mine" / "src" / "lib.rs"
    trusting = code.read_text().replace(".ok()?;", '.ok().expect("it answers well");')
    assert trusting != code.read_text()
    code.write_text(trusting)
    plugin("build", "mine").succeeded()
    plugin("test", "mine").failed().says("breaks off", "it answers well", "with the answers")


@pytest.mark.parametrize("kind", ["source", "sink"])
def test_a_new_project_builds_passes_its_tests_and_runs(workspace, server, kind):
    plugin = Builder(workspace)
    plugin("new", "mine", "--kind", kind).succeeded()
    plugin("build", "mine").succeeded()
    assert "cases passed" in plugin("test", "mine").succeeded().out
    step = {"type": "wasm", "plugin": "./own/mine.wasm"}
    if kind == "source":
        read(workspace, {**step, "config": {"end": 1000}}).succeeded()
        assert out(workspace) == [b'{"number":%d}' % number for number in range(1000)]
    else:
        sink = {**step, "config": {"url": f"{server.url}/lines"}, "grants": {"egress": [{"to": server.url}]}}
        workspace.run(pipeline(generated(100), sink)).succeeded()
        assert sum(request.body.count(b"\n") for request in server.received) == 100
