"""A clock that can be made to jump, for one process: libfaketime, loaded before the C library's own."""

import os
from pathlib import Path

from services.rabbitmq import apt_get

PACKAGE = "libfaketime"


class Clock:
    """Its process sees the machine's time, moved by as much as was said last. What counts seconds since some start is left alone."""

    def __init__(self, file: Path):
        self._file = file
        self.jump(0)
        self.environment = {
            "LD_PRELOAD": str(library()), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, seconds: int) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)


def library() -> Path:
    """Debian's package, installed if it is not there."""
    found = find()
    if found is None and os.geteuid() == 0:
        apt_get("update", "-q")
        apt_get("install", "-q", "-y", "--no-install-recommends", PACKAGE)
        found = find()
    if found is None:
        raise SystemExit(f"tests: please install {PACKAGE}; without it no clock can be made to jump")
    return found


def find() -> Path | None:
    return next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
