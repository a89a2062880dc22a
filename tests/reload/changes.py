"""What is done to a folder of pipelines while it is served. None of it changes a record, so that one audit holds for all."""

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

from harness.pipelines import to_file

FILTERS = ("NOT impossible:value", "NOT impossible:other", "*")
INTERVALS = ("200ms", "300ms", "400ms")
RATES = ("20000/s", "30000/s", "40000/s")


def another(dice: Random, now, choices: tuple):
    return dice.choice([choice for choice in choices if choice != now])


def change_a_transform(dice: Random, pipeline: dict) -> None:
    now = pipeline["transforms"][0].get("where") if pipeline.get("transforms") else None
    pipeline["transforms"] = [{"type": "filter", "where": another(dice, now, FILTERS)}]


def remove_the_transforms(dice: Random, pipeline: dict) -> None:
    if not pipeline.pop("transforms", None):
        change_a_transform(dice, pipeline)


def change_the_sink(dice: Random, pipeline: dict) -> None:
    sink = pipeline["sinks"][0]
    sink["commit_interval"] = another(dice, sink["commit_interval"], INTERVALS)


def change_the_rate(dice: Random, pipeline: dict) -> None:
    """Above what comes, so that the pipeline keeps up."""
    now = pipeline["transforms"][0].get("rate") if pipeline.get("transforms") else None
    pipeline["transforms"] = [{"type": "throttle", "rate": another(dice, now, RATES)}]


def change_a_setting(dice: Random, pipeline: dict) -> None:
    pipeline["checkpoint_interval"] = another(dice, pipeline["checkpoint_interval"], INTERVALS)


def change_the_retries(dice: Random, pipeline: dict) -> None:
    pipeline["retry"] = {"max": another(dice, pipeline.get("retry", {}).get("max"), ("5s", "10s"))}


def change_the_source(dice: Random, pipeline: dict) -> None:
    pipeline["source"]["name"] = another(dice, pipeline["source"].get("name"), ("one", "two"))


def change_the_tasks(dice: Random, pipeline: dict) -> None:
    """Without a word there is one for each core."""
    pipeline["tasks"] = another(dice, pipeline.get("tasks", len(os.sched_getaffinity(0))), (1, 2, 3))


class Copy:
    """A second sink: a file that comes and goes. The load has tombstones, which have no line of their own."""

    def __init__(self, path: Path):
        self.sink = to_file(path, name="copy", encoding="json")

    def add_or_remove_a_sink(self, dice: Random, pipeline: dict) -> None:
        first, *others = pipeline["sinks"]
        pipeline["sinks"] = [first] if others else [first, self.sink]


class Plugin:
    """A plugin that changes no record, in a file of its own that is replaced by another with the same code. It gets the orders
    alone: it rejects what is no JSON, and nothing here may be missing in the lake."""

    def __init__(self, path: Path):
        self.path, self.sound = path, (Path(os.environ["CATCHWATER_PLUGINS"]) / "mask.wasm").read_bytes()

    def swap_the_plugin(self, dice: Random, pipeline: dict) -> None:
        name = b"%08x" % dice.getrandbits(32)
        section = bytes([len(name)]) + name
        draft = self.path.with_suffix(".draft")
        draft.write_bytes(self.sound + bytes([0, len(section)]) + section)
        draft.rename(self.path)
        pipeline["transforms"] = [{"type": "wasm", "plugin": str(self.path), "config": {"fields": ["impossible"]}, "when": "id:*"}]


CHANGES: tuple[Callable[[Random, dict], None], ...] = (
    change_a_transform, remove_the_transforms, change_the_rate, change_the_sink, change_a_setting, change_the_retries, change_the_source, change_the_tasks)
# The others are made while the pipeline runs.
RESTARTING = ("change_the_source", "change_the_tasks")
