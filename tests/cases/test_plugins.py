"""Plugins: from a new project to a running pipeline, and that none can harm more than its own step."""

import json
import os
from pathlib import Path

import pytest

from harness.pipelines import following, from_file, generated, pipeline, to_file
from harness.plugins import Builder, out, reasons
from harness.server import Server

REPOSITORY = Path(__file__).parents[2]


def mask(*fields: str, **keys) -> dict:
    return {"type": "wasm", "plugin": "mask", "config": {"fields": list(fields)}, **keys}


def run(workspace, lines: list[bytes], step: dict):
    workspace.write("in.ndjson", b"".join(line + b"\n" for line in lines))
    letters = to_file("letters.ndjson", encoding="json")
    return workspace.run(pipeline(from_file("in.ndjson"), to_file("out.ndjson"), transforms=[step], dead_letters=letters))


def test_the_example_masks_the_customers_and_nothing_else(workspace):
    workspace.command("run", REPOSITORY / "pipelines" / "shop-plugin.yaml", "--data-dir", workspace.data_dir).succeeded().says("masked=")
    events = [json.loads(payload) for payload in workspace.table("shop-plugin").payloads()]
    assert len(events) == 20000
    customers = [event["customer"] for event in events if event.get("customer")]
    assert customers and all(customer.get("email", "***") == "***" for customer in customers)
    assert all(customer["id"] != "***" for customer in customers)


def test_the_example_with_a_memory_adds_what_earlier_events_said(workspace):
    workspace.command("run", REPOSITORY / "pipelines" / "shop-enriched.yaml", "--data-dir", workspace.data_dir).succeeded().says("added=")
    events = [json.loads(payload) for payload in workspace.table("shop-enriched").payloads()]
    paid = {event["order_id"]: event["payment"]["method"] for event in events if event["event"] == "order_paid"}
    shipped = [event for event in events if event["event"] == "order_shipped"]
    assert len(events) == 20000 and len(shipped) > 500
    assert all(event["paid_by"] == paid[event["order_id"]] for event in shipped)


def test_the_example_that_keeps_what_it_saw_lets_each_order_through_once(workspace):
    workspace.command("run", REPOSITORY / "pipelines" / "shop-distinct.yaml", "--data-dir", workspace.data_dir).succeeded().says("seen_before=")
    orders = [json.loads(payload).get("order_id") for payload in workspace.table("shop-distinct").payloads()]
    known = [order for order in orders if order is not None]
    assert 1000 < len(known) == len(set(known))


def test_a_plugin_replaces_keeps_and_rejects(workspace):
    lines = [b'{"a":{"b":"secret"},"n":1}', b'{"n":2}', b"not JSON", b'{"a":[{"b":"x"},{"c":1}]}']
    run(workspace, lines, mask("a.b")).succeeded()
    assert out(workspace) == [b'{"a":{"b":"***"},"n":1}', b'{"n":2}', b'{"a":[{"b":"***"},{"c":1}]}']
    reason, = reasons(workspace)
    assert "the payload is not JSON" in reason


def test_strings_are_read_alike_wherever_what_is_special_stands_in_them(workspace):
    lines, masked, bad = [], [], 0
    for length in range(40):
        for at in range(length + 1):
            for special in ['', r'\"', r'\\', r'\u00e9', "é", "日本", r'\x', "\x01"]:
                text = "x" * at + special + "y" * (length - at)
                lines.append(f'{{"{text}":"{text}","b":"{text}","n":[{10 ** (at % 19)},{at}.5]}}'.encode())
                if special in (r'\x', "\x01"):
                    bad += 1
                else:
                    masked.append(f'{{"{text}":"{text}","b":"***","n":[{10 ** (at % 19)},{at}.5]}}'.encode())
    run(workspace, lines, mask("b", failures_max=0)).succeeded()
    assert out(workspace) == masked
    assert len(reasons(workspace)) == bad


def test_a_record_that_breaks_the_plugin_off_is_found_and_the_others_go_on(workspace):
    lines = [b'{"a":%d}' % number for number in range(1000)]
    lines[700] = b'{"a":"%s"}' % (b"x" * 6_000_000)
    finished = run(workspace, lines, mask("a", memory_max="8MiB"))
    finished.succeeded().says("plugin=mask", "in.ndjson", "`memory_max`")
    assert out(workspace) == [b'{"a":"***"}'] * 999
    reason, = reasons(workspace)
    assert reason == "plugin.trap: plugin mask: it asked for more than 8 MiB of memory (`memory_max`)"


