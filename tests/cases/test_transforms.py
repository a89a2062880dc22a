"""Transforms that change, choose and hold back records; what they do not touch stays byte for byte."""

import hashlib
import hmac
import json
import time
from pathlib import Path

from harness.pipelines import from_file, generated, pipeline, to_file

REPOSITORY = Path(__file__).parents[2]
LINES = [
    b'{ "id": 1.50, "user": {"mail" : "ann@example.com", "card":"4111111111111234"}, "n": 1e3 }',
    b'{"id":2,"items":[{"card":"5500000000000004", "qty":1},{"qty":2}],"caf\\u00e9":"\\u0041"}',
    b'{"id":3, "user":null}',
]


def run(workspace, lines, *transforms, **keys):
    workspace.write("in.ndjson", b"".join(line + b"\n" for line in lines))
    through = pipeline(from_file("in.ndjson"), to_file("out.ndjson"), transforms=list(transforms), **keys)
    return workspace.run(through)


def out(workspace, name: str = "out.ndjson") -> list[bytes]:
    path = workspace.folder / name
    return path.read_bytes().splitlines() if path.exists() else []


# Fields


def test_a_mask_changes_values_and_nothing_around_them(workspace):
    run(workspace, LINES, {"type": "mask", "fields": ["**.card"], "how": "partial"}).succeeded()
    assert out(workspace) == [
        LINES[0].replace(b'"4111111111111234"', b'"***1234"'),
        LINES[1].replace(b'"5500000000000004"', b'"***0004"'),
        LINES[2],
    ]


def test_a_hash_is_that_of_the_value_with_the_key(workspace):
    run(workspace, LINES, {"type": "mask", "fields": ["user.mail"], "how": "hash", "secret": "k3y"}).succeeded()
    code = hmac.new(b"k3y", b"ann@example.com", hashlib.sha256).hexdigest().encode()
    assert out(workspace) == [LINES[0].replace(b"ann@example.com", code), *LINES[1:]]


def test_fields_are_dropped_and_renamed_where_they_stand(workspace):
    drop = {"type": "drop", "fields": ["user", "items.card"]}
    rename = {"type": "rename", "fields": {"items.qty": "quantity", "n": "count", "caf\u00e9": "bar"}}
    run(workspace, LINES, drop, rename).succeeded()
    assert out(workspace) == [
        b'{ "id": 1.50, "count": 1e3 }',
        b'{"id":2,"items":[{ "quantity":1},{"quantity":2}],"bar":"\\u0041"}',
        b'{"id":3}',
    ]


def test_a_record_is_taken_out_of_its_envelope(workspace):
    lines = [b'{"payload":{"before":null,"after":{"id":1.50, "note":"\\u0041"}}}', b'{"payload":{"before":{"id":1},"after":null}}', b'{"payload":7}']
    run(workspace, lines, {"type": "extract", "field": "payload.after"}, dead_letters=to_file("letters.ndjson", encoding="json")).succeeded()
    assert out(workspace) == [b'{"id":1.50, "note":"\\u0041"}']
    letters = b"".join(out(workspace, "letters.ndjson"))
    assert [letters.count(reason) for reason in (b"a tombstone has no line", b"the payload has no field `payload.after`", b'"position"')] == [1, 1, 2], letters


def test_what_cannot_be_looked_into_or_changed_becomes_a_dead_letter(workspace):
    lines = [b"not JSON", b'{"a":1,"b":2}', b"[" * 600 + b"]" * 600, b'{"a":3}']
    finished = run(
        workspace,
        lines,
        {"type": "rename", "fields": {"a": "b"}},
        dead_letters=to_file("letters.ndjson", encoding="json"),
    )
    finished.succeeded()
    assert out(workspace) == [b'{"b":3}']
    letters = [json.loads(line) for line in out(workspace, "letters.ndjson")]
    reasons = " ".join(json.dumps(letter["headers"]) for letter in letters)
    assert len(letters) == 3
    for reason in ("the payload is not JSON: expected", "a field `b` already", "nested deeper than 512"):
        assert reason in reasons, reasons


