"""A load for a source that cannot be read again: clients post until they are answered, whatever happens to the other side."""

import http.client
import itertools
import threading
import time
from collections import Counter

from harness.http import Client, client_of
from harness.pipelines import pipeline
from harness.process import Process
from harness.waiting import wait_until
from harness.workspace import Workspace

CLIENTS = 8
ANSWER_SECONDS = 120


class Posting:
    """Each event is posted again until it is answered; how often it was sent and whether it was answered is what the audit knows."""

    def __init__(self, workspace: Workspace, **lake):
        self.sent: Counter[bytes] = Counter()
        self.answered: dict[bytes, float] = {}
        self._workspace, self._port, self._over, self._lock = workspace, 0, threading.Event(), threading.Lock()
        # Commits far apart: most of what is answered is in the hot log alone.
        source = {"type": "http", "listen": "127.0.0.1:0"}
        self._pipeline = pipeline(source, workspace.lake(**{"commit_interval": "1500ms", **lake}), idle="1h")
        self._threads = [threading.Thread(target=self._post_on, args=(client,), daemon=True) for client in range(CLIENTS)]
        self._process: Process | None = None

    def start(self, failpoints: str | None = None) -> Process:
        """The next life. One that dies at its start never listens."""
        environment = {"FAILPOINTS": failpoints} if failpoints else {}
        self._process = self._workspace.start_run(self._pipeline, environment=environment)
        threading.Thread(target=self._find_port, args=(self._process,), daemon=True).start()
        return self._process

    def _find_port(self, process: Process) -> None:
        try:
            self._port = client_of(process).port
        except AssertionError:
            return
        with self._lock:
            [thread.start() for thread in self._threads if not thread.ident]

    def is_answered(self, events: int) -> None:
        """Waits until so many more are."""
        before = len(self.answered)
        self._process.wait_until(f"{events} more events are answered", lambda: len(self.answered) >= before + events)

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        """No event more, and an orderly stop."""
        self._over.set()
        wait_until("the clients are done", lambda: not any(thread.is_alive() for thread in self._threads), ANSWER_SECONDS)
        self._process.stop().succeeded()

    def _post_on(self, client: int) -> None:
        for number in itertools.count():
            event = b'{"client":%d,"n":%d}' % (client, number)
            while not self._over.is_set() and event not in self.answered:
                self._post(event)
            if self._over.is_set():
                return

    def _post(self, event: bytes) -> None:
        with self._lock:
            self.sent[event] += 1
        started = time.monotonic()
        try:
            if Client(self._port).post(event).status == 200:
                with self._lock:
                    self.answered[event] = time.monotonic() - started
        except (OSError, http.client.HTTPException):
            time.sleep(0.005)

    def audit(self) -> None:
        """What was answered is there, and nothing more often than it was sent. No number was given out twice."""
        rows = self._workspace.table().rows(["_source", "_stream", "_partition", "_position", "_payload"])
        stored = Counter(row["_payload"] for row in rows)
        lost = [event for event in self.answered if not stored[event]]
        assert not lost, f"{len(lost)} of {len(self.answered)} answered events are lost: {lost[:5]}"
        doubled = [event for event, copies in stored.items() if copies > self.sent[event]]
        assert not doubled, f"{len(doubled)} events are there more often than they were sent: {doubled[:5]}"
        assert len({(row["_source"], row["_position"]) for row in rows}) == len(rows), "a number was given out twice"
