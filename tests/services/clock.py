"""A clock that can be made to jump, for one process: a library of a few lines, loaded before the C library's own."""

import hashlib
import os
import struct
import subprocess
from pathlib import Path

from services.install import HERE, cache

SOURCE = HERE / "clock.c"


class Clock:
    """Its process sees the machine's time, moved by as much as was said last. What counts seconds since some start is left alone."""

    def __init__(self, file: Path):
        self._file = file
        file.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(library()), "CATCHWATER_TEST_CLOCK": str(file)}

    def jump(self, seconds: int) -> None:
        # In place: the process has mapped it.
        with open(self._file, "r+b", buffering=0) as file:
            file.write(struct.pack("=q", seconds))


def library() -> Path:
    """Compiled once: a changed source is another file."""
    made = cache() / f"clock-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}.so"
    if not made.exists():
        partial = made.with_suffix(f".partial-{os.getpid()}")
        subprocess.run(["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", partial, SOURCE], check=True)
        partial.rename(made)
    return made
