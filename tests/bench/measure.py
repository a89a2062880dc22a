"""Runs a command and says what it took: wall time, CPU time and peak memory, its children's included.

The command is started by a small Python of its own: Linux counts the starter's memory as the peak of what it starts.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Of one run, or the medians of several."""

    seconds: float
    cpu_seconds: float
    peak_mb: float

    @staticmethod
    def median(costs: list["Cost"]) -> "Cost":
        return Cost(*(statistics.median(column) for column in zip(*((cost.seconds, cost.cpu_seconds, cost.peak_mb) for cost in costs))))


def measure(command: list[str], folder: Path, runs: int, prepare: Callable[[], None], verify: Callable[[], None]) -> Cost:
    """`prepare` and `verify` run before and after each run and are not counted."""
    costs = []
    for _ in range(runs):
        prepare()
        costs.append(once(command, folder))
        verify()
    return Cost.median(costs)


LAUNCHER = """
import json, os, sys, time
started = time.monotonic()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
_, status, usage = os.wait4(pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))
"""


def once(command: list[str], folder: Path) -> Cost:
    program = shutil.which(command[0]) or command[0]
    log = folder / "bench.log"
    with open(log, "w") as errors:
        # -S and -E: nothing of the virtual environment is loaded, the launcher stays at 8 MB.
        launched = subprocess.run([sys.executable, "-SE", "-c", LAUNCHER, program, *command[1:]], cwd=folder, stdout=subprocess.PIPE, stderr=errors, check=True)
    status, *cost = json.loads(launched.stdout)
    if status != 0:
        raise SystemExit(f"bench: {' '.join(command)} ended with {status}\n{log.read_text()[-3000:]}")
    return Cost(*cost)


def machine() -> str:
    """Cores and model, for the line under the table."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")] or ["unknown processor"]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024 // 1024
    return f"{os.cpu_count()} cores, {models[0]}, {memory} GB"