def test_a_plugin_that_breaks_off_too_often_stops_its_own_pipeline_only(workspace):
    workspace.write("in.ndjson", b"".join(b'{"a":"%s"}\n' % (b"x" * 6_000_000) for _ in range(3)))
    bad = pipeline(from_file("in.ndjson"), to_file("bad.ndjson"), transforms=[mask("a", memory_max="8MiB", failures_max=1)],
                   dead_letters=to_file("letters.ndjson"), name="bad")
    good = pipeline(generated(5000), to_file("good.ndjson"), transforms=[mask("customer.email")], name="good")
    finished = workspace.run([bad, good])
    finished.failed().says("pipeline=bad", "plugin mask", "`failures_max`", "pipeline=good records=5000")
    assert len(out(workspace, "good.ndjson")) == 5000


@pytest.mark.parametrize("keys, words", [
    ({"config": {"fields": [1]}}, ["transforms[0].config.fields[0]", "invalid type", ":9:"]),
    ({"config": {"feilds": ["a"]}}, ["transforms[0].config", "unknown field `feilds`, expected `fields` or `text`"]),
    ({"config": {"fields": ["a..b"]}}, ["transforms[0].config.fields[0]", "has an empty part"]),
    ({"config": {}}, ["transforms[0].config", "missing field `fields`"]),
    ({"plugin": "maks"}, ["transforms[0].plugin", "did you mean `mask`?"]),
    ({"plugin": "./none.wasm"}, ["transforms[0].plugin", "read the plugin ./none.wasm"]),
    ({"memory_max": "much"}, ["transforms[0].memory_max"]),
], ids=["type", "unknown", "meaning", "missing", "name", "file", "limit"])
def test_a_mistake_is_found_by_check_at_its_line(workspace, keys, words):
    through = pipeline(from_file("in"), to_file("out"), transforms=[{**mask("a"), **keys}])
    path = workspace.write("bad.yaml", through)
    words = [word for word in words if word != ":9:"]
    workspace.command("check", path).failed().says("bad.yaml:", *words)


def test_a_plugin_that_is_a_pipe_is_refused_and_not_waited_for(workspace):
    os.mkfifo(workspace.folder / "pipe.wasm")
    path = workspace.write("bad.yaml", pipeline(generated(1), to_file("out"), transforms=[mask("a", plugin="./pipe.wasm")]))
    said = workspace.command("check", path).failed()
    said.says("transforms[0].plugin: read the plugin ./pipe.wasm: it is no regular file")


CEILING = """# Of this server.
memory_max: 64MiB
grants:
  clock: true
"""


@pytest.mark.parametrize("keys, key, words", [
    ({"memory_max": "65MiB"}, "memory_max", ["transforms[0].memory_max: 65MiB is more than", "64MiB at most (ceiling.yaml, line 2)"]),
    ({"grants": {"random": True}}, "random", ["transforms[0].grants.random: plugins may not have it here (ceiling.yaml, line 3)"]),
    ({"memory_max": "64MiB", "grants": {"clock": True}}, None, None),
    ({}, None, None),
], ids=["bound", "grant", "within", "default"])
def test_a_pipeline_that_asks_beyond_the_ceiling_is_refused(workspace, keys, key, words):
    workspace.write("ceiling.yaml", CEILING)
    path = workspace.write("one.yaml", pipeline(generated(10), to_file("out.ndjson"), transforms=[{**mask("customer.email"), **keys}]))
    line = next((number for number, text in enumerate(path.read_text().splitlines(), 1) if f"{key}:" in text), None)
    for command in (["check", path], ["run", path, "--data-dir", workspace.data_dir]):
        said = workspace.command(*command, "--plugin-ceiling", "ceiling.yaml")
        said.succeeded() if words is None else said.failed().says(*words, f"one.yaml:{line}:")
        assert (workspace.folder / "out.ndjson").exists() == (words is None and "run" in command)
        workspace.command("check", path).succeeded()


