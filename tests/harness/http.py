"""HTTP from outside: a client that says what it is told to, however odd, and a server that answers what it is told to."""

import gzip
import http.client
import json
import re
import socket
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.process import Process
from services.certificates import Certificates

TIMEOUT_SECONDS = 30
LISTENING = re.compile(r"listening for events over HTTP.*address=(\S+?):(\d+)")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    def says(self, status: int, *words: str) -> "Answer":
        """That status, and all of these words in the answer."""
        assert self.status == status, f"{self.status}: {self.body!r}"
        missing = [word for word in words if word not in self.body.decode()]
        assert not missing, f"not said: {missing} in {self.body!r}"
        return self


class Client:
    """Posts to a pipeline's `http` source."""

    def __init__(self, port: int):
        self.port = port

    def post(self, body: bytes, path: str = "/events", headers: dict[str, str] | None = None, method: str = "POST") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def open(self) -> socket.socket:
        """A connection on which anything can be said."""
        return socket.create_connection(("127.0.0.1", self.port), TIMEOUT_SECONDS)

    def say(self, raw: bytes) -> bytes:
        """What is answered to these bytes until the server closes."""
        with self.open() as connection:
            connection.sendall(raw)
            return heard(connection)


def heard(connection: socket.socket) -> bytes:
    """Everything until the other side closes."""
    said = b""
    while part := connection.recv(65536):
        said += part
    return said


def client_of(process: Process) -> Client:
    """A client of the source that this process runs; its port is in the log."""
    listening = process.wait_until("it listens", lambda: LISTENING.search(process.err))
    return Client(int(listening[2]))


@dataclass
class Received:
    """A request that a server got."""

    method: str
    path: str
    headers: dict[str, str]
    sent: bytes

    @property
    def body(self) -> bytes:
        return gzip.decompress(self.sent) if self.headers.get("content-encoding") == "gzip" else self.sent


@dataclass
class Reply:
    """What a server says; `hang_up` closes the connection without a word after the request was read."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang_up: bool = False


class Server:
    """Notes every request. `reply` decides about each; by default all are taken. With certificates it speaks TLS."""

    def __init__(self, port: int = 0, certificates: Certificates | None = None):
        self.received: list[Received] = []
        self.reply = lambda request: Reply()
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                server._answer(self)

            do_GET = do_PUT = do_PATCH = do_POST

            def log_message(self, *_):
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_):
                pass  # a client that hung up

        self._http = Quiet(("127.0.0.1", port), Handler)
        self.port = self._http.server_port
        self._scheme = "http"
        if certificates:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificates.server)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
            self._scheme = "https"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        sent = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        request = Received(handler.command, handler.path, {name.lower(): value for name, value in handler.headers.items()}, sent)
        with self._lock:
            reply = self.reply(request)
            self.received.append(request)
        if reply.hang_up:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(reply.status)
        for name, value in {**reply.headers, "content-length": str(len(reply.body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(reply.body)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
