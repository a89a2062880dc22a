"""Answered once it is in the hot log: what a crash leaves there is in the lake after the next start, and what is damaged is told."""

from pathlib import Path

import pytest

from harness.http import Client, client_of
from harness.pipelines import pipeline
from harness.process import Process
from harness.workspace import Workspace


@pytest.fixture
def through(workspace) -> dict:
    """Nothing makes the lake commit but the end."""
    source = {"type": "http", "listen": "127.0.0.1:0"}
    return pipeline(source, workspace.lake(commit_interval="1h"), idle="1h")


def post(process: Process, *events: bytes) -> None:
    client: Client = client_of(process)
    for event in events:
        client.post(event).says(200)


def segments(workspace: Workspace, extension: str = "hot") -> list[Path]:
    return sorted(workspace.data_dir.glob(f"hot-log/*/*/*/*.{extension}"))


def killed_after(workspace: Workspace, through: dict, *events: bytes) -> Path:
    """The segment that is left of a process that had answered these and committed none."""
    process = workspace.start_run(through)
    post(process, *events)
    process.kill()
    assert workspace.table().open() is None
    return segments(workspace)[-1]


def test_what_was_answered_survives_a_kill_and_is_stored_at_the_next_start(workspace, through):
    killed_after(workspace, through, b'{"id":1}', b'{"id":2}')
    process = workspace.start_run(through)
    process.wait_until("it is stored", lambda: workspace.table().count() == 2)
    post(process, b'{"id":3}')
    process.stop().succeeded().says("2", "records that a crash left in the hot log are in the lake now")
    assert [(row["_position"], row["id"], row["_payload"]) for row in workspace.table().rows()] == [
        (0, 1, b'{"id":1}'), (1, 2, b'{"id":2}'), (2, 3, b'{"id":3}')]
    # Nothing is left of it for the next.
    workspace.start_run(through).stop().succeeded()
    assert workspace.table().count() == 3


def test_a_torn_tail_is_cut(workspace, through):
    segment = killed_after(workspace, through, b"1", b"2")
    segment.write_bytes(segment.read_bytes()[:-1])
    workspace.start_run(through).stop().succeeded().says("cut at its last good checksum")
    assert workspace.table().payloads() == [b"1"]


def test_a_damaged_middle_is_told_and_what_stands_behind_it_is_stored(workspace, through):
    segment = killed_after(workspace, through, b"before", b"to be flipped", b"behind")
    # These bytes stand in one frame only: the lake's path is in each.
    segment.write_bytes(segment.read_bytes().replace(b"to be flipped", b"TO BE FLIPPED"))
    finished = workspace.start_run(through).stop().succeeded()
    finished.says("the hot log is damaged", segment.name, "offset=", "bytes=", 'records="1"', "send again")
    assert workspace.table().payloads() == [b"before", b"behind"]
    assert segments(workspace, "damaged")


def test_of_two_bad_frames_at_the_end_one_is_damage(workspace, through):
    segment = killed_after(workspace, through, b"good", b"to be flipped", b"torn")
    content = segment.read_bytes().replace(b"to be flipped", b"TO BE FLIPPED")
    segment.write_bytes(content[:-1])
    finished = workspace.start_run(through).stop().succeeded()
    finished.says("the hot log is damaged", "cut at its last good checksum")
    assert workspace.table().payloads() == [b"good"]
    assert segments(workspace, "damaged")


def test_a_log_of_a_pipeline_that_was_renamed_is_warned_of_until_it_is_brought_in(workspace, through):
    segment = killed_after(workspace, through, b"1")
    renamed = pipeline(through["source"], workspace.lake("others"), name="renamed")
    warned = workspace.start_run(renamed).stop().succeeded()
    warned.says("records in a hot log are in no table", str(segment.parent), "pipeline=pipeline", "under the old names")
    workspace.start_run(through).stop().succeeded()
    assert workspace.table().payloads() == [b"1"]
    assert "in no table" not in workspace.start_run(renamed).stop().succeeded().err


def test_two_processes_do_not_share_a_log(workspace, through):
    """The numbers of the source are locked too, so a second process wants another data folder before it comes that far."""
    process = workspace.start_run(through)
    post(process, b"1")
    workspace.start_run(through).wait().failed().says("another process", "--data-dir")
    post(process, b"2")
    process.stop().succeeded()
    assert workspace.table().payloads() == [b"1", b"2"]


def test_with_several_sinks_an_answer_waits_for_all(workspace):
    source = {"type": "http", "listen": "127.0.0.1:0"}
    sinks = [workspace.lake(commit_interval="1h"), {"type": "file", "path": "copy.ndjson"}]
    process = workspace.start_run(pipeline(source, *sinks, idle="1h"))
    post(process, b'{"id":1}')
    assert (workspace.folder / "copy.ndjson").read_bytes() == b'{"id":1}\n'
    process.kill()
    process = workspace.start_run(pipeline(source, *sinks, idle="1h"))
    process.wait_until("it is stored", lambda: workspace.table().count() == 1)


def test_a_full_log_makes_the_lake_commit(workspace):
    source = {"type": "http", "listen": "127.0.0.1:0"}
    process = workspace.start_run(pipeline(source, workspace.lake(commit_interval="1h", hot_log_max="16MiB", buffer="512MiB"), idle="1h"))
    body = b'"%s"' % (b"x" * (2 << 20))
    post(process, *[body] * 6)
    process.wait_until("it was stored", lambda: workspace.table().count() > 0)
    process.stop().succeeded()
    assert workspace.table().count() == 6
    assert sum(segment.stat().st_size for segment in segments(workspace)) < 8 << 20
