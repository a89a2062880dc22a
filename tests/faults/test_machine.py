"""The machine itself: a disk that is full for a while, a clock that jumps."""

import time
from pathlib import Path

import pytest

from faults.queueing import Queueing
from harness.workspace import Workspace
from services.clock import Clock

FULL_SECONDS = 3
HOUR = 3600
# Back by an hour, ahead by a day and a half, and right again.
JUMPS = (-HOUR, 36 * HOUR, 0)


def on_disk(workspace: Workspace, disk: Path) -> Workspace:
    """Lake and data folder are on the disk, what processes say is not."""
    workspace.lake_path, workspace.data_dir = disk / "lake", disk / "data"
    return workspace


def fill(disk: Path) -> Path:
    """To the last byte."""
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return ballast


def test_a_full_disk_is_waited_for_and_nothing_is_lost_or_doubled(kafka, small_disk, workspace, seed, scene_of):
    with scene_of(kafka, seed, on_disk(workspace, small_disk)) as scene:
        scene.load(rate=300)
        process = scene.start()
        scene.grows(process)
        ballast = fill(small_disk)
        process.wait_until("it says so", lambda: "No space left" in process.err or "full" in process.err)
        time.sleep(FULL_SECONDS)
        assert process.running
        ballast.unlink()
        scene.grows(process)
        scene.catch_up(process)


def test_a_full_disk_under_the_hot_log_is_waited_for_and_nothing_is_lost(rabbitmq, small_disk, workspace):
    load = Queueing(rabbitmq, on_disk(workspace, small_disk))
    process = load.start()
    load.grows()
    ballast = fill(small_disk)
    process.wait_until("it says so", lambda: "full" in process.err or "No space left" in process.err)
    time.sleep(FULL_SECONDS)
    ballast.unlink()
    load.grows()
    load.end()
    print(load.audit(), flush=True)


def test_a_clock_that_jumps_under_rabbitmq_loses_nothing(rabbitmq, tmp_path, workspace):
    clock = Clock(tmp_path / "clock")
    load = Queueing(rabbitmq, workspace)
    load.start(clock.environment)
    load.grows()
    for seconds in JUMPS:
        clock.jump(seconds)
        load.grows(rows=200)
    load.end()
    print(load.audit(), flush=True)
    has_jumped(workspace)


def test_a_clock_that_jumps_under_kafka_loses_and_doubles_nothing(kafka, tmp_path, workspace, seed, scene_of):
    clock = Clock(tmp_path / "clock")
    with scene_of(kafka, seed, workspace) as scene:
        scene.load(rate=500)
        process = scene.start(environment=clock.environment)
        scene.grows(process)
        for seconds in JUMPS:
            clock.jump(seconds)
            scene.grows(process, rows=1000)
        scene.catch_up(process)
        has_jumped(workspace)


def has_jumped(workspace: Workspace) -> None:
    assert len({row["_ingested_at"].date() for row in workspace.table().rows(["_ingested_at"])}) > 1, "the clock has not jumped"
