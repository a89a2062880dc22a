"""`catchwater demo`: the first minute of somebody new."""

import re
import socket

import pytest

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


def test_events_are_archived_and_pass_by(workspace, demo):
    process = demo()
    process.wait_until("the guide", lambda: guide(process))
    process.stop().succeeded().says("table created", "4/s", "ended pipeline=demo-shop")
    out = COLOURS.sub("", process.out)
    passed = len(PASSED_BY.findall(out))
    assert passed == workspace.table("shop").count() >= 24
    assert "./lake" in out and ".catchwater" in out, "it says where things are"


def test_it_goes_on_in_the_same_lake(workspace, demo):
    demo("--for", "3s").wait().succeeded()
    first = workspace.table("shop").count()
    demo("--for", "3s").wait().succeeded()
    assert workspace.table("shop").count() > first > 0


def test_what_it_writes_are_its_pipelines(workspace, demo):
    written = demo("--write", "mine", "--lake", "./my lake").wait().succeeded()
    assert [command.split(" ", 1)[1] for command in guide(written)] == ["check mine", "run mine"]
    assert workspace.command("check", "mine").succeeded().out == "demo-shop: ok\n"
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
    demo("--lake", "s3://bucket/lake").wait().failed().says("s3://", "is not supported")


def test_a_table_of_another_tool(workspace, demo):
    """The refusal is the lake's; the demo ends with it."""
    log = '{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors"]}}\n'
    workspace.write("lake/shop/_delta_log/00000000000000000000.json", log)
    demo("--for", "20s").wait().failed().says("lake/shop", "deletionVectors")
