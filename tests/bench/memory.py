"""Peak resident memory under a budget: what is large, what is many, what is slow, what is long."""

import socket
import subprocess
import time
from pathlib import Path

from bench.measure import machine, once
from bench.table import table
from harness import yaml
from harness.kafka import Kafka, Message
from harness.pipelines import following, from_kafka, generated, pipeline
from harness.process import binary
from services.kafka import Broker

BUDGET_MB = 256
LARGE_BYTES, LARGE = 10_000_000, 60
DATES, EVENTS_PER_DATE = 500, 60
STALLED_EVENTS, STALLED_SECONDS = 400_000, 30
DAY_MS, NEWEST_MS = 24 * 3600 * 1000, 1_795_000_000_000
MAX_BYTES = 12_000_000
HEADINGS = ("", "peak MB", "of the budget")


class Memory:
    """One broker, one folder, and the peaks measured so far."""

    def __init__(self, folder: Path, broker: Broker, replayed: int, memory_mb: int):
        self.folder, self.kafka, self.replayed, self.budget_mb = folder, Kafka(broker.address), replayed, memory_mb
        self.rows: list[tuple[str, ...]] = []
        self.exceeded = False

    def all(self) -> None:
        self.large()
        self.dates()
        self.stalled()
        self.replay()

    def large(self) -> None:
        topic = self.kafka.topic("large", 4, max_message_bytes=MAX_BYTES)
        body = b'{"text":"%s"}' % (b"x" * LARGE_BYTES)
        messages = (Message(body, partition=number % 4) for number in range(LARGE))
        self.kafka.produce(topic, messages, **{"message.max.bytes": MAX_BYTES, "queue.buffering.max.kbytes": 100_000})
        self.captured(f"{LARGE} messages of 10 MB", from_kafka(self.kafka, topic))

    def dates(self) -> None:
        topic = self.kafka.topic("dates", 4)
        body = b'{"text":"%s"}' % (b"x" * 300)
        dated = (Message(body, timestamp_ms=NEWEST_MS - number % DATES * DAY_MS, partition=number % 4) for number in range(DATES * EVENTS_PER_DATE))
        self.kafka.produce(topic, dated)
        self.captured(f"{DATES} dates at once", from_kafka(self.kafka, topic))

    def stalled(self) -> None:
        """Two sinks, of which one never answers: the other must not run away with what the source could read."""
        topic = self.kafka.topic("stalled", 4)
        body = b'{"text":"%s"}' % (b"x" * 500)
        self.kafka.produce(topic, (Message(body, partition=number % 4) for number in range(STALLED_EVENTS)), **{"linger.ms": 20})
        with socket.create_server(("127.0.0.1", 0)) as silent:
            sinks = [self.lake("stalled"), {"type": "http", "url": f"http://127.0.0.1:{silent.getsockname()[1]}/"}]
            self.write(pipeline(following(self.kafka, topic), *sinks))
            process = subprocess.Popen(self.run(), cwd=self.folder, stderr=subprocess.DEVNULL)
            time.sleep(STALLED_SECONDS)
            peak = next(line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
            process.kill()
            process.wait()
        self.row("a sink that never answers", int(peak.split()[1]) / 1024)

    def replay(self) -> None:
        self.write(pipeline(generated(self.replayed), self.lake("long"), name="long"))
        once(self.run(), self.folder)
        stored = sum(file.stat().st_size for file in (self.folder / "lake" / "long").rglob("*.parquet"))
        command = [binary(), "replay", "long", "--lake", "lake", "--data-dir", "data", "--memory", f"{self.budget_mb}MiB", "--to", "file:replayed.ndjson"]
        self.row(f"a replay of {self.replayed:,} events, {stored / 1e9:.1f} GB of files", once(command, self.folder).peak_mb)

    def captured(self, name: str, source: dict) -> None:
        self.write(pipeline(source, self.lake(f"c{len(self.rows)}")))
        self.row(name, once(self.run(), self.folder).peak_mb)

    def row(self, name: str, peak_mb: float) -> None:
        self.exceeded |= peak_mb > self.budget_mb
        self.rows.append((name, f"{peak_mb:,.0f}", f"{peak_mb / self.budget_mb:.0%}"))

    def lake(self, collection: str) -> dict:
        return {"type": "lake", "path": "lake", "collection": collection}

    def run(self) -> list[str]:
        return [binary(), "run", "pipeline.yaml", "--data-dir", "data", "--memory", f"{self.budget_mb}MiB"]

    def write(self, document: dict) -> None:
        (self.folder / "pipeline.yaml").write_text(yaml.dump(document))


def measure_memory(folder: Path, replayed: int, memory_mb: int) -> bool:
    """Whether all stayed under the budget."""
    broker = Broker(folder / "kafka").start()
    try:
        memory = Memory(folder, broker, replayed, memory_mb)
        memory.all()
    finally:
        broker.stop()
    print(table(HEADINGS, memory.rows))
    print(f"\npeak resident size, budget {memory_mb} MiB (--memory); {machine()}")
    return not memory.exceeded
