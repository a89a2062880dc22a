"""Replay out of Parquet files alone: the table's log is gone, and what the files hold comes back once, with what they cannot prove told."""

import json
import shutil
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from harness.bucket import BucketWorkspace
from harness.kafka import Message
from harness.pipelines import from_kafka, pipeline
from harness.replays import START_MS, archive, audit, same, url

DAY_MS = 24 * 3600 * 1000
COMMITS, EVENTS = 3, 300


def event(number: int) -> Message:
    """Of one partition; every other one happened a day later, so that a commit has two files."""
    return Message(b'{"n":%d,"kind":"k%d"}' % (number, number % 10), b"key%d" % number, [("h", b"%d" % number)], START_MS + number % 2 * DAY_MS + number, 0)


@pytest.fixture
def grown(kafka, workspace) -> str:
    """A topic, and a collection of three commits with two files each."""
    # The events are older than a topic keeps them by default.
    topic = kafka.topic("orders", 1, retention_ms=-1)
    through = pipeline(from_kafka(kafka, topic), workspace.lake(commit_interval="1h"))
    for part in range(COMMITS):
        kafka.produce(topic, [event(number) for number in range(part * EVENTS // COMMITS, (part + 1) * EVENTS // COMMITS)])
        workspace.run(through).succeeded()
    return topic


def lose_log(workspace) -> None:
    shutil.rmtree(workspace.table().path / "_delta_log")


def recover(workspace, *arguments, to: str = "stdout", files=None):
    folder = workspace.table().path if files is None else files
    return workspace.command("replay", "--files", folder, "--data-dir", workspace.data_dir, "--to", to, *arguments)


def sent(finished) -> list[int]:
    return [json.loads(line)["n"] for line in finished.out.splitlines()]


def footer(file: Path) -> dict:
    return json.loads(parquet.read_metadata(file).metadata[b"catchwater"])


def by_commit(workspace) -> list[list[Path]]:
    """The files of each commit, in order."""
    files = sorted(workspace.table().path.rglob("date=*/*.parquet"), key=lambda file: (footer(file)["positions"][0]["to"], footer(file)["file"]))
    commits = {}
    for file in files:
        commits.setdefault(footer(file)["commit"], []).append(file)
    return list(commits.values())


def rewrite(workspace, taken: list[Path], name: str, keep=lambda row: True, **changed) -> None:
    """What a compaction would leave: the rows of some files in one, with a footer that names them."""
    table = workspace.table().path
    rows = pa.concat_tables([parquet.ParquetFile(file).read() for file in taken], promote_options="permissive").sort_by("_position")
    rows = rows.filter(pa.array([keep(row) for row in rows.to_pylist()]))
    positions = {**footer(taken[0])["positions"][0], "to": footer(taken[-1])["positions"][0]["to"]}
    said = {"version": 1, "commit": str(uuid.uuid4()), "file": 1, "files": 1, "positions": [positions],
            "replaces": [str(file.relative_to(table)) for file in taken], **changed}
    write(taken[0].parent / name, rows, said)


def write(path: Path, rows: pa.Table, said: dict) -> None:
    with parquet.ParquetWriter(path, rows.schema) as writer:
        writer.write_table(rows)
        writer.add_key_value_metadata({"catchwater": json.dumps(said)})


# === all is there ===

def test_all_comes_back_as_it_was_when_the_log_is_lost(kafka, workspace, grown):
    lose_log(workspace)
    target = kafka.topic("again", 1)
    recover(workspace, to=url(kafka, target)).succeeded().says(f"sent {EVENTS} events")
    assert set(audit(kafka, grown, target).values()) == {1}


def test_all_options_of_a_replay_work(workspace, grown):
    lose_log(workspace)
    assert sent(recover(workspace, "--query", "kind:k7 n:<100").succeeded()) == list(range(7, 100, 10))
    assert sorted(sent(recover(workspace, "--since", "2026-11-19").succeeded())) == list(range(1, EVENTS, 2))
    assert sorted(sent(recover(workspace, "--last", "5").succeeded())) == list(range(EVENTS - 9, EVENTS, 2))
    assert sent(recover(workspace, "--positions", "0:10..13").succeeded()) == [10, 11, 12]
    assert sent(recover(workspace, "--limit", "3").succeeded()) == [0, 1, 2]
    counted = recover(workspace, "--dry-run", "--query", "kind:k7").succeeded().out
    assert "would send 30 events" in counted
    assert workspace.command("replay", "events", "--files", workspace.lake_path, "--to", "stdout", "--data-dir", workspace.data_dir,
                             "--limit", "1").succeeded().out.startswith('{"n":0')


def test_the_files_count_also_where_there_is_a_log(workspace, grown):
    newest = max((workspace.table().path / "_delta_log").glob("*.json"))
    newest.write_bytes(b"{")
    assert sorted(sent(recover(workspace).succeeded())) == list(range(EVENTS))


def test_files_in_a_bucket(kafka, s3, tmp_path):
    bucket = BucketWorkspace(tmp_path / "bucket", s3)
    bucket.folder.mkdir()
    try:
        topic = kafka.topic("orders", 1)
        kafka.produce(topic, [event(number) for number in range(50)])
        archive(bucket, kafka, topic)
        for path in s3.paths(f"{bucket.prefix}/events/_delta_log"):
            s3.files.delete_file(f"{bucket.prefix}/events/_delta_log/{path}")
        assert sorted(sent(recover(bucket, files=f"{bucket.lake_path}/events").succeeded())) == list(range(50))
    finally:
        bucket.end()


# === more than there was ===

def test_an_orphan_doubles_nothing(workspace, grown):
    """A commit that was begun before a crash, and made again after it."""
    first = by_commit(workspace)[0]
    for number, file in enumerate(first, 1):
        rewrite(workspace, [file], f"orphan-{number}.parquet", commit="orphan", file=number, files=2, replaces=[])
    lose_log(workspace)
    finished = recover(workspace).succeeded()
    assert sorted(sent(finished)) == list(range(EVENTS))
    finished.says("100 rows that were stored twice")


def test_half_a_commit_that_was_made_again_doubles_nothing_and_is_no_loss(workspace, grown):
    rewrite(workspace, by_commit(workspace)[1][:1], "half.parquet", commit="half", file=1, files=2, replaces=[])
    lose_log(workspace)
    finished = recover(workspace, "--log", "info").succeeded()
    assert sorted(sent(finished)) == list(range(EVENTS))
    finished.says("commit half: 1 of its 2 files are there; whole commits have all its positions")


def test_files_and_the_one_that_replaces_them_double_nothing_and_what_was_erased_stays_so(workspace, grown):
    commits = by_commit(workspace)
    rewrite(workspace, commits[0] + commits[1], "compacted.parquet", keep=lambda row: row["_position"] != 42)
    lose_log(workspace)
    finished = recover(workspace).succeeded()
    assert sorted(sent(finished)) == [number for number in range(EVENTS) if number != 42]
    finished.says("4 files that others replace")


def test_half_a_rewrite_replaces_nothing(workspace, grown):
    rewrite(workspace, by_commit(workspace)[0], "compacted.parquet", keep=lambda row: row["_position"] < 42, files=2)
    lose_log(workspace)
    assert sorted(sent(recover(workspace).succeeded())) == list(range(EVENTS))


def test_records_of_one_identity_that_differ_are_both_sent_and_told(workspace, grown):
    table = workspace.table().path
    file = by_commit(workspace)[0][0]
    rows = parquet.ParquetFile(file).read()
    changed = [payload.replace(b'"kind"', b'"KIND"') for payload in rows.column("_payload").to_pylist()]
    rows = rows.set_column(rows.schema.get_field_index("_payload"), rows.schema.field("_payload"), pa.array(changed, pa.binary()))
    write(table / "other.parquet", rows, {**footer(file), "commit": "other", "files": 1, "replaces": []})
    lose_log(workspace)
    finished = recover(workspace).succeeded()
    assert len(sent(finished)) == EVENTS + len(changed)
    finished.says(f"sent {len(changed)} rows beside others of the same identity")


# === less than there was ===

def test_half_a_commit_is_sent_and_what_may_be_missing_is_told(workspace, grown):
    lost = by_commit(workspace)[1][1]
    lost.unlink()
    lose_log(workspace)
    finished = recover(workspace)
    assert finished.status == 1, "it is not proven that all was sent"
    assert len(sent(finished)) == EVENTS - EVENTS // COMMITS // 2
    finished.says("1 of its 2 files are there", f"rows may be missing of {grown}[0] positions 100 up to 200", "1 warning above leaves open")


def test_a_hole_is_told(workspace, grown):
    for file in by_commit(workspace)[1]:
        file.unlink()
    lose_log(workspace)
    finished = recover(workspace, "--dry-run")
    assert finished.status == 1 and "would send 200 events" in finished.out
    finished.says(f"{grown}[0]: no file covers positions 100 up to 200")
    assert "open whether the files hold all" in finished.out


def test_that_the_oldest_files_are_gone_is_told(workspace, grown):
    for file in by_commit(workspace)[0]:
        file.unlink()
    lose_log(workspace)
    finished = recover(workspace)
    assert finished.status == 1 and sorted(sent(finished)) == list(range(EVENTS // COMMITS, EVENTS))
    finished.says(f"no file covers {grown}[0] positions before 100", "their files were removed on purpose", "1 warning above leaves open")


@pytest.mark.parametrize("damage", [b"", b"not parquet"], ids=["emptied", "overwritten"])
def test_a_damaged_file_is_named_and_the_rest_is_sent(workspace, grown, damage):
    file = by_commit(workspace)[2][0]
    file.write_bytes(damage)
    lose_log(workspace)
    finished = recover(workspace)
    assert finished.status == 1
    assert len(sent(finished)) == EVENTS - EVENTS // COMMITS // 2
    finished.says(file.name, "what only it holds is not sent", "rows may be missing")


def emptied(chunk: bytes) -> bytes:
    return bytes(len(chunk))


def with_a_bit_flipped(chunk: bytes) -> bytes:
    """Of a payload, most likely: it can be unpacked as before."""
    middle = len(chunk) * 2 // 3
    return chunk[:middle] + bytes([chunk[middle] ^ 1]) + chunk[middle + 1:]


@pytest.mark.parametrize("damage", [emptied, with_a_bit_flipped])
def test_damage_that_shows_when_a_file_is_read_stops_until_the_file_is_moved_away(kafka, workspace, grown, damage):
    file = by_commit(workspace)[1][0]
    content = bytearray(file.read_bytes())
    group = parquet.read_metadata(file).row_group(0)
    payload = next(column for column in map(group.column, range(group.num_columns)) if column.path_in_schema == "_payload")
    chunk = slice(payload.data_page_offset, payload.data_page_offset + payload.total_compressed_size)
    content[chunk] = damage(bytes(content[chunk]))
    file.write_bytes(bytes(content))
    lose_log(workspace)
    target = kafka.topic("again", 1)
    finished = recover(workspace, to=url(kafka, target))
    assert finished.status == 1
    finished.says(file.name, "move the file out of the folder")
    file.rename(workspace.folder / "aside.parquet")
    finished = recover(workspace, to=url(kafka, target))
    assert finished.status == 1
    finished.says("goes on with", "1 of its 2 files are there")
    lost = set(parquet.ParquetFile(workspace.folder / "aside.parquet").read(["_position"]).column("_position").to_pylist())
    arrived = [same(message) for message in kafka.consume(target)]
    assert list(dict.fromkeys(arrived)) == [same(message) for message in kafka.consume(grown) if message.offset not in lost]


# === not what was meant ===

def test_files_of_several_collections_are_not_mixed(workspace, grown):
    shutil.copytree(workspace.table().path, workspace.lake_path / "payments")
    finished = recover(workspace, files=workspace.lake_path).failed()
    finished.says("those of collections (events, payments)", "name the folder of one")


def test_a_folder_without_files_is_told(workspace):
    recover(workspace, files=workspace.folder / "nothing").failed().says("there are no Parquet files")


def test_a_foreign_file_is_left_out(workspace, grown):
    parquet.write_table(pa.table({"a": [1, 2]}), workspace.table().path / "notes.parquet")
    lose_log(workspace)
    finished = recover(workspace, "--log", "info").succeeded()
    assert sorted(sent(finished)) == list(range(EVENTS))
    finished.says("notes.parquet", "none of Catchwater's")


@pytest.mark.parametrize(("arguments", "words"), [(["--follow"], ["--follow", "--files"]), ([], ["COLLECTION"])])
def test_mistakes_in_the_command_are_named(workspace, arguments, words):
    files = ["--files", "./x"] if arguments else []
    finished = workspace.command("replay", "--to", "stdout", *files, *arguments)
    assert finished.status == 2
    finished.says(*words)
