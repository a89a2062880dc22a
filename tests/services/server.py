"""What the servers of one process have in common: ports, starting, ending by process id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 20
LOG_LINES_MAX = 20


class Server:
    """A program that tests may stop, kill and start again. What it says goes to `NAME.log` in its folder."""

    def __init__(self, name: str, folder: Path):
        self.name = name
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen | None = None

    def launch(self, command: list, answers: Callable[[], bool], environment: dict[str, str] | None = None,
               seconds_max: float = START_SECONDS_MAX) -> None:
        """Starts the program; returns once it answers."""
        with open(self.folder / f"{self.name}.log", "ab") as log:
            # A session of its own: Ctrl-C in the terminal ends the tests first, and those end the server.
            self.process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log, start_new_session=True,
                                            env={**os.environ, **(environment or {})})
        deadline = time.monotonic() + seconds_max
        while not answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join((self.folder / f"{self.name}.log").read_text(errors="replace").splitlines()[-LOG_LINES_MAX:])
                self.kill()
                raise RuntimeError(f"{self.name} did not start:\n{tail}")
            time.sleep(0.05)

    def stop(self) -> None:
        """An orderly end; killed when it takes too long."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As a crash would be."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Connections stay open and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now. All are held until all are known, so that they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in held]
    for server in held:
        server.close()
    return ports


def end_by_id(pid: int) -> None:
    """Ends a process that this one did not start: asked first, then killed."""
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS_MAX), (signal.SIGKILL, 5)):
        deadline = time.monotonic() + seconds
        try:
            os.kill(pid, number)
            while time.monotonic() < deadline:
                os.kill(pid, 0)
                time.sleep(0.05)
        except ProcessLookupError:
            return
