"""One crash test's scene: a topic under load, a pipeline into a lake, faults, and the audit at the end."""

import random
from datetime import datetime, timedelta, timezone

from crash.audit import Produced, Report, audit
from crash.events import Events
from crash.load import Load
from harness.kafka import Kafka
from harness.process import Process
from harness.waiting import wait_until
from harness.workspace import Workspace

PARTITIONS = 4
EVENTS_PER_SECOND = 1500
CATCH_UP_SECONDS = 120
POLL_SECONDS = 0.3


class Scene:
    """`random` decides all that is random here; its seed is in every name, so that a failure can be played again."""

    def __init__(self, kafka: Kafka, workspace: Workspace, seed: int):
        self.kafka, self.workspace, self.seed = kafka, workspace, seed
        self.random = random.Random(seed)
        self.topic = kafka.topic(f"load-{seed}", PARTITIONS)
        self.group = kafka.group(f"crash-{seed}")
        self.loads: list[Load] = []

    def pipeline(self, sinks: list[dict] | None = None, **source) -> dict:
        """Into the lake with short commits, or into these sinks."""
        kafka = {"type": "kafka", "brokers": self.kafka.address, "topics": [self.topic], "group": self.group, "start": "earliest", **source}
        return {"name": "crash", "checkpoint_interval": "200ms", "source": kafka, "sinks": sinks or [self.workspace.lake()]}

    def start(self, pipeline: dict | None = None, failpoints: str | None = None, environment: dict[str, str] | None = None) -> Process:
        """One instance. All share the data folder, so that each takes the first free identity."""
        environment = {**(environment or {}), **({"FAILPOINTS": failpoints} if failpoints else {})}
        return self.workspace.start_run(pipeline or self.pipeline(), environment=environment)

    def load(self, rate: float = EVENTS_PER_SECOND) -> Load:
        """Starts producing; in a recreated topic this is a load of its own."""
        # Midnight comes a second into the load: commits that span two dates are the rule.
        midnight = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
        start_ms = int((midnight - timedelta(seconds=1)).timestamp() * 1000)
        events = Events(f"{self.topic}-{len(self.loads)}", start_ms)
        self.loads.append(Load(self.kafka, self.topic, events, PARTITIONS, rate).start())
        return self.loads[-1]

    def end_loads(self) -> None:
        for load in self.loads:
            load.stop()

    @property
    def total(self) -> int:
        return sum(load.total for load in self.loads)

    def stored(self, collection: str = "events") -> int:
        return self.workspace.table(collection).count()

    def grows(self, process: Process, rows: int = 1, collection: str = "events") -> None:
        """Waits until that many further rows are committed."""
        before = self.stored(collection)
        process.wait_until(f"{rows} more rows are stored", lambda: self.stored(collection) >= before + rows)

    def catch_up(self, *processes: Process, collections: tuple[str, ...] = ("events",)) -> None:
        """Ends the load, waits until all is stored and stops the processes in an orderly way."""
        self.end_loads()
        for collection in collections:
            wait_until(f"all {self.total} rows are in {collection}", lambda: self.stored(collection) >= self.total or not any_running(processes),
                       CATCH_UP_SECONDS, POLL_SECONDS)
        for process in processes:
            process.stop().succeeded()

    def audit(self, collection: str = "events") -> Report:
        """What was produced against what the collection holds."""
        produced = [Produced(load.events, dict(load.sent)) for load in self.loads]
        return audit(self.workspace.table(collection), produced).assert_clean()

    def forget(self) -> None:
        """Removes what a clean audit no longer needs: a long run must not fill the disk."""
        self.kafka.delete(self.topic)
        self.workspace.remove_lake()


def any_running(processes) -> bool:
    return any(process.running for process in processes)
