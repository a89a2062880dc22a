"""A damaged lake: refused with the file's name or read past, never made worse, and nothing else stops."""

import pytest

from harness.pipelines import from_kafka, generated, pipeline

ORDERS = [b'{"id":%d}' % number for number in range(100)]


@pytest.fixture
def grown(kafka, workspace):
    """A collection of three commits, and the pipeline that made it."""
    topic = kafka.topic()
    through = pipeline(from_kafka(kafka, topic), workspace.lake())
    for part in range(3):
        kafka.produce(topic, ORDERS)
        workspace.run(through).succeeded()
    kafka.produce(topic, ORDERS)
    return through


def newest_entry(workspace):
    return max((workspace.table().path / "_delta_log").glob("*.json"))


DAMAGE = {
    "emptied": lambda content: b"",
    "cut in a line": lambda content: content[: len(content) * 2 // 3],
    "cut at a line's end": lambda content: content[: content.rstrip(b"\n").rfind(b"\n") + 1],
    "overwritten": lambda content: b"\x00" * len(content),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_last_log_entry_is_refused_by_name_and_not_written_over(workspace, grown, damage):
    """What power loss leaves: going on after it would lose the events of that commit, as the group's offsets may be past them."""
    entry = newest_entry(workspace)
    entry.write_bytes(damage(entry.read_bytes()))
    finished = workspace.run(grown).failed()
    finished.says(entry.name)
    assert newest_entry(workspace) == entry


def test_a_damaged_data_file_does_not_stop_the_archiving_of_new_events(workspace, grown):
    """Writers append: they need no old data file. Readers are told by their own checks."""
    file = workspace.table().live_files()[0]
    file.write_bytes(b"not parquet")
    workspace.run(grown).succeeded()
    assert workspace.table().count() == 400


def test_a_damaged_collection_stops_nothing_else(workspace, grown):
    newest_entry(workspace).write_bytes(b"{")
    finished = workspace.run([grown, pipeline(generated(50), workspace.lake("other"), name="other")])
    assert finished.status != 0
    assert workspace.table("other").count() == 50


def test_foreign_files_in_the_lake_are_left_alone(workspace, grown):
    notes = [workspace.table().path / "note.txt", workspace.table().path / "_catchwater" / "mine.json", workspace.table().path / "date=2026-01-01" / "x.tmp"]
    for note in notes:
        note.parent.mkdir(exist_ok=True)
        note.write_text("mine")
    workspace.run(grown).succeeded()
    assert all(note.read_text() == "mine" for note in notes)


def test_a_lake_that_cannot_be_written_is_named(kafka, workspace):
    workspace.write("lake", b"a file, not a folder")
    finished = workspace.run(pipeline(generated(5), workspace.lake())).failed()
    finished.says(str(workspace.lake_path))
