"""SIGKILL at random moments under load. Invariant 8: nothing is lost and nothing doubled."""

import time

import pytest

from crash.scene import Scene
from harness.bucket import BucketWorkspace
from harness.workspace import Workspace

ROUNDS_PER_LEG = 20
BUCKET_ROUNDS = 10
LIFE_SECONDS_MAX = 3.0
SLACK_MAX = 10.0
LEG_SECONDS_MAX = 400


def legs(config) -> list[int]:
    """The seeds of legs of 20 rounds each: a long run is many lakes, so that a failure can be repeated by one leg."""
    seed, minutes = config.getoption("--seed"), config.getoption("--minutes")
    if minutes:
        return [seed]
    rounds = config.getoption("--rounds")
    return [seed + leg for leg in range(-(-rounds // ROUNDS_PER_LEG))]


def pytest_generate_tests(metafunc):
    if "leg_seed" in metafunc.fixturenames:
        metafunc.parametrize("leg_seed", legs(metafunc.config))


@pytest.mark.timeout(0)
def test_sigkill_at_random_moments_loses_and_doubles_nothing(kafka, tmp_path, leg_seed, request):
    minutes = request.config.getoption("--minutes")
    rounds = request.config.getoption("--rounds")
    deadline = time.monotonic() + 60 * (minutes or 0)
    seed = leg_seed
    while True:
        folder = tmp_path / str(seed)
        folder.mkdir()
        run_leg(kafka, Workspace(folder), seed, min(ROUNDS_PER_LEG, rounds))
        seed += 1
        if time.monotonic() >= deadline:
            return


@pytest.mark.timeout(0)
def test_sigkill_with_the_lake_in_a_bucket_loses_and_doubles_nothing(kafka, s3, tmp_path, request):
    run_leg(kafka, BucketWorkspace(tmp_path, s3), request.config.getoption("--seed"), BUCKET_ROUNDS)


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
