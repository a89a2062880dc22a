"""An S3 of our own: versitygw, one process over a folder, on a free port of the loopback.

As a command, for shell scripts:  python -m services.s3 start DIR   prints http://KEY:SECRET@ADDRESS
                                  python -m services.s3 stop DIR
"""

import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

from services.certificates import Certificates
from services.install import go_program
from services.server import Server, end_by_id, free_ports

PACKAGE, VERSION = "github.com/versity/versitygw/cmd/versitygw", "v1.8.0"
# The bucket that tests in Rust expect; what makes buckets is not among what they link. A folder is a bucket here.
UNIT_TESTS = "unit-tests"
KEY, SECRET = "catchwater", "catchwater-secret"


class Gateway(Server):
    """An S3 that tests may stop, freeze and start again: its port and data stay the same."""

    def __init__(self, folder: Path, certificates: Certificates | None = None):
        super().__init__("versitygw", folder)
        self.certificates = certificates
        (port,) = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        self.data, self.metadata = self.folder / "data", self.folder / "metadata"
        self.data.mkdir(exist_ok=True)
        self.metadata.mkdir(exist_ok=True)

    @property
    def url(self) -> str:
        """As CATCHWATER_TEST_S3 has it: the endpoint with key and secret."""
        return f"http://{KEY}:{SECRET}@{self.address}"

    def start(self) -> "Gateway":
        # Metadata beside the data instead of extended attributes: those are not to be had on every file system.
        command = [go_program(PACKAGE, VERSION), "--port", self.address, "--health", "/health", "--quiet", *self._tls(),
                   "posix", "--sidecar", self.metadata, self.data]
        self.launch(command, self._answers, {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET})
        return self

    def _tls(self) -> list:
        server = self.certificates and self.certificates.server
        return ["--cert", server, "--key", server] if server else []

    def _answers(self) -> bool:
        if self.certificates is None:
            return answers(f"http://{self.address}/health")
        return answers(f"https://{self.address}/health", ssl.create_default_context(cafile=self.certificates.authority))


def answers(url: str, trusted: ssl.SSLContext | None = None) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1, context=trusted) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def main(command: str, folder: str) -> None:
    pid_file = Path(folder) / "pid"
    if command == "start":
        gateway = Gateway(Path(folder)).start()
        (gateway.data / UNIT_TESTS).mkdir(exist_ok=True)
        pid_file.write_text(str(gateway.process.pid))
        print(gateway.url)
    elif command == "stop" and pid_file.exists():
        end_by_id(int(pid_file.read_text()))
        pid_file.unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
