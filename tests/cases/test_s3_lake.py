"""The lake in a bucket: the same promises, the same commands, and the mistakes that only a bucket knows."""

import random
import shutil
from urllib.parse import unquote

import pytest

from harness.bucket import BucketWorkspace
from harness.kafka import Message
from harness.lake import Table
from harness.pipelines import following, from_file, from_kafka, generated, pipeline
from harness.waiting import holds_for
from services.certificates import Certificates
from services.fault_gateway import FaultGateway
from services.s3 import Gateway

AWAY_SECONDS = 20
ORDERS = [b'{"id":%d,"amount":%d.5,"status":"%s"}' % (number, number % 100, b"paid" if number % 2 else b"open") for number in range(400)]


@pytest.fixture
def bucket(s3, tmp_path) -> BucketWorkspace:
    place = BucketWorkspace(tmp_path / "bucket", s3)
    place.folder.mkdir()
    yield place
    place.end()


def orders(place) -> dict:
    """The orders out of a file."""
    place.write("orders.ndjson", b"".join(order + b"\n" for order in ORDERS))
    return from_file("orders.ndjson")


def test_what_is_captured_is_in_the_bucket_byte_for_byte_and_the_probe_has_left_nothing(bucket):
    bucket.run(pipeline(orders(bucket), bucket.lake())).succeeded()
    assert bucket.table().payloads() == ORDERS
    assert {path.split("/")[0] for path in bucket.s3.paths(bucket.prefix)} == {"events"}


def test_check_contacts_nothing(bucket):
    path = bucket.write("pipeline.yaml", pipeline(orders(bucket), bucket.lake()))
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "", "AWS_CONFIG_FILE": "/nowhere"}
    bucket.command("check", path, environment=nowhere).succeeded()


def test_every_command_that_takes_a_lake_takes_a_bucket(bucket):
    bucket.run(pipeline(orders(bucket), bucket.lake())).succeeded()
    lake = ["--lake", bucket.lake_path]
    assert "400" in bucket.command("lake", "ls", *lake).succeeded().out
    assert "amount" in bucket.command("lake", "info", "events", *lake).succeeded().out
    assert "whole" in bucket.command("lake", "verify", *lake).succeeded().out
    assert bucket.command("search", "events", "status:paid", "--count", *lake).succeeded().out.split()[0] == "200"
    assert "400" in bucket.command("sql", "select count(*) as n from events", *lake).succeeded().out
    replayed = bucket.command("replay", "events", "--query", "id:7", "--to", "stdout", *lake, "--data-dir", bucket.data_dir).succeeded()
    assert replayed.out.encode().strip() == ORDERS[7]


def test_a_lake_in_a_bucket_is_replayed_into_one_on_disk(bucket):
    bucket.run(pipeline(orders(bucket), bucket.lake())).succeeded()
    source = {"type": "replay", "path": bucket.lake_path, "collection": "events"}
    to_disk = {"type": "lake", "path": str(bucket.folder / "disk"), "collection": "again"}
    bucket.run(pipeline(source, to_disk, name="replay")).succeeded()
    assert Table(bucket.folder / "disk" / "again").payloads() == ORDERS


def test_a_lake_is_copied_to_disk_and_back_file_by_file(bucket, s3):
    bucket.run(pipeline(orders(bucket), bucket.lake())).succeeded()
    copy, again = bucket.folder / "lake", s3.bucket()
    s3.download(bucket.prefix, copy)
    s3.upload(copy, f"{again}/lake")
    shutil.copytree(copy, bucket.folder / "moved")
    for lake in (bucket.lake_path, str(copy), str(bucket.folder / "moved"), f"s3://{again}/lake"):
        bucket.command("lake", "verify", "--lake", lake).succeeded()
        out = bucket.command("sql", "select sum(amount) as total from events", "--format", "csv", "--lake", lake).succeeded().out
        assert out.split()[-1] == str(sum(number % 100 + 0.5 for number in range(400))), lake
    assert Table(copy / "events").payloads() == ORDERS


def test_a_copy_goes_on_where_the_original_stood(kafka, bucket):
    topic = kafka.topic()
    kafka.produce(topic, ORDERS)
    source = from_kafka(kafka, topic)
    bucket.run(pipeline(source, bucket.lake())).succeeded()
    bucket.s3.download(bucket.prefix, bucket.folder / "lake")
    kafka.produce(topic, ORDERS)
    bucket.run(pipeline(source, {**bucket.lake(), "path": "./lake"})).succeeded()
    assert Table(bucket.folder / "lake" / "events").payloads() == ORDERS * 2


