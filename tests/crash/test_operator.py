"""What operators do to a running system: topics deleted and made again, groups reset, brokers restarted."""

import time
from collections import defaultdict

from harness.waiting import holds_for, wait_until


def test_a_topic_deleted_and_recreated_is_read_from_its_new_start(scene):
    first_load = scene.load()
    process = scene.start()
    scene.grows(process, rows=2000)
    first_load.stop()
    process.wait_until("the first incarnation is stored", lambda: scene.stored() >= scene.total)
    scene.kafka.delete(scene.topic)
    scene.kafka.create(scene.topic, 4)
    scene.load()
    scene.catch_up(process)
    scene.audit()


def test_a_topic_recreated_while_nobody_looked_is_read_from_its_new_start(scene):
    """The new topic is already longer than the old position: the broker alone would let the reader go on in the middle."""
    first_load = scene.load()
    process = scene.start()
    scene.grows(process, rows=2000)
    first_load.stop()
    process.wait_until("the first incarnation is stored", lambda: scene.stored() >= scene.total)
    process.stop().succeeded()
    scene.kafka.delete(scene.topic)
    scene.kafka.create(scene.topic, 4)
    second_load = scene.load(rate=5000)
    wait_until_longer(first_load, second_load)
    scene.catch_up(scene.start())
    scene.audit()


LIVES = 40


def test_a_topic_recreated_again_and_again_never_mixes_its_lives(scene):
    """Deleted and made anew under a reader that is busy, and longer each time than what was read: the broker alone would let the reader go
    on in the middle, and take a commit. What the lake holds under one topic id is of one life, at its own offsets."""
    topic = scene.kafka.topic("lives")
    process = scene.start(scene.pipeline(topics=[topic]))
    for life in range(LIVES):
        if life > 0:
            scene.kafka.delete(topic)
            scene.kafka.create(topic)
        scene.kafka.produce(topic, [b"%d/%d" % (life, number) for number in range((life + 1) * 20)])
        time.sleep(scene.random.choice((0, 0, 0.05, 0.3)))
    last = [b"%d/%d" % (LIVES - 1, number) for number in range(LIVES * 20)]
    process.wait_until("the last life is stored whole", lambda: lives(scene).get(LIVES - 1, []) == last, seconds=60)
    process.stop().succeeded()
    assert len(lives(scene)) > 3, "the pipeline saw too few lives for this to prove anything"


def lives(scene) -> dict[int, list[bytes]]:
    """What is stored of each life, which must be a beginning of it under an id of its own."""
    by_id = defaultdict(list)
    for row in scene.workspace.table().rows(["_id", "_payload", "_stream", "_partition", "_position", "_index"]):
        by_id[row["_id"].split("/")[1]].append((row["_position"], row["_payload"]))
    stored = {}
    for incarnation, rows in by_id.items():
        life = int(rows[0][1].split(b"/")[0])
        beginning = [(number, b"%d/%d" % (life, number)) for number in range(len(rows))]
        assert rows == beginning, f"under topic id {incarnation} stands {rows[:3]} to {rows[-3:]}"
        assert life not in stored, f"life {life} stands under two topic ids"
        stored[life] = [payload for _, payload in rows]
    return stored


def wait_until_longer(first, second) -> None:
    wait_until("the second incarnation is longer in each partition", lambda: all(second.sent[part] > first.sent[part] + 100 for part in second.sent))


def test_a_group_reset_to_the_start_repeats_nothing(scene):
    """The table's positions win over the group's, with a warning."""
    process = reset_group(scene, to_start=True)
    scene.catch_up(process)
    process.says("warn")
    scene.audit()


def test_a_group_reset_forward_skips_nothing(scene):
    process = reset_group(scene, forward=500)
    scene.catch_up(process)
    scene.audit()


def reset_group(scene, to_start: bool = False, forward: int = 0):
    scene.load()
    process = scene.start()
    scene.grows(process, rows=3000)
    process.stop().succeeded()
    committed = scene.kafka.committed(scene.group, scene.topic)
    wait_until("there is more to read behind the new offsets", lambda: all(scene.loads[0].sent[part] > committed[part] + forward for part in committed))
    scene.kafka.reset(scene.group, scene.topic, {part: 0 if to_start else offset + forward for part, offset in committed.items()})
    return scene.start()


def test_a_pause_of_the_load_changes_nothing(scene):
    load = scene.load()
    process = scene.start()
    scene.grows(process, rows=1000)
    load.stop()
    process.wait_until("all is stored", lambda: scene.stored() >= scene.total)
    holds_for("nothing is stored twice", lambda: scene.stored() == scene.total, seconds=3)
    scene.catch_up(process)
    scene.audit()
