"""Where a source puts what it read."""

import sys

from . import wire
from .columns import Bytes, Rest, integer, well_formed
from .output import NewRecord


class Arrivals:
    """Takes records in order. Within a partition positions ascend."""

    def __init__(self, records_max: int = sys.maxsize, bytes_max: int = sys.maxsize):
        self._records_max = records_max
        self._bytes_max = bytes_max
        self._payload = Bytes()
        self._rest = Rest()
        self._partition: list[int] = []
        self._position: list[int] = []
        self._after: list[tuple[int, int]] = []
        self._rejected: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._position)

    @property
    def is_full(self) -> bool:
        """Whether no more is to be put in: the rest comes with the next `read`."""
        return len(self) >= self._records_max or self._payload.size + self._rest.key.size >= self._bytes_max

    def push(self, partition: int, position: int, record: NewRecord | bytes | str) -> None:
        """A record, or a payload. `partition` is its number in the answer of `partitions`; reading goes on behind its position."""
        whole = record if isinstance(record, NewRecord) else NewRecord(record)
        place = integer(partition, "partition"), integer(position, "position")
        self._payload.push(whole.payload)
        self._rest.push(whole)
        self._partition.append(place[0])
        self._position.append(place[1])

    def reject(self, partition: int, position: int, rest: bytes | str, reason: str) -> None:
        """A record that cannot be made out, with what is left of it. The pipeline decides what becomes of it."""
        self._rejected.append((len(self), well_formed(reason)))
        self.push(partition, position, NewRecord(rest))

    def skip_to(self, partition: int, position: int) -> None:
        """Reading goes on there, also if there is no record right before it."""
        self._after.append((integer(partition, "partition"), integer(position, "position")))

    def finish(self):
        """What the host hears."""
        return wire.source.Arrivals(
            count=len(self),
            payload=self._payload.finish(),
            **self._rest.finish(),
            partition=self._partition,
            position=self._position,
            after=[wire.source.Place(partition, position) for partition, position in self._after],
            rejected=[wire.types.Rejection(number, reason) for number, reason in self._rejected],
        )