def test_a_large_file_is_uploaded_in_parts_and_is_whole(bucket):
    noise = random.Random(5)
    bucket.write("noise.ndjson", "".join(f'{{"noise":"{noise.randbytes(20_000).hex()}"}}\n' for _ in range(1000)))
    bucket.run(pipeline(from_file("noise.ndjson"), bucket.lake(commit_interval="60s"))).succeeded()
    files = bucket.table().live_files()
    assert max(file.stat().st_size for file in files) > 8 << 20, "larger than a part"
    assert "whole" in bucket.command("lake", "verify", "--lake", bucket.lake_path).succeeded().out


def test_a_checkpoint_is_made_in_the_bucket_and_read(bucket):
    process = bucket.start_run(pipeline(generated(100_000, rate="500/s"), bucket.lake(commit_interval="50ms")))
    process.wait_until("there is a checkpoint", lambda: "events/_delta_log/_last_checkpoint" in bucket.s3.paths(bucket.prefix), 90)
    process.stop().succeeded()
    assert "1 checkpoint" in bucket.command("lake", "verify", "--lake", bucket.lake_path).succeeded().out


def test_a_bucket_that_does_not_exist_is_told_by_name(bucket):
    sink = {**bucket.lake(), "path": "s3://no-such-bucket-of-ours/lake"}
    bucket.run(pipeline(orders(bucket), sink)).failed().says("no-such-bucket-of-ours", "NoSuchBucket", "create the bucket")
    bucket.command("lake", "ls", "--lake", "s3://no-such-bucket-of-ours/lake").failed().says("NoSuchBucket")


def test_wrong_credentials_are_refused_with_where_they_come_from_and_never_shown(bucket):
    wrong = {"AWS_SECRET_ACCESS_KEY": "wrong-and-secret"}
    finished = bucket.run(pipeline(orders(bucket), bucket.lake()), environment=wrong).failed()
    finished.says("SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY")
    assert "wrong-and-secret" not in finished.err + finished.out
    bucket.command("lake", "ls", "--lake", bucket.lake_path, environment=wrong).failed().says("SignatureDoesNotMatch")


def test_no_credentials_at_all_is_told(bucket):
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
    bucket.run(pipeline(orders(bucket), bucket.lake()), environment=none).failed().says("no credentials are to be found", "AWS_PROFILE")


