"""What a plugin is: a class in `plugin.py` that is one of these."""

from dataclasses import dataclass
from typing import Any, ClassVar

from . import wire
from .arrivals import Arrivals
from .batch import Batch
from .output import Output
from .rejects import Rejects


@dataclass(frozen=True)
class Opening:
    """Where an instance stands."""

    pipeline: str = ""
    step: str = ""
    """The step's name within the pipeline."""
    task: int = 0
    """Which copy of the pipeline this is, from 0, of how many."""
    tasks: int = 1
    state: bytes | None = None
    """The last snapshot of the instance before, if there was one. For transforms."""
    state_version: int = 0
    """The version of who wrote it."""


class _Plugin:
    schema: ClassVar[dict[str, Any]] = {"type": "object", "additionalProperties": False}
    """The JSON Schema of the configuration: users read its descriptions, and get its defaults."""
    state_version: ClassVar[int] = 0
    """The version of what `snapshot` gives, from 1; 0 for a plugin without a state, which has no `snapshot`."""

    @staticmethod
    def check(config: dict[str, Any]) -> None:
        """What is wrong with a configuration beyond its schema: raises a `Mistake`. Called before anything starts, without effect."""

    def __init__(self, config: dict[str, Any], opening: Opening):
        """Called once, before all else."""

    def close(self) -> None:
        """The last call; it may never come."""


class Transform(_Plugin):
    """A plugin that stands between a source and a sink."""

    def process(self, batch: Batch, out: Output) -> None:
        """Says of each record of the batch what becomes of it: keep, replace, drop or reject. An error is that of the record to blame."""
        raise NotImplementedError

    def snapshot(self) -> bytes | str:
        """What a new instance needs to go on in place of this one. Asked for after each batch and kept with each checkpoint, so keep
        it small: the host refuses more than 4 MiB. For a class with a `state_version`."""
        return b""


class Source(_Plugin):
    """A plugin that a pipeline begins with. Its state is its positions, and the host keeps them: a new instance is started where the
    last one was. So it must be able to read again from any position that it gave."""

    def partitions(self) -> "list[Partition]":
        """What there is to read: each partition once, the same ones each time."""
        raise NotImplementedError

    def start(self, partition: int, position: int) -> None:
        """Reading goes on at this position of a partition, by its number in the answer of `partitions`."""
        raise NotImplementedError

    def read(self, out: Arrivals) -> "Next":
        """The next records, until `out` is full or there are none for now."""
        raise NotImplementedError


class Sink(_Plugin):
    """A plugin that a pipeline ends with. The host keeps what it took until a flush went well, and hands it to the instance that comes
    after a lost one: a record may be stored twice, and none is missing."""

    def write(self, batch: Batch, rejects: Rejects) -> None:
        """Takes the batch but for the records that it rejects, by their number in the batch; or raises a `Failure`, and takes none."""
        raise NotImplementedError

    def flush(self, rejects: Rejects) -> None:
        """Stores what was taken, but for the records that it rejects now: by their number among those that were taken since the last
        flush, from 0. When it raises a `Failure`, nothing is forgotten: it is called again."""
        raise NotImplementedError


@dataclass(frozen=True)
class Partition:
    """One ordered sequence of records."""

    source: str
    """The system: a host's name, an account."""
    stream: str
    """What it is called there: a path, a table."""
    incarnation: str = "1"
    """Any text, another one when the stream was made anew and old positions mean nothing."""
    number: int = 0
    begins_at: int = 0
    """Where reading begins when nothing was read yet."""


@dataclass(frozen=True)
class Next:
    """When there will be more: `Next.NOW`, `Next.END` or `Next.wait`."""

    NOW: ClassVar["Next"]
    """Perhaps at once."""
    END: ClassVar["Next"]
    """Never."""

    milliseconds: int | None

    @staticmethod
    def wait(seconds: float) -> "Next":
        """Not before this time has passed."""
        return Next(min(round(seconds * 1000), 0xFFFF_FFFF))

    def finish(self):
        """What the host hears."""
        if self is Next.END:
            return wire.source.Next_End()
        return wire.source.Next_Now() if self.milliseconds is None else wire.source.Next_Wait(self.milliseconds)


Next.NOW = Next(None)
Next.END = Next(None)
