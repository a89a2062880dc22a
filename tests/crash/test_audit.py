"""The audit against itself: it must see each kind of damage, else its silence says nothing."""

from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, Transaction, write_deltalake

from crash.audit import Produced, audit
from crash.events import Events
from harness.lake import Table

EVENTS = Events("load", 1_795_000_000_000)
HEADER = pa.struct([("name", pa.string()), ("value", pa.binary()), ("type", pa.string())])
SCHEMA = pa.schema([("_partition", pa.int32()), ("_position", pa.int64()), ("_payload", pa.binary()), ("_key", pa.binary()),
                    ("_headers", pa.list_(HEADER)), ("_timestamp", pa.timestamp("us", tz="UTC"))])


def row(sequence: int, partition: int = 0) -> dict:
    sent = EVENTS.message(partition, sequence)
    return {"_partition": partition, "_position": sequence, "_payload": sent.payload, "_key": sent.key,
            "_headers": [{"name": name, "value": value, "type": None} for name, value in sent.headers],
            "_timestamp": datetime.fromtimestamp(sent.timestamp_ms / 1000, timezone.utc)}


def check(folder: Path, commits: list[list[dict]], finding: str | None, versions: list[int] | None = None) -> None:
    """A lake of these commits, where 10 events were sent, gives this one kind of finding."""
    for number, rows in enumerate(commits):
        version = (versions or range(len(commits)))[number]
        properties = CommitProperties(app_transactions=[Transaction("orders-0", version)])
        write_deltalake(str(folder), pa.Table.from_pylist(rows, SCHEMA), mode="append", commit_properties=properties)
    report = audit(Table(folder), [Produced(EVENTS, {0: 10})])
    assert list(report.findings) == ([finding] if finding else []), report
    assert report.rows == sum(map(len, commits))


def test_a_whole_lake_is_clean(tmp_path):
    check(tmp_path, [[row(n) for n in range(4)], [row(n) for n in range(4, 10)]], None)


def test_a_hole_is_lost(tmp_path):
    check(tmp_path, [[row(n) for n in range(10) if n != 6]], "lost")


def test_a_missing_tail_is_lost(tmp_path):
    check(tmp_path, [[row(n) for n in range(8)]], "lost")


def test_a_row_again_in_the_same_commit_is_doubled(tmp_path):
    rows = [row(n) for n in range(10)]
    report = damaged(tmp_path, rows + [row(3)])
    assert set(report.findings) == {"doubled", "out of order within a file"}


def test_a_row_again_in_a_later_commit_is_doubled(tmp_path):
    rows = [row(n) for n in range(10)]
    report = damaged(tmp_path, rows, [row(9)])
    assert set(report.findings) == {"doubled", "out of order across commits"}


def damaged(folder: Path, *commits: list[dict]):
    for rows in commits:
        write_deltalake(str(folder), pa.Table.from_pylist(rows, SCHEMA), mode="append")
    return audit(Table(folder), [Produced(EVENTS, {0: 10})])


@pytest.mark.parametrize("part, column, value", [
    ("payload", "_payload", b"{}"), ("payload", "_payload", None), ("key", "_key", b"other"), ("headers", "_headers", "one less"),
    ("timestamp", "_timestamp", datetime(2026, 1, 1, tzinfo=timezone.utc)), ("position", "_position", 77)])
def test_a_changed_part_is_named(tmp_path, part, column, value):
    rows = [row(n) for n in range(10)]
    rows[5][column] = rows[5][column][:-1] if value == "one less" else value
    check(tmp_path, [rows], f"changed {part}")


def test_rows_in_wrong_physical_order_are_seen(tmp_path):
    check(tmp_path, [[row(n) for n in (0, 1, 2, 3, 5, 4, 6, 7, 8, 9)]], "out of order within a file")


def test_commits_in_wrong_order_are_seen(tmp_path):
    report = damaged(tmp_path, [row(n) for n in range(5, 10)], [row(n) for n in range(5)])
    assert set(report.findings) == {"out of order across commits"}


def test_a_row_that_nobody_sent_is_seen(tmp_path):
    check(tmp_path, [[row(n) for n in range(11)]], "never sent")


def test_a_foreign_row_is_seen(tmp_path):
    foreign = {**row(0), "_headers": []}
    check(tmp_path, [[row(n) for n in range(10)] + [foreign]], "unknown")


def test_a_position_that_moves_back_is_seen(tmp_path):
    check(tmp_path, [[row(n) for n in range(5)], [row(n) for n in range(5, 10)]], "positions moved back", versions=[5, 2])
