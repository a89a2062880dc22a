"""Consumer groups: identity, hand-over, resets and recreated topics, seen from outside by the group's own description."""

import time

from confluent_kafka import TopicPartition

from harness.pipelines import following, from_kafka, pipeline, to_file
from harness.waiting import wait_until

ORDERS = [b'{"id":%d}' % number for number in range(1000)]


def start_storing(kafka, workspace, topic: str, **source):
    """An instance that has stored what is in the topic."""
    through = pipeline(following(kafka, topic, **source), workspace.lake())
    process = workspace.start_run(through)
    total = sum(kafka.end_offsets(topic).values())
    process.wait_until("what is in the topic is stored", lambda: workspace.table().count() >= total)
    return through, process


def test_a_killed_instance_gets_its_partitions_back_at_once(kafka, workspace):
    """A static member comes back under its name: no session time-out of 10 s is waited for."""
    topic = kafka.topic(partitions=2)
    kafka.produce(topic, ORDERS)
    through, process = start_storing(kafka, workspace, topic)
    process.wait_until("each of the two tasks holds its partition", lambda: kafka.holders(through["source"]["group"]) == 2)
    process.kill()
    kafka.produce(topic, ORDERS)
    started = time.monotonic()
    process = workspace.start_run(through)
    process.wait_until("the rest is stored", lambda: workspace.table().count() >= 2 * len(ORDERS))
    assert time.monotonic() - started < 6
    process.stop().succeeded()
    assert workspace.table().count() == 2 * len(ORDERS)


def test_two_instances_share_the_partitions_and_store_each_record_once(kafka, workspace):
    topic = kafka.topic(partitions=4)
    kafka.produce(topic, ORDERS)
    through, first = start_storing(kafka, workspace, topic)
    second = workspace.start_run(through)
    group = through["source"]["group"]
    wait_until("the second has joined", lambda: len(instances(kafka, group)) == 2)
    kafka.produce(topic, ORDERS)
    first.wait_until("the rest is stored", lambda: workspace.table().count() >= 2 * len(ORDERS))
    for process in (first, second):
        process.stop().succeeded()
    assert workspace.table().count() == 2 * len(ORDERS)
    assert sum(kafka.committed(group, topic).values()) == 2 * len(ORDERS)


def instances(kafka, group: str) -> set[str]:
    """The processes behind the members that hold something. Tasks of one process share all of the instance id but its end."""
    description = kafka.admin.describe_consumer_groups([group])[group].result(10)
    holding = [member for member in description.members if member.assignment.topic_partitions]
    return {(member.group_instance_id or member.member_id).rpartition("-")[0] for member in holding}


def test_an_instance_that_stops_leaves_its_partitions_to_the_other_within_seconds(kafka, workspace):
    topic = kafka.topic(partitions=4)
    kafka.produce(topic, ORDERS)
    through, first = start_storing(kafka, workspace, topic)
    second = workspace.start_run(through)
    group = through["source"]["group"]
    wait_until("the second has joined", lambda: len(instances(kafka, group)) == 2)
    first.stop().succeeded()
    started = time.monotonic()
    kafka.produce(topic, ORDERS)
    second.wait_until("the other stores everything", lambda: workspace.table().count() >= 2 * len(ORDERS))
    assert time.monotonic() - started < 8
    second.stop().succeeded()
    assert workspace.table().count() == 2 * len(ORDERS)


def test_a_group_that_an_operator_set_back_repeats_nothing_and_says_so(kafka, workspace):
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    through = pipeline(from_kafka(kafka, topic), workspace.lake())
    workspace.run(through).succeeded()
    kafka.reset(through["source"]["group"], topic, {0: 0})
    finished = workspace.run(through).succeeded()
    assert workspace.table().count() == len(ORDERS)
    finished.says("WARN", topic)


def test_a_group_whose_offsets_are_lost_goes_on_at_the_tables_positions(kafka, workspace):
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    through = pipeline(from_kafka(kafka, topic), workspace.lake())
    workspace.run(through).succeeded()
    kafka.admin.delete_consumer_groups([through["source"]["group"]])[through["source"]["group"]].result(10)
    kafka.produce(topic, [b"new"])
    workspace.run(through).succeeded()
    assert workspace.table().payloads() == [*ORDERS, b"new"]


def test_a_group_that_was_set_past_the_end_is_refused_with_the_way_out(kafka, workspace):
    """To go on anywhere else would be a guess that loses or doubles."""
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    through = pipeline(from_kafka(kafka, topic), to_file("out.txt"))
    group = through["source"]["group"]
    workspace.run(through).succeeded()
    kafka.reset(group, topic, {0: 5000})
    workspace.run(through).failed().says("5000", topic, "past the end", "1000", group)
    assert kafka.committed(group, topic) == {0: 5000}
    kafka.reset(group, topic, {0: len(ORDERS)})
    kafka.produce(topic, [b"new"])
    workspace.run(through).succeeded()
    assert (workspace.folder / "out.txt").read_bytes().splitlines() == [*ORDERS, b"new"]


def test_a_recreated_topic_is_read_from_its_start(kafka, workspace):
    """The new topic is longer than the old one was, so that its old position exists in it too."""
    topic = kafka.topic()
    kafka.produce(topic, ORDERS[:100])
    through = pipeline(from_kafka(kafka, topic), workspace.lake())
    workspace.run(through).succeeded()
    kafka.delete(topic)
    kafka.create(topic)
    kafka.produce(topic, ORDERS[500:900])
    workspace.run(through).succeeded()
    assert sorted(workspace.table().payloads()) == sorted(ORDERS[:100] + ORDERS[500:900])


def test_records_that_retention_took_away_are_told_and_the_rest_is_read(kafka, workspace):
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    through = pipeline(from_kafka(kafka, topic), workspace.lake())
    workspace.run(through).succeeded()
    kafka.produce(topic, ORDERS)
    for future in kafka.admin.delete_records([TopicPartition(topic, 0, 1500)]).values():
        future.result(10)
    finished = workspace.run(through)
    finished.says("retention", topic, "500")
    if finished.status == 0:
        assert workspace.table().payloads() == ORDERS + ORDERS[500:]


def test_one_topic_is_not_captured_twice_into_one_collection(kafka, workspace):
    """Two groups into one collection would double every record: refused unless allowed."""
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    workspace.run(pipeline(from_kafka(kafka, topic), workspace.lake(), name="one")).succeeded()
    finished = workspace.run(pipeline(from_kafka(kafka, topic), workspace.lake(), name="two")).failed()
    finished.says(topic)
    assert workspace.table().count() == len(ORDERS)
