"""SIGKILL at random moments under load. Invariant 8: nothing is lost and nothing doubled."""

import time
from collections.abc import Iterator

import pytest

from crash.scene import Scene
from harness.bucket import BucketWorkspace
from harness.workspace import Workspace

ROUNDS_PER_LEG = 20
LIFE_SECONDS_MAX = 3.0
SLACK_MAX = 10.0


def legs(config, tmp_path, share: float = 1.0) -> Iterator[tuple]:
    """Folder, seed and rounds of each leg: a long run is many lakes, so that a failure can be repeated by one leg. The two tests share
    the minutes of a long run."""
    seed, rounds, minutes = (config.getoption(option) for option in ("--seed", "--rounds", "--minutes"))
    deadline, left = time.monotonic() + 30 * (minutes or 0), max(1, round(rounds * share))
    while time.monotonic() < deadline if minutes else left > 0:
        folder = tmp_path / str(seed)
        folder.mkdir()
        yield folder, seed, ROUNDS_PER_LEG if minutes else min(ROUNDS_PER_LEG, left)
        seed, left = seed + 1, left - ROUNDS_PER_LEG


@pytest.mark.timeout(0)
def test_sigkill_at_random_moments_loses_and_doubles_nothing(kafka, tmp_path, request):
    for folder, seed, rounds in legs(request.config, tmp_path):
        run_leg(kafka, Workspace(folder), seed, rounds)


@pytest.mark.timeout(0)
def test_sigkill_with_the_lake_in_a_bucket_loses_and_doubles_nothing(kafka, s3, tmp_path, request):
    for folder, seed, rounds in legs(request.config, tmp_path, share=0.5):
        run_leg(kafka, BucketWorkspace(folder, s3), seed, rounds)


def run_leg(kafka, workspace: Workspace, seed: int, rounds: int) -> None:
    scene = Scene(kafka, workspace, seed)
    try:
        scene.load()
        progressed = killed_rounds(scene, rounds)
        scene.catch_up(scene.start())
        report = scene.audit()
        # Kills before the first commit of each life would prove little.
        assert progressed >= rounds // 4, f"only {progressed} of {rounds} lives stored anything"
        print(f"seed {seed}: {rounds} kills, {progressed} lives that stored something, {report}", flush=True)
        scene.forget()
    finally:
        scene.end_loads()
        workspace.end()


def killed_rounds(scene: Scene, rounds: int) -> int:
    """In how many lives something was stored. On a machine that is slow just now lives get longer until something is."""
    progressed, slack = 0, 1.0
    for _ in range(rounds):
        if killed_round(scene, slack):
            progressed, slack = progressed + 1, max(slack / 1.5, 1.0)
        else:
            slack = min(slack * 1.5, SLACK_MAX)
    return progressed


def killed_round(scene: Scene, slack: float) -> bool:
    """One life. True if something was stored in it."""
    before = scene.stored()
    process = scene.start()
    life = time.monotonic() + scene.random.uniform(0.1, LIFE_SECONDS_MAX) * slack
    while time.monotonic() < life:
        assert process.running, f"ended by itself with {process.popen.returncode}\n{process.err[-4000:]}"
        time.sleep(0.01)
    process.kill()
    return scene.stored() > before
