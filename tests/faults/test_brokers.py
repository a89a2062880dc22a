"""Brokers that go and come back, and ways to them that are cut, slow or held, under load."""

import random
import time

import pytest

from faults.queueing import Queueing
from faults.weather import Harm, on_the_server, on_the_way, storm
from harness.kafka import Kafka
from harness.rabbitmq import RabbitMQ
from harness.workspace import Workspace
from services.kafka import Broker


# A broker that is killed within two or three seconds after a quorum queue was declared finds it without its log, and then it has
# no leader ever again: RabbitMQ 3.10 keeps the names of logs in memory for so long.
SETTLED_SECONDS = 5


@pytest.fixture
def proxied_kafka(tmp_path, toxiproxy):
    """A broker, and a proxy that its clients stay behind."""
    broker = Broker(tmp_path / "kafka")
    proxy = toxiproxy.proxy(broker.proxied_address)
    broker.behind(proxy.address).start()
    yield broker, proxy
    broker.kill()


@pytest.mark.timeout(0)
def test_kafka_to_lake_loses_and_doubles_nothing(proxied_kafka, scene_of, seeds):
    broker, proxy = proxied_kafka
    for seed in seeds:
        with scene_of(Kafka(broker.address), seed) as scene:
            scene.load(rate=500)
            process = scene.start(scene.pipeline(brokers=proxy.address))
            scene.grows(process)
            storm(on_the_way(proxy) + on_the_server(broker), scene.random, lambda: scene.grows(process))
            scene.catch_up(process)


@pytest.mark.timeout(0)
def test_rabbitmq_to_lake_loses_nothing_and_doubles_only_what_is_marked(own_rabbitmq, toxiproxy, tmp_path, seeds):
    rabbitmq, proxy = RabbitMQ(own_rabbitmq.url), toxiproxy.proxy(own_rabbitmq.address)
    by_proxy = own_rabbitmq.url.replace(own_rabbitmq.address, proxy.address)
    for seed in seeds:
        folder = tmp_path / f"leg-{seed}"
        folder.mkdir()
        workspace = Workspace(folder)
        try:
            dice = random.Random(seed)
            kind = dice.choice(["classic", "quorum"])
            load = Queueing(rabbitmq, workspace, by_proxy, **{"x-queue-type": kind})
            load.start()
            load.grows()
            time.sleep(SETTLED_SECONDS)
            killed = Harm("the process is killed", lambda: load.process.kill(), load.start)
            storm([*on_the_way(proxy), *on_the_server(own_rabbitmq), killed, killed], dice, load.grows)
            load.end()
            print(f"seed {seed}: {kind} queue, {load.audit()}", flush=True)
            load.forget()
        finally:
            workspace.end()
