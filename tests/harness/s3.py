"""S3 as seen from a test, through pyarrow's own client: buckets, objects, and what the binary's environment must name."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pyarrow import fs


@dataclass(frozen=True)
class S3:
    """One S3 by endpoint, key and secret; buckets are made unique, so that tests share the server."""

    address: str
    key: str
    secret: str

    @staticmethod
    def of(url: str) -> "S3":
        """From `http://KEY:SECRET@ADDRESS`."""
        parts = urlsplit(url)
        return S3(f"{parts.hostname}:{parts.port}", parts.username, parts.password)

    @property
    def files(self) -> fs.S3FileSystem:
        return fs.S3FileSystem(access_key=self.key, secret_key=self.secret, endpoint_override=self.address, scheme="http", region="us-east-1",
                               allow_bucket_creation=True, allow_bucket_deletion=True)

    @property
    def environment(self) -> dict[str, str]:
        """What a user would set for `catchwater`."""
        return {"AWS_ENDPOINT_URL": f"http://{self.address}", "AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret,
                "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}

    @property
    def storage_options(self) -> dict[str, str]:
        """The same for the readers of Delta tables."""
        return {**self.environment, "AWS_ALLOW_HTTP": "true"}

    def behind(self, address: str) -> "S3":
        """The same server by another way."""
        return S3(address, self.key, self.secret)

    def bucket(self, name: str = "lake") -> str:
        """A new bucket."""
        bucket = f"{name}-{uuid.uuid4().hex[:8]}"
        self.files.create_dir(bucket)
        return bucket

    def paths(self, prefix: str) -> list[str]:
        """All objects below `bucket/prefix`, relative to it, in order."""
        found = self.files.get_file_info(fs.FileSelector(prefix, recursive=True, allow_not_found=True))
        return sorted(entry.path.removeprefix(prefix).lstrip("/") for entry in found if entry.type == fs.FileType.File)

    def get(self, path: str) -> bytes:
        with self.files.open_input_stream(path, compression=None) as stream:
            return stream.read()

    def put(self, path: str, content: bytes) -> None:
        with self.files.open_output_stream(path, compression=None) as stream:
            stream.write(content)

    def download(self, prefix: str, folder: Path) -> None:
        """A plain copy, file by file."""
        for path in self.paths(prefix):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.get(f"{prefix}/{path}"))

    def upload(self, folder: Path, prefix: str) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder)}", path.read_bytes())
