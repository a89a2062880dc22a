"""Harm that passes: to a server, to the way there, to a process."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.toxiproxy import Proxy

HARM_SECONDS = (0.5, 3.0)
LATENCY_MS = 400


@dataclass(frozen=True)
class Harm:
    """Done, and undone again."""

    name: str
    strike: Callable[[], object]
    heal: Callable[[], object]


def on_the_way(proxy: Proxy) -> list[Harm]:
    return [
        Harm("connections are cut", proxy.cut, proxy.heal),
        Harm("answers are slow", lambda: proxy.slow(LATENCY_MS), proxy.heal),
        Harm("answers are held", proxy.hold_answers, proxy.heal),
        Harm("answers are lost", proxy.lose_answers, proxy.heal),
    ]


def on_the_server(server) -> list[Harm]:
    """Anything that can be stopped, killed and started again."""
    return [Harm("the server is stopped", server.stop, server.start), Harm("the server is killed", server.kill, server.start)]


def storm(harms: list[Harm], dice: random.Random, grows: Callable[[], None]) -> None:
    """Each harm once, in a random order, for a random time; `grows` waits until things go on after it."""
    for harm in dice.sample(harms, len(harms)):
        seconds = dice.uniform(*HARM_SECONDS)
        print(f"{harm.name} for {seconds:.1f} s", flush=True)
        harm.strike()
        time.sleep(seconds)
        harm.heal()
        grows()


def legs(seed: int, minutes: float | None) -> Iterator[int]:
    """Seeds of storms, each with a lake of its own: one, or as many as fit into the time. A failure is repeated by its seed alone."""
    deadline = time.monotonic() + 60 * (minutes or 0)
    yield seed
    while time.monotonic() < deadline:
        seed += 1
        yield seed
