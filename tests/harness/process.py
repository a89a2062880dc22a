"""One running `catchwater`: started, watched, signalled, ended; its output is kept in files."""

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.waiting import wait_until

EXIT_SECONDS_MAX = 60


def binary() -> str:
    """The binary under test."""
    path = os.environ.get("CATCHWATER_BIN")
    assert path and os.access(path, os.X_OK), "CATCHWATER_BIN must name the catchwater binary; `tests/run blackbox` builds and names it"
    return path


@dataclass(frozen=True)
class Finished:
    """How a process ended. A negative status is the signal that ended it."""

    status: int
    out: str
    err: str

    def succeeded(self) -> "Finished":
        assert self.status == 0, f"exit status {self.status}"
        return self

    def says(self, *words: str) -> "Finished":
        """All of these are in what it told the operator, in whatever case."""
        missing = [word for word in words if word.lower() not in self.err.lower()]
        assert not missing, f"not said: {missing}"
        return self

    def failed(self) -> "Finished":
        """Said no: neither success nor a crash."""
        assert 0 < self.status < 100, f"exit status {self.status}"
        return self


class Process:
    """Started on construction. Output goes to files: a full pipe must never stall what is tested."""

    def __init__(self, arguments: list, folder: Path, log: Path, environment: dict[str, str] | None = None, stdin=subprocess.DEVNULL):
        self.arguments = list(map(str, arguments))
        self._out, self._err = log.with_suffix(".out"), log.with_suffix(".err")
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self.popen = subprocess.Popen(
                [binary(), *self.arguments], cwd=folder, stdin=stdin, stdout=out, stderr=err,
                env={**os.environ, "NO_COLOR": "1", **(environment or {})})

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    @property
    def out(self) -> str:
        return self._out.read_text(errors="replace")

    @property
    def err(self) -> str:
        return self._err.read_text(errors="replace")

    def says(self, *words: str) -> None:
        """All of these are in what it told so far."""
        Finished(0, self.out, self.err).says(*words)

    def wait(self, seconds: float = EXIT_SECONDS_MAX) -> Finished:
        """Waits for the process to end by itself."""
        try:
            status = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds:g} s") from None
        return Finished(status, self.out, self.err)

    def interrupt(self) -> "Process":
        """Ctrl-C, once the process is up: before it has said a word it is the shell's to end."""
        self.wait_until("it has said something", lambda: self.err)
        self.popen.send_signal(signal.SIGINT)
        return self

    def stop(self, seconds: float = EXIT_SECONDS_MAX) -> Finished:
        """Ctrl-C once, and the drained end."""
        return self.interrupt().wait(seconds)

    def kill(self) -> None:
        """SIGKILL, as a power cut would be. Also ends a process that is already gone."""
        self.popen.kill()
        self.popen.wait()

    def freeze(self) -> None:
        """SIGSTOP: alive for the system, silent for everyone else."""
        self.popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.popen.send_signal(signal.SIGCONT)

    def wait_until(self, what: str, condition, seconds: float = 60):
        """As `wait_until`, but gives up at once when the process ends meanwhile."""
        def condition_while_running():
            answer = condition()
            assert answer or self.running, f"ended with {self.popen.returncode} before {what}"
            return answer
        return wait_until(what, condition_while_running, seconds)
