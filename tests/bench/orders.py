"""A million realistic orders of about 450 bytes, the same for the same seed, kept as a file in the cache folder."""

import hashlib
import json
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

from services.install import cache

START = datetime(2026, 11, 20, tzinfo=timezone.utc)
CITIES = ["Hamburg", "Lyon", "Turin", "Gdańsk", "Porto", "Malmö", "Gent", "Graz"]
NAMES = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Frances", "Alan", "Radia"]
GOODS = ["kettle", "lamp", "notebook", "bicycle pump", "tea towel", "desk", "headphones", "rain jacket"]
STATES = ["created", "paid", "packed", "shipped", "delivered", "returned"]


def orders_file(count: int, seed: int) -> Path:
    """One order a line. A changed generator makes another file."""
    key = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    path = cache() / "bench" / f"orders-{count}-{seed}-{key}.ndjson"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        partial = path.with_suffix(".partial")
        dice = random.Random(seed)
        with open(partial, "w") as file:
            file.writelines(json.dumps(order(dice, number), separators=(",", ":"), ensure_ascii=False) + "\n" for number in range(count))
        partial.rename(path)
    return path


def order(dice: random.Random, number: int) -> dict:
    """Nested objects, a list of objects, timestamps, optional fields: about 450 bytes."""
    lines = [line(dice) for _ in range(dice.randrange(1, 4))]
    event = {
        "event": "order_" + dice.choice(STATES),
        "order_id": f"{dice.getrandbits(64):016x}",
        "number": number,
        "created_at": (START + timedelta(milliseconds=number * 37)).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "customer": {
            "id": dice.randrange(100_000),
            "name": dice.choice(NAMES),
            "email": f"{dice.choice(NAMES).lower()}{dice.randrange(10_000)}@example.com",
            "address": {"city": dice.choice(CITIES), "zip": f"{dice.randrange(100_000):05}", "geo": {"lat": round(dice.uniform(40, 60), 5), "lon": round(dice.uniform(-8, 20), 5)}},
        },
        "lines": lines,
        "total": round(sum(one["price"] * one["quantity"] for one in lines), 2),
        "currency": "EUR",
        "express": dice.random() < 0.2,
    }
    if dice.random() < 0.3:
        event["coupon"] = f"SAVE{dice.randrange(5, 50)}"
    return event


def line(dice: random.Random) -> dict:
    return {"sku": f"{dice.randrange(10_000):05}", "name": dice.choice(GOODS), "price": round(dice.uniform(1, 200), 2), "quantity": dice.randrange(1, 5)}
