"""Objects of a bucket as source and as sink: read in order and once, put whole and once."""

import gzip
import json
import random
import time
from collections import Counter

import pytest

from harness.bucket import BucketWorkspace
from harness.http import client_of
from harness.kafka import Message
from harness.pipelines import following, from_file, from_kafka, pipeline, to_file
from harness.waiting import holds_for
from services.fault_gateway import FaultGateway

LINES = [b'{"id":%d}' % number for number in range(3000)]


@pytest.fixture
def bucket(s3, tmp_path) -> BucketWorkspace:
    place = BucketWorkspace(tmp_path / "bucket", s3)
    place.folder.mkdir()
    yield place
    place.end()


def incoming(bucket, **keys) -> dict:
    return {"type": "s3", "url": f"s3://{bucket.bucket}/incoming", **keys}


def outgoing(bucket, **keys) -> dict:
    return {"type": "s3", "url": f"s3://{bucket.bucket}/outgoing", "every": "300ms", **keys}


def bring(bucket, name: str, lines: list[bytes]) -> None:
    """An object of lines, packed."""
    bucket.s3.put(f"{bucket.bucket}/incoming/{name}.ndjson.gz", gzip.compress(b"".join(line + b"\n" for line in lines)))


def put(bucket) -> dict[str, list[bytes]]:
    """The lines of each object that the sink has put, by name and in its order."""
    prefix = f"{bucket.bucket}/outgoing"
    paths = [path for path in bucket.s3.paths(prefix) if not path.startswith("_catchwater/")]
    return {path: gzip.decompress(bucket.s3.get(f"{prefix}/{path}")).splitlines() for path in paths}


def put_lines(bucket) -> list[bytes]:
    return [line for lines in put(bucket).values() for line in lines]


def test_objects_are_read_in_the_order_of_their_keys_and_once(bucket):
    bring(bucket, "2026/11/02", LINES[1000:2000])
    bring(bucket, "2026/11/01", LINES[:1000])
    through = pipeline(incoming(bucket), to_file("out.ndjson"), bucket.lake())
    bucket.run(through).succeeded()
    bucket.run(through).succeeded()
    bring(bucket, "2026/11/03", LINES[2000:])
    bucket.run(through).succeeded()
    assert (bucket.folder / "out.ndjson").read_bytes().splitlines() == LINES
    assert Counter(bucket.table().payloads()) == Counter(LINES)


def test_new_objects_are_followed_wherever_their_keys_sort(bucket):
    bring(bucket, "m", LINES[:1000])
    process = bucket.start_run(pipeline(incoming(bucket, follow=True, every="200ms"), bucket.lake()))
    process.wait_until("the first is stored", lambda: bucket.table().count() == 1000)
    bring(bucket, "z", LINES[1000:2000])
    bring(bucket, "a", LINES[2000:])
    process.wait_until("the others are stored", lambda: bucket.table().count() == len(LINES))
    process.stop().succeeded()
    assert Counter(bucket.table().payloads()) == Counter(LINES)


def test_killed_while_it_reads_it_goes_on_at_the_line_where_it_was(bucket):
    lines = [b'{"id":%d,"filling":"%s"}' % (number, b"x" * 100) for number in range(200_000)]
    for number in range(4):
        bring(bucket, f"{number}", lines[number * 50_000:(number + 1) * 50_000])
    through = pipeline(incoming(bucket), bucket.lake(), checkpoint_interval="100ms")
    dice, kills = random.Random(7), 0
    while kills < 5:
        process = bucket.start_run(through)
        time.sleep(dice.uniform(0.4, 1.5))
        if not process.running:
            break
        process.kill()
        kills += 1
    bucket.run(through, seconds=120).succeeded()
    stored = bucket.table().payloads()
    assert kills > 0 and len(stored) == len(lines) and set(stored) == set(lines)


def test_each_object_can_be_one_record(bucket):
    bucket.s3.put(f"{bucket.bucket}/incoming/a.json", b'{\n  "id": 1\n}')
    bucket.s3.put(f"{bucket.bucket}/incoming/b.json", b'{\n  "id": 2\n}')
    bucket.run(pipeline(incoming(bucket, records="objects"), bucket.lake())).succeeded()
    assert bucket.table().payloads() == [b'{\n  "id": 1\n}', b'{\n  "id": 2\n}']
    keys = [dict((field["name"], field["value"]) for field in row["_properties"])["key"] for row in bucket.table().rows(["_properties", "_stream", "_position"])]
    assert sorted(keys) == [b"incoming/a.json", b"incoming/b.json"]


