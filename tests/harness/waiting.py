"""Waiting for a condition. Tests never sleep for a guess."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
INTERVAL_SECONDS = 0.05


def wait_until(what: str, condition: Callable[[], T], seconds: float = 60, interval: float = INTERVAL_SECONDS) -> T:
    """The first true answer of `condition`; fails with `what` and the last answer when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain until {what}; last answer: {answer!r}")
        time.sleep(interval)


def holds_for(what: str, condition: Callable[[], bool], seconds: float) -> None:
    """For what must not happen: the condition stays true for that long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f"no longer true: {what}"
        time.sleep(INTERVAL_SECONDS)
