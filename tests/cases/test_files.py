"""The file source and sink: lines, growth, rotation, large lines."""

import pytest

from harness.pipelines import from_file, generated, pipeline, to_file


def test_lines_are_kept_byte_for_byte_with_or_without_an_end(workspace):
    workspace.write("in.log", b'first\n\nthird \xff\r\n{"id":4}\nlast without an end')
    workspace.run(pipeline(from_file("in.log"), workspace.lake())).succeeded()
    assert [payload.rstrip(b"\r") for payload in workspace.table().payloads()] == [b"first", b"", b"third \xff", b'{"id":4}', b"last without an end"]


def test_an_empty_file_ends_at_once(workspace):
    workspace.write("in.log", b"")
    workspace.run(pipeline(from_file("in.log"), workspace.lake())).succeeded()
    assert workspace.table().count() == 0


def test_a_file_that_does_not_exist_is_named(workspace):
    finished = workspace.run(pipeline(from_file("no-such.log"), workspace.lake())).failed()
    finished.says("no-such.log")


def test_several_files_by_a_pattern(workspace):
    for name in ("a", "b", "c"):
        workspace.write(f"logs/{name}.log", f"{name}1\n{name}2\n")
    workspace.run(pipeline(from_file("logs/*.log"), workspace.lake())).succeeded()
    assert sorted(workspace.table().payloads()) == [b"a1", b"a2", b"b1", b"b2", b"c1", b"c2"]


def follow(workspace):
    process = workspace.start_run(pipeline(from_file("app.log", follow=True), workspace.lake()))

    def stored(count: int):
        process.wait_until(f"{count} lines are stored", lambda: workspace.table().count() >= count, 30)
    return process, stored


def append(workspace, text: str) -> None:
    with open(workspace.folder / "app.log", "a") as file:
        file.write(text)


def test_a_followed_file_is_read_as_it_grows_line_by_whole_line(workspace):
    append(workspace, "one\n")
    process, stored = follow(workspace)
    stored(1)
    append(workspace, "tw")
    append(workspace, "o\nthree\n")
    stored(3)
    process.stop().succeeded()
    assert workspace.table().payloads() == [b"one", b"two", b"three"]


@pytest.mark.parametrize("rotate", ["renamed", "truncated"])
def test_a_rotated_file_is_followed_without_gap_or_repeat(workspace, rotate):
    append(workspace, "one\ntwo\n")
    process, stored = follow(workspace)
    stored(2)
    path = workspace.folder / "app.log"
    path.rename(path.with_suffix(".1")) if rotate == "renamed" else path.write_text("")
    append(workspace, "3\n")
    stored(3)
    append(workspace, "4\n")
    stored(4)
    process.stop().succeeded()
    assert sorted(workspace.table().payloads()) == [b"3", b"4", b"one", b"two"]


def test_a_followed_file_goes_on_where_the_killed_run_stopped(workspace):
    append(workspace, "one\n")
    process, stored = follow(workspace)
    stored(1)
    process.kill()
    append(workspace, "two\n")
    process, stored = follow(workspace)
    stored(2)
    process.stop().succeeded()
    assert workspace.table().payloads() == [b"one", b"two"]


def test_a_line_of_10_mb_passes(workspace):
    workspace.write("in.log", b"a" * 10_000_000 + b"\nshort\n")
    workspace.run(pipeline(from_file("in.log", line_max="16MiB"), workspace.lake())).succeeded()
    assert [len(payload) for payload in workspace.table().payloads()] == [10_000_000, 5]


def test_a_file_written_by_one_run_is_appended_to_by_the_next(workspace):
    for name in ("one", "two"):
        workspace.run(pipeline(generated(10), to_file("out.ndjson"), name=name)).succeeded()
    assert (workspace.folder / "out.ndjson").read_bytes().count(b"\n") == 20


def test_a_folder_that_cannot_be_written_is_named(workspace):
    workspace.write("in.log", b"one\n")
    workspace.write("taken", b"a file, not a folder")
    finished = workspace.run(pipeline(from_file("in.log"), to_file("taken/out.log"))).failed()
    finished.says("taken")
