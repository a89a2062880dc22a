"""`catchwater test`: `tests:` of pipelines, run without a source and without a sink."""

import json
import xml.etree.ElementTree as ElementTree

import pytest

PIPELINE = """\
name: orders
source:
  type: kafka
  brokers: nowhere.invalid:9092
  topics: [orders]
  group: catchwater
transforms:
  - type: filter
    where: NOT event:cart_updated
  - type: require
    fields: [amount]
    on_error: dead_letter
sinks:
  - name: large
    type: kafka
    brokers: nowhere.invalid:9092
    topic: large
    when: amount:>100
    transforms:
      - type: mask
        fields: [email]
        how: redact
  - name: rest
    type: file
    path: /no/such/folder/rest.ndjson
    when: otherwise
dead_letters:
  type: file
  path: /no/such/folder/dead.ndjson
"""

INPUT = """\
tests:
  - name: large orders are masked
    input:
      - payload: { event: order_created, amount: 250, email: a@example.com }
        key: c-1
        headers: { trace: t-1 }
      - payload: { event: order_created, amount: 7 }
      - payload: { event: cart_updated, amount: 900 }
      - payload: { event: order_created }
"""

EXPECTED = """\
    sinks:
      large:
        - { input: 1, key: c-1, headers: { trace: t-1 }, payload: { email: '***', event: order_created, amount: 250.0 } }
      rest: [2]
    rejected:
      - { input: 4, step: require, reason: amount }
    dropped: [3]
"""


@pytest.fixture
def run(workspace):
    def run(text: str, *options):
        workspace.write("orders.yaml", text)
        return workspace.command("test", "orders.yaml", *options)
    return run


def test_a_pipeline_that_does_what_is_expected_passes_and_touches_nothing(run, workspace):
    finished = run(PIPELINE + INPUT + EXPECTED).succeeded()
    assert finished.out == "orders\n  ok large orders are masked\n\n1 test passed\n"
    names = {path.name for path in workspace.folder.iterdir() if not path.name.startswith("process-")}
    assert names == {"orders.yaml"}


@pytest.mark.parametrize("old, new, lines", [
    ("email: '***'", "email: a@example.com", ["large: record 1 is another (orders.yaml:41:11)", '-   "email": "a@example.com",', '+   "email": "***",']),
    ("key: c-1, headers", "key: c-2, headers", ["- key: c-2", "+ key: c-1"]),
    ("{ trace: t-1 }, payload", "{ trace: t-2 }, payload", ["-   trace: t-2", "+   trace: t-1"]),
    ("rest: [2]", "rest: []", ["rest: a record came that is not expected (orders.yaml:31:11)", "+ input: 2", '+   "amount": 7,']),
    ("rest: [2]", "rest: [2, 3]", ["rest: record 2 did not come (orders.yaml:42:17)", "- input: 3"]),
    ("rest: [2]", "rest: [{ matches: 'amount:>7' }]", ["rest: record 1 is another", "- matches: amount:>7", '+   "amount": 7,']),
    ("reason: amount", "reason: email", ["rejected: the rejection is another (orders.yaml:44:9)", "- reason: email", "+ reason: the payload has no field `amount`"]),
    ("      - { input: 4, step: require, reason: amount }\n", "      []\n", ["rejected: a rejection is not expected", "+ input: 4"]),
    ("input: 4, step", "input: 3, step", ["- input: 3", "+ input: 4"]),
    ("dropped: [3]", "dropped: [2]", ["dropped (", "- inputs: 2", "+ inputs: 3"]),
], ids=["payload", "key", "headers", "too much", "missing", "query", "reason", "rejected", "other rejected", "dropped"])
def test_what_differs_is_shown_line_by_line_with_its_place(run, old, new, lines):
    text = PIPELINE + INPUT + EXPECTED
    assert old in text
    finished = run(text.replace(old, new))
    assert finished.status == 1 and finished.err == ""
    assert "  FAILED large orders are masked (orders.yaml:31:11)\n" in finished.out
    missing = [line for line in lines if f"\n      {line}" not in finished.out]
    assert not missing, finished.out


def test_one_record_too_many_makes_no_other_wrong(run):
    finished = run(PIPELINE + INPUT.replace("amount: 7 }", "amount: 7 }\n      - payload: { event: order_created, amount: 8 }") + """\
    sinks:
      rest: [3]
    rejected: [{ input: 5 }]
""")
    assert finished.status == 1
    assert finished.out.count("rest: ") == 1 and "+ input: 2" in finished.out and "input: 3" not in finished.out


def test_a_rejection_that_nobody_expects_fails_the_test(run):
    finished = run(PIPELINE + INPUT + "    sinks: { rest: [2] }\n")
    assert finished.status == 1
    assert "rejected: a rejection is not expected" in finished.out


