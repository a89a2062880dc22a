"""`catchwater check`: every mistake as file:line:column with its key, the line with a caret and the nearest name. No contact, no side effects."""

import re
import socket

import pytest

from harness.pipelines import following, from_file, pipeline

GOOD = """\
name: orders
source:
  type: kafka
  brokers: localhost:9092
  topics: [orders]
  group: catchwater
sinks:
  - type: lake
    path: ./lake
    collection: orders
"""


def mistakes(workspace, text: str | bytes, **options) -> str:
    """What `check` says about a file that it refuses."""
    workspace.write("orders.yaml", text)
    finished = workspace.command("check", "orders.yaml", **options).failed()
    said = finished.err + finished.out
    assert "panicked" not in said
    return said


def check(workspace, change: tuple[str, str], place: str, *phrases: str) -> None:
    """The good pipeline with one change is refused at line:column with these words, and the line is shown with a caret."""
    old, new = change
    assert old in GOOD
    said = mistakes(workspace, GOOD.replace(old, new))
    assert f"orders.yaml:{place}" in said, said
    for phrase in phrases:
        assert phrase in said, said
    assert "^" in said, said


def test_a_good_pipeline_passes_without_a_word_of_error(workspace):
    workspace.write("orders.yaml", GOOD)
    workspace.command("check", "orders.yaml").succeeded()


CASES = {
    "an unknown key": (("group: catchwater", "grup: catchwater"), "6:3", "grup", "group"),
    "a misspelt type": (("type: lake", "type: lak"), "8:11", "lak", "lake"),
    "an unknown key of the pipeline": (("name: orders", "nam: orders"), "1:1", "nam", "name"),
    "a name from another tool": (("brokers: localhost", "bootstrap.servers: localhost"), "4:3", "bootstrap.servers", "brokers"),
    "a name from a third tool": (("brokers: localhost", "seed_brokers: localhost"), "4:3", "seed_brokers", "brokers"),
    "group.id": (("group: catchwater", "group.id: catchwater"), "6:3", "group.id", "group"),
    "a text for a list": (("topics: [orders]", "topics: orders"), "5:11", "topics", "[orders]"),
    "a missing required key": (("  topics: [orders]\n", ""), "3:9", "topics", "missing"),
    "a duplicate key": (("  group: catchwater\n", "  group: a\n  group: b\n"), "7:3", "group"),
    "a duration without a unit": (("path: ./lake", "path: ./lake\n    commit_interval: 60"), "10:22", "commit_interval", "60s"),
    "a bad duration": (("path: ./lake", "path: ./lake\n    commit_interval: soon"), "10:22", "commit_interval"),
    "a bad choice": (("group: catchwater", "group: catchwater\n  start: begining"), "7:10", "start", "earliest"),
    "missing environment": (("localhost:9092", "${env:CATCHWATER_NO_SUCH_VARIABLE}"), "4:12", "CATCHWATER_NO_SUCH_VARIABLE"),
    "an unreadable secret file": (("group: catchwater", "group: ${file:/no/such/secret}"), "6:10", "/no/such/secret"),
    "an unknown reference": (("group: catchwater", "group: ${envv:HOME}"), "6:10", "env"),
    "a bare star": (("topics: [orders]", "topics: *orders"), "5:11", "*"),
    "a tab": (("  group: catchwater", "\tgroup: catchwater"), "6:", "tab"),
    "a value cut at a comment": (("group: catchwater", "group: a #b"), "6:", "#"),
    "an unclosed bracket": (("topics: [orders]", "topics: [orders"), "", "["),
    "an unclosed quote": (("group: catchwater", 'group: "catch'), "6:", '"'),
    "a text for a mapping": (("name: orders", "just words"), "1:", ""),
}


@pytest.mark.parametrize("change, place, phrases", [(case[0], case[1], case[2:]) for case in CASES.values()], ids=CASES)
def test_a_mistake_is_named_at_its_place(workspace, change, place, phrases):
    check(workspace, change, place, *phrases)


def test_all_mistakes_of_all_files_are_named_at_once(workspace):
    workspace.write("pipelines/a.yaml", GOOD.replace("group:", "grup:").replace("path:", "pth:"))
    workspace.write("pipelines/b.yaml", GOOD.replace("name: orders", "name: others").replace("topics:", "topic:"))
    finished = workspace.command("check", "pipelines").failed()
    said = finished.err + finished.out
    for place in ("a.yaml:6:3", "a.yaml:9:5", "b.yaml:5:3"):
        assert place in said, said