def test_a_damaged_object_goes_to_the_dead_letters_and_the_next_is_read(bucket):
    bucket.s3.put(f"{bucket.bucket}/incoming/a.gz", b"this was never packed with anything")
    bring(bucket, "b", LINES[:10])
    letters = {"type": "s3", "url": f"s3://{bucket.bucket}/letters", "encoding": "json", "compression": "none"}
    bucket.run(pipeline(incoming(bucket), bucket.lake(), dead_letters=letters)).succeeded()
    assert bucket.table().count() == 10
    (letter,) = bucket.s3.paths(f"{bucket.bucket}/letters")
    assert "a.gz cannot be unpacked" in bucket.s3.get(f"{bucket.bucket}/letters/{letter}").decode()


def test_records_become_objects_by_key_and_in_order(kafka, bucket):
    topic = kafka.topic(partitions=2)
    kafka.produce(topic, [Message(line, partition=number % 2) for number, line in enumerate(LINES)])
    bucket.run(pipeline(from_kafka(kafka, topic), outgoing(bucket, key="${stream}/${partition}"))).succeeded()
    assert put_lines(bucket) == LINES[0::2] + LINES[1::2], "by partition, and in its order"
    assert all(path.startswith(f"{topic}/") and path.endswith(".ndjson.gz") for path in put(bucket))


def test_what_a_sink_has_put_is_read_by_the_source(kafka, bucket):
    topic = kafka.topic()
    kafka.produce(topic, LINES)
    bucket.run(pipeline(from_kafka(kafka, topic), outgoing(bucket, compression="zstd"))).succeeded()
    back = {**incoming(bucket), "url": f"s3://{bucket.bucket}/outgoing"}
    bucket.run(pipeline(back, to_file("back.ndjson"), name="back")).succeeded()
    assert (bucket.folder / "back.ndjson").read_bytes().splitlines() == LINES


def test_killed_under_load_each_record_is_in_one_object(kafka, bucket):
    topic = kafka.topic(partitions=2)
    through = pipeline(following(kafka, topic), outgoing(bucket), checkpoint_interval="100ms")
    dice, sent = random.Random(11), 0
    for _ in range(8):
        process = bucket.start_run(through)
        until = time.monotonic() + dice.uniform(1.0, 2.5)
        while time.monotonic() < until:
            batch = [b'{"id":%d}' % number for number in range(sent, sent + 200)]
            kafka.produce(topic, [Message(line, partition=number % 2) for number, line in enumerate(batch)])
            sent += len(batch)
        process.kill()
    process = bucket.start_run(through)
    process.wait_until("all is put", lambda: len(put_lines(bucket)) >= sent, 90)
    process.stop().succeeded()
    found = Counter(json.loads(line)["id"] for line in put_lines(bucket))
    assert set(found) == set(range(sent)), "nothing is lost"
    assert set(found.values()) == {1}, "nothing is doubled"


def test_new_events_with_the_numbers_of_others_are_put_beside_them(bucket):
    """Killed after a put and before its positions were committed, here by losing them: the next events get the same numbers."""
    for events in LINES[:2], LINES[2:4]:
        process = bucket.start_run(pipeline({"type": "http", "listen": "127.0.0.1:0"}, outgoing(bucket)))
        for event in events:
            client_of(process).post(event).says(200)
        process.stop().succeeded()
        next(bucket.data_dir.glob("**/positions/*.json")).unlink()
    assert Counter(put_lines(bucket)) == Counter(LINES[:4])


def test_an_endpoint_away_for_a_while_is_waited_for_by_source_and_sink(bucket, s3, toxiproxy):
    proxy = toxiproxy.proxy(s3.address)
    bring(bucket, "a", LINES[:1000])
    through = pipeline(incoming(bucket, follow=True, every="200ms"), outgoing(bucket))
    process = bucket.by(proxy.address).start_run(through)
    process.wait_until("the first is put", lambda: len(put_lines(bucket)) == 1000)
    proxy.cut()
    bring(bucket, "b", LINES[1000:])
    holds_for("it goes on running", lambda: process.running, 8)
    proxy.heal()
    process.wait_until("the second is put", lambda: len(put_lines(bucket)) >= len(LINES))
    process.stop().succeeded()
    assert Counter(put_lines(bucket)) == Counter(LINES)


def test_a_store_that_is_slow_to_answer_is_waited_for(bucket, s3, toxiproxy):
    """Many checkpoints are due before each of its answers begins."""
    proxy = toxiproxy.proxy(s3.address)
    proxy.slow(1500)
    bring(bucket, "a", LINES)
    through = pipeline(incoming(bucket), to_file("out"), outgoing(bucket, every="100ms"))
    bucket.by(proxy.address).run(through).succeeded()
    assert (bucket.folder / "out").read_bytes().splitlines() == LINES
    assert Counter(put_lines(bucket)) == Counter(LINES)


