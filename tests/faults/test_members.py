"""A storm of rebalances: instances join, leave and die as fast as they can, under load."""

import time

import pytest

INSTANCES_MAX = 3
CHANGES = 12


@pytest.mark.timeout(0)
def test_a_rebalance_storm_loses_and_doubles_nothing(kafka, scene_of, seeds):
    for seed in seeds:
        with scene_of(kafka, seed) as scene:
            scene.load()
            members = [scene.start()]
            scene.grows(members[0])
            for _ in range(CHANGES):
                change(scene, members)
                time.sleep(scene.random.uniform(0, 1.5))
            scene.catch_up(*members)


def change(scene, members: list) -> None:
    """One joins, or one leaves, in order or not. One is always there."""
    if len(members) < 2 or (len(members) < INSTANCES_MAX and scene.random.random() < 0.5):
        members.append(scene.start())
        return
    leaving = members.pop(scene.random.randrange(len(members)))
    if scene.random.random() < 0.5:
        leaving.kill()
    else:
        leaving.stop().succeeded()
