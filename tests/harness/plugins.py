"""What tests of plugins look at, and what builds a plugin."""

import json
import os
from pathlib import Path

BUILD_SECONDS_MAX = 600


def out(workspace, name: str = "out.ndjson") -> list[bytes]:
    path = workspace.folder / name
    return path.read_bytes().splitlines() if path.exists() else []


def reasons(workspace) -> list[str]:
    letters = [json.loads(line) for line in out(workspace, "letters.ndjson")]
    return [header["value"] for letter in letters for header in letter["headers"] if header["name"] == "catchwater.reason"]


class Builder:
    """`catchwater plugin` in a workspace, with what cargo needs to build plugins here, as `tests/plugins.sh` found it."""

    def __init__(self, workspace):
        pairs = os.environ.get("CATCHWATER_PLUGIN_ENVIRONMENT", "").split()
        target = Path(os.environ["CATCHWATER_CACHE"]) / "target-plugins"
        self._environment = {**dict(pair.split("=", 1) for pair in pairs), "CARGO_TARGET_DIR": str(target)}
        self._workspace = workspace

    def __call__(self, *arguments):
        return self._workspace.start("plugin", *arguments, "--plugins", "own", environment=self._environment).wait(BUILD_SECONDS_MAX)