def test_a_mistake_in_the_ceiling_is_told_at_its_line(workspace):
    workspace.write("ceiling.yaml", CEILING.replace("memory_max", "memroy_max"))
    one = pipeline(generated(10), to_file("out.ndjson"), transforms=[mask("customer.email")])
    said = workspace.run(one, environment={"CATCHWATER_PLUGIN_CEILING": "ceiling.yaml"})
    said.failed().says("ceiling.yaml, line 2, column 1: there is no key `memroy_max` (did you mean `memory_max`?)")


def test_what_a_plugin_remembers_outlives_its_process(workspace):
    enrich = {"type": "wasm", "plugin": "enrich", "config": {"by": "id", "remember": "name", "into": "who"}}
    known = [b'{"id":1,"name":"Ann"}']
    run(workspace, known, enrich).succeeded()
    run(workspace, [*known, b'{"id":1}', b'{"id":2}'], enrich).succeeded()
    assert out(workspace) == [*known, b'{"id":1,"who":"Ann"}', b'{"id":2}']


def test_what_another_plugin_in_this_step_remembered_is_left_behind_with_a_word(workspace):
    enrich = {"type": "wasm", "plugin": "enrich", "config": {"by": "id", "remember": "name", "into": "who"}}
    run(workspace, [b'{"id":1,"name":"Ann"}'], enrich).succeeded()
    said = run(workspace, [b'{"id":1,"name":"Ann"}', b'{"id":1}'], distinct()).succeeded()
    said.says("WARN", "what was remembered in this step is left behind plugin=\"distinct\" step=wasm before=\"enrich\"", "another name")
    again = run(workspace, [b'{"id":1,"name":"Ann"}', b'{"id":1}', b'{"id":2}'], distinct()).succeeded()
    assert "left behind" not in again.err


def distinct(**grants) -> dict:
    return {"type": "wasm", "plugin": "distinct", "config": {"by": "id"}, "grants": {"state": True, **grants}}


def test_what_a_plugin_keeps_by_key_outlives_its_process(workspace):
    run(workspace, [b'{"id":1}', b'{"id":2}', b'{"id":1}'], distinct()).succeeded()
    assert out(workspace) == [b'{"id":1}', b'{"id":2}']
    run(workspace, [b'{"id":1}', b'{"id":2}', b'{"id":1}', b'{"id":2}', b'{"id":3}'], distinct()).succeeded()
    assert out(workspace) == [b'{"id":1}', b'{"id":2}', b'{"id":3}']


def test_what_a_plugin_keeps_by_key_is_granted_and_bounded(workspace):
    events = [b'{"id":%d}' % number for number in range(1000)]
    run(workspace, events, {**distinct(), "grants": {}}).failed().says("transforms[0].grants", "wants `state`")
    run(workspace, events, distinct(state_max="16KiB")).failed().says("plugin distinct", "lower `events_max`, or raise `state_max`")
    run(workspace, events, distinct()).succeeded()
    assert out(workspace) == events


def test_what_was_compiled_is_kept_in_the_data_folder(workspace):
    run(workspace, [b'{"a":1}'], mask("a")).succeeded()
    kept, = (workspace.data_dir / "plugins").glob("*.compiled")
    assert kept.stat().st_mode & 0o077 == 0


def put(path: Path, content: bytes) -> None:
    draft = path.with_suffix(".draft")
    draft.write_bytes(content)
    draft.rename(path)


