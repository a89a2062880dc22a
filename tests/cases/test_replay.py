"""Replay: the originals come back, exactly those that were asked for, from where it was left, at the pace that was asked for."""

import re
import signal
import time
from collections import Counter

from harness.http import Reply, Server
from harness.kafka import Kafka, Message
from harness.pipelines import following, pipeline, to_kafka
from harness.replays import START_MS, archive, audit, count_of, numbered, numbers, replay, same, url

ODDITIES = [
    Message(b'{"n":0,"event":"paid"}', b"k0", [("b", b"1"), ("a", None), ("b", b""), ("", b"2")], START_MS, 0),
    Message(b'{"n": 1.50 }\n', None, [], START_MS + 5, 1),
    Message(b"", b"", [], START_MS + 1, 0),
    Message(None, b"gone", [("why", b"\xff\x00")], START_MS + 2, 0),
    Message(b"\xff\xfe not json", b"\x00", [], START_MS + 3, 1),
    Message(b'{"n":5,"event":"created"}', b"k5", [], START_MS + 4, 0),
]


# === the original ===

def test_what_comes_back_is_the_original_in_its_order(kafka, workspace, archived):
    source, target = archived(ODDITIES, 2), kafka.topic("copy", 2)
    replay(workspace, "--partition-keep", to=url(kafka, target)).wait().succeeded().says("sent 6 events")
    assert [same(message) for message in kafka.consume(target)] == [same(message) for message in kafka.consume(source)]


def test_topic_and_partition_are_kept_or_chosen(kafka, workspace, archived):
    source = archived(numbered(30))
    kafka.create(f"copy-of-{source}", 3)
    replay(workspace, to=url(kafka, "copy-of-${stream}") + "?partition=2&compression=zstd").wait().succeeded()
    assert {message.partition for message in kafka.consume(f"copy-of-{source}")} == {2}


def test_provenance_says_where_the_original_stood(kafka, workspace, archived):
    source, target = archived(numbered(3)), kafka.topic("copy", 1)
    replay(workspace, "--provenance", "--name", "again", to=url(kafka, target)).wait().succeeded()
    said = {tuple(message.headers) for message in kafka.consume(target)}
    assert said == {tuple([("catchwater-replay", b"again"), ("catchwater-stream", source.encode()), ("catchwater-partition", b"%d" % n),
                           ("catchwater-position", b"0")]) for n in range(3)}


# === a part ===

def test_only_what_is_asked_for_is_sent(kafka, workspace, archived):
    archived(numbered(1000, step_ms=1000))
    since, until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START_MS / 1000 + 100)), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START_MS / 1000 + 500))

    def sent(*arguments) -> list[int]:
        target = kafka.topic("copy", 1)
        replay(workspace, *arguments, to=url(kafka, target)).wait().succeeded()
        return numbers(kafka.consume(target))
    assert sent("--query", "kind:k7") == list(range(7, 1000, 100))
    assert sent("--since", since, "--until", until) == list(range(100, 500))
    assert sent("--query", "kind:k7 OR kind:k8", "--since", since, "--until", until) == [n for n in range(100, 500) if n % 100 in (7, 8)]
    assert sent("--last", "50") == list(range(950, 1000))
    assert sent("--limit", "50") == list(range(50))
    assert sent("--partitions", "1", "--limit", "3") == [1, 4, 7]
    assert sent("--positions", "2:10..12") == [32, 35]
    assert sent("--query", "nothing:here") == []


def test_what_cannot_match_is_not_read(kafka, workspace):
    source = kafka.topic("orders", 3)
    for part in range(3):
        kafka.produce(source, numbered(3000)[part * 1000:(part + 1) * 1000])
        archive(workspace, kafka, source)
    finished = replay(workspace, "--query", "n:[1000 TO 1009]", to="stdout").wait().succeeded()
    finished.says("sent 10 events", "990 of 1,000 rows of the files that were read")
    ruled_out, files = map(int, re.search(r"since nothing in them can match: (\d+) of (\d+) files", finished.err).groups())
    assert 2 <= ruled_out < files == len(workspace.table().live_files()), "only files of the second part are read"


def test_a_dry_run_counts_shows_samples_and_contacts_nobody(workspace, archived):
    archived(numbered(1000))
    finished = replay(workspace, "--query", "kind:k7", "--dry-run", to="kafka://127.0.0.1:1/nowhere").wait().succeeded()
    assert "would send 10 events to kafka://127.0.0.1:1/nowhere" in finished.out
    # Which of the ten are shown depends on how the capture was cut into files.
    assert finished.out.count('"kind":"k7"') == 5, finished.out
    assert "would send 1,000 events" in (everything := replay(workspace, "--dry-run").wait().succeeded().out)
    assert "read 0 of" in everything, "the log tells how many there are"


