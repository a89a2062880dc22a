"""Reads a collection as an outsider would: through the `deltalake` package, or file by file as the log lists them."""

import json
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

ENVELOPE = {"_key", "_headers", "_properties", "_timestamp", "_timestamp_type", "_ingested_at", "_source", "_stream", "_partition",
            "_position", "_index", "_id", "_payload", "_schema", "_error", "_redelivered", "_replay", "date"}


class Table:
    """One collection. Every question reads the log afresh."""

    def __init__(self, path: Path):
        self.path = Path(path)

    def open(self) -> DeltaTable | None:
        """None as long as nothing was committed."""
        return opened(str(self.path))

    def rows(self, columns: list[str] | None = None) -> list[dict]:
        """All rows by stream, partition and position. Columns that do not exist yet are left out."""
        table = self.arrow(columns)
        if table is None:
            return []
        order = [(name, "ascending") for name in ("_stream", "_partition", "_position", "_index") if name in table.column_names]
        return table.sort_by(order).to_pylist() if order else table.to_pylist()

    def arrow(self, columns: list[str] | None = None) -> pa.Table | None:
        table = self.open()
        if table is None:
            return None
        known = {field.name for field in table.schema().fields}
        wanted = None if columns is None else [column for column in columns if column in known]
        return table.to_pyarrow_table(columns=wanted)

    def count(self) -> int:
        """From the statistics in the log: cheap enough to poll."""
        table = self.open()
        if table is None:
            return 0
        return sum(pa.table(table.get_add_actions(flatten=True)).column("num_records").to_pylist())

    def payloads(self) -> list[bytes | None]:
        return [row["_payload"] for row in self.rows(["_payload", "_stream", "_partition", "_position", "_index"])]

    def payload_columns(self) -> dict[str, str]:
        """The inferred columns with their Delta types: what the payloads were understood as."""
        table = self.open()
        fields = [] if table is None else table.schema().fields
        return {field.name: type_name(field.type) for field in fields if field.name not in ENVELOPE}

    def live_files(self) -> list[Path]:
        """The data files of the newest version; a folder listing would also show removed and orphaned ones."""
        table = self.open()
        return [] if table is None else [self.path / path for path in pa.table(table.get_add_actions(flatten=True)).column("path").to_pylist()]

    def commits(self) -> list[list[dict]]:
        """The actions of every commit, oldest first."""
        entries = sorted((self.path / "_delta_log").glob("*.json"))
        return [[json.loads(line) for line in entry.read_text().splitlines()] for entry in entries]

    def positions(self) -> dict[str, list[int]]:
        """The positions committed with the data: each partition's, one a commit."""
        history = defaultdict(list)
        for actions in self.commits():
            for action in actions:
                if "txn" in action:
                    history[action["txn"]["appId"]].append(action["txn"]["version"])
        return dict(history)

    def schema_versions(self) -> int:
        """How often the table's metadata was written."""
        return sum(1 for actions in self.commits() for action in actions if "metaData" in action)


def opened(location: str, storage_options: dict[str, str] | None = None) -> DeltaTable | None:
    """The table there, if there is one."""
    try:
        return DeltaTable(location, storage_options=storage_options)
    except TableNotFoundError:
        return None


def read_file(path: Path, columns: list[str] | None = None) -> list[dict]:
    """A data file's rows in their physical order."""
    return parquet.ParquetFile(path).read(columns).to_pylist()


def type_name(kind) -> str:
    """`long`, `string`, `array<long>`, `struct<a:long,b:string>`."""
    text = json.loads(kind.to_json())
    return render(text)


def render(kind) -> str:
    if isinstance(kind, str):
        return kind
    if kind["type"] == "array":
        return f"array<{render(kind['elementType'])}>"
    if kind["type"] == "map":
        return f"map<{render(kind['keyType'])},{render(kind['valueType'])}>"
    return "struct<" + ",".join(f"{field['name']}:{render(field['type'])}" for field in kind["fields"]) + ">"
