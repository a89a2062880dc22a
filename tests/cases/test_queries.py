"""One query language: `filter`, `when` on sinks and transforms, and what becomes of records that nobody asks for."""

import json

from harness.pipelines import from_file, pipeline, to_file

ORDERS = [
    {"id": 1, "event": "order_created", "amount": 19.9, "customer": {"country": "DE"}},
    {"id": 2, "event": "order_paid", "amount": 250, "customer": {"country": "FR"}},
    {"id": 3, "event": "order_paid", "amount": 99.99, "customer": {"country": "DE"}, "note": "Straße 5"},
    {"id": "5", "event": "cart_updated", "items": [{"sku": "MUG-01"}, {"sku": "PEN-02"}]},
]
LINES = [json.dumps(order).encode() for order in ORDERS] + [b"not JSON at all"]


def run(workspace, *sinks, **keys):
    workspace.write("in.ndjson", b"".join(line + b"\n" for line in LINES))
    return workspace.run(pipeline(from_file("in.ndjson"), *sinks, **keys))


def lines(workspace, name: str) -> list[bytes]:
    path = workspace.folder / name
    return path.read_bytes().splitlines() if path.exists() else []


def test_a_filter_keeps_what_matches_and_counts_the_rest(workspace):
    finished = run(workspace, to_file("out.ndjson"), transforms=[{"type": "filter", "where": "event:order_paid amount:>100 OR strasse"}])
    finished.succeeded().says("dropped=3")
    assert lines(workspace, "out.ndjson") == [LINES[1], LINES[2]]


def test_each_sink_gets_what_it_asks_for_and_one_the_rest(workspace):
    run(
        workspace,
        to_file("all.ndjson"),
        to_file("germany.ndjson", when="customer.country:DE"),
        to_file("paid.ndjson", when="event:order_paid"),
        to_file("rest.ndjson", when="otherwise"),
    ).succeeded()
    assert lines(workspace, "all.ndjson") == LINES
    assert lines(workspace, "germany.ndjson") == [LINES[0], LINES[2]]
    assert lines(workspace, "paid.ndjson") == [LINES[1], LINES[2]]
    assert lines(workspace, "rest.ndjson") == [LINES[3], LINES[4]]


def test_a_transform_changes_only_what_it_is_for(workspace):
    run(
        workspace,
        workspace.lake(),
        transforms=[{"type": "headers", "when": "items.sku:PEN*", "set": {"cart": "yes"}}],
    ).succeeded()
    rows = workspace.table().rows()
    assert [row["_payload"] for row in rows] == LINES
    assert [bool(row["_headers"]) for row in rows] == [False, False, False, True, False]


def test_what_nobody_asks_for_needs_a_word(workspace):
    finished = run(workspace, to_file("paid.ndjson", when="event:order_paid")).failed()
    finished.says("every sink has a `when`")
    finished.says("unmatched: drop")


def test_what_nobody_asks_for_is_dropped_and_counted(workspace):
    run(workspace, to_file("paid.ndjson", when="event:order_paid"), unmatched="drop").succeeded().says("dropped=3")
    assert lines(workspace, "paid.ndjson") == [LINES[1], LINES[2]]


def test_what_nobody_asks_for_becomes_a_dead_letter(workspace):
    finished = run(workspace, to_file("paid.ndjson", when="event:order_paid"), unmatched="dead_letter", dead_letters=to_file("dead.ndjson"))
    finished.succeeded()
    assert lines(workspace, "dead.ndjson") == [LINES[0], LINES[3], LINES[4]]


def test_a_mistake_in_a_query_is_shown_in_its_line(workspace):
    workspace.write("p.yaml", "name: p\nsource: {type: stdin}\ntransforms:\n  - type: filter\n    where: status:paid or status:sent\nsinks: [{type: stdout}]\n")
    finished = workspace.command("check", "p.yaml").failed()
    finished.says("p.yaml:5:24")
    finished.says("operators are upper case: `OR`")