def test_settings_that_cannot_be_meant_are_named_with_their_place(workspace):
    for transform, *words in [
        ({"type": "mask", "fields": ["a"], "how": "hash"}, "secret"),
        ({"type": "mask", "fields": ["a..b"], "how": "redact"}, "a key without a name"),
        ({"type": "mask", "how": "redact"}, "nothing to mask"),
        ({"type": "extract", "field": "a..b"}, "a field needs a name"),
        ({"type": "drop", "fields": ["a.**"]}, "names nothing"),
        ({"type": "rename", "fields": {"a.b": "b"}}, "called `b` already"),
        ({"type": "sample", "rate": 2.0}, "1"),
        ({"type": "throttle", "rate": "1/h"}, "1/m or more"),
        ({"type": "throttle"}, "how fast"),
        ({"type": "dedupe", "key": "id"}, "same for each record"),
    ]:
        workspace.write("bad.yaml", pipeline(from_file("in.ndjson"), to_file("out"), transforms=[transform]))
        workspace.command("check", "bad.yaml").failed().says("bad.yaml:", *words)


# Choosing


def test_the_first_of_a_key_passes_and_the_rest_is_counted(workspace):
    lines = [b'{"id":%d,"n":%d}' % (n % 10, n) for n in range(100)]
    finished = run(workspace, [*lines, b'{"n":0}'], {"type": "dedupe", "key": "${field:id}"}, dead_letters=to_file("letters"))
    finished.succeeded().says("dropped=90")
    assert out(workspace) == lines[:10]
    assert out(workspace, "letters") == [b'{"n":0}']


def test_a_sample_by_key_is_the_same_in_every_run(workspace):
    lines = [b'{"id":%d,"n":%d}' % (n % 100, n) for n in range(1000)]
    sample = {"type": "sample", "rate": 0.3, "by": "${field:id}"}
    run(workspace, lines, sample).succeeded()
    first = out(workspace)
    assert 100 < len(first) < 500
    ids = {json.loads(line)["id"] for line in first}
    assert first == [line for line in lines if json.loads(line)["id"] in ids]
    (workspace.folder / "out.ndjson").unlink()
    through = pipeline(from_file("in.ndjson"), to_file("out.ndjson"), transforms=[sample], name="again")
    workspace.run(through).succeeded()
    assert out(workspace) == first


# Holding back


def test_a_throttle_lets_through_no_more_than_its_rate_and_all_in_order(workspace):
    lines = [b"%d" % n for n in range(300)]
    started = time.monotonic()
    run(workspace, lines, {"type": "throttle", "rate": "200/s"}).succeeded()
    assert time.monotonic() - started > 1.3
    assert out(workspace) == lines


def test_a_throttle_of_one_sink_holds_up_that_sink(workspace):
    lines = [b"%d" % n for n in range(300)]
    workspace.write("in.ndjson", b"".join(line + b"\n" for line in lines))
    slow = to_file("slow.ndjson", transforms=[{"type": "throttle", "rate": "200/s"}])
    started = time.monotonic()
    workspace.run(pipeline(from_file("in.ndjson"), to_file("out.ndjson"), slow)).succeeded()
    assert time.monotonic() - started > 1.3
    assert out(workspace) == out(workspace, "slow.ndjson") == lines


def test_a_pipeline_that_is_held_back_stops_at_once_and_goes_on_where_it_was(workspace):
    through = pipeline(generated(1000), to_file("out.ndjson"), transforms=[{"type": "throttle", "rate": "6/m"}], idle="100ms")
    process = workspace.start_run(through)
    process.wait_until("the first has passed", lambda: len(out(workspace)) == 1)
    started = time.monotonic()
    process.stop().succeeded()
    assert time.monotonic() - started < 5
    through["transforms"] = []
    workspace.run(through).succeeded()
    ids = [json.loads(line)["event_id"] for line in out(workspace)]
    assert len(ids) == len(set(ids)) == 1000


# Examples


def example(workspace, name: str):
    return workspace.command("run", REPOSITORY / "pipelines" / name, "--data-dir", workspace.data_dir)


def test_the_private_example_leaves_nobody_to_be_recognized(workspace):
    example(workspace, "shop-private.yaml").succeeded()
    events = [json.loads(payload) for payload in workspace.table("shop-private").payloads()]
    assert 3000 < len(events) < 5000
    for event in events:
        customer = event["customer"]
        assert set(customer) == {"customer_id", "name", "email", "country"} and customer["name"] == "***"
        assert len(customer["email"]) == 16 and "@" not in customer["email"]
        assert "time" in event and not any("unit_price" in item for item in event.get("items", []))
    by_id = {event["customer"]["customer_id"]: event["customer"]["email"] for event in events}
    assert len(set(by_id.values())) == len(by_id) > 100


def test_the_steady_example_takes_its_time(workspace):
    started = time.monotonic()
    example(workspace, "steady.yaml").succeeded()
    assert time.monotonic() - started > 3
    assert len(out(workspace, "steady.ndjson")) == 200
