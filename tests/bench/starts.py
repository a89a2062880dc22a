"""How much longer a run takes with a plugin in it: what the start of one costs that was compiled before, beside what it may cost."""

import shutil
import statistics
from pathlib import Path

from bench.measure import Cost, once
from bench.table import table
from harness import yaml
from harness.pipelines import generated, pipeline, to_file
from harness.process import binary

LIMIT_MS = 5
# One start takes less than a noisy machine adds to some of them.
STARTS = 20
HEADINGS = ("a run with a plugin less one without", "ms", "ms of CPU", f"of {LIMIT_MS} ms")
LANGUAGES = {"Rust": "refine", "JavaScript": "refine-js", "Python": "refine-python"}


def measure_starts(folder: Path, runs: int) -> str:
    """A table. With and without are measured in turn, so that both have the same of a noisy machine."""
    ways = {None: [], **{language: [] for language in LANGUAGES}}
    for number in range(runs * STARTS + 1):
        for language, costs in ways.items():
            cost = start(folder, language)
            if number > 0:  # the first one compiles the plugin
                costs.append(cost)
    rows = [(f"in {language}", *figures(ways[None], ways[language])) for language in LANGUAGES]
    without = Cost.median(ways[None])
    return (f"{table(HEADINGS, rows)}\n\nWithout a plugin a run takes {without.seconds * 1e3:.1f} ms, {without.cpu_seconds * 1e3:.1f} ms of CPU; "
            f"one event, medians of the differences of {runs * STARTS} pairs")


def start(folder: Path, language: str | None) -> Cost:
    """A pipeline that knows nothing of those before it, but that its plugin was compiled."""
    data = folder / "data"
    for left in data.iterdir() if data.exists() else []:
        if left.name != "plugins":
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    steps = [{"type": "wasm", "plugin": LANGUAGES[language], "config": {"through": True}}] if language else []
    document = pipeline(generated(1), to_file("out.ndjson"), tasks=1, transforms=steps)
    (folder / "pipeline.yaml").write_text(yaml.dump(document))
    return once([binary(), "run", "pipeline.yaml", "--data-dir", "data"], folder)


def figures(without: list[Cost], with_plugin: list[Cost]) -> tuple[str, str, str]:
    pairs = list(zip(with_plugin, without))
    wall = statistics.median(one.seconds - other.seconds for one, other in pairs) * 1e3
    processor = statistics.median(one.cpu_seconds - other.cpu_seconds for one, other in pairs) * 1e3
    return f"{wall:.1f}", f"{processor:.1f}", f"{max(wall, processor) / LIMIT_MS:.2f}"
