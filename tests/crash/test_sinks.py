"""Two sinks under one source: each is behind or ahead of the other at a crash, and each must end whole."""

from collections import defaultdict

from crash.scene import Scene


def two_lakes(scene: Scene) -> list[dict]:
    """The second commits ten times as seldom, so that the sinks stand at different positions whenever the process dies."""
    return [scene.workspace.lake(), {**scene.workspace.lake("slow"), "name": "slow", "commit_interval": "2s"}]


def test_two_lakes_that_stand_at_different_positions_both_end_exact(scene):
    scene.load()
    for _ in range(4):
        process = scene.start(scene.pipeline(two_lakes(scene)))
        scene.grows(process, rows=1500)
        process.kill()
    scene.catch_up(scene.start(scene.pipeline(two_lakes(scene))), collections=("events", "slow"))
    scene.audit("events")
    scene.audit("slow")


def test_a_crash_between_the_commits_of_two_lakes_leaves_both_exact(scene):
    scene.load()
    for hit in (2, 3, 6, 7):
        process = scene.start(scene.pipeline(two_lakes(scene)), failpoints=f"lake::after_log_entry={hit}*off->return")
        process.popen.wait(60)
    scene.catch_up(scene.start(scene.pipeline(two_lakes(scene))), collections=("events", "slow"))
    scene.audit("events")
    scene.audit("slow")


def test_a_second_lake_added_later_gets_everything_that_the_group_had_not_committed(scene):
    """A new sink counts with the last upstream commit: the old one is ahead of nothing and doubles nothing."""
    scene.load()
    process = scene.start()
    scene.grows(process, rows=1500)
    process.kill()
    scene.catch_up(scene.start(scene.pipeline(two_lakes(scene))))
    scene.audit("events")
    rows = scene.workspace.table("slow").rows(["_partition", "_position"])
    assert consecutive(rows), "the second lake has a gap or a repeat"


def consecutive(rows: list[dict]) -> bool:
    positions = defaultdict(list)
    for row in rows:
        positions[row["_partition"]].append(row["_position"])
    return bool(positions) and all(list(range(found[0], found[-1] + 1)) == found for found in positions.values())


def test_a_topic_beside_the_lake_repeats_at_most_what_was_not_committed_and_loses_nothing(scene):
    copy = scene.kafka.topic("copy", 4)
    sinks = [scene.workspace.lake(), {"type": "kafka", "brokers": scene.kafka.address, "topic": copy, "partition": "${partition}"}]
    scene.load(rate=800)
    for _ in range(3):
        process = scene.start(scene.pipeline(sinks))
        scene.grows(process, rows=1500)
        process.kill()
    scene.catch_up(scene.start(scene.pipeline(sinks)))
    scene.audit()
    firsts = first_occurrences(scene.kafka.consume(copy, seconds=60))
    assert firsts == {partition: list(range(count)) for partition, count in scene.loads[0].sent.items()}


def first_occurrences(messages) -> dict[int, list[int]]:
    """Each partition's sequences in the order of their first arrival: whole, and in order but for repeats."""
    seen, firsts = set(), defaultdict(list)
    for message in messages:
        sequence = int(dict(message.headers)["sequence"])
        if (message.partition, sequence) not in seen:
            seen.add((message.partition, sequence))
            firsts[message.partition].append(sequence)
    return dict(firsts)
