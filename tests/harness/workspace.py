"""A test's own folder: its pipelines, data folder and lake; ends every process that the test started."""

import shutil
import subprocess
from pathlib import Path

from harness import yaml
from harness.lake import Table
from harness.process import Finished, Process


class Workspace:
    """Processes run in `folder`, so that relative paths in pipelines lie in it too."""

    # Of the test that runs, for the report of its failure.
    made: "list[Workspace]" = []

    def __init__(self, folder: Path):
        Workspace.made.append(self)
        self.folder = folder
        self.lake_path = folder / "lake"
        self.data_dir = folder / "data"
        self._processes: list[Process] = []

    def write(self, name: str, content: str | bytes | dict | list[dict]) -> Path:
        """A file of the workspace. A dictionary is a pipeline, a list several in one file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            content = [content]
        if isinstance(content, list):
            content = "---\n".join(map(yaml.dump, content))
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def start(self, *arguments, environment: dict[str, str] | None = None, stdin=subprocess.DEVNULL) -> Process:
        """`catchwater` with these arguments."""
        log = self.folder / f"process-{len(self._processes)}"
        process = Process(list(arguments), self.folder, log, environment, stdin)
        self._processes.append(process)
        return process

    def command(self, *arguments, **options) -> Finished:
        """`catchwater` with these arguments, until it ends."""
        return self.start(*arguments, **options).wait()

    def start_run(self, pipeline: dict | list[dict], data_dir: Path | None = None, **options) -> Process:
        """`catchwater run` of a pipeline that goes on until it is stopped. Instances side by side share the data folder."""
        name = pipeline["name"] if isinstance(pipeline, dict) else "pipelines"
        # At once: an instance that was started just before may be about to read it.
        path = self.write(f"{name}.yaml.new", pipeline).rename(self.folder / f"{name}.yaml")
        return self.start("run", path, "--data-dir", data_dir or self.data_dir, **options)

    def run(self, pipeline: dict | list[dict], seconds: float = 60, **options) -> Finished:
        """`catchwater run` of a pipeline that ends by itself."""
        return self.start_run(pipeline, **options).wait(seconds)

    def table(self, collection: str = "events") -> Table:
        return Table(self.lake_path / collection)

    def lake(self, collection: str = "events", **keys) -> dict:
        """A lake sink into this workspace."""
        return {"type": "lake", "path": str(self.lake_path), "collection": collection, "commit_interval": "200ms", **keys}

    def remove_lake(self) -> None:
        shutil.rmtree(self.lake_path)

    def logs(self) -> list[tuple[str, str]]:
        """What each process said, for the report of a failed test."""
        return [(f"process {number}: {' '.join(process.arguments)}", process.err + process.out) for number, process in enumerate(self._processes)]

    def end(self) -> None:
        for process in self._processes:
            process.kill()
