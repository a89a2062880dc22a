"""What the README and the docs tell to type is typed here.

In each page, in their order and in one folder: ```sh blocks are run, and each command must succeed; a ```yaml block right under a
line that ends in `NAME.yaml`: is written to that file. A block under an HTML comment `<!-- not run: why -->` is left out. A page's
commands find `catchwater` on the PATH, the repository's `pipelines/`, a broker at KAFKA_BROKERS with a topic `orders`, and an
empty one `orders-again`, a RabbitMQ at RABBITMQ_URL, and an empty bucket BUCKET where AWS's variables say.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.kafka import Kafka
from harness.process import binary
from harness.rabbitmq import RabbitMQ
from harness.s3 import S3
from services.kafka import Broker

REPOSITORY = Path(__file__).parents[2]
PAGES = [page for page in (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("**/*.md"))) if page.exists()]
BLOCK = re.compile(r"(?P<above>[^\n]*)\n+```(?P<language>sh|console|yaml|python|sql)\n(?P<body>.*?)^```", re.DOTALL | re.MULTILINE)
FILE_NAMED_ABOVE = re.compile(r"`?([\w./-]+\.(?:yaml|py))`?:$")
# A debug build compiles an interpreter, for a plugin in Python, in a minute or more.
COMMAND_SECONDS_MAX = 400

pytestmark = pytest.mark.timeout(2 * COMMAND_SECONDS_MAX)


@dataclass(frozen=True)
class Step:
    """A file to write, or commands to run."""

    text: str
    file: str | None = None


def steps(page: str) -> list[Step]:
    found = []
    # What follows a build is the binary; here it is built already.
    for block in BLOCK.finditer(page.replace("cargo run --release -- ", "catchwater ").replace("cargo demo\n", "catchwater demo --for 20s\n")):
        file = FILE_NAMED_ABOVE.search(block["above"].strip())
        if "<!-- not run:" in block["above"]:
            continue
        if file:
            found.append(Step(block["body"], file[1]))
        elif block["language"] == "sh":
            found.append(Step(block["body"]))
        elif block["language"] == "console":
            commands = [line[2:] for line in block["body"].splitlines() if line.startswith("$ ")]
            found.append(Step("\n".join(commands)))
    return found


@pytest.fixture
def home(tmp_path, own_broker: Broker, rabbitmq: RabbitMQ, s3: S3):
    """A folder as the page expects it, and the environment."""
    kafka = Kafka(own_broker.address)
    kafka.create("orders", 2)
    kafka.create("orders-again", 2)
    kafka.produce("orders", [b'{"id":%d,"status":"paid","amount":%d}' % (n, n) for n in range(100)])
    folder = tmp_path / "home"
    shutil.copytree(REPOSITORY / "pipelines", folder / "pipelines")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "catchwater").symlink_to(binary())
    # The pages say `python`: theirs is the one that has the readers.
    path = f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    found = {"PATH": path, "KAFKA_BROKERS": own_broker.address, "RABBITMQ_URL": rabbitmq.url, "BUCKET": s3.bucket(), **s3.environment}
    yield folder, {**os.environ, **found, "NO_COLOR": "1"}
    if (folder / "serve.pid").exists():  # left when the page did not come to its end
        with contextlib.suppress(ProcessLookupError):
            os.kill(int((folder / "serve.pid").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_what_the_page_tells_to_type_works(page, home):
    folder, environment = home
    for step in steps(page.read_text()):
        if step.file:
            target = folder / step.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(step.text)
            continue
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", step.text], cwd=folder, env=environment, capture_output=True, text=True,
                              timeout=COMMAND_SECONDS_MAX)
        assert done.returncode == 0, f"{step.text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def test_there_is_a_readme():
    assert REPOSITORY / "README.md" in PAGES


def test_the_reading_of_a_page():
    page = "Run it:\n\n```sh\na\nb\n```\n\nIn `x.yaml`:\n\n```yaml\nk: v\n```\n\n<!-- not run: needs a cloud -->\n```sh\nc\n```\n```console\n$ d\noutput\n```\n"
    assert steps(page) == [Step("a\nb\n"), Step("k: v\n", "x.yaml"), Step("d")]