def test_tombstones_text_bytes_and_several_headers_of_a_name(run):
    run("""\
name: all
source: { type: stdin }
sinks:
  - type: stdout
tests:
  - name: everything passes as it is
    input:
      - payload: null
        key: k
      - payload: "not JSON"
        timestamp: 2026-11-22T10:00:00.000001Z
      - payload: { base64: /w== }
        headers: [{ name: a, value: '1' }, { name: a, value: null }]
    sinks:
      stdout:
        - { payload: null, key: k }
        - { payload: not JSON, key: null, timestamp: 2026-11-22T10:00:00.000001Z, headers: {} }
        - { payload: { base64: /w== }, headers: [{ name: a, value: '1' }, { name: a, value: null }] }
""").succeeded()


def test_tests_stand_in_a_file_beside_the_pipelines_too(workspace):
    workspace.write("pipelines/orders.yaml", PIPELINE)
    workspace.write("pipelines/orders.test.yaml", INPUT + EXPECTED)
    workspace.write("pipelines/untested.yaml", PIPELINE.replace("name: orders", "name: untested"))
    for path in ("pipelines", "pipelines/orders.yaml"):
        assert "1 test passed" in workspace.command("test", path).succeeded().out
    workspace.command("test", "pipelines/orders.test.yaml").failed().says("the file holds tests", "pipelines/orders.yaml")
    workspace.command("check", "pipelines").succeeded()


def test_a_mistake_in_a_test_is_told_with_its_place_by_test_and_check(workspace):
    workspace.write("orders.yaml", PIPELINE + INPUT + EXPECTED.replace("rest: [2]", "rst: [9]").replace("input: 1", "inptu: 1"))
    said = [workspace.command(command, "orders.yaml").failed().err for command in ("test", "check")]
    assert said[0] == said[1]
    assert "orders.yaml:41:13" in said[0] and "did you mean `input`?" in said[0] and "^^^^^" in said[0]
    workspace.write("orders.yaml", PIPELINE + INPUT + EXPECTED.replace("rest: [2]", "rst: [9]"))
    finished = workspace.command("test", "orders.yaml")
    assert finished.status == 2
    finished.says("the pipeline has no sink `rst`", "did you mean `rest`?", "there is no input 9, the last is 4", "orders.yaml:42:7")


def test_a_run_passes_over_tests_and_their_mistakes(workspace):
    workspace.write("in.ndjson", b'{"id":1}\n')
    text = "name: copy\nsource: { type: file, path: in.ndjson }\nsinks: [{ type: file, path: out.ndjson }]\n"
    workspace.write("copy.yaml", text + "tests: [{ nam: wrong }]\n")
    workspace.write("copy.test.yaml", "tests: 7\n")
    workspace.command("check", "copy.yaml").failed().says("tests[0].nam", "copy.test.yaml:1:8")
    workspace.command("run", "copy.yaml", "--data-dir", workspace.data_dir).succeeded()
    assert (workspace.folder / "out.ndjson").read_bytes() == b'{"id":1}\n'


def test_where_there_is_no_test_nobody_is_told_that_all_passed(run):
    finished = run(PIPELINE)
    assert finished.status == 2 and "no pipeline there has tests" in finished.err


def test_junit_has_each_test_with_its_failure(run, workspace):
    second = INPUT.replace("tests:\n", "").replace("large orders are masked", 'odd <"&> name') + EXPECTED.replace("dropped: [3]", "dropped: [1]")
    finished = run(PIPELINE + INPUT + EXPECTED + second, "--junit", "report.xml")
    assert finished.status == 1
    suites = ElementTree.parse(workspace.folder / "report.xml").getroot()
    assert (suites.tag, suites.get("tests"), suites.get("failures"), suites.get("errors")) == ("testsuites", "2", "1", "0")
    (suite,) = suites
    good, bad = suite
    assert (suite.get("name"), good.get("classname"), good.get("name"), len(good)) == ("orders", "orders", "large orders are masked", 0)
    assert (bad.get("name"), bad.get("file"), bad.get("line")) == ('odd <"&> name', "orders.yaml", "46")
    assert float(good.get("time")) >= 0
    (failure,) = bad
    assert failure.get("message").startswith("dropped (orders.yaml:46:") and "+ inputs: 3" in failure.text


def test_a_report_that_cannot_be_written_is_a_failure(run):
    finished = run(PIPELINE + INPUT + EXPECTED, "--junit", "no/such/folder/report.xml")
    assert finished.status == 1
    finished.says("no/such/folder/report.xml")


def test_the_schema_for_editors_knows_tests(workspace):
    schema = json.loads(workspace.command("generate", "schema").succeeded().out)
    pipeline = schema["else"]["else"]
    assert pipeline["properties"]["tests"]["items"]["required"] == ["name", "input"]
    assert schema["definitions"]["tests_beside"]["required"] == ["tests"]
