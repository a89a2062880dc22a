"""A fault injector in front of a real S3: passes requests on as they are, but for the fault that is asked for."""

import http.client
import socket
import struct
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

# Faults that are no answer: the connection is closed before the request is passed on, or after it was carried out.
RESET, LOST_REPLY = "reset", "lost reply"

HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "expect"}


class FaultGateway:
    """`before` sees each request as (method, path, headers). What it answers, if anything, is the fault: a status and a body to
    answer with, RESET or LOST_REPLY."""

    def __init__(self, upstream: str, before: Callable[[str, str, dict], tuple[int, bytes] | str | None]):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler(upstream, before))
        self.address = f"127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> "FaultGateway":
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()


def handler(upstream: str, before) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = before(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
            if fault == RESET:
                self.hang_up()
                return
            if fault is not None and fault != LOST_REPLY:
                self.respond(fault[0], {}, fault[1])
                return
            connection = http.client.HTTPConnection(upstream, timeout=30)
            # As it came, the host too: that is signed.
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            content = answer.read()
            if fault == LOST_REPLY:
                connection.close()
                self.hang_up()
                return
            self.respond(answer.status, dict(answer.getheaders()), content, answer.getheader("Content-Length"))
            connection.close()

        def hang_up(self) -> None:
            """With a reset, not an orderly end."""
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

        def respond(self, status: int, headers: dict, content: bytes, length: str | None = None) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            # The answer to HEAD tells a length and has no body.
            self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(content)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else content)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on

        def log_message(self, *_) -> None:
            pass

    return Handler
