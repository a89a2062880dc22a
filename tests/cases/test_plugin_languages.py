"""Plugins in JavaScript and in Python: from a new project to a running pipeline, and that they fail as well as those in Rust."""

import json
import shutil
from pathlib import Path

import pytest

from harness.http import Server
from harness.pipelines import from_file, generated, pipeline, to_file
from harness.plugins import COMPILE_SECONDS_MAX, Builder, made, out, reasons, share_compiled

REPOSITORY = Path(__file__).parents[2]
CODE = {"js": "moody.js", "python": "moody.py"}

pytestmark = pytest.mark.timeout(2 * COMPILE_SECONDS_MAX)


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture(params=CODE)
def moody(request, workspace) -> Path:
    """A plugin that does what a payload says."""
    share_compiled(workspace)
    return made(workspace, request.param, REPOSITORY / "tests" / "cases" / "data" / CODE[request.param])


def step(plugin: Path, config: dict | None = None, **keys) -> dict:
    return {"type": "wasm", "plugin": str(plugin), "config": {"prefix": "a"} if config is None else config,
            "grants": {"state": True}, **keys}


def run(workspace, lines: list[str], transform: dict, **options):
    workspace.write("in.ndjson", "".join(f"{line}\n" for line in lines))
    letters = to_file("letters.ndjson", encoding="json")
    through = pipeline(from_file("in.ndjson"), to_file("out.ndjson"), transforms=[transform], dead_letters=letters)
    return workspace.run(through, COMPILE_SECONDS_MAX, **options)


@pytest.mark.parametrize("kind", ["transform", "source", "sink"])
@pytest.mark.parametrize("language", CODE)
def test_a_new_project_builds_passes_its_tests_and_runs(workspace, server, language, kind):
    share_compiled(workspace)
    plugin = Builder(workspace)
    assert "plugin build mine" in plugin("new", "mine", "--lang", language, "--kind", kind).succeeded().out
    plugin("build", "mine").succeeded()
    assert "cases passed" in plugin("test", "mine").succeeded().out
    mine = {"type": "wasm", "plugin": "./own/mine.wasm"}
    match kind:
        case "transform":
            run(workspace, ["a", "abcdef"], {**mine, "config": {"bytes_min": 4}}).succeeded()
            assert out(workspace) == [b"abcdef"]
        case "source":
            for end in (1000, 1500):
                workspace.run(pipeline({**mine, "config": {"end": end}}, to_file("out.ndjson"))).succeeded()
            assert out(workspace) == [b'{"number":%d}' % number for number in range(1500)]
        case "sink":
            sink = {**mine, "config": {"url": f"{server.url}/lines"}, "grants": {"egress": [{"to": server.url}]}}
            workspace.run(pipeline(generated(100), sink)).succeeded()
            assert sum(request.body.count(b"\n") for request in server.received) == 100


def test_a_record_to_blame_is_found_and_the_others_go_on(workspace, moody):
    run(workspace, ["one", "raise", "two", "reject", "fail", "loop", "three"], step(moody)).succeeded().says("`time_max`")
    assert out(workspace) == [b"a one 1", b"a two 2", b"a three 3"]
    raised, rejected, failed, looped = reasons(workspace)
    assert "Error: it is in a mood" in raised
    assert rejected == "not wanted"
    assert failed.endswith(": it cannot be done")
    assert looped.startswith("plugin.trap: ") and "`time_max`" in looped


def test_half_of_a_character_in_a_reason_a_log_line_or_an_error_ends_no_instance(workspace, moody):
    lines = [r'{"name":"\ud800"}'] * 25 + [r'{"name":"\udfff","raise":1}', "one"]
    run(workspace, lines, step(moody, failures_max=0)).succeeded()
    assert out(workspace) == [b"a one 1"]
    *rejected, raised = reasons(workspace)
    shown = {reason.removeprefix("unknown name ") for reason in rejected}
    assert len(rejected) == 25 and shown in [{"\ufffd"}, {r"\ud800"}]
    assert "unknown name" in raised


def test_what_is_remembered_outlives_the_process(workspace, moody):
    run(workspace, ["one", "two"], step(moody)).succeeded()
    run(workspace, ["one", "two", "three"], step(moody)).succeeded()
    assert out(workspace) == [b"a one 1", b"a two 2", b"a three 3"]


def test_values_by_key_outlive_the_process_and_are_bounded(workspace, moody):
    run(workspace, ["recall", "keep one", "recall"], step(moody)).succeeded()
    assert out(workspace) == [b"a kept is nothing 1", b"a keep one: True 2", b"a kept is one 3"]
    small = step(moody, grants={"state": True, "state_max": "1KiB"})
    large = "x" * 2000
    run(workspace, ["recall", "keep one", "recall", f"keep {large}", "recall", "forget", "recall"], small).succeeded()
    assert out(workspace)[3:] == [f"a keep {large}: False 4".encode(), b"a kept is one 5", b"a forget 6", b"a kept is nothing 7"]


