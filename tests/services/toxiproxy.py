"""A proxy on the loopback that cuts, slows and holds connections: toxiproxy, driven by its own API.

As a command, for shell scripts:  python -m services.toxiproxy start DIR   prints the address of its API
                                  python -m services.toxiproxy stop DIR
"""

import itertools
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

from services.install import go_program
from services.server import Server, end_by_id, free_ports

PACKAGE, VERSION = "github.com/Shopify/toxiproxy/v2/cmd/server", "v2.12.0"


class Toxiproxy(Server):
    """The process. A proxy for each server that tests want to harm."""

    def __init__(self, folder: Path):
        super().__init__("toxiproxy", folder)
        (port,) = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        self._numbers = itertools.count()

    def start(self) -> "Toxiproxy":
        host, port = self.address.split(":")
        self.launch([go_program(PACKAGE, VERSION), "-host", host, "-port", port], self._answers)
        return self

    def proxy(self, upstream: str) -> "Proxy":
        """A new way to `upstream`, which does no harm yet."""
        (port,) = free_ports(1)
        return Proxy(self.address, f"proxy-{next(self._numbers)}", f"127.0.0.1:{port}", upstream)

    def _answers(self) -> bool:
        try:
            return bool(request(self.address, "GET", "/version"))
        except (urllib.error.URLError, OSError):
            return False


class Proxy:
    """One proxy. Harm lasts until `heal`; connections that stood already are harmed too."""

    def __init__(self, api: str, name: str, address: str, upstream: str):
        self.address = address
        self._api, self._name = api, name
        request(api, "POST", "/proxies", {"name": name, "listen": address, "upstream": upstream, "enabled": True})

    def cut(self) -> None:
        """Nobody listens any more, and connections are closed."""
        request(self._api, "POST", f"/proxies/{self._name}", {"enabled": False})

    def hold_answers(self) -> None:
        """Requests arrive and are carried out; of the answers not a byte comes back."""
        self._toxic("bandwidth", "downstream", {"rate": 0})

    def reset_after_request(self) -> None:
        """Requests arrive and are carried out; instead of an answer the connection is reset."""
        self._toxic("reset_peer", "downstream", {"timeout": 0})

    def lose_answers(self, bytes_max: int = 0) -> None:
        """Requests arrive and are carried out; after so many bytes of the answers the connection is closed."""
        self._toxic("limit_data", "downstream", {"bytes": bytes_max})

    def slow(self, latency_ms: int) -> None:
        """Each answer comes that much later."""
        self._toxic("latency", "downstream", {"latency": latency_ms})

    def heal(self) -> None:
        """Undoes all harm."""
        for toxic in request(self._api, "GET", f"/proxies/{self._name}/toxics"):
            request(self._api, "DELETE", f"/proxies/{self._name}/toxics/{toxic['name']}")
        request(self._api, "POST", f"/proxies/{self._name}", {"enabled": True})

    def _toxic(self, kind: str, stream: str, attributes: dict) -> None:
        request(self._api, "POST", f"/proxies/{self._name}/toxics", {"type": kind, "stream": stream, "attributes": attributes})


def request(api: str, method: str, path: str, body: dict | None = None):
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(f"http://{api}{path}", data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(asked, timeout=5) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def main(command: str, folder: str) -> None:
    pid_file = Path(folder) / "pid"
    if command == "start":
        proxy = Toxiproxy(Path(folder)).start()
        pid_file.write_text(str(proxy.process.pid))
        print(proxy.address)
    elif command == "stop" and pid_file.exists():
        end_by_id(int(pid_file.read_text()))
        pid_file.unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
