"""What a plugin may ask of the host. On the author's own machine there is none; lines go to standard error then."""

import linecache
import sys
import time
from typing import Any, Literal

from .columns import well_formed
from .depth import bound_depth

Level = Literal["trace", "debug", "info", "warn", "error"]

_host: dict[str, Any] | None = None


def connect(interfaces: dict[str, Any]) -> None:
    """Puts the host of the plugin in place of the author's own machine; what is printed is logged."""
    global _host
    _host = interfaces
    sys.stdout = sys.stderr = _Printed()  # type: ignore[assignment]
    # There are no files: looking for the lines of an error would end the instance.
    linecache.checkcache = lambda filename=None: None
    linecache.updatecache = lambda filename, module_globals=None: []
    bound_depth()


def log(level: Level, message: str) -> None:
    """A line in the log of the process. The host bounds how many and how long. `print` writes there as well."""
    if _host is None:
        print(f"{level}: {message}", file=sys.stderr)
    else:
        _host["host"].log(getattr(_host["host"].Level, level.upper()), well_formed(message))


def count(name: str, delta: int = 1) -> None:
    """Adds to a counter of the plugin's own: the server shows it with its metrics, and the log tells it at the end."""
    if _host is not None and delta > 0:
        _host["host"].count(well_formed(name), delta)


def now() -> int:
    """The time of day, as microseconds since the Unix epoch. For a plugin that wants `clock`."""
    return time.time_ns() // 1000 if _host is None else wanted("clock").now()


def random(count: int) -> bytes:
    """Bytes that nobody can foretell, at most 64 KiB. For a plugin that wants `random`. On the author's own machine the same each time."""
    return bytes((number * 151 + 7) % 256 for number in range(count)) if _host is None else wanted("random").bytes(count)


def is_away() -> bool:
    """Whether this is the author's own machine."""
    return _host is None


def wanted(want: str) -> Any:
    """An interface that the plugin says it wants."""
    if _host is None or want not in _host:
        raise RuntimeError(f"it asks for `{want}`, which its pyproject.toml does not name: [tool.catchwater] wants = [\"{want}\"]")
    return _host[want]


class _Printed:
    """What is printed, line by line in the log."""

    encoding = "utf-8"
    errors = "strict"

    def __init__(self) -> None:
        self._line = ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            log("info", line)
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False
