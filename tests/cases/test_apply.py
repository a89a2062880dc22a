"""`catchwater plan`, `apply` and `pipelines`: a server's pipelines from the command line of another machine."""

import json
import re

import pytest

from harness.kafka import Message
from harness.pipelines import following, from_file, generated, pipeline, to_file
from harness.process import Finished
from harness.server import Server

MORNING_MS = 1793520000000  # 2026-11-01T08:00:00Z


@pytest.fixture
def server(workspace) -> Server:
    return Server(workspace).start()


def tell(server: Server, *arguments) -> Finished:
    """A command that asks this server."""
    return server.workspace.command(*arguments, "--server", f"http://127.0.0.1:{server.port}")


def planned(server: Server, *arguments) -> tuple[str, str]:
    """What a plan says, and its hash."""
    out = tell(server, "plan", *arguments).succeeded().out
    return out, re.search(r"^plan (\w+)$", out, re.M)[1]


def test_a_plan_shows_what_would_change_and_apply_makes_it_so(server, kafka):
    topic, folder = kafka.topic(), server.workspace.folder / "mine"
    orders = pipeline(following(kafka, topic), to_file(server.workspace.folder / "out"), name="orders")
    other = pipeline(following(kafka, topic), to_file(server.workspace.folder / "other"), name="other")
    server.workspace.write("mine/all.yaml", [orders, other])
    out, plan = planned(server, folder)
    assert "create orders" in out and "create other" in out and "2 to change, 0 unchanged" in out
    assert server.get("/v1/pipelines") == [], "a plan changes nothing"
    assert "orders: started" in tell(server, "apply", folder, "--plan", plan).succeeded().out
    server.until_state("orders", "running")
    orders["transforms"] = [{"type": "filter", "where": "id:>0"}]
    orders["idle"] = "5s"
    server.workspace.write("mine/all.yaml", [orders])
    out, plan = planned(server, folder)
    assert "adapt orders\n  + filter: between two batches\n  ~ settings: in place\n" in out and "1 to change, 1 unchanged" in out
    out, plan = planned(server, folder, "--prune")
    assert "delete other" in out
    assert "orders: changed while it runs" in tell(server, "apply", folder, "--plan", plan, "--prune").succeeded().out
    assert [one["name"] for one in server.get("/v1/pipelines")] == ["orders"]
    server.stop().succeeded()
    server.start()
    assert [one["name"] for one in server.get("/v1/pipelines")] == ["orders"], "it is kept over a restart"


def test_a_plan_shows_what_a_change_does_component_by_component(server, kafka):
    topic, out = kafka.topic(), server.workspace.folder / "out"
    first, second = to_file(out, name="first"), to_file(f"{out}2", name="second")
    before = pipeline(following(kafka, topic), first, second, name="orders")
    file = server.workspace.write("orders.yaml", before)
    tell(server, "apply", file, "--plan", planned(server, file)[1]).succeeded()

    def check(*lines: str, **keys) -> None:
        server.workspace.write("orders.yaml", {**before, **keys})
        assert planned(server, file)[0].startswith("\n".join(lines) + "\n1 to change"), planned(server, file)[0]

    flush = "once all that was read is stored; the source and the other sinks stay"
    check("adapt orders", f"  ~ second: {flush}", sinks=[first, {**second, "path": f"{out}3"}])
    check("adapt orders", f"  - second: {flush}", sinks=[first])
    check("adapt orders", "  ~ second: in place", "  ~ settings: in place", sinks=[first, {**second, "when": "id:>0"}], idle="5s")
    check("replace orders", "  ~ kafka: restart", "  it drains, and goes on where it was", source={**before["source"], "start": "latest"})
    check("replace orders", "  ~ settings: restart", "  it drains, and goes on where it was", tasks=3)


def test_every_document_is_a_pipeline_that_check_takes_for_one(server):
    one, two, three = (json.dumps(pipeline(generated(1), to_file(server.workspace.folder / name), name=name)) for name in ("one", "two", "three"))
    file = server.workspace.write("all.yaml", f"# first\n{one}\n...\n# second\n{two}\n--- # third\n{three}\n...\n# end\n")
    assert server.workspace.command("check", file).succeeded().out == "one: ok\ntwo: ok\nthree: ok\n"
    out, plan = planned(server, file)
    assert [line for line in out.splitlines() if line.startswith("create ")] == ["create one", "create three", "create two"]
    tell(server, "apply", file, "--plan", plan).succeeded()
    assert "0 to change, 3 unchanged" in planned(server, file, "--prune")[0]
    assert "# second" in server.get("/v1/pipelines/two")["document"]


