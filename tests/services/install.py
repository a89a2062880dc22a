"""Fetches a server's jars once per version into the user's cache folder."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def cache() -> Path:
    """The folder for everything that is built or downloaded."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("CATCHWATER_CACHE") or Path(home) / "catchwater")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def jars(pom: str) -> Path:
    """The folder with what `pom` depends on. A changed pom is another folder; two callers install once."""
    text = (HERE / pom).read_bytes()
    folder = cache() / "kafka" / hashlib.sha256(text).hexdigest()[:12]
    folder.parent.mkdir(exist_ok=True)
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            download(HERE / pom, folder)
    return folder


def download(pom: Path, folder: Path) -> None:
    if not shutil.which("mvn"):
        raise SystemExit("tests: please install Maven and Java 17 (Debian: apt-get install maven default-jdk-headless)")
    # Into a folder of another name first: an interrupted download must not pass for a whole one.
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    shutil.copy(pom, partial / "pom.xml")
    command = ["mvn", "-q", "-B", "-f", partial / "pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={partial / 'libs'}"]
    # Not to our own output: a shell script reads the broker's address from there, and Maven colours even nothing.
    subprocess.run(command, check=True, stdout=sys.stderr)
    partial.rename(folder)
