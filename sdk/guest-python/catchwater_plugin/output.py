"""Where a transform says what became of each record."""

from dataclasses import dataclass, field

from . import wire
from .batch import Batch, Field, Record, Timestamp
from .columns import Bytes, Rest, bitmap, well_formed


@dataclass(slots=True)
class NewRecord:
    """A record that takes the place of another, or that a source read."""

    payload: bytes | str | None = None
    key: bytes | str | None = None
    headers: list[Field] = field(default_factory=list)
    properties: list[Field] = field(default_factory=list)
    timestamp: Timestamp | None = None

    @staticmethod
    def like(record: Record) -> "NewRecord":
        """All that a record has, to be changed."""
        return NewRecord(record.payload, record.key, record.headers, record.properties, record.timestamp)


class Output:
    """Takes what becomes of the records of a batch; each is told of once. Records go on in the order of the input."""

    def __init__(self, batch: Batch):
        self._batch = batch
        self._fates = ["open"] * len(batch)
        self._rejected: list[tuple[int, str]] = []
        self._input: list[int] = []
        self._payload = Bytes()
        self._rest: Rest | None = None

    def keep(self, record: Record) -> None:
        """The record goes on as it is."""
        self._settle(record.number, "kept")

    def drop(self, record: Record) -> None:
        """The record is dropped on purpose."""
        self._settle(record.number, "dropped")

    def reject(self, record: Record, reason: str) -> None:
        """The record cannot be processed; `reason` says why, lowercase. The pipeline decides what becomes of it."""
        self._settle(record.number, "rejected")
        self._rejected.append((record.number, well_formed(reason)))

    def replace_payload(self, record: Record, payload: bytes | str | None) -> None:
        """A record like it but for its payload takes its place. Called again for the same record, it adds one behind."""
        self._begin(record.number)
        self._payload.push(payload)
        if self._rest is not None:
            self._rest.push(record)

    def replace(self, record: Record, new: NewRecord) -> None:
        """Another record takes its place; start from `NewRecord.like`. Called again for the same record, it adds one behind."""
        self._begin(record.number)
        self._payload.push(new.payload)
        if self._rest is None:
            # Those before had all but their payloads from their parents.
            self._rest = Rest()
            for before in self._input[:-1]:
                self._rest.push(self._batch[before])
        self._rest.push(new)

    def _begin(self, number: int) -> None:
        if self._input and self._input[-1] > number:
            raise ValueError(f"record {number} is replaced after a later one")
        self._settle(number, "made")
        self._input.append(number)

    def _settle(self, number: int, fate: str) -> None:
        before = self._fates[number]
        if before != "open" and not before == fate == "made":
            raise ValueError(f"record {number} was {before} and is now {fate}")
        self._fates[number] = fate

    def finish(self):
        """What the host hears."""
        if "open" in self._fates:
            raise ValueError(f"record {self._fates.index('open')} was forgotten: keep, replace, drop or reject it")
        return wire.types.Outcome(self._edit(), [wire.types.Rejection(number, reason) for number, reason in sorted(self._rejected)])

    def _edit(self):
        if self._input:
            return wire.types.Edit_Replace(self._replacement())
        return wire.types.Edit_Keep(self._bitmap("kept")) if "dropped" in self._fates else wire.types.Edit_Unchanged()

    def _replacement(self):
        rest = self._rest.finish() if self._rest else dict.fromkeys(("key", "headers", "properties", "time"))
        parts = {"kept": self._bitmap("kept"), "dropped": self._bitmap("dropped")}
        return wire.types.Replacement(input=self._input, payload=self._payload.finish(), **rest, **parts)

    def _bitmap(self, fate: str) -> bytes:
        return bitmap(self._fates, lambda each: each == fate)
