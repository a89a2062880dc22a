"""Inference: columns appear, grow and never change their type; what does not fit goes beside them; nothing stalls."""

import json
from pathlib import Path

import pytest

from harness.pipelines import from_file, from_kafka, pipeline

NGINX = Path(__file__).parent / "data" / "nginx.ndjson"


def store(kafka, workspace, runs: list[list], **keys):
    """Each list of events is one run, so that it meets a schema that is committed."""
    topic = kafka.topic()
    through = pipeline(from_kafka(kafka, topic), workspace.lake(**keys))
    for events in runs:
        kafka.produce(topic, [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events])
        workspace.run(through).succeeded()
    assert workspace.table().count() == sum(map(len, runs))
    return workspace.table()


def check(kafka, workspace, runs: list[list], **expected: str) -> None:
    """These are the columns, with these types."""
    assert store(kafka, workspace, runs).payload_columns() == expected


def test_types_are_inferred(kafka, workspace):
    event = {"flag": True, "count": 1, "ratio": 0.5, "name": "x", "tags": ["a"], "place": {"lat": 1.5}, "at": "2026-11-22T10:00:00Z", "day": "2026-11-22"}
    check(kafka, workspace, [[event]], flag="boolean", count="long", ratio="double", name="string", tags="array<string>",
          place="struct<lat:double>", at="timestamp", day="date")


def test_null_is_not_a_type_yet(kafka, workspace):
    check(kafka, workspace, [[{"a": None, "b": 1}], [{"a": "x"}]], a="string", b="long")


def test_within_a_first_commit_the_widest_type_wins(kafka, workspace):
    check(kafka, workspace, [[{"a": 1}, {"a": 2.5}]], a="double")


def test_columns_are_added_nested_ones_too(kafka, workspace):
    check(kafka, workspace, [[{"a": {"b": 1}}], [{"a": {"b": 2, "c": {"d": "x"}}, "e": 1}]], a="struct<b:long,c:struct<d:string>>", e="long")


def test_a_value_that_does_not_fit_goes_beside_the_column(kafka, workspace):
    table = store(kafka, workspace, [[{"amount": 1}], [{"amount": 2.5}, {"amount": "3 EUR"}]])
    columns = table.payload_columns()
    assert columns["amount"] == "long" and columns["amount__double"] == "double" and columns["amount__string"] == "string"
    rows = table.rows()
    assert [rows[0]["amount"], rows[1]["amount__double"], rows[2]["amount__string"]] == [1, 2.5, "3 EUR"]


def test_a_pinned_type_is_kept_from_the_first_record(kafka, workspace):
    columns = store(kafka, workspace, [[{"id": 1, "amount": 2}]], schema={"id": "string", "amount": "double"}).payload_columns()
    assert columns["id"] == "string" and columns["amount"] == "double"


def test_objects_whose_keys_are_data_become_a_map_and_not_a_thousand_columns(kafka, workspace):
    events = [{"id": n, "by_user": {f"user-{10_000 + 20 * n + m}": m for m in range(20)}} for n in range(200)]
    columns = store(kafka, workspace, [events]).payload_columns()
    assert columns == {"id": "long", "by_user": "map<string,long>"}


def test_status_snapshots_with_names_as_keys_stay_a_table_that_one_can_read(workspace):
    workspace.run(pipeline(from_file(NGINX), workspace.lake())).succeeded()
    table = workspace.table()
    assert table.payloads() == NGINX.read_bytes().splitlines()
    assert len(table.payload_columns()) < 50, table.payload_columns()


def test_a_schema_that_never_stops_growing_is_bounded(kafka, workspace):
    events = [{f"key_{n}_{m}": 1 for m in range(50)} for n in range(100)]
    table = store(kafka, workspace, [events[:50], events[50:]])
    assert len(table.payload_columns()) < 3000


def test_a_schema_change_is_committed_with_the_rows_that_needed_it(kafka, workspace):
    table = store(kafka, workspace, [[{"a": 1}], [{"a": 2, "b": 3}]])
    with_metadata = [actions for actions in table.commits() if any("metaData" in action for action in actions)]
    assert any(any("add" in action for action in actions) for actions in with_metadata)


def test_each_schema_version_is_kept_with_its_time_and_cause(kafka, workspace):
    table = store(kafka, workspace, [[{"a": 1}], [{"a": 2, "b": 3}]])
    history = sorted((table.path / "_catchwater").rglob("*.json"))
    assert len(history) >= 2, list((table.path / "_catchwater").rglob("*"))


@pytest.mark.parametrize("events", [[{"a": 1}, {"a": "x"}, {"a": [1]}, {"a": {"b": 1}}, {"a": None}, {"a": True}] * 20])
def test_a_field_whose_type_flips_with_every_record_stalls_nothing(kafka, workspace, events):
    table = store(kafka, workspace, [events, events])
    assert [json.loads(payload) for payload in table.payloads()] == events + events
