"""Fixtures for all cases: the shared broker and S3, servers of one's own, a workspace."""

import os
import signal
import time
from pathlib import Path

import pytest

from harness.kafka import Kafka, Message
from harness.rabbitmq import RabbitMQ
from harness.replays import archive
from harness.s3 import S3
from harness.workspace import Workspace
from services.kafka import Broker
from services.rabbitmq import Broker as RabbitMQBroker
from services.s3 import Gateway
from services.toxiproxy import Toxiproxy


LOG_CHARACTERS_MAX = 5000


def pytest_addoption(parser):
    """Here rather than beside the suites, so that one command line fits every part."""
    group = parser.getgroup("crash, fault and reload suites")
    group.addoption("--rounds", type=int, default=20, help="how often SIGKILL strikes at a random moment, or a pipeline is changed")
    group.addoption("--minutes", type=float, help="go on with such rounds, or with such weather, for this long")
    group.addoption("--seed", type=int, default=int(time.time()), help="of all that is random; printed by every run")


def pytest_configure(config):
    """Terminated is ended as by Ctrl-C: fixtures end the servers and processes that they started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory) -> Kafka:
    """The broker that `tests/run` started and named, else one for this session. There is no skipping without."""
    address = os.environ.get("CATCHWATER_TEST_KAFKA")
    if address:
        yield Kafka(address)
        return
    broker = Broker(tmp_path_factory.mktemp("kafka")).start()
    yield Kafka(broker.address)
    broker.stop()


@pytest.fixture
def own_broker(tmp_path: Path) -> Broker:
    """A broker that the test may stop, kill and start again."""
    broker = Broker(tmp_path / "kafka").start()
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def secured_broker(tmp_path_factory) -> Broker:
    """A broker that also listens with SASL and with TLS."""
    broker = Broker(tmp_path_factory.mktemp("kafka"), secured=True).start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory) -> RabbitMQ:
    """The RabbitMQ that `tests/run` started and named, else one for this session."""
    url = os.environ.get("CATCHWATER_TEST_RABBITMQ")
    if url:
        yield RabbitMQ(url)
        return
    broker = RabbitMQBroker(tmp_path_factory.mktemp("rabbitmq")).start()
    yield RabbitMQ(broker.url)
    broker.stop()


@pytest.fixture
def own_rabbitmq(tmp_path: Path) -> RabbitMQBroker:
    """A RabbitMQ that the test may stop, kill and start again."""
    broker = RabbitMQBroker(tmp_path / "rabbitmq").start()
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def secured_rabbitmq(tmp_path_factory) -> RabbitMQBroker:
    """A RabbitMQ that also listens with TLS."""
    broker = RabbitMQBroker(tmp_path_factory.mktemp("rabbitmq"), secured=True).start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def s3(tmp_path_factory) -> S3:
    """The S3 that `tests/run` started and named, else one for this session."""
    url = os.environ.get("CATCHWATER_TEST_S3")
    if url:
        yield S3.of(url)
        return
    gateway = Gateway(tmp_path_factory.mktemp("s3")).start()
    yield S3.of(gateway.url)
    gateway.stop()


@pytest.fixture
def own_s3(tmp_path: Path) -> Gateway:
    """An S3 that the test may stop, freeze and start again."""
    gateway = Gateway(tmp_path / "s3").start()
    yield gateway
    gateway.kill()


@pytest.fixture
def toxiproxy(tmp_path: Path) -> Toxiproxy:
    """A fault proxy of the test's own."""
    proxy = Toxiproxy(tmp_path / "toxiproxy").start()
    yield proxy
    proxy.kill()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    place = Workspace(tmp_path)
    yield place
    place.end()


@pytest.fixture
def archived(kafka, workspace):
    """Makes a topic with these messages, and archives it."""
    def make(messages: list[Message], partitions: int = 3) -> str:
        topic = kafka.topic("orders", partitions)
        kafka.produce(topic, messages)
        archive(workspace, kafka, topic)
        return topic
    return make


def pytest_runtest_setup(item):
    Workspace.made.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of what its processes said, in whichever workspace."""
    report = yield
    if report.failed:
        logs = [log for workspace in Workspace.made for log in workspace.logs()]
        report.sections += [(name, text[-LOG_CHARACTERS_MAX:]) for name, text in logs]
    return report
