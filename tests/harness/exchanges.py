"""Exchanges with an API as a table says them, and whether an API answers so."""

import http.client
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

REST = "..."


@dataclass
class Exchange:
    """A request, and what must be answered."""

    line: int
    method: str
    path: str
    body: str | None
    status: int = 0
    answer: str | None = None
    waits: bool = False
    """It is asked again until the answer is this one: what a connector does takes its time."""
    sent: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    errors: list[tuple[str, str]] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    """Under which numbers a worker of Kafka Connect was recorded with it."""
    differs: bool = False
    """That worker answered otherwise, and the table says why this is not done here."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


def read(path: Path, names: dict[str, str]) -> list[Exchange]:
    """The table of a file, with its names replaced."""
    exchanges: list[Exchange] = []
    begun = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        for name, value in names.items():
            line = line.replace(name, value)
        waits, line = line.startswith("until "), line.removeprefix("until ")
        if line.startswith("> ") and not begun:
            method, path_and_query, *body = line[2:].split(" ", 2)
            exchanges.append(Exchange(number, method, path_and_query, body[0] if body else None, waits=waits))
            begun = True
        elif line.startswith("> "):
            name, _, value = line[2:].partition(":")
            exchanges[-1].sent[name] = value.strip()
        elif line.startswith("@ "):
            exchanges[-1].recorded += line[2:].split()
        elif line.startswith("! "):
            exchanges[-1].differs = True
        elif line.startswith("< error "):
            key, _, message = line.removeprefix("< error ").partition(": ")
            exchanges[-1].errors.append((key, message))
        elif line.startswith("< ") and begun:
            status, *body = line[2:].split(" ", 1)
            exchanges[-1].status, exchanges[-1].answer = int(status), body[0] if body else None
            begun = False
        elif line.startswith("< "):
            name, _, value = line[2:].partition(":")
            exchanges[-1].headers[name] = value.strip()
    return exchanges


def left_out(path: Path) -> dict[str, str]:
    """The numbers of recorded requests that are not in the table, and why."""
    lines = [line[2:].partition(": ") for line in path.read_text().splitlines() if line.startswith("- ")]
    return {number: why for number, _, why in lines}


def ask(host: str, exchange: Exchange) -> Answer:
    connection = http.client.HTTPConnection(host, timeout=90)
    sent = {"Content-Type": "application/json"} if exchange.body is not None else {}
    sent |= exchange.sent
    sent = {name: value for name, value in sent.items() if value}
    connection.request(exchange.method, exchange.path, exchange.body, sent)
    response = connection.getresponse()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read().decode())


def differences(exchange: Exchange, answer: Answer) -> list[str]:
    """In what an answer is another than the table says."""
    found = [] if answer.status == exchange.status else [f"status {answer.status}, not {exchange.status}: {answer.body}"]
    for name, expected in exchange.headers.items():
        if answer.headers.get(name.lower(), "").split(";")[0] != expected:
            found.append(f"{name}: {answer.headers.get(name.lower())!r}, not {expected!r}")
    if exchange.answer is None:
        return found + ([f"a body: {answer.body}"] if answer.body else [])
    try:
        body = json.loads(answer.body)
    except ValueError:
        return [*found, f"no JSON: {answer.body!r}"]
    found += unlike("body", json.loads(exchange.answer), body)
    if exchange.errors:
        errors = [(config["value"]["name"], error) for config in body["configs"] for error in config["value"]["errors"]]
        for key, message in exchange.errors:
            if not any(key == name and error.startswith(message) for name, error in errors):
                found.append(f"no error {key}: {message} among {errors}")
    return found


def unlike(at: str, expected, found) -> list[str]:
    if expected == "*":
        return []
    if isinstance(expected, str) and expected.startswith("~"):
        return [] if isinstance(found, str) and re.search(expected[1:], found) else [f"{at}: {found!r} is not like {expected[1:]!r}"]
    if isinstance(expected, dict) and isinstance(found, dict):
        if REST in expected:
            expected = {key: expected[key] for key in expected if key != REST}
            found = {key: found[key] for key in found if key in expected}
        if list(expected) != list(found):
            return [f"{at}: the keys {list(found)}, not {list(expected)}"]
        return [text for key in expected for text in unlike(f"{at}.{key}", expected[key], found[key])]
    if isinstance(expected, list) and isinstance(found, list):
        return unlike_list(at, expected, found)
    return [] if expected == found and type(expected) is type(found) else [f"{at}: {found!r}, not {expected!r}"]


def unlike_list(at: str, expected: list, found: list) -> list[str]:
    """`...` stands for what else there is before or behind."""
    if expected[:1] == [REST]:
        return [] if all(item in found for item in expected[1:]) else [f"{at}: {found} lacks {expected[1:]}"]
    if expected[-1:] == [REST]:
        expected, found = expected[:-1], found[:len(expected) - 1]
    if len(expected) != len(found):
        return [f"{at}: {len(found)} items, not {len(expected)}: {found}"]
    return [text for number, (one, other) in enumerate(zip(expected, found)) for text in unlike(f"{at}[{number}]", one, other)]
