"""Where a sink says what it cannot store."""

from . import wire
from .columns import well_formed


class Rejects:
    """Takes records that cannot be stored, by their number."""

    def __init__(self) -> None:
        self._rejected: list[tuple[int, str]] = []

    def reject(self, number: int, reason: str) -> None:
        """This record cannot be stored; `reason` says why, lowercase. The pipeline decides what becomes of it."""
        self._rejected.append((number, well_formed(reason)))

    @property
    def reasons(self) -> list[tuple[int, str]]:
        """What was rejected, for tests."""
        return sorted(self._rejected)

    def finish(self) -> list:
        """What the host hears."""
        return [wire.types.Rejection(number, reason) for number, reason in self.reasons]
