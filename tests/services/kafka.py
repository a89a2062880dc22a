"""Apache Kafka as one process: KRaft, one node, free ports, data in a folder of the caller's.

As a command, for shell scripts:  python -m services.kafka start DIR   prints the address
                                  python -m services.kafka stop DIR
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

from confluent_kafka.admin import AdminClient

from services.certificates import Certificates
from services.install import jars
from services.server import STOP_SECONDS_MAX, end_by_id, free_ports

START_SECONDS_MAX = 60
USER, PASSWORD = "alice", "alice-secret"

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners=CONTROLLER://127.0.0.1:{controller},{listeners}
advertised.listeners={advertised}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL
log.dirs={data}
auto.create.topics.enable=false
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
group.initial.rebalance.delay.ms=0
log.cleaner.backoff.ms=200
log.segment.delete.delay.ms=1000
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
"""

SECURITY = """\
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.tls.ssl.keystore.type=PEM
listener.name.tls.ssl.keystore.location={server}
listener.name.tls.ssl.truststore.type=PEM
listener.name.tls.ssl.truststore.location={authority}
listener.name.tls.ssl.client.auth=requested
"""


class Broker:
    """A broker that tests may stop, kill and start again: its ports and data stay the same."""

    def __init__(self, folder: Path, secured: bool = False, java: tuple[str, ...] = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.java = java
        plain, sasl, tls, proxied, self._controller = free_ports(5)
        # Whoever comes by this address is sent on to the proxy's: a broker tells its clients where to find it.
        self.proxied_address = f"127.0.0.1:{proxied}"
        self.address = f"127.0.0.1:{plain}"
        self.sasl_address = f"127.0.0.1:{sasl}"
        self.tls_address = f"127.0.0.1:{tls}"
        self.certificates = Certificates.make(self.folder / "certificates") if secured else None
        self.process: subprocess.Popen | None = None
        self._write_properties()

    def behind(self, proxy: str) -> "Broker":
        """Before it starts: what connects through a proxy in front of `proxied_address` stays on that way."""
        self._write_properties(proxy)
        return self

    def start(self) -> "Broker":
        """Formats the data folder the first time; returns once the broker answers."""
        properties = self.folder / "server.properties"
        if not (self.folder / "data" / "meta.properties").exists():
            users = [f"--add-scram=SCRAM-SHA-{bits}=[name={USER},password={PASSWORD}]" for bits in (256, 512)]
            scram = users if self.certificates else []
            format_log = self.folder / "format.log"
            with open(format_log, "wb") as log:
                subprocess.run(self._java("kafka.tools.StorageTool", "format", "-t", "Y2F0Y2h3YXRlci10ZXN0cw", "-c", str(properties), *scram),
                               check=True, stdout=log, stderr=log)
        with open(self.folder / "broker.log", "ab") as log:
            # A session of its own: Ctrl-C in the terminal ends the tests first, and those end the broker.
            self.process = subprocess.Popen(self._java("-Xmx768m", "kafka.Kafka", str(properties)), stdout=log, stderr=log, start_new_session=True)
        self._wait_until_ready()
        return self

    def stop(self) -> None:
        """An orderly shutdown; killed when it takes too long."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As a crash of the broker would be."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not answers(self.address):
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join((self.folder / "broker.log").read_text(errors="replace").splitlines()[-20:])
                self.kill()
                raise RuntimeError(f"kafka did not start on {self.address}:\n{tail}")

    def _java(self, *arguments: str) -> list[str]:
        options = [argument for argument in arguments if argument.startswith("-X")]
        rest = [argument for argument in arguments if not argument.startswith("-X")]
        return ["java", *self.java, *options, "-cp", f"{jars('kafka-pom.xml') / 'libs'}/*", *rest]

    def _write_properties(self, proxy: str | None = None) -> None:
        listeners = f"PLAINTEXT://{self.address}"
        security = ""
        if self.certificates:
            listeners += f",SASL://{self.sasl_address},TLS://{self.tls_address}"
            security = SECURITY.format(user=USER, password=PASSWORD, server=self.certificates.server, authority=self.certificates.authority)
        advertised = listeners
        if proxy:
            listeners, advertised = f"{listeners},PROXIED://{self.proxied_address}", f"{advertised},PROXIED://{proxy}"
        text = PROPERTIES.format(controller=self._controller, listeners=listeners, advertised=advertised, data=self.folder / "data")
        (self.folder / "server.properties").write_text(text + security)


def answers(address: str) -> bool:
    """A broker is ready when it answers a metadata request and names itself."""
    try:
        client = AdminClient({"bootstrap.servers": address, "log_level": 0})
        return bool(client.list_topics(timeout=1).brokers)
    except Exception:
        return False


def main(command: str, folder: str) -> None:
    pid_file = Path(folder) / "pid"
    if command == "start":
        broker = Broker(Path(folder)).start()
        pid_file.write_text(str(broker.process.pid))
        print(broker.address)
    elif command == "stop" and pid_file.exists():
        end_by_id(int(pid_file.read_text()))
        pid_file.unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
