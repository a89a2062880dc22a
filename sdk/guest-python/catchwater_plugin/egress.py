"""Requests that the host makes for a source or a sink, to the addresses that the pipeline grants."""

import json
from dataclasses import dataclass, field
from typing import Any

from . import wire
from .columns import bytes_of, well_formed
from .failure import Failure
from .host import wanted

_SHOWN_BYTES_MAX = 200


def get(url: str) -> "Request":
    """A request for what is there."""
    return Request("GET", url)


def post(url: str, body: bytes | str) -> "Request":
    """A request that hands something over."""
    return Request("POST", url, body)


@dataclass
class Request:
    """For a plugin that wants `egress`. The host adds the credentials of the grant."""

    method: str
    url: str
    body: bytes | str = b""
    headers: list[tuple[str, str]] = field(default_factory=list)

    def header(self, name: str, value: str) -> "Request":
        """With a header more."""
        self.headers.append((name, value))
        return self

    def send(self) -> "Response":
        """Waits for the answer; without one, it raises the right `Failure`."""
        egress = wanted("egress")
        headers = [egress.Header(well_formed(name), well_formed(value)) for name, value in self.headers]
        request = egress.Request(well_formed(self.method), well_formed(self.url), headers, bytes_of(self.body) or b"")
        try:
            answer = egress.send(request)
        except wire.Err as trouble:
            is_away = trouble.value.kind == egress.TroubleKind.AWAY
            raise (Failure.Unavailable if is_away else Failure.Refused)(trouble.value.message) from None
        return Response(answer.status, [(header.name, header.value) for header in answer.headers], answer.body)


@dataclass(frozen=True)
class Response:
    """What a server answered, whatever its status."""

    status: int
    headers: list[tuple[str, str]]
    """Names in lower case, and values."""
    body: bytes

    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known == name.lower()), None)

    def ok(self) -> "Response":
        """The answer, if its status is one of success: else the same call again later where that may help, and else an end."""
        if 200 <= self.status < 300:
            return self
        said = f"the server answers {self.status}: {self.body[:_SHOWN_BYTES_MAX].decode(errors='replace')}"
        raise (Failure.Unavailable if self.status >= 500 or self.status in (408, 425, 429) else Failure.Refused)(said)