CONFLICT = b'<?xml version="1.0"?><Error><Code>ConditionalRequestConflict</Code><Message>Another request is under way.</Message></Error>'


@pytest.mark.parametrize("answer", [CONFLICT, b""], ids=["with its code", "with nothing"])
def test_a_name_that_is_said_to_be_in_use_is_not_taken_for_stored(bucket, s3, answer):
    """A conflict may be with a request of which nothing comes. The records are of a source that cannot be read again."""
    conflicts = iter([(409, answer)] * 2)

    def fault(method: str, path: str, headers: dict):
        return next(conflicts, None) if method == "PUT" and "/outgoing/" in path and "/_catchwater/" not in path else None
    with FaultGateway(s3.address, fault) as gateway:
        through = pipeline({"type": "stdin"}, outgoing(bucket))
        with bucket.write("lines", b"one\ntwo\n").open() as lines:
            bucket.by(gateway.address).run(through, stdin=lines).succeeded()
    assert next(conflicts, None) is None, "there were conflicts"
    assert put_lines(bucket) == [b"one", b"two"]


def once(answer, matches):
    """This answer to the first request that matches."""
    left = iter([answer])

    def fault(method: str, path: str, headers: dict):
        return next(left, None) if matches(method, path, headers) else None
    return fault


def getting(method: str, path: str, headers: dict) -> bool:
    return method == "GET" and "list-type=2" not in path


NO_SUCH_KEY = b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>It is not there.</Message></Error>'


@pytest.mark.parametrize("answer", [(404, b"<html>default backend</html>"), (404, NO_SUCH_KEY), (412, b""), (416, b"")])
def test_an_object_that_is_listed_is_waited_for_whatever_is_said_of_it(bucket, s3, answer):
    bring(bucket, "a", LINES)
    with FaultGateway(s3.address, once(answer, getting)) as gateway:
        bucket.by(gateway.address).run(pipeline(incoming(bucket), to_file("out"))).succeeded().says("source unavailable", "incoming/a.ndjson.gz")
    assert (bucket.folder / "out").read_bytes().splitlines() == LINES


def test_an_object_that_is_deleted_before_it_is_read_is_told_and_the_next_is_read(bucket, s3):
    bring(bucket, "a", LINES[:10])
    bring(bucket, "b", LINES[10:20])

    def deleted(method: str, path: str, headers: dict):
        if getting(method, path, headers) and "a.ndjson.gz" in path:
            bucket.s3.files.delete_file(f"{bucket.bucket}/incoming/a.ndjson.gz")
    with FaultGateway(s3.address, deleted) as gateway:
        done = bucket.by(gateway.address).run(pipeline(incoming(bucket), to_file("out"))).succeeded()
    done.says("deleted or written anew", "incoming/a.ndjson.gz")
    assert (bucket.folder / "out").read_bytes().splitlines() == LINES[10:20]


@pytest.mark.parametrize("name", ["a.ndjson.gz", "a.ndjson"])
def test_a_download_that_is_cut_again_and_again_goes_on_where_it_was(bucket, s3, toxiproxy, name):
    dice = random.Random(5)
    lines = [dice.randbytes(500).hex().encode() for _ in range(4000)]
    text = b"\n".join(lines)
    bucket.s3.put(f"{bucket.bucket}/incoming/{name}", gzip.compress(text) if name.endswith(".gz") else text)
    proxy = toxiproxy.proxy(s3.address)
    proxy.lose_answers(bytes_max=600_000)
    bucket.by(proxy.address).run(pipeline(incoming(bucket), to_file("out"))).succeeded()
    assert (bucket.folder / "out").read_bytes().splitlines() == lines


def test_a_store_that_gives_all_where_a_part_was_asked_for_doubles_nothing(bucket, s3):
    text = b"\n".join(LINES)
    bucket.s3.put(f"{bucket.bucket}/incoming/a.ndjson", text)
    through = pipeline(incoming(bucket), to_file("out"), transforms=[{"type": "throttle", "rate": "1000/s"}], checkpoint_interval="100ms")
    process = bucket.start_run(through)
    out = bucket.folder / "out"
    process.wait_until("some is read", lambda: out.exists() and out.stat().st_size > 5000)
    process.stop().succeeded()
    asked = []

    def all_of_it(method: str, path: str, headers: dict):
        if getting(method, path, headers):
            asked.append(headers.get("range"))
            return 200, text
    with FaultGateway(s3.address, all_of_it) as gateway:
        bucket.by(gateway.address).run(through).succeeded()
    assert asked[0] and asked[0].startswith("bytes="), asked
    assert out.read_bytes().splitlines() == LINES