def test_a_profile_tells_endpoint_region_and_keys(bucket, s3):
    bucket.write("credentials", f"[archive]\naws_access_key_id = {s3.key}\naws_secret_access_key = {s3.secret}\n")
    bucket.write("config", f"[profile archive]\nregion = us-east-1\nservices = here\n\n[services here]\ns3 =\n  endpoint_url = http://{s3.address}\n")
    bucket.environment = {
        "AWS_PROFILE": "archive", "AWS_CONFIG_FILE": str(bucket.folder / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(bucket.folder / "credentials")}
    bucket.run(pipeline(orders(bucket), bucket.lake())).succeeded()
    assert bucket.table().payloads() == ORDERS


def conditional(method: str, headers: dict) -> bool:
    return method == "PUT" and "if-none-match" in headers


def silently_replacing(s3):
    """Makes a store that knows no conditions: what has the name goes before the condition is looked at."""
    def before(method: str, path: str, headers: dict) -> None:
        if conditional(method, headers):
            bucket_and_key = unquote(path.split("?")[0].lstrip("/"))
            if bucket_and_key.split("/", 1)[1] in s3.paths(bucket_and_key.split("/")[0]):
                s3.files.delete_file(bucket_and_key)
    return before


def not_implemented(method: str, _path: str, headers: dict) -> tuple[int, bytes] | None:
    body = b"<?xml version='1.0'?><Error><Code>NotImplemented</Code><Message>A header you provided implies functionality that is not implemented.</Message></Error>"
    return (501, body) if conditional(method, headers) else None


@pytest.mark.parametrize("kind", ["replaces in silence", "answers 501"])
def test_a_store_without_conditional_writes_is_refused_before_anything_is_written(bucket, s3, kind):
    fault = silently_replacing(s3) if kind == "replaces in silence" else not_implemented
    with FaultGateway(s3.address, fault) as gateway:
        bucket.by(gateway.address).run(pipeline(orders(bucket), bucket.lake())).failed().says("no conditional writes", "If-None-Match")
    assert s3.paths(bucket.bucket) == []


def test_a_store_that_loses_sight_of_a_name_once_is_not_taken_for_one_without_conditional_writes(bucket, s3):
    replace, times = silently_replacing(s3), iter([True, True])

    def before(method: str, path: str, headers: dict) -> None:
        if conditional(method, headers) and next(times, False):
            replace(method, path, headers)
    with FaultGateway(s3.address, before) as gateway:
        bucket.by(gateway.address).run(pipeline(orders(bucket), bucket.lake())).succeeded()
    assert next(times, None) is None, "a name was lost from sight"
    assert bucket.table().payloads() == ORDERS


def test_an_endpoint_away_for_a_while_is_waited_for_and_nothing_is_lost_or_doubled(kafka, bucket, s3, toxiproxy):
    topic, proxy = kafka.topic(), toxiproxy.proxy(s3.address)
    kafka.produce(topic, ORDERS)
    process = bucket.by(proxy.address).start_run(pipeline(following(kafka, topic), bucket.lake()))
    process.wait_until("the first part is stored", lambda: bucket.table().count() >= len(ORDERS))
    proxy.cut()
    kafka.produce(topic, ORDERS)
    holds_for("it goes on running", lambda: process.running, AWAY_SECONDS)
    proxy.heal()
    process.wait_until("the second part is stored", lambda: bucket.table().count() >= 2 * len(ORDERS))
    process.stop().succeeded()
    assert bucket.table().payloads() == ORDERS * 2


def test_commits_whose_answers_are_lost_are_there_once(kafka, bucket, s3, toxiproxy):
    topic, proxy = kafka.topic(), toxiproxy.proxy(s3.address)
    kafka.produce(topic, ORDERS)
    process = bucket.by(proxy.address).start_run(pipeline(following(kafka, topic), bucket.lake()))
    process.wait_until("the first part is stored", lambda: bucket.table().count() >= len(ORDERS))
    for round_number in range(3):
        proxy.lose_answers()
        kafka.produce(topic, ORDERS)
        holds_for("it goes on running", lambda: process.running, 3)
        proxy.heal()
        process.wait_until("the next part is stored", lambda: bucket.table().count() >= (round_number + 2) * len(ORDERS))
    process.stop().succeeded()
    assert bucket.table().payloads() == ORDERS * 4


def test_two_writers_of_a_bucket_share_its_log_without_loss(kafka, bucket):
    topic = kafka.topic(partitions=4)
    kafka.produce(topic, [Message(b'{"id":%d}' % number, partition=number % 4) for number in range(2000)])
    source = following(kafka, topic)
    processes = [bucket.start_run(pipeline(source, bucket.lake())) for _ in range(2)]
    for process in processes:
        process.wait_until("all are stored", lambda: bucket.table().count() >= 2000, 90)
    for process in processes:
        process.stop().succeeded()
    assert sorted(bucket.table().payloads()) == sorted(b'{"id":%d}' % number for number in range(2000))


def test_tls_trusts_the_authority_that_is_named(bucket, tmp_path):
    certificates = Certificates.make(tmp_path / "certificates")
    gateway = Gateway(tmp_path / "secured", certificates).start()
    try:
        (gateway.data / bucket.bucket).mkdir()
        secured = {"AWS_ENDPOINT_URL": f"https://{gateway.address}"}
        bucket.run(pipeline(orders(bucket), bucket.lake()), environment={**secured, "AWS_CA_BUNDLE": str(certificates.authority)}).succeeded()
        listed = bucket.command("lake", "ls", "--lake", bucket.lake_path, environment=secured)
        listed.failed().says("certificate")
    finally:
        gateway.kill()


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n"])
def test_a_bundle_of_certificates_that_is_none_is_named(bucket, content):
    bundle = bucket.write("bundle.pem", content)
    through = pipeline(orders(bucket), bucket.lake(), {"type": "s3", "url": f"s3://{bucket.bucket}/objects"})
    bucket.run(through, environment={"AWS_CA_BUNDLE": str(bundle)}).failed().says("bundle.pem", "AWS_CA_BUNDLE")
