"""Reloads under load: what changes loses and doubles nothing, and what does not change flows on."""

import copy
import statistics
import time
from collections import Counter

import pytest

from crash.scene import PARTITIONS, Scene
from harness.pipelines import to_kafka
from harness.server import Server
from reload.changes import CHANGES, RESTARTING, Copy, Plugin
from reload.gaps import Gaps

EVENTS_PER_SECOND = 500
GAP_SECONDS_MAX = 1.0
BAD = "name: bad\nsource: {type: kafak}\nsinks: [{type: lake}]\n"


@pytest.mark.timeout(0)
def test_reloads_lose_and_double_nothing_and_unchanged_pipelines_flow_on(kafka, workspace, request):
    """Two pipelines read the same load, each for itself: one is changed all the time, the other never."""
    rounds, seed = request.config.getoption("--rounds"), request.config.getoption("--seed")
    scene, server = Scene(kafka, workspace, seed), Server(workspace)
    out = kafka.topic("out", PARTITIONS)
    turned = pipeline(scene, "turned")
    steady = pipeline(scene, "steady", to_kafka(kafka, out))
    server.write(turned)
    server.write(steady)
    server.start()
    gaps = {"steady": Gaps(kafka, out).start(), "load": Gaps(kafka, scene.topic).start()}
    try:
        scene.load(EVENTS_PER_SECOND)
        server.until("both flow", lambda: min(scene.stored("turned"), scene.stored("steady"), gaps["steady"].arrived) > 100)
        server.until("the unchanged pipeline flows evenly", gaps["steady"].is_even)
        members = set(kafka.members(steady["source"]["group"]))
        [gap.forget() for gap in gaps.values()]
        seconds, kinds = turn(scene, server, turned, rounds)
        silent = {name: gap.stop() for name, gap in gaps.items()}
        assert set(kafka.members(steady["source"]["group"])) == members, "the unchanged pipeline's members are others than before"
        scene.catch_up(server.process, collections=("turned", "steady"))
    finally:
        scene.end_loads()
    reports = {name: scene.audit(name) for name in ("turned", "steady")}
    print(f"seed {seed}: {rounds} reloads {dict(kinds)}; median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s until they were done; "
          f"longest silence of the unchanged pipeline {silent['steady']:.2f} s, of the load itself {silent['load']:.2f} s; {reports}", flush=True)
    # What the load itself was silent for is the machine's, not ours.
    assert silent["steady"] <= GAP_SECONDS_MAX + silent["load"]


def pipeline(scene: Scene, name: str, *sinks: dict) -> dict:
    """Into a collection of its name, with a group of its own."""
    document = copy.deepcopy(scene.pipeline([scene.workspace.lake(name), *sinks], group=f"{scene.group}-{name}"))
    return {**document, "name": name}


def turn(scene: Scene, server: Server, document: dict, rounds: int) -> tuple[list[float], Counter]:
    """Changes the document again and again; now and then a file with a mistake is in the way and changes nothing."""
    seconds, kinds = [], Counter()
    folder = server.workspace.folder
    changes = (*CHANGES, Plugin(folder / "swapped.wasm").swap_the_plugin, Copy(folder / "copy.ndjson").add_or_remove_a_sink)
    for number in range(rounds):
        if number % 10 == 9:
            refused(server)
            kinds["refused"] += 1
        change = scene.random.choice(changes)
        change(scene.random, document)
        kinds[change.__name__] += 1
        generation = server.reloaded()["generation"]
        started = time.monotonic()
        server.write(document)
        server.until(f"reload {number} is done", lambda: server.reloaded()["generation"] > generation)
        seconds.append(time.monotonic() - started)
        turned = server.reloaded()["changes"]
        kind = "replace" if change.__name__ in RESTARTING else "adapt"
        assert turned == [{"pipeline": "turned", "change": kind, "trouble": None}], f"reload {number} by {change.__name__}: {turned}"
        time.sleep(scene.random.uniform(0, 0.3))
    return seconds, kinds


def refused(server: Server) -> None:
    bad = server.folder / "bad.yaml"
    bad.write_text(BAD)
    server.until("the mistake is told", lambda: server.reloaded()["error"])
    bad.unlink()
    server.until("all is well again", lambda: server.reloaded()["error"] is None)
