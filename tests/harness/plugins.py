"""What tests of plugins look at, and what builds a plugin."""

import fcntl
import hashlib
import json
import os
import shutil
from pathlib import Path

from services.install import cache

REPOSITORY = Path(__file__).parents[2]
BUILD_SECONDS_MAX = 600
# An interpreter that nobody has compiled yet takes a debug build its time.
COMPILE_SECONDS_MAX = 600


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
        self._environment = {**dict(pair.split("=", 1) for pair in pairs), "CARGO_TARGET_DIR": str(target), "CATCHWATER_DATA_DIR": str(workspace.data_dir)}
        self._workspace = workspace

    def __call__(self, *arguments):
        return self._workspace.start("plugin", *arguments, "--plugins", "own", environment=self._environment).wait(BUILD_SECONDS_MAX)


def share_compiled(workspace) -> None:
    """What plugins are compiled to is kept for all tests: an interpreter takes a debug build half a minute."""
    shared = cache() / "plugins-compiled"
    shared.mkdir(mode=0o700, exist_ok=True)
    workspace.data_dir.mkdir(exist_ok=True)
    (workspace.data_dir / "plugins").symlink_to(shared)


def want_state(project: Path) -> None:
    for manifest, before, after in [("package.json", '"wants": []', '"wants": ["state"]'), ("pyproject.toml", "wants = []", 'wants = ["state"]')]:
        if (path := project / manifest).exists():
            assert before in (text := path.read_text()), text
            path.write_text(text.replace(before, after))


def made(workspace, language: str, code: Path) -> Path:
    """The `.wasm` file of a transform with this code, made once for each state of it and of its SDK."""
    sdk = [path for path in sorted((REPOSITORY / "sdk").glob("guest-*/**/*")) if path.is_file()]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in [*sdk, code])).hexdigest()
    folder = cache() / "plugins-made" / f"{language}-{digest[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    plugin = folder / "own" / "moody.wasm"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not plugin.exists():
            builder = Builder(workspace)
            builder("new", "moody", "--lang", language).succeeded()
            (workspace.folder / "moody" / "plugin.ts").unlink(missing_ok=True)
            shutil.copy(code, workspace.folder / "moody" / f"plugin{code.suffix}")
            want_state(workspace.folder / "moody")
            builder("build", "moody").succeeded()
            plugin.parent.mkdir(exist_ok=True)
            shutil.move(workspace.folder / "own" / "moody.wasm", plugin)
    return plugin