def test_a_destination_is_passed_over_with_a_word(server):
    made = json.dumps(pipeline(generated(1), to_file(server.workspace.folder / "made"), name="made"))
    file = server.workspace.write("all.yaml", f"destination: cold\ntype: file\npath: cold.ndjson\n---\n{made}\n")
    out, plan = planned(server, file)
    assert f"create made\ndestination cold at {file}:1:" in out and "is no pipeline" in out and "1 to change, 0 unchanged" in out
    assert tell(server, "apply", file, "--plan", plan).succeeded().out == "made: started\n"


def test_the_last_pipelines_are_pruned_with_an_empty_folder(server):
    folder, made = server.workspace.folder / "mine", pipeline(generated(1), to_file(server.workspace.folder / "made"), name="made")
    file = server.workspace.write("mine/made.yaml", made)
    tell(server, "apply", folder, "--plan", planned(server, folder)[1]).succeeded()
    file.unlink()
    tell(server, "plan", folder).failed().says("mine", "holds no", "--prune")
    out, plan = planned(server, folder, "--prune")
    assert "delete made\n1 to change" in out
    tell(server, "apply", folder, "--prune", "--plan", plan).succeeded()
    assert server.get("/v1/pipelines") == []
    tell(server, "plan", server.workspace.folder / "none", "--prune").failed().says("none")


def test_apply_refuses_when_the_server_or_the_files_moved_on(server, kafka):
    file = server.workspace.write("orders.yaml", pipeline(following(kafka, kafka.topic()), to_file(server.workspace.folder / "out"), name="orders"))
    _, plan = planned(server, file)
    server.ask("POST", "/v1/pipelines", pipeline(following(kafka, kafka.topic()), to_file(server.workspace.folder / "x"), name="another")).says(201)
    tell(server, "apply", file, "--plan", plan).failed().says("plan again")
    _, plan = planned(server, file)
    file.write_text(file.read_text() + "idle: 5s\n")
    tell(server, "apply", file, "--plan", plan).failed().says("plan again")
    for ask in ("pause", "stop", "resume"):
        _, plan = planned(server, file)
        server.do("another", ask).says(200)
        tell(server, "apply", file, "--plan", plan).failed().says("plan again")
    assert [one["name"] for one in server.get("/v1/pipelines")] == ["another"]


def test_apply_does_what_was_planned_and_nothing_that_stands_in_the_folder_by_then(server):
    wish = {"files": [{"name": "a.yaml", "text": json.dumps(pipeline(generated(1), to_file(server.workspace.folder / "a"), name="a"))}]}
    ask = lambda path: server.ask("POST", path, json.dumps(wish), {"content-type": "application/json"}).says(200).json
    plan = ask("/v1/plan")["hash"]
    server.write(pipeline(generated(1), to_file(server.workspace.folder / "b"), name="b"))
    assert [change["pipeline"] for change in ask(f"/v1/apply?hash={plan}")["changes"]] == ["a"]
    server.until("a reload brings the other", lambda: len(server.get("/v1/pipelines")) == 2)


def test_what_was_put_back_is_a_change_to_a_plan(workspace, kafka):
    server = Server(workspace, "--put-back-after", "2s").start()
    good = pipeline(following(kafka, kafka.topic()), to_file(workspace.folder / "out"), name="orders")
    file = workspace.write("orders.yaml", good)
    tell(server, "apply", file, "--plan", planned(server, file)[1]).succeeded()
    server.until_state("orders", "running")
    workspace.write("orders.yaml", {**good, "sinks": [to_file(workspace.write("in-the-way", "") / "out")]})
    for _ in range(2):
        out, plan = planned(server, file)
        assert out.startswith("adapt orders\n") and "1 to change, 0 unchanged" in out
        said = tell(server, "apply", file, "--plan", plan).failed().out
        assert "orders: put back as it was" in said and "in-the-way" in said
    workspace.write("orders.yaml", good)
    assert "0 to change, 1 unchanged" in planned(server, file)[0]


def test_what_is_pruned_is_gone_with_the_wish_that_it_were_paused_and_with_what_it_could_not_store(server):
    lines = server.workspace.write("in.ndjson", b'{"id":1}\n')
    gone = server.workspace.write("gone.yaml", pipeline(from_file(lines), {"type": "http", "url": "http://127.0.0.1:1"}, name="gone", drain_timeout="500ms"))
    kept = server.workspace.write("kept.yaml", pipeline(generated(1), to_file(server.workspace.folder / "out"), name="kept"))

    def apply(*files) -> str:
        return tell(server, "apply", *files, "--prune", "--plan", planned(server, *files, "--prune")[1]).succeeded().out

    apply(gone, kept)
    server.until("it waits", lambda: server.status("gone")["waits"])
    assert "gone: stopped, and not all that it had read is stored" in apply(kept)
    apply(gone, kept)
    server.do("gone", "pause").says(200)
    apply(kept)
    apply(gone, kept)
    server.until("it runs again", lambda: server.status("gone")["waits"])


