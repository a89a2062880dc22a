"""Measures each way through beside its peer and prints one table."""

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import peers
from bench.measure import Cost, machine, measure, once
from bench.memory import BUDGET_MB, measure_memory
from bench.orders import orders_file
from bench.plugins import measure_plugins
from bench.search import Search
from bench.starts import measure_starts
from bench.table import table
from harness import yaml
from harness.kafka import Kafka, Message
from harness.lake import Table
from harness.pipelines import from_file, from_kafka, pipeline, to_kafka
from harness.process import binary
from services.kafka import Broker

PARTITIONS = 4
HEADINGS = ("", "events/s", "events per CPU s", "MB/s", "peak MB")


class Bench:
    """The orders, as a file and as a topic, and the rows measured so far."""

    def __init__(self, folder: Path, broker: Broker, count: int, seed: int, runs: int):
        self.folder, self.kafka, self.count, self.runs = folder, Kafka(broker.address), count, runs
        self.orders = orders_file(count, seed)
        self.bytes = self.orders.stat().st_size - count
        self.lake = folder / "lake"
        self.rows: list[tuple] = []

    def topic_with_orders(self) -> str:
        topic = self.kafka.topic("orders", PARTITIONS)
        with open(self.orders, "rb") as lines:
            messages = (Message(line.rstrip(b"\n"), b"%d" % (number % 10_000), partition=number % PARTITIONS) for number, line in enumerate(lines))
            self.kafka.produce(topic, messages, **{"linger.ms": 20, "compression.type": "lz4"})
        return topic

    def kafka_to_lake(self) -> None:
        topic = self.topic_with_orders()
        self.lake_row("Kafka to lake", lambda: from_kafka(self.kafka, topic))
        self.peer_row(*peers.consume_to_nothing(self.kafka.address, topic, self.count))

    def kafka_to_plugin_to_lake(self) -> None:
        topic = self.topic_with_orders()
        masking = {"type": "wasm", "plugin": "mask", "config": {"fields": ["customer.email"]}}
        self.lake_row("Kafka to lake", lambda: from_kafka(self.kafka, topic))
        self.lake_row("Kafka through a plugin that masks a field to lake", lambda: from_kafka(self.kafka, topic), transforms=[masking])

    def file_to_lake(self) -> None:
        self.lake_row("file to lake", lambda: from_file(self.orders))
        self.peer_row(*peers.to_parquet(str(self.orders), str(self.folder / "orders.parquet")))

    def kafka_to_kafka(self) -> None:
        source = self.topic_with_orders()
        target = self.kafka.topic("copy", PARTITIONS)
        sink = to_kafka(self.kafka, target, partition="${partition}", compression="lz4")
        note, verify = self.arriving(target, self.count)

        def prepare():
            self.write(pipeline(from_kafka(self.kafka, source), sink))
            note()
        self.row("Kafka to Kafka", self.command(), prepare, verify)
        self.row(*peers.copy(self.kafka.address, source, target, self.count), prepare, verify)

    def replays(self) -> None:
        """The same events from the lake to Kafka: all, a hundredth of them, none. Beside them librdkafka alone, from memory."""
        target = self.kafka.topic("replayed", PARTITIONS)
        self.write(pipeline(from_file(self.orders), {"type": "lake", "path": str(self.lake), "collection": "orders"}))
        once(self.command(), self.folder)
        hundredth = sum(1 for _ in range(0, self.count, 100))
        self.replay_row("lake to Kafka, all", target, self.count)
        self.row(*peers.produce(self.kafka.address, target, str(self.orders)), *self.arriving(target, self.count))
        self.replay_row("lake to Kafka, 1% by a field", target, hundredth, "--query", f"number:<{hundredth}")
        self.peer_row("dry run, all counted", self.replay("--dry-run"))
        self.peer_row("dry run, a word counted", self.replay("--dry-run", "--query", "headphones"))

    def replay_row(self, name: str, target: str, expected: int, *options: str) -> None:
        command = self.replay("--restart", "--to", f"kafka://{self.kafka.address}/{target}?compression=lz4", *options)
        self.row(name, command, *self.arriving(target, expected))

    def replay(self, *options: str) -> list[str]:
        return [binary(), "replay", "orders", "--lake", str(self.lake), "--data-dir", "data", *options]

    def arriving(self, target: str, expected: int) -> tuple[Callable[[], None], Callable[[], None]]:
        """What goes before and after a run that is to send so many."""
        before = [0]

        def prepare():
            before[0] = sum(self.kafka.end_offsets(target).values())

        def verify():
            arrived = sum(self.kafka.end_offsets(target).values()) - before[0]
            assert arrived == expected, f"{arrived} of {expected} events arrived"
        return prepare, verify

    def lake_row(self, name: str, source: Callable[[], dict], **keys) -> None:
        def prepare():
            self.write(pipeline(source(), {"type": "lake", "path": str(self.lake), "collection": "orders"}, **keys))

        def verify():
            stored = Table(self.lake / "orders").count()
            assert stored == self.count, f"{stored} of {self.count} events are in the lake"
        self.row(name, self.command(), prepare, verify)

    def peer_row(self, name: str, command: list[str]) -> None:
        self.row(name, command, lambda: None, lambda: None)

    def row(self, name: str, command: list[str], prepare, verify) -> None:
        cost = measure(command, self.folder, self.runs, prepare, verify)
        self.rows.append((name, *figures(cost, self.count, self.bytes)))

    def command(self) -> list[str]:
        return [binary(), "run", "pipeline.yaml", "--data-dir", "data"]

    def write(self, document: dict) -> None:
        """A fresh pipeline for each run: nothing stored, nothing committed. A plugin is compiled in the first run."""
        data = self.folder / "data"
        for folder in (self.lake, *(data.iterdir() if data.exists() else [])):
            if folder != data / "plugins":
                shutil.rmtree(folder, ignore_errors=True)
        (self.folder / "pipeline.yaml").write_text(yaml.dump(document))


