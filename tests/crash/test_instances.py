"""Two instances in one group: killed and back, frozen past the session time-out and woken, joined and left under load."""

import time

from crash.scene import PARTITIONS
from harness.waiting import wait_until


def test_a_killed_instance_comes_back_beside_another(scene):
    scene.load()
    first, second = scene.start(), scene.start()
    scene.grows(first, rows=2000)
    for _ in range(3):
        second.kill()
        second = scene.start()
        scene.grows(second, rows=2000)
    scene.catch_up(first, second)
    scene.audit()


def test_instances_that_come_and_go_hand_over_without_gap_or_repeat(scene):
    scene.load()
    first = scene.start()
    scene.grows(first, rows=1000)
    for _ in range(3):
        second = scene.start()
        wait_until("both hold partitions", lambda: holders(scene) >= 2)
        scene.grows(first, rows=1000)
        second.stop().succeeded()
        scene.grows(first, rows=1000)
    scene.catch_up(first)
    scene.audit()


def test_a_zombie_that_wakes_with_a_commit_in_its_hands_is_fenced(scene):
    """The instance is frozen between its data file and its log entry, for longer than the session: the other takes over what it
    holds, commits further, and then the first goes on with the commit that it was about to make."""
    scene.load()
    zombie = scene.start(failpoints="lake::before_log_entry=5*off->1*sleep(8000)->off")
    wait_until("the zombie sleeps with a data file that no log entry names", lambda: orphans_that_stay(scene))
    zombie.freeze()
    before = positions(scene)
    heir = scene.start()
    # Before that, what the zombie holds is still as it left it, and its commit would be as good as any.
    heir.wait_until("the heir has committed to every partition", lambda: moved(before, positions(scene)) == PARTITIONS)
    zombie.thaw()
    scene.grows(heir, rows=3000)
    scene.catch_up(zombie, heir)
    zombie.says("fenced")
    scene.audit()


def test_a_zombie_that_wakes_with_records_in_its_queues_stores_none_twice(scene):
    scene.load()
    zombie = scene.start()
    scene.grows(zombie, rows=1000)
    zombie.freeze()
    heir = scene.start()
    scene.grows(heir, rows=3000)
    zombie.thaw()
    scene.grows(heir, rows=3000)
    scene.catch_up(zombie, heir)
    scene.audit()


def holders(scene) -> int:
    return scene.kafka.holders(scene.group)


def positions(scene) -> dict[str, int]:
    """How far each partition is in the table."""
    return {app_id: moves[-1] for app_id, moves in scene.workspace.table().positions().items()}


def moved(before: dict[str, int], after: dict[str, int]) -> int:
    return sum(1 for app_id, at in after.items() if at > before.get(app_id, -1))


def orphans_that_stay(scene) -> bool:
    """Data files on disk that the log does not name, and not just for the moment that every commit takes."""
    found = orphans(scene)
    time.sleep(1 if found else 0)
    return bool(found & orphans(scene))


def orphans(scene) -> set:
    table = scene.workspace.table()
    return set(table.path.glob("date=*/*.parquet")) - set(table.live_files())
