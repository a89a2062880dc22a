"""A test's own bucket with a lake in it, asked as one on disk is: the log in place, the files through a plain copy."""

from pathlib import Path

from deltalake import DeltaTable

from harness.lake import Table, opened
from harness.process import Process
from harness.s3 import S3
from harness.workspace import Workspace


class BucketTable(Table):
    """A collection in a bucket. Questions to the log go there; `path` is a copy, made anew when files or entries are asked for."""

    def __init__(self, s3: S3, prefix: str, copy: Path):
        super().__init__(copy)
        self.s3, self.prefix = s3, prefix

    def open(self) -> DeltaTable | None:
        return opened(f"s3://{self.prefix}", self.s3.storage_options)

    def live_files(self) -> list[Path]:
        self.s3.download(self.prefix, self.path)
        return super().live_files()

    def commits(self) -> list[list[dict]]:
        self.s3.download(self.prefix, self.path)
        return super().commits()


class BucketWorkspace(Workspace):
    """A workspace whose lake is in a bucket of its own; its processes are told the way there by their environment."""

    def __init__(self, folder: Path, s3: S3):
        super().__init__(folder)
        self.s3 = s3
        self.bucket = s3.bucket()
        self.prefix = f"{self.bucket}/the/lake"
        self.lake_path = f"s3://{self.prefix}"
        self.environment = s3.environment

    def start(self, *arguments, environment: dict[str, str] | None = None, **options) -> Process:
        return super().start(*arguments, environment={**self.environment, **(environment or {})}, **options)

    def by(self, address: str) -> "BucketWorkspace":
        """From now on processes go to the same server by another address, and the test as before."""
        self.environment = self.s3.behind(address).environment
        return self

    def table(self, collection: str = "events") -> BucketTable:
        return BucketTable(self.s3, f"{self.prefix}/{collection}", self.folder / "copy" / collection)

    def remove_lake(self) -> None:
        for path in self.s3.paths(self.bucket):
            self.s3.files.delete_file(f"{self.bucket}/{path}")