def test_two_pipelines_of_one_name_are_refused_with_both_places(workspace):
    workspace.write("pipelines/a.yaml", GOOD)
    workspace.write("pipelines/b.yaml", GOOD)
    finished = workspace.command("check", "pipelines").failed()
    said = finished.err + finished.out
    assert "a.yaml" in said and "b.yaml" in said and "orders" in said, said


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# nothing\n", b"\xff\xfe\x00", b"\x00", b"- a\n- b\n", b"{", b"a: &a [*a]\n", b"%YAML 9.9\n---\n", b"!!python/object x\n",
                                     b"[" * 100_000, b"a: " * 5000, b"x" * 3_000_000])
def test_what_is_no_pipeline_at_all_is_refused_without_a_crash(workspace, content):
    assert "orders.yaml" in mistakes(workspace, content)


def test_a_path_that_does_not_exist_is_named(workspace):
    workspace.command("check", "no/such.yaml").failed().says("no/such.yaml")


def test_the_settings_of_a_server_are_checked_and_are_no_pipeline(workspace):
    workspace.write("served/orders.yaml", GOOD)
    settings = workspace.write("served/catchwater.yaml", "kafka: {brokerz: x}\n")
    for path in ("served", "served/catchwater.yaml"):
        workspace.command("check", path).failed().says("served/catchwater.yaml", "brokers")
    workspace.command("check", "catchwater.yaml").failed().says("catchwater.yaml")
    settings.write_text("kafka: {brokers: 'localhost:9092'}\n")
    assert workspace.command("check", "served").succeeded().out == "orders: ok\nserved/catchwater.yaml: ok, a server's settings\n"
    assert workspace.command("check", settings).succeeded().out == f"{settings}: ok, a server's settings\n"
    workspace.command("run", settings, "--data-dir", workspace.data_dir).failed().says("the settings of a server")


def test_a_hidden_file_of_a_folder_is_not_read(workspace):
    workspace.write("pipelines/orders.yaml", GOOD)
    workspace.write("pipelines/.orders.yaml", "name: [")
    assert workspace.command("check", "pipelines").succeeded().out == "orders: ok\n"
    workspace.command("check", "pipelines/.orders.yaml").failed().says(".orders.yaml:1:")


def test_an_empty_folder_is_named(workspace):
    (workspace.folder / "nothing").mkdir()
    workspace.command("check", "nothing").failed().says("nothing")


def test_a_secret_is_never_shown(workspace):
    text = GOOD.replace("group: catchwater", "grup: ${env:SECRET}\n  sasl: {mechanism: PLAIN, username: me, password: '${env:SECRET}', pasword: x}")
    said = mistakes(workspace, text, environment={"SECRET": "hunter2-very-secret"})
    assert "hunter2" not in said


def test_check_contacts_nothing_and_leaves_nothing_behind(workspace):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        workspace.write("orders.yaml", GOOD.replace("localhost:9092", f'"{address}"'))
        before = sorted(workspace.folder.rglob("*"))
        workspace.command("check", "orders.yaml").succeeded()
        with pytest.raises(TimeoutError):
            listener.accept()
    new = {path.name for path in set(workspace.folder.rglob("*")) - set(before)}
    assert all(re.fullmatch(r"process-\d+\.(out|err)", name) for name in new), new


def test_run_checks_everything_before_it_starts_anything(workspace):
    workspace.write("orders.ndjson", b'{"id":1}\n')
    workspace.write("pipelines/good.yaml", pipeline(from_file("orders.ndjson"), workspace.lake(), name="good"))
    workspace.write("pipelines/wrong.yaml", GOOD.replace("group:", "grup:"))
    finished = workspace.command("run", "pipelines", "--data-dir", workspace.data_dir).failed()
    finished.says("wrong.yaml:6:3")
    assert not workspace.lake_path.exists() and not workspace.data_dir.exists()


def test_check_says_the_same_as_run(kafka, workspace):
    broken = pipeline({**following(kafka, "orders"), "until": "endd"}, workspace.lake())
    path = workspace.write("broken.yaml", broken)
    said_by_check = workspace.command("check", path).failed()
    said_by_run = workspace.command("run", path, "--data-dir", workspace.data_dir).failed()
    assert "endd" in said_by_check.err + said_by_check.out
    assert said_by_check.err == said_by_run.err


def test_two_sinks_of_one_pipeline_in_one_collection_are_refused(workspace):
    """However the folder is written: each would find its own positions stored by the other."""
    (workspace.folder / "lake").mkdir()
    (workspace.folder / "link").symlink_to(workspace.folder / "lake")
    said = mistakes(workspace, GOOD + "dead_letters:\n  type: lake\n  path: ./link/../link\n  collection: orders\n")
    assert "orders.yaml:14:15" in said and "`orders`" in said and "taken by `lake` of pipeline `orders` at orders.yaml:8:11" in said, said
    workspace.write("orders.yaml", GOOD + "dead_letters:\n  type: lake\n  path: ./lake\n  collection: dead\n")
    workspace.command("check", "orders.yaml").succeeded()
