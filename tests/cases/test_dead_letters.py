"""Records that cannot be stored go to the dead letters as they entered the failing step, with the reason, and the rest flows on."""

import random

from harness.kafka import Message
from harness.pipelines import from_kafka, pipeline, to_file, to_kafka


# Text that does not compress to less than the target's limit.
LARGE = random.Random(1).randbytes(250_000).hex().encode()


def poisoned(kafka) -> tuple[str, str]:
    """A topic with one record that the target refuses for its size."""
    source, target = kafka.topic(max_message_bytes=4_000_000), kafka.topic("small", max_message_bytes=20_000)
    messages = [Message(b"{}"), Message(LARGE, b"key", [("a", b"1"), ("a", None)], 1_795_000_000_000), Message(b"{}")]
    kafka.produce(source, messages, **{"message.max.bytes": 4_000_000})
    return source, target


def test_a_dead_letter_keeps_the_record_and_tells_reason_step_attempts_and_origin(kafka, workspace):
    source, target = poisoned(kafka)
    graveyard = kafka.topic("dead", max_message_bytes=4_000_000)
    workspace.run(pipeline(from_kafka(kafka, source), to_kafka(kafka, target), dead_letters=to_kafka(kafka, graveyard))).succeeded()
    letter, = kafka.consume(graveyard)
    assert (letter.payload, letter.key) == (LARGE, b"key")
    assert letter.headers[:2] == [("a", b"1"), ("a", None)]
    told = " ".join(f"{name}={(value or b'').decode()}" for name, value in letter.headers[2:])
    for word in (source, "kafka", "partition", "position", "attempt"):
        assert word in told, told


def test_dead_letters_may_go_to_any_sink(kafka, workspace):
    source, target = poisoned(kafka)
    workspace.run(pipeline(from_kafka(kafka, source), to_kafka(kafka, target), dead_letters=to_file("dead.log"))).succeeded()
    assert (workspace.folder / "dead.log").read_bytes() == LARGE + b"\n"


def test_dropping_is_possible_by_name_only(kafka, workspace):
    source, target = poisoned(kafka)
    finished = workspace.run(pipeline(from_kafka(kafka, source), to_kafka(kafka, target, on_error="drop"))).succeeded()
    assert len(kafka.consume(target)) == 2
    finished.says("drop")


def test_a_dead_letter_is_written_once_although_the_run_is_repeated(kafka, workspace):
    source, target = poisoned(kafka)
    through = pipeline(from_kafka(kafka, source), to_kafka(kafka, target), dead_letters=workspace.lake("dead"))
    for _ in range(2):
        workspace.run(through).succeeded()
    assert workspace.table("dead").count() == 1
