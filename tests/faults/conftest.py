"""What the suite's tests have in common: seeds, scenes under load, a disk that is soon full."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crash.scene import Scene
from faults.weather import legs
from harness.kafka import Kafka
from harness.workspace import Workspace

# Tests with weather: the minutes of a long run are shared among them.
WEATHERS = 7
DISK = "24m"


@pytest.fixture
def seed(request) -> int:
    return request.config.getoption("--seed")


@pytest.fixture
def seeds(request, seed) -> Iterator[int]:
    minutes = request.config.getoption("--minutes")
    return legs(seed, minutes and minutes / WEATHERS)


@pytest.fixture
def scene_of(tmp_path) -> Callable:
    """A scene with a lake of its own, ended however it ends."""
    @contextmanager
    def make(kafka: Kafka, seed: int, workspace: Workspace | None = None) -> Iterator[Scene]:
        folder = tmp_path / f"leg-{seed}"
        folder.mkdir(exist_ok=True)
        workspace = workspace or Workspace(folder)
        scene = Scene(kafka, workspace, seed)
        try:
            yield scene
            print(f"seed {seed}: {scene.audit()}", flush=True)
            scene.forget()
        finally:
            scene.end_loads()
            workspace.end()
    return make


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of its own, soon full."""
    if os.geteuid() != 0:
        pytest.fail("a disk that is full wants a file system of its own, and to mount one takes root", pytrace=False)
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def pytest_report_header(config) -> str:
    return f"seed of the fault suite: {config.getoption('--seed')}"
