"""`catchwater` as somebody at a terminal sees it: with colours, unless they are not wanted."""

import os
import pty
import subprocess
from pathlib import Path

from harness.process import binary

SECONDS_MAX = 60


def at_a_terminal(folder: Path, *arguments, **environment: str) -> str:
    """All that is written to the terminal until the command ends, whatever its status."""
    ours, theirs = pty.openpty()
    variables = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen([binary(), *map(str, arguments)], cwd=folder, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                               env={**variables, "TERM": "xterm-256color", **environment})
    os.close(theirs)
    try:
        said = b""
        while part := read(ours):
            said += part
        process.wait(SECONDS_MAX)
    finally:
        process.kill()
        os.close(ours)
    return said.decode()


def read(terminal: int) -> bytes:
    """Nothing once the other side has closed, which Linux reports as an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
