"""A lake and objects in a bucket whose server fails, slows down, hangs up, and does what it was asked without saying so."""

import random
import time
from collections import Counter

import pytest

from faults.queueing import Queueing
from faults.weather import Harm, on_the_way, storm
from harness.bucket import BucketWorkspace
from harness.kafka import Message
from harness.pipelines import following, pipeline, to_file
from services.fault_gateway import LOST_REPLY, RESET, FaultGateway

SLOW_DOWN = b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
INTERNAL = b'<?xml version="1.0"?><Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>'
FAULTS = [(500, INTERNAL), (503, SLOW_DOWN), RESET, LOST_REPLY]
SHARE = 0.15
ROWS = 6000
KILLS = 4


@pytest.mark.timeout(0)
def test_a_store_that_answers_badly_loses_and_doubles_nothing(kafka, s3, tmp_path, scene_of, seeds):
    for seed in seeds:
        dice, met = random.Random(seed), Counter()
        with FaultGateway(s3.address, now_and_then(dice, met)) as gateway:
            with scene_of(kafka, seed, bucket(tmp_path, s3, seed).by(gateway.address)) as scene:
                scene.load()
                process = scene.start()
                scene.grows(process, rows=ROWS)
                process.wait_until("faults of four kinds were met", lambda: len(met) >= 4)
                scene.catch_up(process)
        assert len(met) >= 4, f"little has happened: {met}"
        print(f"seed {seed}: {dict(met)}", flush=True)


@pytest.mark.timeout(0)
def test_a_way_to_the_store_under_weather_loses_and_doubles_nothing(kafka, s3, tmp_path, toxiproxy, scene_of, seeds):
    proxy = toxiproxy.proxy(s3.address)
    for seed in seeds:
        with scene_of(kafka, seed, bucket(tmp_path, s3, seed).by(proxy.address)) as scene:
            scene.load()
            process = scene.start()
            scene.grows(process)
            storm(on_the_way(proxy), scene.random, lambda: scene.grows(process))
            scene.catch_up(process)


@pytest.mark.timeout(0)
def test_rabbitmq_to_a_bucket_under_weather_and_kills_loses_nothing_and_doubles_only_what_is_marked(rabbitmq, s3, tmp_path, toxiproxy, seeds):
    """What is acknowledged is in the hot log alone until the store has it."""
    proxy = toxiproxy.proxy(s3.address)
    for seed in seeds:
        dice = random.Random(seed)
        workspace = bucket(tmp_path, s3, seed).by(proxy.address)
        try:
            load = Queueing(rabbitmq, workspace)
            load.start()
            load.grows()
            killed = Harm("the process is killed", lambda: load.process.kill(), load.start)
            storm([*on_the_way(proxy), *[killed] * KILLS], dice, load.grows)
            load.end()
            print(f"seed {seed}: {load.audit()}", flush=True)
            load.forget()
        finally:
            workspace.end()


@pytest.mark.timeout(0)
def test_objects_put_and_read_under_bad_answers_and_kills_have_each_record_once(kafka, s3, tmp_path, seeds):
    for seed in seeds:
        dice, met = random.Random(seed), Counter()
        workspace, topic, sent = bucket(tmp_path, s3, seed), kafka.topic(partitions=2), []
        objects = {"type": "s3", "url": f"s3://{workspace.bucket}/objects"}
        source, sink = following(kafka, topic), {**objects, "every": "300ms"}
        try:
            with FaultGateway(s3.address, now_and_then(dice, met)) as gateway:
                workspace.by(gateway.address)
                for _ in range(KILLS):
                    process = workspace.start_run(pipeline(source, sink, checkpoint_interval="100ms", name="there"))
                    for _ in range(dice.randint(2, 6)):
                        new = [b"%d" % number for number in range(len(sent), len(sent) + 300)]
                        kafka.produce(topic, [Message(line, partition=number % 2) for number, line in enumerate(new)])
                        sent += new
                        time.sleep(dice.uniform(0.1, 0.5))
                    process.kill()
                workspace.run(pipeline({**source, "until": "end"}, sink, name="there")).succeeded()
                workspace.run(pipeline(objects, to_file("back"), name="back")).succeeded()
            back = (workspace.folder / "back").read_bytes().splitlines()
            assert Counter(back) == Counter(sent)
            print(f"seed {seed}: {len(sent)} records once each, {dict(met)}", flush=True)
        finally:
            workspace.end()


def now_and_then(dice: random.Random, met: Counter):
    """A bad answer to some requests, noted in `met`."""
    def fault(method: str, path: str, headers: dict):
        if dice.random() > SHARE:
            return None
        chosen = dice.choice(FAULTS)
        met[f"{method} {chosen if isinstance(chosen, str) else chosen[0]}"] += 1
        return chosen
    return fault


def bucket(tmp_path, s3, seed: int) -> BucketWorkspace:
    folder = tmp_path / f"bucket-{seed}"
    folder.mkdir()
    return BucketWorkspace(folder, s3)
