"""A running `catchwater serve`, and what one asks of it over HTTP."""

import http.client
import json
import re
import urllib.parse
from pathlib import Path

from harness import yaml
from harness.http import Answer
from harness.process import Finished
from harness.workspace import Workspace

SERVING = re.compile(r"serving.*address=(\S+?):(\d+)")
TIMEOUT_SECONDS = 90


class Server:
    """Serves the folder `pipelines` of a workspace; files are written as an editor does, by renaming a draft."""

    def __init__(self, workspace: Workspace, *arguments, listen: str = "127.0.0.1:0", **options):
        self.workspace = workspace
        self.folder = workspace.folder / "pipelines"
        self.folder.mkdir(exist_ok=True)
        self.headers: dict[str, str] = {}
        self._start = lambda: workspace.start("serve", self.folder, "--listen", listen, "--data-dir", workspace.data_dir, *arguments, **options)
        self.process = None

    def start(self) -> "Server":
        """Until it answers."""
        self.process = self._start()
        serving = self.process.wait_until("it serves", lambda: SERVING.search(self.process.err))
        self.port = int(serving[2])
        return self

    def stop(self) -> Finished:
        return self.process.stop()

    def write(self, pipeline: dict, name: str | None = None) -> Path:
        """A pipeline's file, in its place at once."""
        path = self.folder / f"{name or pipeline['name']}.yaml"
        draft = path.with_suffix(".draft")
        draft.write_text(yaml.dump(pipeline))
        return draft.rename(path)

    def ask(self, method: str, path: str, body: str | bytes | dict | None = None, headers: dict[str, str] | None = None) -> Answer:
        if isinstance(body, dict):
            body = yaml.dump(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def get(self, path: str) -> dict | list:
        answer = self.ask("GET", path)
        assert answer.status == 200, f"{answer.status}: {answer.body!r}"
        return json.loads(answer.body)

    def do(self, name: str, what: str) -> Answer:
        """`pause`, `resume`, `stop` or `restart` of a pipeline."""
        return self.ask("POST", f"/v1/pipelines/{urllib.parse.quote(name, safe='')}/{what}")

    def status(self, name: str) -> dict:
        return self.get(f"/v1/pipelines/{urllib.parse.quote(name, safe='')}/status")

    def state(self, name: str) -> str:
        return self.status(name)["state"]

    def reloaded(self) -> dict:
        """How the last reload went."""
        return self.get("/v1/reload")

    def until(self, what: str, condition, seconds: float = 60):
        return self.process.wait_until(what, condition, seconds)

    def until_state(self, name: str, *states: str) -> str:
        return self.until(f"{name} is {' or '.join(states)}", lambda: (state := self.state(name)) in states and state)

    def metric(self, name: str, **labels: str) -> float | None:
        """The number of a time series, if there is one."""
        for line in self.ask("GET", "/metrics").body.decode().splitlines():
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if found and found[1] == name and dict(re.findall(r'(\w+)="([^"]*)"', found[2] or "")) == labels:
                return float(found[3])
        return None