def test_a_plan_names_every_mistake_in_the_files_as_they_are_called_here(server):
    file = server.workspace.write("wrong.yaml", "name: wrong\nsource: {type: kafak}\nsinks: [{type: stdout}]\n")
    tell(server, "plan", file).failed().says("wrong.yaml:2:", "kafak", "kafka")


def test_what_stands_in_a_file_of_the_server_is_not_applied_over(server, kafka):
    document = pipeline(following(kafka, kafka.topic()), to_file(server.workspace.folder / "out"), name="orders")
    server.write(document)
    server.until("it is served", lambda: server.get("/v1/pipelines"))
    tell(server, "plan", server.workspace.write("mine.yaml", document)).failed().says("orders.yaml", "change or delete it there")


def test_pipelines_are_listed_looked_at_and_told_what_to_do(server, kafka):
    server.write(pipeline(following(kafka, kafka.topic()), to_file(server.workspace.folder / "out"), name="orders"))
    server.until("it runs", lambda: server.get("/v1/pipelines") and server.state("orders") == "running")
    listed = tell(server, "pipelines", "ls").succeeded().out
    assert re.search(r"^orders +running +kafka +file +\d+ +.*orders.yaml$", listed, re.M), listed
    assert tell(server, "pipelines", "pause", "orders").succeeded().out == "orders: paused\n"
    assert tell(server, "pipelines", "status", "orders").succeeded().out.startswith("orders: paused\n")
    tell(server, "pipelines", "restart", "orders").failed().says("resume")
    tell(server, "pipelines", "resume", "orders").succeeded()
    server.until_state("orders", "running")
    assert tell(server, "pipelines", "stop", "orders").succeeded().out == "orders: stopped\n"
    tell(server, "pipelines", "status", "none").failed().says("there is no pipeline `none`")


def test_a_server_that_is_not_there_is_named(workspace):
    workspace.command("pipelines", "ls", "--server", "http://127.0.0.1:1").failed().says("http://127.0.0.1:1")


def test_offsets_are_shown_and_a_stopped_pipeline_is_moved(server, kafka):
    topic, out = kafka.topic(partitions=2), server.workspace.folder / "out"
    for partition in (0, 1):
        kafka.produce(topic, [Message(b"%d" % number, partition=partition) for number in range(10)])
    server.write(pipeline(following(kafka, topic), to_file(out), name="orders"))
    server.until("all is read", lambda: server.get("/v1/pipelines") and server.status("orders")["records"] == 20)
    at = lambda: {offset["partition"]: offset["position"] for offset in server.get("/v1/pipelines/orders/offsets")}
    server.until("all is committed", lambda: at() == {0: 10, 1: 10})
    tell(server, "pipelines", "offsets", "orders", "--set", f"{topic}/0=4").failed().says("stop it before")
    tell(server, "pipelines", "stop", "orders").succeeded()
    shown = tell(server, "pipelines", "offsets", "orders").succeeded().out
    assert re.search(rf"^{topic} +1 +10  committed$", shown, re.M), shown
    tell(server, "pipelines", "offsets", "orders", "--set", f"{topic}/7=0").failed().says(f"{topic}[7]", f"{topic}[0], {topic}[1]")
    tell(server, "pipelines", "offsets", "orders", "--set", f"{topic}/1=3", "--set", f"{topic}/0=-5").failed().says(f"{topic}[0] cannot go on at -5", "0 or more")
    assert at() == {0: 10, 1: 10}
    shown = tell(server, "pipelines", "offsets", "orders", "--set", f"{topic}/0=4").succeeded().out
    assert re.search(rf"^{topic} +0 +4  committed$", shown, re.M), shown
    tell(server, "pipelines", "resume", "orders").succeeded()
    server.until("six come again", lambda: len(out.read_bytes().splitlines()) == 26)


