"""Records as a plugin sees them: views into the columns that the host handed over."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .columns import value_at


class Kind:
    """What the value of a field is, as a number of the interface (`sdk/wit/types.wit`)."""

    BYTES = 0
    TEXT = 1
    INTEGER = 2
    FLOAT = 3
    BOOL = 4
    JSON = 6


@dataclass(frozen=True, slots=True)
class Field:
    """A header or a property. Order and duplicates are kept; a missing value is not an empty one."""

    name: str
    value: bytes | str | None
    kind: int = Kind.BYTES

    @staticmethod
    def text(name: str, value: str) -> "Field":
        """A field of text."""
        return Field(name, value, Kind.TEXT)


@dataclass(frozen=True, slots=True)
class Timestamp:
    """The source's own time of a record."""

    micros: int
    """Since the Unix epoch, UTC."""
    is_append: bool = False
    """The broker set it when it stored the event, and not the producer."""


class Batch:
    """Records in order. Within a partition positions ascend."""

    def __init__(self, columns: Any):
        self._columns = columns

    def __len__(self) -> int:
        return self._columns.count

    def __getitem__(self, number: int) -> "Record":
        if not 0 <= number < len(self):
            raise IndexError(number)
        return Record(self._columns, number)

    def __iter__(self) -> Iterator["Record"]:
        columns = self._columns
        return (Record(columns, number) for number in range(columns.count))


class Record:
    """A record of a batch. Its parts are read when they are asked for."""

    __slots__ = ("_columns", "number")

    def __init__(self, columns: Any, number: int):
        self._columns = columns
        self.number = number
        """Its number within the batch."""

    @property
    def payload(self) -> bytes | None:
        """The event itself; None is a tombstone."""
        return value_at(self._columns.payload, self.number)

    @property
    def key(self) -> bytes | None:
        return value_at(self._columns.key, self.number)

    @property
    def headers(self) -> list[Field]:
        """Headers in order, duplicates included."""
        return _fields_at(self._columns.headers, self.number)

    @property
    def properties(self) -> list[Field]:
        """What the protocol says beside headers, such as AMQP's content type."""
        return _fields_at(self._columns.properties, self.number)

    @property
    def timestamp(self) -> Timestamp | None:
        time = self._columns.time
        kind = time.kinds[self.number]
        return Timestamp(time.micros[self.number], kind == 2) if kind else None

    @property
    def source(self) -> str:
        """The system that it came from: Kafka's cluster id, a host's name."""
        return self._origin.source

    @property
    def stream(self) -> str:
        """Topic, queue or file."""
        return self._origin.stream

    @property
    def partition(self) -> int:
        return self._origin.partition

    @property
    def position(self) -> int:
        """Its place within the partition."""
        return self._columns.position[self.number]

    def text(self) -> str | None:
        """The payload as text; an error where it is not UTF-8."""
        payload = self.payload
        return None if payload is None else payload.decode()

    def json(self) -> Any:
        """What the payload is as JSON; an error where it is none. A tombstone is None."""
        payload = self.payload
        return None if payload is None else json.loads(payload)

    def header(self, name: str) -> Field | None:
        """The last header of that name: what most systems mean by "the" header."""
        return next((header for header in reversed(self.headers) if header.name == name), None)

    @property
    def _origin(self) -> Any:
        return self._columns.origins[self._columns.origin[self.number]]


def _fields_at(column: Any, row: int) -> list[Field]:
    offsets = column.row_offsets
    if not offsets:
        return []

    def field(at: int) -> Field:
        return Field((value_at(column.names, at) or b"").decode(), value_at(column.values, at), column.kinds[at])

    return [field(at) for at in range(offsets[row], offsets[row + 1])]
