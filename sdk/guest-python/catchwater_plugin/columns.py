"""The columns of the interface (`sdk/wit/types.wit`): reading and writing them. Authors see records instead."""

from collections.abc import Callable, Iterable

from . import wire


def value_at(column, row: int) -> bytes | None:
    """The value in a row of a byte column."""
    absent = column.absent
    if absent and absent[row >> 3] >> (row & 7) & 1:
        return None
    return column.data[column.offsets[row]:column.offsets[row + 1]]


def bitmap(items: list, holds: Callable[[object], bool]) -> bytes:
    """Lowest bit first, with a bit for each number of the list that `holds`."""
    bits = bytearray((len(items) + 7) // 8)
    for at, item in enumerate(items):
        if holds(item):
            bits[at >> 3] |= 1 << (at & 7)
    return bytes(bits)


def bytes_of(value: bytes | str | None) -> bytes | None:
    """What is taken for bytes: text as UTF-8."""
    if isinstance(value, str):
        return value.encode()
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    raise TypeError(f"a value is bytes, str or None, and not {type(value).__name__}")


def well_formed(value: object) -> str:
    """Text that can cross to the host: half of a character, as `"\\ud800"` is, has no UTF-8 and would end the instance."""
    return str(value).encode(errors="backslashreplace").decode()


def integer(value: object, field: str) -> int:
    """What is taken for a whole number of 64 bits, by the name of the field that it is for."""
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    raise TypeError(f"{field} is an int of 64 bits, and not {value!r}")


class Bytes:
    """A byte column that grows."""

    def __init__(self) -> None:
        self.values: list[bytes | None] = []
        self.size = 0

    def push(self, value: bytes | str | None) -> None:
        value = bytes_of(value)
        self.values.append(value)
        self.size += len(value or b"")

    def finish(self):
        offsets, end = [0], 0
        for value in self.values:
            end += len(value or b"")
            offsets.append(end)
        absent = bitmap(self.values, lambda value: value is None) if None in self.values else b""
        return wire.types.ByteColumn(offsets, b"".join(value or b"" for value in self.values), absent)


class Fields:
    """A field column that grows."""

    def __init__(self) -> None:
        self.ends = [0]
        self.names = Bytes()
        self.values = Bytes()
        self.kinds = bytearray()

    def push(self, fields: Iterable) -> None:
        for field in fields:
            self.names.push(field.name)
            self.values.push(field.value)
            self.kinds.append(field.kind)
        self.ends.append(len(self.kinds))

    def finish(self):
        return wire.types.FieldColumn(self.ends, self.names.finish(), self.values.finish(), bytes(self.kinds))


class Rest:
    """All of a record but its payload."""

    def __init__(self) -> None:
        self.key = Bytes()
        self.headers = Fields()
        self.properties = Fields()
        self.micros: list[int] = []
        self.kinds = bytearray()

    def push(self, record) -> None:
        self.key.push(record.key)
        self.headers.push(record.headers)
        self.properties.push(record.properties)
        time = record.timestamp
        self.micros.append(integer(time.micros, "timestamp.micros") if time else 0)
        self.kinds.append(0 if time is None else 2 if time.is_append else 1)

    def finish(self) -> dict:
        return {
            "key": self.key.finish(),
            "headers": self.headers.finish(),
            "properties": self.properties.finish(),
            "time": wire.types.TimeColumn(self.micros, bytes(self.kinds)),
        }
