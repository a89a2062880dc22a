"""Clients that others wrote for Kafka Connect's REST API, through a connector's whole life."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness import yaml
from harness.server import Server
from harness.waiting import wait_until
from services.install import jars

JAVA_CLIENT = Path(__file__).parents[1] / "connect" / "JavaClient.java"
TOKEN = "open sesame"


@pytest.fixture(params=[None, TOKEN], ids=["open", "guarded"])
def server(request, workspace, kafka):
    """With a token, which these clients show as a user's password."""
    token = ["--token-file", workspace.write("token", request.param)] if request.param else []
    server = Server(workspace, *token)
    server.token = request.param or ""
    server.folder.joinpath("catchwater.yaml").write_text(yaml.dump({"kafka": {"brokers": kafka.address}}))
    return server.start()


def test_the_java_client_that_akhq_has(server, kafka, workspace):
    topic = kafka.topic(partitions=2)
    arguments = [f"http://127.0.0.1:{server.port}", server.token, topic, workspace.folder / "out.txt"]
    ran = subprocess.run(["java", "-cp", f"{jars('connect-client-pom.xml') / 'libs'}/*", JAVA_CLIENT, *arguments],
                         capture_output=True, text=True, timeout=180)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [line for line in ran.stdout.splitlines()] == [
        "server: 4.1.0", "plugin: true", "valid: 0", "invalid: 2",
        "made: sink", "state: [RUNNING]", "listed: [java]", "expanded: [java]", "shown: 2", "config: true", f"topics: [{topic}]",
        "tasks: 2", "task: RUNNING",
        "paused: true", "state: [PAUSED]", "resumed: true", "state: [RUNNING]",
        "restarted: true", "restarted with tasks: true", "task restarted: true", "state: [RUNNING]", "topics reset: true",
        "changed: 1", "state: [RUNNING]", "refused: 400", "missing: Connector nobody not found", "deleted: true", "left: []",
    ]


class Kc:
    """`kc`, a command line from PyPI."""

    def __init__(self, server: Server):
        self.command = [Path(sys.executable).parent / "kc", "--url", f"http://127.0.0.1:{server.port}"]
        if server.token:
            self.command += ["--auth", f"admin:{server.token}"]

    def __call__(self, *arguments: str):
        ran = subprocess.run([*self.command, *arguments], capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        try:
            return json.loads(ran.stdout or "null")
        except ValueError:
            return ran.stdout.strip()

    def until_all_are(self, state: str) -> None:
        def all_are() -> bool:
            status = self("status", "py")
            return {status["connector"]["state"], *(task["state"] for task in status["tasks"])} == {state}
        wait_until(f"connector and tasks are {state}", all_are)


def test_a_command_line_in_python(server, kafka, workspace):
    topic, out = kafka.topic(), workspace.folder / "out.txt"
    kafka.produce(topic, [b"one", b"two"])
    config = {"connector.class": "FileSinkConnector", "topics": topic, "path": str(out), "tasks.max": "1"}
    kc = Kc(server)
    assert kc("info")["version"] == "4.1.0"
    assert "FileSinkConnector" in [plugin["class"] for plugin in kc("list-plugins")]
    made = kc("create", "-d", json.dumps({"name": "py", "config": config}))
    assert made == {"name": "py", "config": {**config, "name": "py"}, "tasks": [], "type": "sink"}
    wait_until("what the topic has is written", lambda: out.exists() and out.read_bytes() == b"one\ntwo\n")
    kc.until_all_are("RUNNING")
    assert kc("list") == kc("list", "-s", "running") == kc("list", "-p", "p.") == ["py"]
    assert kc("get", "py") == {**made, "tasks": [{"connector": "py", "task": 0}]} and kc("config", "py") == made["config"]
    assert [task["id"] for task in kc("list-tasks", "py")] == [{"connector": "py", "task": 0}]
    assert kc("list-topics", "py") == {"py": {"topics": [topic]}}
    kc("pause", "--all")
    kc.until_all_are("PAUSED")
    kc("resume", "py")
    kc("restart", "py", "--include-tasks")
    kc("restart-task", "py", "0")
    kc.until_all_are("RUNNING")
    assert kc("task-status", "py", "0")["state"] == "RUNNING"
    assert kc("update", "py", "-d", json.dumps({**config, "flush": "1"})).startswith("400")
    assert kc("update", "py", "-d", json.dumps({**config, "tasks.max": "2"}))["tasks"] == [{"connector": "py", "task": task} for task in (0, 1)]
    assert kc("create", "-d", json.dumps({"name": "py", "config": config})).startswith("409")
    kc("delete", "py")
    assert kc("list") == [] and kc("get", "py").startswith("404")
