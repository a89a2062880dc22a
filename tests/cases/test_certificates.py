"""Certificates are renewed while a server runs: a pipeline connects anew with what its files hold by then, and no other notices."""

import os
from pathlib import Path

import pytest

from harness.http import Reply
from harness.http import Server as Taker
from harness.kafka import Kafka
from harness.pipelines import following, from_rabbitmq, generated, pipeline, to_file
from harness.rabbitmq import RabbitMQ
from harness.server import Server
from services.certificates import Certificates, sign

ORDERS = [b'{"id":%d}' % number for number in range(100)]


@pytest.fixture
def server(workspace) -> Server:
    return Server(workspace)


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines() if path.exists() else []


def replaced(file: Path, text: str) -> None:
    """As whoever renews it does it: another file under its name, at once."""
    draft = file.with_suffix(".draft")
    draft.write_text(text)
    draft.rename(file)


class Renamed:
    """Key and certificate of a client in one file that takes the place of the one before."""

    def __init__(self, folder: Path, source: Path):
        self.file, self.source = folder / "client.pem", source
        self.settings = {"certificate": str(self.file), "key": str(self.file)}

    def renew(self, name: str) -> None:
        replaced(self.file, (self.source / f"{name}.crt").read_text() + (self.source / f"{name}.key").read_text())


class Swung:
    """Two files of a Kubernetes secret: links into `..data`, which is itself a link that is swung round."""

    def __init__(self, folder: Path, source: Path):
        self.folder, self.source = folder, source
        self.settings = {"certificate": str(folder / "tls.crt"), "key": str(folder / "tls.key")}
        for file in ("tls.crt", "tls.key"):
            (folder / file).symlink_to(f"..data/{file}")

    def renew(self, name: str) -> None:
        version = self.folder / f"..{name}"
        version.mkdir()
        for ending in ("crt", "key"):
            (version / f"tls.{ending}").write_text((self.source / f"{name}.{ending}").read_text())
        (self.folder / "..swing").symlink_to(version.name)
        os.replace(self.folder / "..swing", self.folder / "..data")


@pytest.mark.parametrize("renewal", [Renamed, Swung])
def test_a_client_shows_its_new_certificate_once_its_file_is_another(server, secured_rabbitmq, renewal):
    """The broker tells who is connected, and from which port: a connection that was made anew has another."""
    authority = secured_rabbitmq.certificates.authority
    sign(authority.parent, "renewed", "extendedKeyUsage=clientAuth")
    folder = server.workspace.folder / "secret"
    folder.mkdir()
    client = renewal(folder, authority.parent)
    client.renew("client")
    plain, secured = RabbitMQ(secured_rabbitmq.url), RabbitMQ(f"amqps://guest:guest@{secured_rabbitmq.tls_address}")
    queues, outs = {name: plain.queue() for name in ("orders", "other")}, {name: server.workspace.folder / name for name in ("orders", "other")}
    for name, own in (("orders", client.settings), ("other", {})):
        tls = {"tls": {"ca": str(authority), **own}}
        server.write(pipeline(from_rabbitmq(secured, queues[name], **tls), to_file(outs[name]), name=name))
    server.start()

    def ports(subject: str) -> set[int]:
        connections = secured_rabbitmq.listed("connections", "peer_cert_subject", "peer_port", "ssl")
        return {one["peer_port"] for one in connections if one["ssl"] and one["peer_cert_subject"] == subject}

    def flow(begin: int, end: int) -> None:
        for name, queue in queues.items():
            plain.publish(queue, ORDERS[begin:end])
            server.until(f"{name} flows", lambda name=name: lines(outs[name]) == ORDERS[:end])

    flow(0, 50)
    before, other = ports("CN=client"), ports("")
    assert before and other and not ports("CN=renewed")
    client.renew("renewed")
    server.until("the broker is shown the new one", lambda: ports("CN=renewed"))
    server.until("the old connection is gone", lambda: not ports("CN=client"))
    server.until_state("orders", "running")
    flow(50, 100)
    told = server.reloaded()
    assert [change["pipeline"] for change in told["changes"]] == ["orders"] and told["generation"] == 2
    assert ports("") == other, "the other one never connected again"
    server.stop().succeeded()


def test_an_authority_that_is_put_in_place_lets_a_pipeline_in_that_was_kept_out(server, secured_broker, tmp_path):
    """It trusts the wrong one at first."""
    kafka = Kafka(secured_broker.address)
    topics, lake = {name: kafka.topic() for name in ("orders", "other")}, server.workspace.lake
    authority = secured_broker.certificates.authority
    trusted = server.workspace.write("ca.pem", Certificates.make(tmp_path / "strangers").authority.read_text())
    sources = {}
    for name, ca in (("orders", trusted), ("other", authority)):
        kafka.produce(topics[name], ORDERS)
        sources[name] = following(kafka, topics[name]) | {"brokers": secured_broker.tls_address, "tls": {"ca": str(ca)}}
        server.write(pipeline(sources[name], lake(name), name=name))
    server.start()
    server.until("the other one flows", lambda: server.workspace.table("other").count() == len(ORDERS))
    server.until("the broker is not trusted", lambda: "certificate" in str(server.status("orders")))
    member = kafka.members(sources["other"]["group"])
    replaced(trusted, authority.read_text())
    server.until("it is let in", lambda: server.workspace.table("orders").count() == len(ORDERS))
    server.until("it is told", lambda: [change["pipeline"] for change in server.reloaded()["changes"]] == ["orders"])
    assert kafka.members(sources["other"]["group"]) == member, "the other one stayed"
    server.stop().succeeded()


def test_a_server_gets_a_certificate_of_another_authority_and_is_sent_all_the_same(server, tmp_path):
    """Both are trusted first, then the server changes: nothing is refused, and no record is left out."""
    old, new = Certificates.make(tmp_path / "old"), Certificates.make(tmp_path / "new")
    first = Taker(certificates=old)
    trusted = server.workspace.write("ca.pem", old.authority.read_text())
    sink = {"type": "http", "url": first.url, "tls": {"ca": str(trusted)}}
    server.write(pipeline(generated(100_000, rate="50/s"), sink, name="orders", retry={"initial": "50ms", "max": "200ms"}))
    server.start()
    server.until("it is sent", lambda: first.received)
    replaced(trusted, old.authority.read_text() + new.authority.read_text())
    server.until("both are trusted", lambda: server.reloaded()["generation"] == 2)
    assert [(change["pipeline"], change["change"], change["trouble"]) for change in server.reloaded()["changes"]] == [("orders", "adapt", None)]
    first.stop()
    first.reply = lambda request: Reply(hang_up=True)
    second = Taker(first.port, certificates=new)
    server.until("the new one is sent", lambda: second.received)
    status = server.status("orders")
    assert (status["state"], status["attempts"]) == ("running", 0), status
    second.stop()
