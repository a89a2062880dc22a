"""The same work in native Rust with `serde_json`, and as a plugin, on the same orders; and the way to a plugin and back alone."""

import os
import re
import statistics
import subprocess
from pathlib import Path

from bench.orders import orders_file
from bench.table import table
from harness import yaml
from harness.process import binary
from services.install import cache

REPOSITORY = Path(__file__).parents[2]
MANIFEST = REPOSITORY / "plugins-wasm" / "refine" / "Cargo.toml"
BATCH = 1000
# A file of cases has at most a megabyte: each order comes twice in a batch.
ORDERS = BATCH // 2
HEADINGS = ("", "ns an event", "events/s", "of native")
# The same in an interpreter: told, and held to nothing.
INTERPRETED = {"JavaScript": "refine-js", "Python": "refine-python"}


def measure_plugins(folder: Path, runs: int, seed: int) -> str:
    """A table. Native and plugin are measured in turn, so that both have the same of a noisy machine."""
    orders = orders_file(ORDERS, seed)
    lines = orders.read_text().splitlines()
    case = {"in": lines, "out": []}
    (folder / "tests.yaml").write_text(yaml.dump([{"name": "work", **case}, {"name": "nothing", "config": {"through": True}, **case}]))
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--release", "--manifest-path", MANIFEST, "--example", "native"], check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", cache() / "target"))
    names = ["refine", *INTERPRETED.values()]
    native, plugin, loaded = [], {name: [] for name in names}, {name: [] for name in names}
    for _ in range(runs):
        native.append(nanoseconds(output([str(target / "release" / "examples" / "native"), str(orders)])))
        for name, measured in plugin.items():
            said = output([binary(), "plugin", "bench", str(folder), "--plugin", name])
            measured.append(nanoseconds(said))
            loaded[name].append(float(re.search(r"loaded in ([\d.]+) ms", said)[1]))
    (with_trees, alone), (inside, there_and_back) = medians(native), medians(plugin["refine"])
    rows = [("parse, filter, redact, add a field: native, with serde_json", *figures(with_trees), "1.00"),
            ("the same as a plugin, with the SDK's json", *figures(inside), f"{with_trees / inside:.2f}"),
            ("the plugin's code without a sandbox", *figures(alone), f"{with_trees / alone:.2f}"),
            ("to a plugin that does nothing, and back", *figures(there_and_back), "")]
    for language, name in INTERPRETED.items():
        within, through = medians(plugin[name])
        rows += [(f"the same as a plugin in {language}", *figures(within), f"{with_trees / within:.2f}"),
                 (f"to one in {language} that does nothing, and back", *figures(through), "")]
    starts = ", ".join(f"{statistics.median(loaded[name]):.1f} ms in {language}" for language, name in {"Rust": "refine", **INTERPRETED}.items())
    return (f"{table(HEADINGS, rows)}\n\nA plugin that was compiled before is loaded in {starts}; "
            f"{BATCH:,} orders of {sum(len(line.encode()) for line in lines) / ORDERS:.0f} bytes a batch, one thread")


def output(command: list[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def nanoseconds(said: str) -> list[float]:
    return [float(figure) for figure in re.findall(r"([\d.]+) ns a record", said)]


def medians(runs: list[list[float]]) -> list[float]:
    return [statistics.median(column) for column in zip(*runs)]


def figures(nanoseconds: float) -> tuple[str, str]:
    return f"{nanoseconds:,.0f}", f"{1e9 / nanoseconds:,.0f}"
