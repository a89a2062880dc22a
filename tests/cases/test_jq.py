"""jq programs: what they make of records, and that none can harm more than the record at hand."""

import json
import os
import signal
from pathlib import Path

import pytest

from harness.pipelines import from_file, generated, pipeline, to_file
from harness.waiting import wait_until

REPOSITORY = Path(__file__).parents[2]


def run(workspace, lines: list[bytes], program: str, **keys):
    workspace.write("in.ndjson", b"".join(line + b"\n" for line in lines))
    jq = {"type": "jq", "program": program, **keys}
    letters = to_file("letters.ndjson", encoding="json")
    return workspace.run(pipeline(from_file("in.ndjson"), to_file("out.ndjson"), transforms=[jq], dead_letters=letters))


def out(workspace) -> list[bytes]:
    path = workspace.folder / "out.ndjson"
    return path.read_bytes().splitlines() if path.exists() else []


def letters(workspace) -> list[tuple[str, str]]:
    """The payload of each dead letter, and the reason."""
    lines = [json.loads(line) for line in (workspace.folder / "letters.ndjson").read_text().splitlines()]
    reason = lambda letter: next(header["value"] for header in letter["headers"] if header["name"] == "catchwater.reason")
    return [(letter["payload"], reason(letter)) for letter in lines]


def test_outputs_become_records_and_numbers_keep_their_digits(workspace):
    lines = [b'{ "items": [1.50, {"a": 12345678901234567890}] }', b'{"items": []}', b"oops", b'{"items": "x"}']
    run(workspace, lines, ".items[]").succeeded().says("dropped=1")
    assert out(workspace) == [b"1.50", b'{"a":12345678901234567890}']
    (first, why), (second, why_not) = letters(workspace)
    assert first == "oops" and "the payload is not JSON" in why
    assert second == '{"items": "x"}' and "the program fails: cannot" in why_not


@pytest.mark.parametrize("program, reason", [
    ("def f: f; f", "takes longer than 300ms"),
    ("last(repeat(1))", "takes longer than 300ms"),
    ('"x" * 100000000000 | length', "of memory (`memory_max`)"),
    ("[1] | until(false; . + .)", "of memory (`memory_max`)"),
    ("def f: 1 + f; f", "too deep for the stack"),
    ("reduce range(300000) as $i (0; [.]) | tojson", "too deep for the stack"),
    ("range(1000000)", "`records_max`"),
    ('"x" * 10000000', "`output_max`"),
], ids=["tail-loop", "loop", "string", "list", "recursion", "nesting", "many", "large"])
def test_a_program_that_loops_or_explodes_costs_one_record(workspace, program, reason):
    lines = [b"%d" % number for number in range(100)]
    finished = run(workspace, lines, f"if . == 50 then ({program}) else . end", time_max="300ms" if "300ms" in reason else "10s")
    finished.succeeded()
    assert out(workspace) == [line for line in lines if line != b"50"]
    (payload, why), = letters(workspace)
    assert payload == "50" and reason in why


@pytest.mark.parametrize("program, words", [
    (".a |\n (.b", ["expected closing parenthesis", "line 2"]),
    (".a | foo", ["no filter `foo`", "column 6"]),
    ("env.HOME", ["`env` is not there"]),
    ("$ENV", ["no variable `$ENV`"]),
    ("halt", ["`halt` is not there"]),
    ("input", ["`input` is not there"]),
    ('include "/etc/passwd"; .', ["modules cannot be read"]),
])
def test_a_program_that_cannot_run_is_explained_by_check(workspace, program, words):
    workspace.write("bad.yaml", pipeline(from_file("in"), to_file("out"), transforms=[{"type": "jq", "program": program}]))
    workspace.command("check", "bad.yaml").failed().says("bad.yaml:", "program", *words)


def workers(process) -> list[int]:
    """The processes that this one started."""
    return [pid for task in Path(f"/proc/{process.popen.pid}/task").iterdir() for pid in children(task)]


def children(task: Path) -> list[int]:
    """Those that a thread started; threads come and go meanwhile."""
    try:
        return [int(pid) for pid in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def stat(pid: int) -> list[str] | None:
    """What the system says of a process, from its state on; nothing of one that is gone."""
    path = Path(f"/proc/{pid}/stat")
    fields = path.read_text().rsplit(")", 1)[1].split() if path.exists() else ["Z"]
    return None if fields[0] == "Z" else fields


def seconds_of_work(pid: int) -> float:
    return int(stat(pid)[11]) / os.sysconf("SC_CLK_TCK")


def test_a_worker_knows_nothing_and_does_not_outlive_who_started_it(workspace):
    """Its program is in the midst of a loop when the process that started it is killed."""
    workspace.write("in.ndjson", b"1\n")
    jq = {"type": "jq", "program": "last(repeat(1))", "time_max": "10s", "on_error": "drop"}
    process = workspace.start_run(pipeline(from_file("in.ndjson"), to_file("out.ndjson"), transforms=[jq]), environment={"SECRET": "s3cret"})
    worker, = process.wait_until("a worker runs", lambda: workers(process))
    process.wait_until("it loops", lambda: seconds_of_work(worker) > 1)
    assert b"s3cret" not in Path(f"/proc/{worker}/environ").read_bytes()
    process.kill()
    assert stat(worker), "it is still at it"
    wait_until("the worker ends", lambda: stat(worker) is None)


def test_a_worker_that_is_killed_costs_no_record(workspace):
    through = pipeline(generated(3000), to_file("out.ndjson"), transforms=[{"type": "throttle", "rate": "1000/s"}, {"type": "jq", "program": ".event_id"}])
    process = workspace.start_run(through)
    process.wait_until("some are through", lambda: len(out(workspace)) > 100)
    for worker in workers(process):
        os.kill(worker, signal.SIGKILL)
    process.wait().succeeded()
    assert len(set(out(workspace))) == 3000


def test_the_example_makes_an_event_of_each_item(workspace):
    workspace.command("run", REPOSITORY / "pipelines" / "shop-items.yaml", "--data-dir", workspace.data_dir).succeeded()
    items = [json.loads(payload) for payload in workspace.table("shop-items").payloads()]
    assert len(items) > 20000
    assert all(set(item) == {"event", "time", "stream", "sku", "quantity", "total", "currency"} for item in items)
    assert {item["stream"] for item in items} == {"events"}
