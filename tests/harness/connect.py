"""A server that is asked as Kafka Connect is."""

import json

from harness.exchanges import Answer, Exchange, ask
from harness.server import Server


class Connect(Server):
    """A server whose Kafka is the shared broker, asked as Kafka Connect's clients ask."""

    def __init__(self, workspace, kafka, *arguments):
        super().__init__(workspace, *arguments)
        self.write({"kafka": {"brokers": kafka.address}}, "catchwater")

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def request(self, method: str, path: str, body: dict | None = None) -> Answer:
        return ask(self.host, Exchange(0, method, path, None if body is None else json.dumps(body)))

    def json(self, path: str):
        return json.loads(self.request("GET", path).body)

    def make(self, name: str, **config) -> None:
        answer = self.request("POST", "/connectors", {"name": name, "config": config})
        assert answer.status == 201, answer.body

    def offsets(self, name: str) -> dict[tuple[str, int], int]:
        entries = self.json(f"/connectors/{name}/offsets")["offsets"]
        return {(at["partition"]["kafka_topic"], at["partition"]["kafka_partition"]): at["offset"]["kafka_offset"] for at in entries}
