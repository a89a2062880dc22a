"""What Catchwater is compared with: librdkafka alone, and DuckDB."""

import shutil
import sys
from pathlib import Path

CONSUME_TO_NOTHING = """
import sys, confluent_kafka as ck
address, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
consumer = ck.Consumer({"bootstrap.servers": address, "group.id": "bench-nothing", "enable.auto.commit": False})
parts = consumer.list_topics(topic).topics[topic].partitions
consumer.assign([ck.TopicPartition(topic, part, ck.OFFSET_BEGINNING) for part in parts])
while count > 0:
    count -= len(consumer.consume(10000, 1.0))
"""

COPY = """
import sys, confluent_kafka as ck
address, source, target, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
consumer = ck.Consumer({"bootstrap.servers": address, "group.id": "bench-copy", "enable.auto.commit": False})
producer = ck.Producer({"bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 20, "compression.type": "lz4"})
parts = consumer.list_topics(source).topics[source].partitions
consumer.assign([ck.TopicPartition(source, part, ck.OFFSET_BEGINNING) for part in parts])
while count > 0:
    for message in consumer.consume(10000, 1.0):
        while True:
            try:
                producer.produce(target, message.value(), message.key(), message.partition())
                break
            except BufferError:
                producer.poll(0.05)
        count -= 1
    producer.poll(0)
producer.flush()
"""

PRODUCE = """
import sys, confluent_kafka as ck
address, target, path = sys.argv[1], sys.argv[2], sys.argv[3]
lines = open(path, "rb").read().splitlines()
producer = ck.Producer({"bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 20, "compression.type": "lz4"})
for number, line in enumerate(lines):
    while True:
        try:
            producer.produce(target, line)
            break
        except BufferError:
            producer.poll(0.05)
    if number % 1000 == 0:
        producer.poll(0)
producer.flush()
"""

TO_PARQUET = """
import sys, duckdb
duckdb.sql("SET threads=1")
duckdb.sql(f"COPY (SELECT * FROM read_json('{sys.argv[1]}', format='newline_delimited')) TO '{sys.argv[2]}' (FORMAT parquet, COMPRESSION zstd)")
"""

# `binary_as_string`: payloads are compared as they are, which is faster than to decode them first. What it takes is told
# without the start of Python, which is not DuckDB's fault.
ASK = """
import json, sys, time, duckdb
duckdb.execute("SET enable_progress_bar = false")
files = open(sys.argv[1]).read().splitlines()
started, started_cpu = time.monotonic(), time.process_time()
duckdb.read_parquet(files, binary_as_string=True, hive_partitioning=False).create_view("events")
found = duckdb.execute(sys.argv[2]).fetchall()
took = time.monotonic() - started, time.process_time() - started_cpu
open(ASKED, "w").write(json.dumps(took))
for row in found:
    print(*row)
"""

# Where it says what it took: in its working folder.
ASKED = "asked.json"


def consume_to_nothing(address: str, topic: str, count: int) -> tuple[str, list[str]]:
    """A name for the table and the command. kcat is plain C; else Python holds librdkafka's hand."""
    if shutil.which("kcat"):
        # `%%` once a message: an empty format would print the payload.
        return "librdkafka to nothing (kcat)", ["kcat", "-b", address, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%%"]
    return "librdkafka to nothing (Python)", [sys.executable, "-c", CONSUME_TO_NOTHING, address, topic, str(count)]


def copy(address: str, source: str, target: str, count: int) -> tuple[str, list[str]]:
    """Consume and produce with the same guarantees and compression."""
    if shutil.which("kcat"):
        consume = f"kcat -b {address} -C -t {source} -o beginning -e -q"
        produce = f"kcat -b {address} -P -t {target} -z lz4 -X enable.idempotence=true -X linger.ms=20"
        return "librdkafka loop (kcat | kcat)", ["bash", "-o", "pipefail", "-c", f"{consume} | {produce}"]
    return "librdkafka loop (Python)", [sys.executable, "-c", COPY, address, source, target, str(count)]


def produce(address: str, target: str, source: str) -> tuple[str, list[str]]:
    """Lines that are in memory, with the same guarantees and compression: only sending is measured, and reading a file."""
    if shutil.which("kcat"):
        options = ["-z", "lz4", "-X", "enable.idempotence=true", "-X", "linger.ms=20"]
        return "librdkafka from a file (kcat)", ["kcat", "-b", address, "-P", "-t", target, *options, "-l", source]
    return "librdkafka from memory (Python)", [sys.executable, "-c", PRODUCE, address, target, source]


def to_parquet(source: str, target: str) -> tuple[str, list[str]]:
    """One thread, the same compression as the lake's."""
    return "DuckDB, one thread", [sys.executable, "-c", TO_PARQUET, source, target]


def ask(files: Path, question: str) -> list[str]:
    """A question about the view `events` of these files, on all cores. The log is not read, which is in its favour."""
    return [sys.executable, "-c", ASK.replace("ASKED", repr(ASKED)), str(files), question]