def test_a_file_and_standard_output_hold_the_payloads(workspace, archived):
    archived(numbered(20))
    replay(workspace, to="file:fixture.ndjson").wait().succeeded()
    lines = (workspace.folder / "fixture.ndjson").read_bytes().splitlines()
    assert lines == [message.payload for message in numbered(20)]
    assert replay(workspace, to="stdout").wait().succeeded().out.encode().splitlines() == lines
    assert replay(workspace, to="stdout").wait().succeeded().out.encode().splitlines() == lines, "it is never gone on with"


def test_a_server_gets_the_payloads_over_http_and_one_that_refuses_is_named(workspace, archived):
    archived(numbered(20))
    server = Server()
    try:
        replay(workspace, to=f"{server.url}/events?shop=1").wait().succeeded().says("sent 20 events")
        assert {request.path for request in server.received} == {"/events?shop=1"}
        got = [line for request in server.received for line in request.body.splitlines()]
        assert got == [message.payload for message in numbered(20)]
        server.reply = lambda request: Reply(status=401)
        replay(workspace, to=f"{server.url}/events?shop=2").wait().failed().says("401")
    finally:
        server.stop()


# === in time ===

def arrivals(kafka: Kafka, topic: str) -> list[float]:
    """When the broker stored each, in seconds after the first."""
    times = sorted(message.timestamp_ms for message in kafka.consume(topic))
    return [(moment - times[0]) / 1000 for moment in times]


def test_a_rate_is_kept_to_the_hundredth_part(kafka, workspace, archived):
    archived(numbered(3001))
    target = kafka.topic("paced", 1, message_timestamp_type="LogAppendTime")
    replay(workspace, "--rate", "500/s", to=url(kafka, target)).wait().succeeded().says("of 500/s asked")
    arrived = arrivals(kafka, target)
    assert len(arrived) == 3001 and abs(arrived[-1] - 6) < 0.06, arrived[-1]
    assert abs(arrived[1500] - 3) < 0.06, "evenly"


def test_the_original_cadence_is_kept_to_the_hundredth_part(kafka, workspace, archived):
    """Twelve seconds of events, of which every tenth is late by a second, and a pause of an hour in their midst."""
    cadence = [Message(b'{"n":%d}' % n, timestamp_ms=START_MS + n * 10 - 1000 * (n % 10 == 9) + 3_600_000 * (n >= 600), partition=n % 3) for n in range(1201)]
    archived(cadence)
    target = kafka.topic("paced", 1, message_timestamp_type="LogAppendTime")
    replay(workspace, "--speed", "2x", "--gap-max", "2s", to=url(kafka, target)).wait().succeeded().says("at 2x of the original cadence")
    arrived = arrivals(kafka, target)
    expected = (5.99 + 2 + 6.0) / 2
    assert len(arrived) == 1201 and abs(arrived[-1] - expected) < expected / 100, (arrived[-1], expected)


# === going on ===

def test_killed_in_the_middle_it_goes_on_without_a_gap(kafka, workspace, archived):
    source, target = archived(numbered(20_000)), kafka.topic("copy", 3)
    job = ["--partition-keep", "--rate", "5000/s"]
    running = replay(workspace, *job, to=url(kafka, target))
    running.wait_until("half is sent", lambda: count_of(kafka, target) > 8000)
    running.kill()
    finished = replay(workspace, *job, to=url(kafka, target)).wait().succeeded()
    finished.says("goes on with")
    again = [message for message, times in audit(kafka, source, target).items() if times > 1]
    assert len(again) < 10_000, "what was confirmed is not sent again"
    assert not (workspace.data_dir / "replays").exists() or not list((workspace.data_dir / "replays").glob("*.json")), "it is done and forgotten"
    replay(workspace, *job, "--limit", "1", to=url(kafka, target)).wait().succeeded()


def test_a_compaction_in_between_does_no_harm(kafka, workspace):
    source, target = kafka.topic("orders", 3), kafka.topic("copy", 3)
    for part in range(5):
        kafka.produce(source, numbered(20_000)[part * 4000:(part + 1) * 4000])
        archive(workspace, kafka, source)
    running = replay(workspace, "--partition-keep", "--rate", "5000/s", to=url(kafka, target))
    running.wait_until("some is sent", lambda: count_of(kafka, target) > 5000)
    running.kill()
    table = workspace.table().open()
    assert table.optimize.compact()["numFilesRemoved"] >= 5
    table.vacuum(0, enforce_retention_duration=False, dry_run=False)
    replay(workspace, "--partition-keep", "--rate", "5000/s", to=url(kafka, target)).wait().succeeded()
    audit(kafka, source, target)


def test_a_compaction_while_it_runs_does_no_harm(kafka, workspace):
    source, target = kafka.topic("orders", 3), kafka.topic("copy", 3)
    for part in range(5):
        kafka.produce(source, numbered(20_000)[part * 4000:(part + 1) * 4000])
        archive(workspace, kafka, source)
    running = replay(workspace, "--partition-keep", "--rate", "4000/s", to=url(kafka, target))
    running.wait_until("some is sent", lambda: count_of(kafka, target) > 2000)
    table = workspace.table().open()
    table.optimize.compact()
    table.vacuum(0, enforce_retention_duration=False, dry_run=False)
    running.wait().succeeded()
    assert set(audit(kafka, source, target).values()) == {1}


