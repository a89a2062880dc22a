"""The events of the load. Each is a function of (load, partition, sequence), so the audit makes them again and nothing is remembered."""

import json
import math
import random
from dataclasses import dataclass

from harness.kafka import Message

NEW_FIELD_EVERY = 150
LATE_BY_MS = 24 * 3600 * 1000
STATES = ("created", "paid", "shipped", "returned")


@dataclass(frozen=True)
class Events:
    """One load's events. `start_ms` lies before midnight, so that a load fills several dates."""

    load: str
    start_ms: int

    def message(self, partition: int, sequence: int) -> Message:
        """Sequence and load travel in headers: a tombstone has no other place for them."""
        dice = random.Random(f"{self.load}/{partition}/{sequence}")
        headers = [("load", self.load.encode()), ("sequence", str(sequence).encode()), ("trace", None), ("trace", b""), ("trace", dice.randbytes(4))]
        return Message(self.payload(dice, partition, sequence), key(dice), headers, self.timestamp_ms(dice, sequence), partition)

    def timestamp_ms(self, dice: random.Random, sequence: int) -> int:
        late = LATE_BY_MS if dice.random() < 0.02 else 0
        return self.start_ms + sequence - late

    def payload(self, dice: random.Random, partition: int, sequence: int) -> bytes | None:
        """Mostly orders; the rest is what a topic holds against expectation."""
        kind = dice.random()
        if kind < 0.01:
            return None
        if kind < 0.02:
            return b""
        if kind < 0.03:
            return dice.randbytes(40)
        return json.dumps(order(dice, partition, sequence)).encode()


def order(dice: random.Random, partition: int, sequence: int) -> dict:
    return {
        "id": f"{partition}-{sequence}",
        "state": dice.choice(STATES),
        "amount": dice.randrange(100_000) if dice.random() < 0.9 else round(dice.random() * 1000, 2),
        "customer": {"id": dice.randrange(10_000), "tags": [dice.choice("abcdef") for _ in range(dice.randrange(4))]},
        "extra": extra(dice, sequence),
        "note": "x" * dice.randrange(200),
    }


def extra(dice: random.Random, sequence: int) -> dict:
    """A nested object that gets a new field ever so often: at 0, 150, 600, 1350, ..., so that the table's schema keeps changing."""
    newest = math.isqrt(sequence // NEW_FIELD_EVERY)
    return {f"field_{newest}": sequence, f"field_{dice.randrange(newest + 1)}": dice.randrange(1000)}


def key(dice: random.Random) -> bytes | None:
    return dice.choice([None, b"", dice.randbytes(6), b"customer-%d" % dice.randrange(1000)])
