"""The process aborts at each dangerous place, once early and once in full run; the next life puts all right."""

import re
import signal
from pathlib import Path

import pytest

from crash.posting import Posting

SOURCES = Path(__file__).parents[2]
IN_EVERY_CYCLE = ["lake::before_data_file", "lake::after_data_file", "lake::before_log_entry", "lake::after_log_entry", "engine::before_group_commit"]
ON_AN_EVENT = ["lake::in_schema_commit", "engine::in_revocation"]
AT_A_SYNC = ["lake::before_hot_log_sync", "lake::after_hot_log_sync"]
AT_A_START = ["lake::before_bringing_in", "lake::after_bringing_in", "lake::in_hot_log_removal"]


def die(process, failpoint: str) -> None:
    """The failpoint was hit: the process is dead by the abort that it stands for, and not by anything else."""
    process.popen.wait(60)
    assert process.popen.returncode == -signal.SIGABRT, f"{failpoint} was not hit"


@pytest.mark.parametrize("hit", [1, 4])
@pytest.mark.parametrize("failpoint", [*IN_EVERY_CYCLE, "lake::in_schema_commit"])
def test_an_abort_at_a_failpoint_loses_and_doubles_nothing(scene, failpoint, hit):
    scene.load()
    die(scene.start(failpoints=f"{failpoint}={hit - 1}*off->return"), failpoint)
    # Twice in a row: the second life starts from what the first left behind, and leaves its own.
    die(scene.start(failpoints=f"{failpoint}={hit - 1}*off->return"), failpoint)
    scene.catch_up(scene.start())
    scene.audit()


def test_an_abort_while_partitions_are_handed_over_loses_and_doubles_nothing(scene):
    scene.load()
    first = scene.start(failpoints="engine::in_revocation=return")
    scene.grows(first, rows=1000)
    second = scene.start()
    die(first, "engine::in_revocation")
    third = scene.start()
    scene.grows(second, rows=1000)
    scene.grows(third, rows=1000)
    scene.catch_up(second, third)
    scene.audit()


@pytest.mark.parametrize("failpoint", [*AT_A_SYNC, *AT_A_START])
def test_an_abort_around_the_hot_log_loses_nothing_that_was_answered(workspace, failpoint):
    posting = Posting(workspace)
    when = "5*off->return" if failpoint in AT_A_SYNC else "return"
    posting.start()
    posting.is_answered(50)
    posting.kill()
    # Twice in a row: the second life finds what the first left behind, and leaves its own.
    for _ in range(2):
        die(posting.start(failpoints=f"{failpoint}={when}"), failpoint)
    posting.start()
    posting.is_answered(50)
    posting.end()
    posting.audit()


def test_every_failpoint_of_the_sources_is_hit_here():
    sources = [path.read_text() for folder in ("connectors", "runtime") for path in (SOURCES / folder).rglob("*.rs")]
    named = {name for text in sources for name in re.findall(r'"((?:lake|engine)::[a-z_]+)"', text)}
    assert named == {*IN_EVERY_CYCLE, *ON_AN_EVENT, *AT_A_SYNC, *AT_A_START}