@pytest.mark.parametrize("config, place, words", [
    ({"prefix": 5}, "prefix", "must be a string, and is an integer"),
    ({"prefix": "a", "perfix": "b"}, "perfix", "unknown key, there are `prefix`, `numbers`"),
    ({"prefix": "a", "numbers": [1, "x"]}, "numbers[1]", "must be an integer, and is a string"),
    ({}, "", "missing key `prefix`"),
], ids=["type", "unknown", "item", "missing"])
def test_a_mistake_in_the_configuration_is_found_at_its_line(workspace, moody, config, place, words):
    text = json.dumps(pipeline(generated(1), to_file("out.ndjson"), transforms=[step(moody, config)]), indent=1)
    path = workspace.write("bad.yaml", text)
    said = workspace.start("check", path, environment={"CATCHWATER_DATA_DIR": str(workspace.data_dir)}).wait(COMPILE_SECONDS_MAX)
    said.failed().says(f"transforms[0].config{place and '.'}{place}: ", words)
    if place:
        wrong = next(number for number, line in enumerate(text.splitlines(), 1) if json.dumps(place.split("[")[0]) in line)
        assert any(f"bad.yaml:{number}:" in said.err for number in range(wrong, wrong + 3)), said.err


def test_the_example_in_javascript_adds_up_what_customers_pay(workspace):
    share_compiled(workspace)
    path = REPOSITORY / "pipelines" / "shop-loyalty.yaml"
    workspace.start("run", path, "--data-dir", workspace.data_dir).wait(COMPILE_SECONDS_MAX).succeeded().says("tiers=")
    paid: dict[str, float] = {}
    events = [json.loads(payload) for payload in workspace.table("shop-loyalty").payloads()]
    assert len(events) == 20000
    for event in events:
        customer = event.get("customer", {}).get("id")
        if event["event"] == "order_paid":
            paid[customer] = paid.get(customer, 0) + event["amount"]
        tiers = [name for name, least in (("silver", 100), ("gold", 500)) if customer and paid.get(customer, 0) >= least]
        assert event.get("tier") == (tiers[-1] if tiers else None)


def test_the_example_in_python_tidies_up_names(workspace):
    share_compiled(workspace)
    path = REPOSITORY / "pipelines" / "shop-tidy.yaml"
    workspace.start("run", path, "--data-dir", workspace.data_dir).wait(COMPILE_SECONDS_MAX).succeeded().says("tidied=")
    names = [json.loads(payload).get("customer", {}).get("name") for payload in workspace.table("shop-tidy").payloads()]
    assert len(names) == 20000 and "CHLOÉ DUBOIS" in names
    assert all(name == name.upper() for name in names if name)


@pytest.mark.parametrize("name", ["tier", "tidy", "refine-js", "refine-python"])
def test_the_examples_pass_their_own_tests(workspace, name):
    share_compiled(workspace)
    environment = {"CATCHWATER_DATA_DIR": str(workspace.data_dir)}
    tested = workspace.start("plugin", "test", REPOSITORY / "plugins-wasm" / name, environment=environment).wait(COMPILE_SECONDS_MAX)
    assert "cases passed" in tested.succeeded().out


def test_a_project_that_does_not_build_says_why(workspace):
    plugin = Builder(workspace)
    plugin("new", "mine", "--lang", "js").succeeded()
    workspace.write("mine/plugin.ts", "export default class {")
    plugin("build", "mine").failed().says("plugin.ts:1:", "build mine: it failed, see above")
    workspace.write("mine/plugin.ts", "export default class { static schema = { typ: 'object' }; process() {} }")
    plugin("build", "mine").failed().says("schema.typ would not be checked")
    workspace.write("mine/plugin.ts", "throw new Error('at the top'); export default class { process() {} }")
    plugin("build", "mine").failed().says("mine: no component can be made of it: its module throws Error: at the top")
    workspace.write("mine/plugin.ts", "export default class { process() {} snapshot() {} }")
    plugin("build", "mine").failed().says("snapshot is never called without a version of what it gives: `static stateVersion = 1`")
    manifest = (workspace.folder / "mine" / "package.json").read_text()
    workspace.write("mine/package.json", manifest.replace('"wants": []', '"wants": "clock"'))
    plugin("build", "mine").failed().says('mine: package.json: catchwater.wants is a list such as ["clock"], and not "clock"')
    workspace.write("mine/package.json", manifest[:-3])
    said = plugin("build", "mine").failed().says("mine: package.json is no JSON: ")
    assert "    at " not in said.err
    shutil.rmtree(workspace.folder / "mine" / "catchwater")
    plugin("build", "mine").failed().says("there is no SDK in mine/catchwater/guest-js")
    (workspace.folder / "mine" / "package.json").unlink()
    plugin("build", "mine").failed().says("it has none of Cargo.toml, package.json, pyproject.toml")