def test_a_stopped_pipeline_is_moved_to_earliest_latest_a_time_or_the_last_few(server, kafka):
    topic, out = kafka.topic(partitions=2), server.workspace.folder / "out"
    for partition in (0, 1):
        kafka.produce(topic, [Message(b"%d" % number, partition=partition, timestamp_ms=MORNING_MS + number * 1000) for number in range(10)])
    server.write(pipeline(following(kafka, topic), to_file(out), name="orders"))
    server.until("all is read", lambda: server.get("/v1/pipelines") and server.status("orders")["records"] == 20)
    tell(server, "pipelines", "offsets", "orders", "--to", "earliest").failed().says("stop it before")
    tell(server, "pipelines", "stop", "orders").succeeded()

    def check(to: str, position: int) -> None:
        shown = tell(server, "pipelines", "offsets", "orders", "--to", to).succeeded().out
        assert re.findall(rf"^{topic} +(\d) +(\d+)  committed$", shown, re.M) == [("0", str(position)), ("1", str(position))], shown

    check("earliest", 0)
    check("latest", 10)
    check("2026-11-01T08:00:04Z", 4)
    check("-3", 7)
    tell(server, "pipelines", "offsets", "orders", "--to", "soon").failed().says("soon", "earliest", "latest")
    answer = server.ask("PATCH", "/v1/pipelines/orders/offsets", '{"to": "earliest"}', {"Content-Type": "application/json"}).says(200)
    assert [place["position"] for place in answer.json] == [0, 0]
    tell(server, "pipelines", "resume", "orders").succeeded()
    server.until("all come again", lambda: len(out.read_bytes().splitlines()) == 40)


def test_offsets_of_a_source_that_keeps_none_itself_are_moved_as_well(server):
    """A file's positions are in the data folder."""
    lines = server.workspace.write("in.ndjson", b"".join(b'{"id":%d}\n' % number for number in range(10)))
    out = server.workspace.folder / "out"
    server.write(pipeline({"type": "file", "path": str(lines)}, to_file(out), name="lines"))
    server.until("all is read", lambda: server.get("/v1/pipelines") and server.status("lines")["records"] == 10)
    tell(server, "pipelines", "stop", "lines").succeeded()
    [offset] = server.get("/v1/pipelines/lines/offsets")
    assert offset["position"] == lines.stat().st_size and offset["committed"]
    for to in ("latest", "1h", "-3"):
        tell(server, "pipelines", "offsets", "lines", "--to", to).failed().says("a file source begins at `earliest` or at numbers", f"`{to}`")
    tell(server, "pipelines", "offsets", "lines", "--set", f"{offset['stream']}/{offset['partition']}=-1").failed().says("cannot go on at -1")
    tell(server, "pipelines", "offsets", "lines", "--set", f"{offset['stream']}/{offset['partition']}=0").succeeded()
    tell(server, "pipelines", "resume", "lines").succeeded()
    server.until("all come again", lambda: len(out.read_bytes().splitlines()) == 20)
    tell(server, "pipelines", "stop", "lines").succeeded()
    tell(server, "pipelines", "offsets", "lines", "--to", "earliest").succeeded()
    [offset] = server.get("/v1/pipelines/lines/offsets")
    assert offset["position"] == 0 and not offset["committed"]
    tell(server, "pipelines", "resume", "lines").succeeded()
    server.until("all come once more", lambda: len(out.read_bytes().splitlines()) == 30)


def test_one_file_of_many_is_moved_by_its_name(server):
    one, two = (server.workspace.write(f"logs/{name}.log", b"a\nb\n") for name in ("one", "two"))
    out, pattern = server.workspace.folder / "out", str(server.workspace.folder / "logs" / "*.log")
    server.write(pipeline({"type": "file", "path": pattern, "follow": True}, to_file(out), name="logs"))
    at = lambda: {offset["stream"]: offset["position"] for offset in server.get("/v1/pipelines/logs/offsets")}
    server.until("what is committed is shown while it runs", lambda: server.get("/v1/pipelines") and at() == {str(one): 4, str(two): 4})
    tell(server, "pipelines", "stop", "logs").succeeded()
    tell(server, "pipelines", "offsets", "logs", "--set", f"{pattern}/0=0").failed().says("name one", str(one), str(two))
    assert str(two) in tell(server, "pipelines", "offsets", "logs", "--set", f"{two}/0=2").succeeded().out
    assert at() == {str(one): 4, str(two): 2}
    tell(server, "pipelines", "resume", "logs").succeeded()
    server.until("one line comes again", lambda: sorted(out.read_bytes().split()) == [b"a", b"a", b"b", b"b", b"b"])


def test_offsets_that_a_table_keeps_are_not_moved_behind_its_back(server, kafka):
    topic = kafka.topic()
    kafka.produce(topic, [b"{}"] * 10)
    server.write(pipeline(following(kafka, topic), server.workspace.lake(), name="orders"))
    server.until("it is stored", lambda: server.workspace.table().count() == 10)
    tell(server, "pipelines", "stop", "orders").succeeded()
    for move in (["--set", f"{topic}/0=0"], ["--to", "earliest"]):
        tell(server, "pipelines", "offsets", "orders", *move).failed().says("sink `lake` keeps positions", "another collection", "replay")
    tell(server, "pipelines", "resume", "orders").succeeded()
    server.until_state("orders", "running")
