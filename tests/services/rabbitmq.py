"""RabbitMQ as one process: one node, free ports, an epmd of its own, data in a folder of the caller's.

The program comes from Debian's package. The machine's own instance, where there is one, is neither used nor touched.

As a command, for shell scripts:  python -m services.rabbitmq start DIR   prints amqp://USER:PASSWORD@ADDRESS
                                  python -m services.rabbitmq stop DIR
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.certificates import Certificates
from services.install import cache
from services.server import Server, end_by_id, free_ports

PACKAGE, PROGRAM = "rabbitmq-server", Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
CONTROL = PROGRAM.with_name("rabbitmqctl")
# Where Debian's scripts look whether a package may start its service.
POLICY = Path("/usr/sbin/policy-rc.d")
USER, PASSWORD = "guest", "guest"
START_SECONDS_MAX = 60

CONFIGURATION = """\
listeners.tcp.default = 127.0.0.1:{port}
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
"""

SECURITY = """\
listeners.ssl.default = 127.0.0.1:{port}
ssl_options.cacertfile = {authority}
ssl_options.certfile = {server}
ssl_options.keyfile = {key}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
"""


class Broker(Server):
    """A broker that tests may stop, kill and start again: its ports and data stay the same."""

    def __init__(self, folder: Path, secured: bool = False):
        super().__init__("rabbitmq", folder)
        self._port, self._tls_port, self._distribution, self._epmd_port = free_ports(4)
        self.address = f"127.0.0.1:{self._port}"
        self.tls_address = f"127.0.0.1:{self._tls_port}"
        self.certificates = Certificates.make(self.folder / "certificates") if secured else None
        self._epmd: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        """As CATCHWATER_TEST_RABBITMQ has it: the default virtual host."""
        return f"amqp://{USER}:{PASSWORD}@{self.address}"

    def start(self) -> "Broker":
        install()
        self._write_configuration()
        self._start_epmd()
        self.launch([PROGRAM], self._answers, self._environment(), START_SECONDS_MAX)
        return self

    def _end(self, number: signal.Signals) -> None:
        """The script that starts the broker hands no signal on, so the broker is ended by the id that it wrote down."""
        if self.process is None:
            return
        broker = self.pid()
        if broker is not None:
            end(broker, number)
        super()._end(number)
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None

    def freeze(self) -> None:
        os.kill(self.pid(), signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid(), signal.SIGCONT)

    def pid(self) -> int | None:
        """The id of Erlang's machine, which is the broker."""
        file = self.folder / "broker.pid"
        return int(file.read_text()) if file.exists() and file.read_text().strip() else None

    def listed(self, what: str, *columns: str) -> list[dict]:
        """What the broker itself tells of its queues, bindings, connections: each as a dictionary of these columns."""
        command = [CONTROL, "--quiet", "--formatter", "json", f"list_{what}", *columns]
        done = subprocess.run(command, env={**os.environ, **self._environment()}, capture_output=True, check=True, timeout=60)
        return json.loads(done.stdout)

    def set(self, **settings: int) -> None:
        """Settings of the running broker: they hold for channels that are opened from now on."""
        self._evaluate(", ".join(f"application:set_env(rabbit, {name}, {value})" for name, value in settings.items()))

    def settle(self) -> None:
        """Puts on disk what was declared. A broker that is killed right behind a declaration can come back without it."""
        self._evaluate("mnesia:dump_log()")

    def _evaluate(self, terms: str) -> None:
        command = [CONTROL, "--quiet", "eval", terms + "."]
        subprocess.run(command, env={**os.environ, **self._environment()}, capture_output=True, check=True, timeout=60)

    def epmd_pid(self) -> int:
        return self._epmd.pid

    def _start_epmd(self) -> None:
        """Started here and not by the broker, whose epmd would outlive it."""
        with open(self.folder / "epmd.log", "ab") as log:
            self._epmd = subprocess.Popen(["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"], stdout=log, stderr=log,
                                          start_new_session=True)
        deadline = time.monotonic() + 10
        while not listens(self._epmd_port):
            if self._epmd.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"epmd did not start on port {self._epmd_port}")
            time.sleep(0.02)

    def _write_configuration(self) -> None:
        text = CONFIGURATION.format(port=self._port)
        if self.certificates:
            folder = self.certificates.authority.parent
            text += SECURITY.format(port=self._tls_port, authority=self.certificates.authority, server=folder / "server.crt", key=folder / "server.key")
        (self.folder / "rabbitmq.conf").write_text(text)
        (self.folder / "plugins").write_text("[].\n")

    def _environment(self) -> dict[str, str]:
        """All that the broker would otherwise look for in the machine's own places."""
        return {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"catchwater-{self._port}@localhost",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "broker.pid"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def _answers(self) -> bool:
        return speaks_amqp(self._port)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def speaks_amqp(port: int) -> bool:
    """A broker is ready when it answers the protocol's first bytes with `connection.start`, a frame of kind 1."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"
    except OSError:
        return False


def install() -> None:
    """Debian's package, unless it is there. Two callers install once."""
    with open(cache() / "rabbitmq.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if PROGRAM.exists() and shutil.which("epmd"):
            return
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise SystemExit(f"tests: please install RabbitMQ (Debian: apt-get install {PACKAGE})")
        with services_stay_down():
            apt_get("update", "-q")
            apt_get("install", "-q", "-y", "--no-install-recommends", PACKAGE)


def apt_get(*arguments: str) -> None:
    # Not to our own output: a shell script reads the broker's address from there.
    subprocess.run(["apt-get", *arguments], check=True, stdout=sys.stderr, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


@contextmanager
def services_stay_down() -> Iterator[None]:
    """While a package is installed, no service is started that nobody asked for. A policy that is there is left alone."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def end(pid: int, number: signal.Signals) -> None:
    """Signals a process, and waits a while for its end."""
    deadline = time.monotonic() + 20
    try:
        os.kill(pid, number)
        while time.monotonic() < deadline and not is_zombie(pid):
            os.kill(pid, 0)
            time.sleep(0.05)
    except ProcessLookupError:
        pass


def is_zombie(pid: int) -> bool:
    """Ended, and its parent has not yet asked."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def main(command: str, folder: str) -> None:
    pid_file = Path(folder) / "pid"
    if command == "start":
        broker = Broker(Path(folder)).start()
        pid_file.write_text(f"{broker.pid()} {broker.epmd_pid()}")
        print(broker.url)
    elif command == "stop" and pid_file.exists():
        for pid in pid_file.read_text().split():
            end_by_id(int(pid))
        pid_file.unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
