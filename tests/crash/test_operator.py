"""What operators do to a running system: topics deleted and made again, groups reset, brokers restarted."""

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