def test_interrupted_it_drains_and_says_how_to_go_on(kafka, workspace, archived):
    source, target = archived(numbered(5000)), kafka.topic("copy", 3)
    running = replay(workspace, "--partition-keep", "--rate", "1000/s", to=url(kafka, target))
    running.wait_until("some is sent", lambda: count_of(kafka, target) > 500)
    running.popen.send_signal(signal.SIGINT)
    assert running.wait().says("interrupted", "--restart begins anew").status == 1
    replay(workspace, "--partition-keep", to=url(kafka, target)).wait().succeeded().says("goes on with")
    assert set(audit(kafka, source, target).values()) == {1}, "what was drained is not sent again, and the pace may change"
    replay(workspace, "--partition-keep", "--restart", to=url(kafka, target)).wait().succeeded()
    assert set(audit(kafka, source, target).values()) == {2}


def test_one_that_follows_goes_on_with_what_is_captured(kafka, workspace, archived):
    source, target = archived(numbered(100)), kafka.topic("copy", 3)
    running = replay(workspace, "--follow", "--partition-keep", to=url(kafka, target))
    running.wait_until("all is sent", lambda: count_of(kafka, target) == 100)
    kafka.produce(source, numbered(200)[100:])
    archive(workspace, kafka, source)
    running.wait_until("the new ones are sent", lambda: count_of(kafka, target) == 200)
    running.popen.send_signal(signal.SIGINT)
    assert running.wait().status == 1
    assert set(audit(kafka, source, target).values()) == {1}


def test_one_that_loops_sends_all_so_many_times(kafka, workspace, archived):
    archived(numbered(50))
    target = kafka.topic("copy", 1)
    replay(workspace, "--loop", "3", to=url(kafka, target)).wait().succeeded().says("sent 150 events")
    assert numbers(kafka.consume(target)) == list(range(50)) * 3


# === loops ===

def test_the_topic_that_feeds_the_collection_is_refused_unless_asked_for(kafka, workspace, archived):
    source = archived(numbered(10))
    replay(workspace, to=url(kafka)).wait().failed().says("would come round to it without end", "allow_loop")
    replay(workspace, to=url(kafka, source)).wait().failed().says(source)
    assert count_of(kafka, source) == 10
    replay(workspace, "--allow-loop", to=url(kafka, source)).wait().succeeded()
    assert count_of(kafka, source) == 20
    archive(workspace, kafka, source)
    assert Counter(row["_replay"] is None for row in workspace.table().rows(["_replay"])) == {True: 10, False: 10}
    target = kafka.topic("copy", 3)
    replay(workspace, to=url(kafka, target)).wait().succeeded().says("sent 10 events", "10 that a replay had sent before")
    replay(workspace, "--replayed", to=url(kafka, target)).wait().succeeded().says("sent 20 events")


def test_a_pipeline_into_its_own_topic_is_refused(kafka, workspace):
    topic = kafka.topic()
    kafka.produce(topic, [b"{}"])
    workspace.run(pipeline(following(kafka, topic), to_kafka(kafka, topic))).failed().says("would come round to it without end")
    assert count_of(kafka, topic) == 1


# === in company ===

def test_a_named_destination_masks_and_sends(kafka, workspace, archived):
    archived(numbered(10))
    target = kafka.topic("staging", 1)
    workspace.write("destinations/staging.yaml", {"destination": "staging", "type": "kafka", "brokers": kafka.address, "topic": target,
                                                   "transforms": [{"type": "headers", "set": {"env": "staging"}}]})
    workspace.command("check", "destinations").succeeded()
    replay(workspace, "--destinations", "destinations", to="staging").wait().succeeded()
    assert {tuple(message.headers) for message in kafka.consume(target)} == {(("env", b"staging"),)}
    replay(workspace, "--destinations", "destinations", to="stagign").wait().failed().says("did you mean `staging`?")
    workspace.write("destinations/bad.yaml", {"destination": "bad", "type": "kafka", "broker": "x", "topic": "t"})
    workspace.command("check", "destinations").failed().says("did you mean `brokers`?")


def test_as_a_pipeline_it_sends_what_is_new_each_time(kafka, workspace, archived):
    source, target = archived(numbered(100)), kafka.topic("copy", 3)
    document = pipeline({"type": "replay", "path": str(workspace.lake_path), "collection": "events", "query": "n:>9"}, to_kafka(kafka, target))
    workspace.run(document).succeeded()
    assert count_of(kafka, target) == 90
    workspace.run(document).succeeded()
    assert count_of(kafka, target) == 90
    kafka.produce(source, numbered(150)[100:])
    archive(workspace, kafka, source)
    workspace.run(document).succeeded()
    assert sorted(numbers(kafka.consume(target))) == list(range(10, 150))