def test_a_listing_that_says_that_there_is_more_and_not_how_to_ask_is_not_taken_for_whole(bucket, s3):
    bring(bucket, "a", LINES)
    cut = b"<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name><IsTruncated>true</IsTruncated></ListBucketResult>"

    def listing(method: str, path: str, headers: dict) -> bool:
        return "list-type=2" in path and "max-keys" not in path
    with FaultGateway(s3.address, once((200, cut), listing)) as gateway:
        bucket.by(gateway.address).run(pipeline(incoming(bucket), to_file("out"))).succeeded().says("there is more")
    assert (bucket.folder / "out").read_bytes().splitlines() == LINES


def test_a_name_that_is_taken_by_nothing_is_tried_again(bucket, s3):
    answers = iter([("PUT", (412, b"")), ("HEAD", (404, b""))])
    at_hand = [next(answers)]

    def fault(method: str, path: str, headers: dict):
        if "/outgoing/" in path and "/_catchwater/" not in path and at_hand and method == at_hand[0][0]:
            answer = at_hand.pop()[1]
            at_hand.extend(list(answers)[:1])
            return answer
    bucket.write("lines", b"one\ntwo\n")
    with FaultGateway(s3.address, fault) as gateway:
        bucket.by(gateway.address).run(pipeline(from_file("lines"), outgoing(bucket))).succeeded().says("sink unavailable")
    assert not at_hand and put_lines(bucket) == [b"one", b"two"]


def test_a_record_whose_key_would_be_too_long_goes_to_the_dead_letters(bucket):
    bucket.write("lines", b'{"to":"%s"}\n{"to":"b"}\n' % (b"a" * 1000))
    through = pipeline(from_file("lines"), outgoing(bucket, key="${field:to}"), dead_letters=bucket.lake("dead"))
    bucket.run(through).succeeded()
    assert put_lines(bucket) == [b'{"to":"b"}']
    assert "1024 bytes" in str(bucket.table("dead").rows(["_headers"]))


def test_settings_for_awss_own_endpoints_do_not_concern_another(bucket):
    bring(bucket, "a", LINES)
    environment = {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"}
    bucket.run(pipeline(incoming(bucket), to_file("out")), environment=environment).succeeded()
    assert (bucket.folder / "out").read_bytes().splitlines() == LINES


ODD = b"""<?xml version="1.0"?><ListBucketResult><Name>b</Name><KeyCount>1</KeyCount><IsTruncated>false</IsTruncated><Contents>
<Key>incoming//odd.ndjson</Key><LastModified>2026-11-29T00:00:00.000Z</LastModified><ETag>"x"</ETag><Size>8</Size></Contents></ListBucketResult>"""


def test_an_object_whose_key_is_no_path_is_read_too(bucket, s3):
    """The store of these tests keeps its objects in folders, and so has no such key; AWS does."""
    def odd(method: str, path: str, headers: dict):
        if method == "GET" and "list-type=2" in path:
            return 200, ODD
        return (200, b"one\ntwo\n") if method == "GET" and path.split("?")[0].endswith("/incoming//odd.ndjson") else None
    with FaultGateway(s3.address, odd) as gateway:
        bucket.by(gateway.address).run(pipeline(incoming(bucket), to_file("out"))).succeeded()
    assert (bucket.folder / "out").read_bytes().splitlines() == [b"one", b"two"]


def test_mistakes_are_found_before_anything_starts(bucket):
    path = bucket.write("broken.yaml", pipeline({"type": "s3", "url": "incoming", "access_key_id": "a"}, {"type": "s3", "url": "s3://bucket?region=x"}))
    bucket.command("check", path).failed().says("source.secret_access_key", "sinks[0].url", "AWS_REGION")


def test_a_bucket_that_does_not_exist_is_told_by_source_and_sink(bucket):
    nowhere = {"type": "s3", "url": "s3://no-such-bucket-of-ours/x"}
    bucket.run(pipeline(nowhere, to_file("out"))).failed().says("no-such-bucket-of-ours", "NoSuchBucket")
    bucket.write("orders.ndjson", b"1\n")
    bucket.run(pipeline(from_file("orders.ndjson"), nowhere, name="other")).failed().says("no-such-bucket-of-ours", "NoSuchBucket")