def test_a_changed_plugin_takes_over_without_loss_and_a_bad_one_does_not(workspace, kafka):
    one = (Path(os.environ["CATCHWATER_PLUGINS"]) / "mask.wasm").read_bytes()
    other = one.replace(b"the payload is not JSON", b"this payload isn't JSON")
    assert one != other, "what it says is in the file as it stands"
    topic, server, file = kafka.topic(), Server(workspace), workspace.folder / "swapped.wasm"

    def flow(first: int) -> None:
        kafka.produce(topic, [b'{"a":"secret","n":%d}' % number for number in range(first, first + 1000)] + [b"not JSON"])
        server.until("it is stored", lambda: workspace.table().count() == first + 1000)

    put(file, one)
    server.write(pipeline(following(kafka, topic), workspace.lake(), transforms=[mask("a", plugin=str(file))], name="masked",
                          dead_letters=to_file(workspace.folder / "letters.ndjson", encoding="json")))
    server.start()
    flow(0)
    put(file, other)
    server.until("it takes over", lambda: server.reloaded()["generation"] == 2)
    assert server.reloaded()["changes"] == [{"pipeline": "masked", "change": "adapt", "trouble": None}]
    flow(1000)
    put(file, b"no plugin at all")
    error = server.until("the mistake is told", lambda: server.reloaded()["error"])
    assert "swapped.wasm is no WASM file" in error and "masked.yaml:" in error
    assert server.state("masked") == "running"
    flow(2000)
    put(file, one)
    server.until("all is well again", lambda: server.reloaded()["error"] is None)
    flow(3000)
    assert server.metric("catchwater_component_count_total", pipeline="masked", component="wasm", counter="masked") == 4000
    server.stop().succeeded()
    assert workspace.table().payloads() == [b'{"a":"***","n":%d}' % number for number in range(4000)]
    assert [reason[:13] for reason in reasons(workspace)] == ["the payload i", "this payload ", "this payload ", "the payload i"]


def test_plugins_are_listed_with_the_connectors(workspace):
    listed = workspace.command("connectors").succeeded().out
    assert "  wasm " in listed and "  mask\n" in listed.split("plugins,")[1]


def test_inspect_says_what_a_plugin_is(workspace):
    said = workspace.command("plugin", "inspect", "mask").succeeded().out
    for words in ["mask 0.1.0: Puts a fixed text in place of fields", "catchwater:plugin/transform@0.1.0", "## `fields`", "required", "sha256"]:
        assert words in said, said


def test_a_new_project_builds_passes_its_tests_and_runs(workspace):
    plugin = Builder(workspace)
    made = plugin("new", "small").succeeded().out
    assert "plugin build small" in made and "transforms: [{type: wasm, plugin: small, config: {bytes_min: 4}}]" in made
    plugin("build", "small").succeeded()
    assert "2 cases passed" in plugin("test", "small").succeeded().out
    workspace.write("in.ndjson", b"a\nabcdef\n")
    step = {"type": "wasm", "plugin": "./own/small.wasm", "config": {"bytes_min": 4}}
    workspace.run(pipeline(from_file("in.ndjson"), to_file("out.ndjson"), transforms=[step])).succeeded()
    assert out(workspace) == [b"abcdef"]
    workspace.write("small/tests.yaml", "- name: nothing is dropped\n  config: { bytes_min: 4 }\n  in: [a]\n  out: [a]\n")
    plugin("test", "small").failed().says("nothing is dropped", "expected")
    workspace.write("small/tests.yaml", WHOLE_RECORDS)
    (workspace.folder / "small").rename(workspace.folder / "renamed")
    fresh = plugin("test", "renamed").succeeded()
    assert "small: 1 case passed" in fresh.out and "was built before" not in fresh.err
    os.utime(workspace.folder / "renamed" / "src" / "lib.rs")
    plugin("test", "renamed").succeeded().says("small was built before renamed/src/lib.rs changed: catchwater plugin build renamed")


WHOLE_RECORDS = """
- name: what a record has beside its payload stays
  config: { bytes_min: 4 }
  in: [{ payload: abcd, key: k-1, headers: { trace: t-1 }, timestamp: 2026-11-22T10:00:00Z }, a]
  out: [{ key: k-1, headers: { trace: t-1 }, timestamp: 2026-11-22T10:00:00Z }]
"""


def test_a_project_that_is_called_as_something_in_its_template_builds_and_what_it_remembers_needs_a_version(workspace):
    plugin = Builder(workspace)
    plugin("new", "output").succeeded()
    plugin("build", "output").succeeded()
    assert "2 cases passed" in plugin("test", "output").succeeded().out
    code = workspace.folder / "output" / "src" / "lib.rs"
    remembers = "    fn snapshot(&self) -> Vec<u8> {\n        vec![1]\n    }\n\n    /// Says of each record"
    code.write_text(code.read_text().replace("    /// Says of each record", remembers))
    plugin("build", "output").succeeded()
    plugin("test", "output").failed().says("`snapshot` is never called without a version", "`const STATE_VERSION: u32 = 1;`")


def test_a_project_with_a_name_that_is_none_is_not_made(workspace):
    workspace.command("plugin", "new", "Not_A_Name").failed().says("lower-case letters")