def figures(cost: Cost, events: int, size: int) -> tuple[str, ...]:
    return f"{events / cost.seconds:,.0f}", f"{events / cost.cpu_seconds:,.0f}", f"{size / cost.seconds / 1e6:,.0f}", f"{cost.peak_mb:,.0f}"


WAYS = {"kafka-to-lake": Bench.kafka_to_lake, "file-to-lake": Bench.file_to_lake, "kafka-to-kafka": Bench.kafka_to_kafka, "replay": Bench.replays,
        "kafka-to-plugin-to-lake": Bench.kafka_to_plugin_to_lake}


OTHERS = ("plugins", "starts", "search", "memory")


def measure_ways(folder: Path, names: list[str], count: int, seed: int, runs: int) -> None:
    broker = Broker(folder / "kafka", java=()).start()
    try:
        bench = Bench(folder, broker, count, seed, runs)
        for name in names:
            WAYS[name](bench)
    finally:
        broker.stop()
    print(table(HEADINGS, bench.rows))
    print(f"\n{count:,} orders of {bench.bytes / count:.0f} bytes, {PARTITIONS} partitions; medians of {runs}; {machine()}\n")


def measure_search(folder: Path, count: int, seed: int, runs: int) -> None:
    search = Search(folder, count, seed, runs)
    search.all()
    print(f"{search.report()}; medians of {runs}; {machine()}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests/bench/run")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--count", type=int, help="1,000,000 events by default, and ten times as many for search")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory-mb", type=int, default=BUDGET_MB, help="the budget of `memory`")
    parser.add_argument("ways", nargs="*", metavar="NAME", help=f"of {', '.join([*WAYS, *OTHERS])}; all by default")
    options = parser.parse_args()
    names = options.ways or [*WAYS, *OTHERS]
    ways = [name for name in names if name not in OTHERS]
    with tempfile.TemporaryDirectory(prefix="catchwater-bench-") as folder:
        if ways:
            measure_ways(Path(folder), ways, options.count or 1_000_000, options.seed, options.runs)
    with tempfile.TemporaryDirectory(prefix="catchwater-bench-") as folder:
        if "plugins" in names:
            print(f"{measure_plugins(Path(folder), options.runs, options.seed)}; medians of {options.runs}; {machine()}\n")
    with tempfile.TemporaryDirectory(prefix="catchwater-bench-") as folder:
        if "starts" in names:
            print(f"{measure_starts(Path(folder), options.runs)}; {machine()}\n")
    with tempfile.TemporaryDirectory(prefix="catchwater-bench-") as folder:
        if "search" in names:
            measure_search(Path(folder), options.count or 10_000_000, options.seed, options.runs)
    with tempfile.TemporaryDirectory(prefix="catchwater-bench-") as folder:
        if "memory" in names and not measure_memory(Path(folder), options.count or 10_000_000, options.memory_mb):
            raise SystemExit("bench: more than the budget was resident")


if __name__ == "__main__":
    main()
