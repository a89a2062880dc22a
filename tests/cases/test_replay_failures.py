"""Replays that cannot go on, or not yet: mistakes, destinations that are away or refuse, lakes that are not whole."""

import json
import signal
import subprocess

import pytest

from harness.kafka import Kafka, Message
from harness.pipelines import from_kafka, pipeline
from harness.process import binary
from harness.replays import archive, audit, count_of, numbered, numbers, replay, url

def test_mistakes_name_the_flag(workspace, archived):
    archived(numbered(1))

    def check(*arguments, status: int, says: str, to: str | None = "stdout") -> None:
        finished = replay(workspace, *arguments, to=to).wait()
        assert finished.status == status, finished.err
        finished.says(says)
    check("--query", "a:(", status=2, says="--query")
    check("--since", "yesterday", status=2, says="--since")
    check("--rate", "5", status=2, says="--rate")
    check("--rate", "5/s", "--speed", "2x", status=2, says="--speed")
    check(to=None, status=2, says="--to")
    check(to="mqtt://localhost/x", status=2, says="--to: `mqtt:` is none of kafka://")
    check(to="kafka://localhost:1/x?patition=3", status=2, says="did you mean `partition`?")
    check(to="staging", status=2, says="--destinations")
    check("--positions", "1-5", status=2, says="write it like 0:100..200")
    workspace.command("replay", "events", "--lake", "nowhere", "--to", "stdout").failed().says("there is no such folder")
    workspace.command("replay", "evnets", "--lake", workspace.lake_path, "--to", "stdout").failed().says("did you mean `events`?")


def test_a_field_that_no_event_has_is_warned_of(workspace, archived):
    archived(numbered(1))
    says = "no event of", "has a field `knid`; did you mean `kind`?"
    replay(workspace, "--query", "knid:k0", to="stdout").wait().succeeded().says("sent 0 events", *says)
    replay(workspace, "--query", "knid:k0", "--dry-run").wait().succeeded().says(*says)


# === destinations ===

def test_a_destination_that_is_away_is_given_up_in_the_end(workspace, archived):
    archived(numbered(10))
    replay(workspace, "--attempts", "2", to="kafka://127.0.0.1:1/copy").wait().failed().says("gave up after 2 attempts", "goes on where it was")


def in_order_but_for_repeats(kafka: Kafka, topic: str, count: int) -> bool:
    """For what `numbered` made, in three partitions: none is missing, and each first came in its order."""
    came = [[number for number in numbers(kafka.consume(topic)) if number % 3 == partition] for partition in range(3)]
    return [list(dict.fromkeys(part)) for part in came] == [list(range(partition, count, 3)) for partition in range(3)]


def test_a_destination_that_stops_in_the_middle_is_waited_for(workspace, archived, own_broker):
    archived(numbered(4000))
    other = Kafka(own_broker.address)
    target = other.topic("copy", 3)
    running = replay(workspace, "--partition-keep", "--rate", "1000/s", to=url(other, target))
    running.wait_until("some is sent", lambda: count_of(other, target) > 500)
    own_broker.kill()
    running.wait_until("it says so", lambda: "sink unavailable, will retry" in running.err)
    own_broker.start()
    running.wait(120).succeeded().says("sent 4,000 events")
    assert in_order_but_for_repeats(other, target, 4000)


def test_a_destination_that_stops_for_longer_is_given_up_and_gone_on_with_later(workspace, archived, own_broker):
    archived(numbered(4000))
    other = Kafka(own_broker.address)
    target = other.topic("copy", 3)
    job = ["--partition-keep", "--rate", "1000/s", "--attempts", "2"]
    running = replay(workspace, *job, to=url(other, target))
    running.wait_until("some is sent", lambda: count_of(other, target) > 500)
    own_broker.kill()
    running.wait(120).failed().says("gave up after 2 attempts", "of them confirmed", "the same command goes on where it was")
    own_broker.start()
    replay(workspace, *job, to=url(other, target)).wait(120).succeeded().says("goes on with")
    assert in_order_but_for_repeats(other, target, 4000)


REFUSALS = {"a key is missing": {"cleanup_policy": "compact"}, "it is too large": {"max_message_bytes": 200}}


@pytest.mark.parametrize("config", REFUSALS.values(), ids=REFUSALS)
def test_a_record_that_the_destination_refuses_is_named(kafka, workspace, archived, config):
    archived([Message(b"x", b"k"), Message(b"no key, and long: " + bytes(range(256)) * 2)], 1)
    replay(workspace, to=url(kafka, kafka.topic("strict", **config))).wait().failed().says("[0] at 1", "refuse")


