"""What a collection holds, against what was produced: nothing lost, doubled, changed or out of order, positions only forward.

The rows are read file by file as the log lists them, in physical order: order must not depend on a sort by the reader.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from crash.events import Events
from harness.kafka import Message
from harness.lake import Table, read_file

COLUMNS = ["_partition", "_position", "_payload", "_key", "_headers", "_timestamp"]
EXAMPLES_MAX = 5


@dataclass(frozen=True)
class Produced:
    """One load in one incarnation of a topic: events 0 to n-1 of each partition, at the offsets of the same number."""

    events: Events
    sent: dict[int, int]


@dataclass
class Report:
    """Findings by kind, a few examples each. An empty report is a clean lake."""

    rows: int = 0
    findings: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: str, example: str) -> None:
        self.findings[kind].append(example)

    def __str__(self) -> str:
        if not self.findings:
            return f"{self.rows} rows, clean"
        kinds = (f"{len(examples)} {kind}: {'; '.join(examples[:EXAMPLES_MAX])}" for kind, examples in sorted(self.findings.items()))
        return f"{self.rows} rows\n" + "\n".join(kinds)

    def assert_clean(self) -> "Report":
        assert not self.findings, f"the lake is wrong\n{self}"
        return self


def audit(table: Table, produced: Iterable[Produced]) -> Report:
    """Reads the whole collection."""
    report = Report()
    loads = {one.events.load: one for one in produced}
    seen = {load: {partition: bytearray(count) for partition, count in one.sent.items()} for load, one in loads.items()}
    newest: dict[tuple, int] = {}
    for files in files_by_commit(table):
        newest_in_commit = dict(newest)
        for file in files:
            audit_file(read_file(file, COLUMNS), file.name, loads, seen, newest, newest_in_commit, report)
        newest = newest_in_commit
    for load, partitions in seen.items():
        report_lost(load, partitions, report)
    report_positions(table, report)
    return report


def files_by_commit(table: Table) -> Iterator[list]:
    """Live files, grouped by the commit that added them, oldest first. One commit may spread a partition's rows over several dates."""
    live = set(table.live_files())
    for actions in table.commits():
        added = [table.path / action["add"]["path"] for action in actions if "add" in action]
        yield [file for file in added if file in live]


def audit_file(rows, name, loads, seen, newest_before, newest_in_commit, report: Report) -> None:
    last_in_file: dict[tuple, int] = {}
    for row in rows:
        report.rows += 1
        identity = identify(row, loads)
        if identity is None:
            report.add("unknown", f"{name}: partition {row['_partition']} position {row['_position']}")
            continue
        load, partition, sequence = identity
        where = f"{load} partition {partition} sequence {sequence}"
        counts = seen[load].get(partition, bytearray())
        if sequence >= len(counts):
            report.add("never sent", where)
            continue
        if counts[sequence]:
            report.add("doubled", where)
        counts[sequence] = 1
        compare(row, loads[load].events.message(partition, sequence), sequence, where, report)
        stream = (load, partition)
        if sequence <= last_in_file.get(stream, -1):
            report.add("out of order within a file", f"{where} behind {last_in_file[stream]} in {name}")
        if sequence <= newest_before.get(stream, -1):
            report.add("out of order across commits", f"{where} behind {newest_before[stream]}")
        last_in_file[stream] = sequence
        newest_in_commit[stream] = max(sequence, newest_in_commit.get(stream, -1))


def identify(row: dict, loads: dict) -> tuple[str, int, int] | None:
    headers = {header["name"]: header["value"] for header in row["_headers"] or []}
    load = (headers.get("load") or b"").decode(errors="replace")
    if load not in loads or not (headers.get("sequence") or b"").isdigit():
        return None
    return load, row["_partition"], int(headers["sequence"])


def compare(row: dict, sent: Message, sequence: int, where: str, report: Report) -> None:
    headers = [(header["name"], header["value"]) for header in row["_headers"]]
    timestamp_ms = round(row["_timestamp"].timestamp() * 1000)
    stored = {"payload": row["_payload"], "key": row["_key"], "headers": headers, "timestamp": timestamp_ms, "position": row["_position"]}
    expected = {"payload": sent.payload, "key": sent.key, "headers": sent.headers, "timestamp": sent.timestamp_ms, "position": sequence}
    for part, value in stored.items():
        if value != expected[part]:
            report.add(f"changed {part}", f"{where}: {value!r:.80} instead of {expected[part]!r:.80}")


def report_lost(load: str, partitions: dict[int, bytearray], report: Report) -> None:
    for partition, counts in partitions.items():
        for sequence, found in enumerate(counts):
            if not found:
                report.add("lost", f"{load} partition {partition} sequence {sequence}")


def report_positions(table: Table, report: Report) -> None:
    """Invariant 2: committed positions only move forward."""
    for name, history in table.positions().items():
        for before, after in zip(history, history[1:]):
            if after < before:
                report.add("positions moved back", f"{name} from {before} to {after}")
