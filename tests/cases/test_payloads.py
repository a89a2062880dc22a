"""Bad input: whatever bytes arrive are archived as they are, and stop nothing that comes behind them."""

import json

import pytest

from harness.kafka import Message
from harness.pipelines import from_kafka, pipeline

DEEP = b'{"a":' * 100 + b"1" + b"}" * 100
PAYLOADS = {
    "not JSON": b"GET /index.html 200",
    "half of JSON": b'{"id":1,"name":"A',
    "not UTF-8": b'{"name":"\xff\xfe\xfa"}',
    "bytes": bytes(range(256)),
    "empty": b"",
    "null": None,
    "JSON null": b"null",
    "a JSON number": b"42",
    "a JSON text": b'"hello"',
    "a JSON list": b'[{"id":1},{"id":2}]',
    "an empty object": b"{}",
    "white space": b"  \n\t ",
    "a byte order mark": b'\xef\xbb\xbf{"id":1}',
    "trailing words": b'{"id":1} and more',
    "two documents": b'{"id":1}\n{"id":2}',
    "100 levels deep": DEEP,
    "100,000 levels deep": b"[" * 100_000,
    "duplicate keys": b'{"id":1,"id":"two","id":3}',
    "numbers past 64 bits": b'{"big":123456789012345678901234567890,"small":-99999999999999999999,"float":1e400,"tiny":1e-400}',
    "the edges of 64 bits": b'{"max":9223372036854775807,"past":9223372036854775808,"min":-9223372036854775808,"unsigned":18446744073709551615}',
    "keys that differ by case": b'{"Id":1,"id":2,"ID":3,"nested":{"A":1,"a":2}}',
    "keys with dots and spaces": b'{"a.b":1,"a":{"b":2},"with space":3,"semi;colon":4,"e=f":5,"new\\nline":6,"":7}',
    "keys named like ours": b'{"_payload":"x","_key":1,"_position":"y","_timestamp":2,"date":"2026-01-01","_headers":[1]}',
    "a type flip": b'{"id":"text","flips":{"now":"an object"}}',
    "another flip": b'{"id":[1,2],"flips":7}',
    "the year 58000": b'{"at":"+58000-01-01T00:00:00Z","seconds":1768000000000000}',
    "escapes": b'{"text":"\\u0000\\ud83d\\ude00\\u00e9\\/\\b"}',
    "lone surrogates": b'{"text":"\\ud800"}',
    "a very long key": b'{"' + b"k" * 70_000 + b'":1}',
    "2,000 keys": json.dumps({f"key_{number}": number for number in range(2000)}).encode(),
    "a NaN": b'{"x":NaN,"y":Infinity}',
}
GOOD = b'{"id":1,"flips":true}'


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_a_strange_payload_is_archived_byte_for_byte_between_good_ones(kafka, workspace, payload):
    topic = kafka.topic()
    kafka.produce(topic, [GOOD, payload, GOOD])
    workspace.run(pipeline(from_kafka(kafka, topic), workspace.lake())).succeeded()
    assert workspace.table().payloads() == [GOOD, payload, GOOD]
    assert [row["id"] for row in workspace.table().rows()][::2] == [1, 1]


def test_all_strange_payloads_in_one_topic_are_archived_together(kafka, workspace):
    payloads = [GOOD, *PAYLOADS.values(), GOOD] * 2
    topic = kafka.topic()
    kafka.produce(topic, payloads)
    workspace.run(pipeline(from_kafka(kafka, topic), workspace.lake())).succeeded()
    assert workspace.table().payloads() == payloads


def test_10_mb_are_archived_byte_for_byte(kafka, workspace):
    topic = kafka.topic(max_message_bytes=20_000_000)
    payloads = [GOOD, b'{"id":2,"blob":"' + b"x" * 10_000_000 + b'"}', b"\x00\xff" * 5_000_000, GOOD]
    kafka.produce(topic, payloads, **{"message.max.bytes": 20_000_000})
    workspace.run(pipeline(from_kafka(kafka, topic), workspace.lake())).succeeded()
    assert workspace.table().payloads() == payloads


@pytest.mark.parametrize("timestamp_ms", [-1_000, 1, 1_768_000_000_000_000, 253_402_300_800_000])
def test_a_record_from_a_strange_time_is_kept_with_its_time_and_hides_from_no_time_range(kafka, workspace, timestamp_ms):
    """The year 58000 goes to the null date, which no time range skips."""
    topic = kafka.topic(message_timestamp_after_max_ms=2**63 - 1)
    kafka.produce(topic, [Message(GOOD, timestamp_ms=timestamp_ms), Message(GOOD)])
    workspace.run(pipeline(from_kafka(kafka, topic), workspace.lake())).succeeded()
    row = workspace.table().rows()[0]
    assert stored_micros(row) == timestamp_ms * 1000
    assert row["date"] is None


def stored_micros(row: dict) -> int:
    """A time past the year 9999, which few languages can show, stands among the properties instead."""
    if row["_timestamp"] is None:
        return int(next(field["value"] for field in row["_properties"] if field["name"] == "catchwater.timestamp"))
    return round(row["_timestamp"].timestamp() * 1_000_000)


def test_a_reason_is_given_for_a_payload_that_could_not_be_decoded(kafka, workspace):
    topic = kafka.topic()
    kafka.produce(topic, [GOOD, b"not json", b""])
    workspace.run(pipeline(from_kafka(kafka, topic), workspace.lake())).succeeded()
    errors = [row["_error"] for row in workspace.table().rows()]
    assert errors[0] is None and errors[1], errors


def test_strange_keys_keep_their_values_under_safe_and_different_names(kafka, workspace):
    topic = kafka.topic()
    names = ["Id", "id", "a.b", "with space", "_payload", "date"]
    kafka.produce(topic, [json.dumps({name: index for index, name in enumerate(names)}).encode()])
    workspace.run(pipeline(from_kafka(kafka, topic), workspace.lake())).succeeded()
    table = workspace.table()
    columns = table.payload_columns()
    assert len({name.lower() for name in columns}) == len(names)
    row = table.rows()[0]
    assert sorted(row[name] for name in columns) == list(range(len(names)))
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") for name in columns)
