"""Ctrl-C: once drains and commits, twice stops at once; neither loses or doubles anything."""

import time

from harness.kafka import Kafka
from harness.pipelines import following, pipeline

ORDERS = [b'{"id":%d}' % number for number in range(5000)]


def test_ctrl_c_drains_commits_and_ends_well(kafka, workspace):
    """What was read is stored by the drain, although the next commit was far away."""
    topic = kafka.topic(partitions=2)
    kafka.produce(topic, ORDERS)
    source = following(kafka, topic)
    process = workspace.start_run(pipeline(source, workspace.lake(commit_interval="1h")))
    process.wait_until("the group has a member", lambda: any(kafka.members(source["group"]).values()))
    kafka.produce(topic, ORDERS)
    process.stop().succeeded()
    stored = workspace.table().count()
    assert sum(kafka.committed(source["group"], topic).values()) == stored > 0


def test_after_ctrl_c_the_next_run_goes_on_where_the_last_ended(kafka, workspace):
    topic = kafka.topic()
    through = pipeline(following(kafka, topic), workspace.lake())
    for part in (ORDERS[:2000], ORDERS[2000:]):
        kafka.produce(topic, part)
        before = workspace.table().count()
        process = workspace.start_run(through)
        process.wait_until("some is stored", lambda: workspace.table().count() > before)
        process.stop().succeeded()
    process = workspace.start_run(through)
    process.wait_until("all is stored", lambda: workspace.table().count() >= len(ORDERS))
    process.stop().succeeded()
    assert workspace.table().payloads() == ORDERS


def test_a_clean_stop_hands_the_partitions_over_in_about_two_seconds(kafka, workspace):
    topic = kafka.topic(partitions=2)
    source = following(kafka, topic)
    process = workspace.start_run(pipeline(source, workspace.lake()))
    process.wait_until("each of the two tasks holds its partition", lambda: kafka.holders(source["group"]) == 2)
    kafka.produce(topic, ORDERS[:10])
    process.wait_until("records flow", lambda: workspace.table().count() == 10)
    started = time.monotonic()
    process.stop().succeeded()
    assert not kafka.members(source["group"]), "a static member that left without saying so keeps its partitions for the session time-out"
    assert time.monotonic() - started < 5


def test_a_second_ctrl_c_stops_at_once_and_loses_nothing(workspace, own_broker):
    """The drain hangs, because the broker is gone in the middle of it."""
    kafka = Kafka(own_broker.address)
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    through = pipeline(following(kafka, topic), workspace.lake())
    process = workspace.start_run(through)
    process.wait_until("records are stored", lambda: workspace.table().count() > 0)
    own_broker.kill()
    process.interrupt()
    time.sleep(0.5)
    started = time.monotonic()
    if process.running:
        finished = process.interrupt().wait(5)
        assert finished.status != 0, "an end without a drain is no success"
    assert time.monotonic() - started < 3
    own_broker.start()
    process = workspace.start_run(through)
    process.wait_until("all is stored", lambda: workspace.table().count() >= len(ORDERS))
    process.stop().succeeded()
    assert workspace.table().payloads() == ORDERS


def test_ctrl_c_before_anything_was_read_ends_well(kafka, workspace):
    process = workspace.start_run(pipeline(following(kafka, kafka.topic()), workspace.lake()))
    process.wait_until("it has said something", lambda: process.err)
    process.stop(20).succeeded()
