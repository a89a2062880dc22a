"""`catchwater demo`: the first minute of somebody new."""

import json
import os
import re
import socket
import subprocess

import pytest

from harness.lake import Table
from harness.process import Finished

PASSED_BY = re.compile(r"^shop\[0\]@\d+ ", re.MULTILINE)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
COMMAND = re.compile(r"^    (\S.*)$", re.MULTILINE)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def demo(workspace, port):
    """Starts the demo in the workspace."""
    return lambda *arguments: workspace.start("demo", "--port", port, *arguments)


def guide(process) -> list[str]:
    """The commands that the demo tells to type."""
    return COMMAND.findall(COLOURS.sub("", process.out))


def typed(workspace, command: str) -> Finished:
    """What somebody sees who types it into another terminal, in the same folder."""
    done = subprocess.run(["bash", "-c", command], cwd=workspace.folder, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True, timeout=30)
    return Finished(done.returncode, done.stdout, done.stderr)


def test_events_are_archived_and_pass_by(workspace, demo):
    process = demo()
    process.wait_until("the guide", lambda: guide(process))
    process.stop().succeeded().says("table created", "4/s", "ended pipeline=demo-shop", "ended pipeline=demo-http")
    out = COLOURS.sub("", process.out)
    passed = len(PASSED_BY.findall(out))
    assert passed == workspace.table("shop").count() >= 24
    assert "./lake" in out and ".catchwater" in out, "it says where things are"


def test_each_command_that_it_tells_to_type_works_while_it_runs(workspace, demo):
    process = demo("--lake", "./my lake")
    process.wait_until("the guide", lambda: guide(process))
    post, found, replay, listed, told = [typed(workspace, command).succeeded().out for command in dict.fromkeys(guide(process))]
    assert json.loads(post) == {"records": 1}, "it is stored"
    process.wait_until("what was posted passes by", lambda: "posted[0]@0 " in COLOURS.sub("", process.out))
    assert 1 <= found.count("order_created") <= 5
    events = [json.loads(line) for line in replay.splitlines()]
    assert len(events) == 3 and all(event["event"] == "order_created" and event["amount"] > 100 for event in events)
    assert re.search(r"^shop +\d+ ", listed, re.MULTILINE)
    assert "posted " in told and re.search(r"^note +string", told, re.MULTILINE), "the schema has the field that came by hand"
    process.stop().succeeded()
    rows = Table(workspace.folder / "my lake/shop").rows(["_stream", "_partition", "_position", "note", "amount"])
    assert [(row["note"], row["amount"]) for row in rows if row["_stream"] == "posted"] == [("by hand", 250.5)]


def test_it_goes_on_in_the_same_lake(workspace, demo):
    demo("--for", "3s").wait().succeeded()
    first = workspace.table("shop").count()
    demo("--for", "3s").wait().succeeded()
    assert workspace.table("shop").count() > first > 0


def test_what_it_writes_are_its_pipelines(workspace, demo):
    written = demo("--write", "mine", "--lake", "./my lake").wait().succeeded()
    assert [command.split(" ", 1)[1] for command in guide(written)] == ["check mine", "run mine"]
    assert workspace.command("check", "mine").succeeded().out == "demo-http: ok\ndemo-shop: ok\n"
    running = workspace.start("run", "mine")
    running.wait_until("a table", lambda: (workspace.folder / "my lake/shop/_delta_log").exists())
    running.stop().succeeded()
    demo("--write", "mine").wait().failed().says("mine/demo-shop.yaml", "nothing is overwritten")


def test_a_port_that_is_taken(demo, port):
    with socket.create_server(("127.0.0.1", port)):
        demo().wait().failed().says(f"127.0.0.1:{port}", "taken", "--port")


def test_a_lake_that_cannot_be_written(workspace, demo):
    workspace.write("file", "not a folder")
    demo("--lake", "file/lake").wait().failed().says("file/lake", "--lake", "not a directory")


def test_a_lake_that_is_elsewhere(demo):
    demo("--lake", "gs://bucket/lake").wait().failed().says("gs://", "is not supported")


def test_a_table_of_another_tool(workspace, demo):
    """The refusal is the lake's; the demo ends with it."""
    log = '{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors"]}}\n'
    workspace.write("lake/shop/_delta_log/00000000000000000000.json", log)
    demo("--for", "20s").wait().failed().says("lake/shop", "deletionVectors")
