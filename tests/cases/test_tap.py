"""`catchwater tap` on a real broker: what passes is shown, and nobody can tell that somebody looked."""

import json
import socket

import pytest

from harness.kafka import Message
from harness.terminal import at_a_terminal

MESSAGES = [
    Message(b'{"id":%d,"status":"%s"}' % (number, b"paid" if number % 2 else b"failed"), key=b"k%d" % number, headers=[("trace", b"t%d" % number)],
            timestamp_ms=1_795_000_000_000 + number * 1000, partition=number % 2)
    for number in range(20)
]


@pytest.fixture
def topic(kafka):
    topic = kafka.topic("tapped", 2)
    kafka.produce(topic, MESSAGES)
    return topic


def url(kafka, topic: str) -> str:
    return f"kafka://{kafka.address}/{topic}"


def tapped(workspace, kafka, topic: str, *arguments) -> list[dict]:
    out = workspace.command("tap", url(kafka, topic), "--json", *arguments).succeeded().out
    return [json.loads(line) for line in out.splitlines()]


def ids(messages: list[dict]) -> list[int]:
    return sorted(json.loads(message["payload"])["id"] for message in messages)


@pytest.mark.parametrize(
    ("from_", "expected"),
    [("earliest", range(20)), ("-3", range(14, 20)), ("-1000", range(20)), ("2026-11-18T11:06:55Z", range(15, 20))],
)
def test_where_it_begins(workspace, kafka, topic, from_, expected):
    assert ids(tapped(workspace, kafka, topic, "--from", from_, "--limit", str(len(expected)))) == list(expected)


def test_a_message_is_shown_with_all_that_it_has(workspace, kafka, topic):
    message = tapped(workspace, kafka, topic, "--from", "earliest", "--match", "id:7", "--limit", "1")[0]
    assert (message["stream"], message["partition"], message["position"], message["key"]) == (topic, 1, 3, "k7")
    assert message["headers"] == [{"name": "trace", "value": "t7"}]
    line = workspace.command("tap", url(kafka, topic), "--from", "earliest", "--match", "id:7", "--limit", "1").succeeded().out
    assert line.split(maxsplit=1)[1] == f'{topic}[1]@3 k7 trace=t7 {{"id":7,"status":"paid"}}\n'


def test_what_comes_from_now_on_is_seen_as_it_comes(workspace, kafka, topic):
    process = workspace.start("tap", url(kafka, topic), "--match", "status:paid")
    process.wait_until("it waits", lambda: "waiting for messages" in process.err)
    kafka.produce(topic, [b'{"id":100,"status":"failed"}', b'{"id":101,"status":"paid"}'])
    process.wait_until("it is seen", lambda: '"id":101' in process.out)
    done = process.stop().succeeded()
    assert len(done.out.splitlines()) == 1


def test_it_leaves_no_trace(workspace, kafka, topic):
    before = {group.group_id for group in kafka.admin.list_consumer_groups().result(10).valid}
    process = workspace.start("tap", url(kafka, topic), "--from", "earliest")
    process.wait_until("all was seen", lambda: len(process.out.splitlines()) == len(MESSAGES))
    during = {group.group_id for group in kafka.admin.list_consumer_groups().result(10).valid}
    process.stop().succeeded()
    after = {group.group_id for group in kafka.admin.list_consumer_groups().result(10).valid}
    assert not any("tap" in group for group in (during | after) - before)
    assert kafka.committed("catchwater-tap", topic) == {}


def test_a_terminal_has_colours_and_obeys_no_message(workspace, kafka):
    topic = kafka.topic("tapped")
    kafka.produce(topic, [Message(b'{"status":"paid"}', key=b"k"), Message(b"not json \x1b[2J")])
    said = at_a_terminal(workspace.folder, "tap", url(kafka, topic), "--from", "earliest", "--limit", "2")
    assert '\x1b[36m"status"\x1b[0m:\x1b[32m"paid"\x1b[0m' in said
    assert "\x1b[2J" not in said
    found = at_a_terminal(workspace.folder, "tap", url(kafka, topic), "--from", "earliest", "--limit", "1", "--match", "status:paid")
    assert "\x1b[1;31mpaid\x1b[0m" in found
    assert "\x1b[" not in at_a_terminal(workspace.folder, "tap", url(kafka, topic), "--from", "earliest", "--limit", "2", NO_COLOR="1")


def test_it_ends_after_its_time(workspace, kafka, topic):
    assert workspace.command("tap", url(kafka, topic), "--for", "1s").succeeded().out == ""


def test_a_topic_that_is_not_there(workspace, kafka, topic):
    done = workspace.command("tap", url(kafka, topic[:-1]), "--from", "earliest").failed()
    assert done.status == 1
    done.says("not known", f"did you mean `{topic}`")


def test_brokers_that_are_away(workspace):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        done = workspace.command("tap", f"kafka://{address}/orders").failed()
    assert done.status == 1
    done.says("reach the brokers at", address)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["kafak://h:9092/orders"], ["did you mean `kafka://`"]),
        (["orders"], ["is no URL", "--pipelines"]),
        (["kafka://h:9092"], ["which topic?"]),
        (["kafka://h:9092/^orders("], ["`^orders(` is no regular expression"]),
        (["kafka://me:s3cret@h:9092/orders"], ["sasl.password"]),
        (["kafka://h:9092/orders?sasl.mechanism=PLAIN&sasl.user=me&sasl.password=s3cret"], ["`user`", "`username`"]),
        (["kafka://h:9092/orders?sasl.mechanism=PLAIN&sasl.username=me&sasl.password=s3cret%"], ["%25"]),
        (["kafka://h:9092/orders", "--from", "yesterdayish"], ["--from"]),
        (["kafka://h:9092/orders", "--match", "status:("], ["^"]),
        (["kafka://h:9092/orders", "--match", "_ingested_at:>2026-11-01"], ["in a lake only"]),
    ],
)
def test_mistakes_in_the_command_are_named_and_no_secret_is(workspace, arguments, words):
    done = workspace.command("tap", *arguments)
    assert done.status == 2 and done.out == ""
    done.says(*words)
    assert "s3cret" not in done.err