def test_a_file_that_cannot_be_written_is_named(workspace, archived):
    archived(numbered(1))
    replay(workspace, to=f"file:{workspace.folder}").wait().failed().says(str(workspace.folder))


def test_whoever_reads_standard_output_may_have_enough(workspace, archived):
    archived(numbered(100_000))
    command = f"{binary()} replay events --lake {workspace.lake_path} --data-dir {workspace.data_dir} --to stdout | head -n 1; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=True)
    assert ended.stdout == numbered(1)[0].payload + b"\n0\n", ended.stderr


# === lakes ===

def test_a_lake_without_events_is_no_failure(workspace, archived):
    archived([])
    workspace.command("replay", "events", "--lake", workspace.folder, "--to", "stdout").failed().says("it has no collection `events`")
    archived(numbered(1))
    workspace.table().open().delete()
    replay(workspace, to="stdout").wait().succeeded().says("sent 0 events")
    assert "would send 0 events" in replay(workspace, "--dry-run").wait().succeeded().out


def test_what_a_crash_left_half_written_is_not_sent(kafka, workspace, archived):
    """The files of a commit that never was are there, and not in the log."""
    source, target = archived(numbered(30)), kafka.topic("copy", 3)
    kafka.produce(source, numbered(30))
    stored = pipeline(from_kafka(kafka, source, group=f"archive-{source}"), workspace.lake())
    assert workspace.run(stored, environment={"FAILPOINTS": "lake::before_log_entry=return"}).status == -signal.SIGABRT
    (workspace.table().path / "_delta_log" / "00000000000000000002.json.tmp").write_bytes(b'{"add":')
    replay(workspace, "--partition-keep", to=url(kafka, target)).wait().succeeded().says("sent 30 events")
    archive(workspace, kafka, source)
    replay(workspace, "--partition-keep", to=url(kafka, target)).wait().succeeded().says("sent 60 events")


DAMAGE = {
    "missing": lambda path, content: path.unlink(),
    "cut off": lambda path, content: path.write_bytes(content[: len(content) // 2]),
    "overwritten": lambda path, content: path.write_bytes(content[:100] + b"\xa5" * (len(content) // 2) + content[100 + len(content) // 2:]),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_named_and_once_it_is_back_the_replay_goes_on(kafka, workspace, damage):
    source, target = kafka.topic("orders", 3), kafka.topic("copy", 3)
    for part in range(3):
        kafka.produce(source, numbered(3000)[part * 1000:(part + 1) * 1000])
        archive(workspace, kafka, source)
    file = sorted(workspace.table().live_files())[1]
    content = file.read_bytes()
    damage(file, content)
    replay(workspace, "--partition-keep", to=url(kafka, target)).wait().failed().says(file.name, "put it back from a copy of the lake")
    file.write_bytes(content)
    replay(workspace, "--partition-keep", to=url(kafka, target)).wait().succeeded()
    audit(kafka, source, target)


def feature_of_tomorrow(log):
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["tomorrow"], "writerFeatures": ["tomorrow"]}
    (log / f"{len(list(log.glob('*.json'))):020}.json").write_text(json.dumps({"protocol": protocol}))


LOGS = {
    "newer than the program": (feature_of_tomorrow, "it uses the feature tomorrow"),
    "overwritten": (lambda log: newest(log).write_bytes(b"xxx"), "put the file back from a copy"),
    "cut off": (lambda log: newest(log).write_bytes(newest(log).read_bytes()[:-50]), "put the file back from a copy"),
    "with a hole": (lambda log: (log / f"{1:020}.json").unlink(), "is missing, and later entries are there"),
    "gone": (lambda log: [entry.unlink() for entry in log.glob("*")], "its log is empty"),
}


def newest(log):
    return max(log.glob("*.json"))


@pytest.mark.parametrize("harm,says", LOGS.values(), ids=LOGS)
def test_a_log_that_cannot_be_read_is_refused_before_anything_is_sent(kafka, workspace, archived, harm, says):
    source, target = archived(numbered(30)), kafka.topic("copy", 3)
    for _ in range(2):
        kafka.produce(source, numbered(30))
        archive(workspace, kafka, source)
    harm(workspace.table().path / "_delta_log")
    replay(workspace, to=url(kafka, target)).wait().failed().says(says)
    replay(workspace, "--dry-run").wait().failed().says(says)
    assert count_of(kafka, target) == 0