def test_a_project_in_python_that_does_not_build_says_why(workspace):
    plugin = Builder(workspace)
    plugin("new", "mine", "--lang", "python", "--kind", "sink").succeeded()
    code, manifest = (workspace.folder / "mine" / name for name in ("plugin.py", "pyproject.toml"))
    good, text = code.read_text(), manifest.read_text()

    def is_told(*words) -> None:
        said = plugin("build", "mine").failed().says(*words)
        assert "Traceback" not in said.err and "backtrace" not in said.err

    code.write_text(good.replace("def flush", "async def flush"))
    is_told("mine: no component can be made of it: TypeError: flush is async or a generator; the interface is synchronous")
    code.write_text(good + "\n\nraise ValueError('at the end')\n")
    is_told(f"mine: no component can be made of it: ValueError: at the end (plugin.py:{good.count(chr(10)) + 3})")
    manifest.write_text(text.replace('["egress"]', '"egress"'))
    is_told("""mine: pyproject.toml: tool.catchwater.wants is a list such as ["clock"], and not 'egress'""")
    manifest.write_text(text.replace('"mine"', '"mine'))
    is_told("mine: pyproject.toml is no TOML: ")


SINK = """
export default class {
  write(batch) {}
  %s
}
"""


def test_a_sink_that_does_not_wait_for_what_it_stores_is_refused(workspace):
    share_compiled(workspace)
    plugin = Builder(workspace)
    plugin("new", "mine", "--lang", "js", "--kind", "sink").succeeded()
    words = "flush is async or a generator; the interface is synchronous"
    for method in ["async flush() {}", "*flush() {}"]:
        workspace.write("mine/plugin.ts", SINK % method)
        plugin("build", "mine").failed().says(f"does not describe itself: Error: {words}")
    workspace.write("mine/plugin.ts", SINK % "flush() { return Promise.reject(new Error('it is away')); }")
    plugin("build", "mine").succeeded()
    sink = {"type": "wasm", "plugin": "./own/mine.wasm", "grants": {"egress": [{"to": "http://localhost:1"}]}}
    workspace.run(pipeline(generated(10), sink), COMPILE_SECONDS_MAX).failed().says("plugin ./own/mine.wasm: ", words)


SOURCE = """
import { Arrivals, Next, partition } from "catchwater-plugin";

export default class {
  at = 0n;
  partitions() { return [partition("one", "half \\ud800", { beginsAt: 5n })]; }
  start(number, position) { this.at = BigInt(position); }
  read(out) {
    const timestamp = { micros: 10n, kind: "create" };
    if (this.at > 5n) return Next.END;
    for (const wrong of [{ timestamp: { micros: "abc" } }, { timestamp: { micros: NaN } }, { timestamp: { micros: 1.5 } },
                         { headers: [{ value: "v" }] }, 5]) {
      try {
        new Arrivals().push(0, 1, wrong);
      } catch (error) {
        console.error(error);
      }
    }
    out.push(0, this.at, { payload: "a", timestamp });
    out.push(0, 6, "b");
    out.push(0, 2n ** 60n + 1n, { payload: "c" });
    this.at = 6n;
    return Next.NOW;
  }
}
"""


def test_whole_numbers_cross_as_they_are_and_what_is_none_is_refused_by_its_name(workspace):
    share_compiled(workspace)
    plugin = Builder(workspace)
    plugin("new", "mine", "--lang", "js", "--kind", "source").succeeded()
    workspace.write("mine/plugin.ts", SOURCE)
    plugin("build", "mine").succeeded()
    source = {"type": "wasm", "plugin": "./own/mine.wasm"}
    ran = workspace.run(pipeline(source, to_file("out.ndjson", encoding="json")), COMPILE_SECONDS_MAX).succeeded()
    came = [json.loads(line) for line in out(workspace)]
    assert [(record["payload"], record["position"]) for record in came] == [("a", 5), ("b", 6), ("c", 2**60 + 1)]
    assert came[0]["timestamp"] == "1970-01-01T00:00:00.00001Z" and came[0]["stream"] == "half \ufffd"
    for value in ['"abc"', "NaN", "1.5"]:
        ran.says(f"timestamp.micros is an integer of 64 bits, and not {value}")
    ran.says("a header or a property has a `name` of text", "a record is {payload, key, headers, properties, timestamp}, and not Number")


def test_what_is_missing_is_named(workspace):
    plugin = Builder(workspace)
    for language, words in [("js", "there is no npm"), ("python", "there is no python3")]:
        plugin("new", language, "--lang", language).succeeded()
        empty = {"PATH": str(workspace.folder), "XDG_CACHE_HOME": str(workspace.folder / "cache")}
        workspace.start("plugin", "build", language, environment=empty).wait().failed().says(words, "(Debian: apt-get install")
