"""Brokers that go away, topics that are not there, wrong credentials: waited for or named, and nothing beside them stops."""

import os
import time

import pytest

from harness.kafka import Kafka
from harness.pipelines import following, from_file, from_kafka, generated, pipeline, to_kafka
from harness.waiting import holds_for
from services.certificates import Certificates
from services.kafka import PASSWORD, USER

AWAY_SECONDS = float(os.environ.get("CATCHWATER_TEST_AWAY_SECONDS", "15"))
ORDERS = [b'{"id":%d}' % number for number in range(1000)]


def test_a_broker_away_for_a_minute_is_waited_for_and_nothing_is_lost_or_doubled(workspace, own_broker):
    kafka = Kafka(own_broker.address)
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    process = workspace.start_run(pipeline(following(kafka, topic), workspace.lake()))
    process.wait_until("the first part is stored", lambda: workspace.table().count() >= len(ORDERS))
    own_broker.kill()
    holds_for("it goes on running", lambda: process.running, AWAY_SECONDS)
    own_broker.start()
    kafka.produce(topic, ORDERS)
    process.wait_until("the second part is stored", lambda: workspace.table().count() >= 2 * len(ORDERS))
    process.stop().succeeded()
    assert workspace.table().payloads() == ORDERS * 2


@pytest.mark.parametrize("failpoints", ["", "kafka::give_up_after_ms=return(1000)"], ids=["by_the_same_producer", "by_another_producer"])
def test_a_target_away_for_a_while_gets_everything_in_order(workspace, own_broker, failpoints):
    kafka = Kafka(own_broker.address)
    topic = kafka.topic()
    through = pipeline(generated(3000, rate="500/s"), to_kafka(kafka, topic), workspace.lake())
    process = workspace.start_run(through, environment={"FAILPOINTS": failpoints})
    process.wait_until("records arrive", lambda: kafka.end_offsets(topic)[0] > 100)
    own_broker.kill()
    time.sleep(3)
    own_broker.start()
    finished = process.wait(120).succeeded()
    assert ("sent again" in finished.err) == bool(failpoints)
    arrived = [message.payload for message in kafka.consume(topic)]
    firsts = list(dict.fromkeys(arrived))
    assert firsts == list(dict.fromkeys(workspace.table().payloads())), "lost or out of order"


def test_a_broker_that_is_not_there_at_the_start_is_waited_for(workspace, own_broker):
    kafka = Kafka(own_broker.address)
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    through = pipeline(from_kafka(kafka, topic), workspace.lake())
    own_broker.stop()
    process = workspace.start_run(through)
    process.wait_until("it says which broker it waits for", lambda: own_broker.address in process.err, 30)
    own_broker.start()
    process.wait().succeeded()
    assert workspace.table().payloads() == ORDERS


def test_a_pipeline_beside_one_that_waits_for_its_broker_runs_on(workspace):
    workspace.write("orders.ndjson", b"".join(order + b"\n" for order in ORDERS))
    away = pipeline(following(Kafka("127.0.0.1:1"), "orders"), workspace.lake("away"), name="away")
    here = pipeline(from_file("orders.ndjson"), workspace.lake("here"), name="here")
    process = workspace.start_run([away, here])
    process.wait_until("the file is stored", lambda: workspace.table("here").count() == len(ORDERS), 30)
    process.stop()


def test_a_topic_that_does_not_exist_is_told_by_name(kafka, workspace):
    """A source that ends cannot wait for a topic to be made."""
    finished = workspace.run(pipeline(from_kafka(kafka, "no-such-topic"), workspace.lake())).failed()
    finished.says("no-such-topic")


def test_a_topic_that_does_not_exist_ends_its_own_pipeline_and_no_other(kafka, workspace):
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    misspelt = pipeline(following(kafka, "no-such-topic"), workspace.lake("nothing"), name="misspelt")
    process = workspace.start_run([misspelt, pipeline(following(kafka, topic), workspace.lake())])
    process.wait_until("the missing topic is told by name", lambda: "no-such-topic" in process.err, 30)
    process.wait_until("the topic that exists is stored", lambda: workspace.table().count() == len(ORDERS), 30)
    assert process.stop().status == 1, "one pipeline failed"


def security(broker, **change) -> dict:
    return {"brokers": broker.sasl_address, "sasl": {"mechanism": "PLAIN", "username": USER, "password": PASSWORD, **change}}


def stored_through(workspace, broker, source: dict) -> None:
    kafka = Kafka(broker.address)
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    workspace.run(pipeline({**from_kafka(kafka, topic), **source}, workspace.lake())).succeeded()
    assert workspace.table().payloads() == ORDERS


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_sasl_lets_in_with_the_right_password(workspace, secured_broker, mechanism):
    stored_through(workspace, secured_broker, security(secured_broker, mechanism=mechanism))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_wrong_password_is_refused_with_the_broker_and_never_shown(workspace, secured_broker, mechanism):
    source = security(secured_broker, mechanism=mechanism, password="wrong-and-secret")
    finished = workspace.run(pipeline({**from_kafka(Kafka(secured_broker.address), "orders"), **source}, workspace.lake()), seconds=40).failed()
    finished.says(secured_broker.sasl_address, "authenticat")
    assert "wrong-and-secret" not in finished.err + finished.out


def test_tls_trusts_the_authority_that_is_named(workspace, secured_broker):
    stored_through(workspace, secured_broker, {"brokers": secured_broker.tls_address, "tls": {"ca": str(secured_broker.certificates.authority)}})


def test_tls_with_a_client_certificate(workspace, secured_broker):
    certificates = secured_broker.certificates
    tls = {"ca": str(certificates.authority), "certificate": str(certificates.client_certificate), "key": str(certificates.client_key)}
    stored_through(workspace, secured_broker, {"brokers": secured_broker.tls_address, "tls": tls})


def test_tls_refuses_a_server_that_the_authority_did_not_sign(workspace, secured_broker, tmp_path):
    other = Certificates.make(tmp_path / "other")
    source = {"brokers": secured_broker.tls_address, "tls": {"ca": str(other.authority)}}
    finished = workspace.run(pipeline({**from_kafka(Kafka(secured_broker.address), "orders"), **source}, workspace.lake()), seconds=40).failed()
    finished.says("certificate")
