"""Kafka Connect's REST API: the answers of a real worker, and what a connector does once it is made."""

import json
import re
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.connect import Connect
from harness.exchanges import Answer, Exchange, ask, differences, left_out, read
from harness.waiting import wait_until

TABLE = Path(__file__).parents[1] / "connect" / "exchanges.txt"
RECORDED = TABLE.with_name("recorded.txt")


@pytest.fixture
def server(workspace, kafka):
    return Connect(workspace, kafka).start()


def test_it_answers_as_a_worker_of_kafka_connect(server, kafka, workspace):
    topic, out = kafka.topic("in", 2), kafka.topic("out")
    kafka.produce(topic, [b"one", b"two"])
    for name in ("src.txt", "p1b.txt"):
        workspace.write(name, b"one\ntwo\n")
    names = {"HOST": server.host, "FOLDER": str(workspace.folder), "CLASS": "FileSinkConnector", "SOURCE": "FileSourceConnector",
             '"in"': json.dumps(topic), '"out"': json.dumps(out), "topics=in": f"topics={topic}"}
    wrong = []
    for exchange in read(TABLE, names):
        found = differences(exchange, ask(server.host, exchange))
        if found and exchange.waits:
            found = wait_for(server, exchange)
        wrong += [f"{TABLE.name}:{exchange.line} {exchange.method} {exchange.path}: {text}" for text in found]
    assert not wrong, "\n".join(wrong)


def test_every_recorded_request_is_in_the_table_or_left_out_with_a_reason():
    lines = [line.split(" ") for line in RECORDED.read_text().splitlines() if not line.startswith("#")]
    recorded = {number: (method, path, int(status)) for number, status, method, path in lines}
    exchanges, reasons = read(TABLE, {}), left_out(TABLE)
    assert sorted([*reasons, *(number for exchange in exchanges for number in exchange.recorded)]) == sorted(recorded)
    assert all(reasons.values())
    for exchange in exchanges:
        for number in exchange.recorded:
            method, path, status = recorded[number]
            assert (exchange.method, exchange.path) == (method, path), f"{TABLE.name}:{exchange.line} is not {number}"
            assert exchange.status == status or exchange.differs, f"{TABLE.name}:{exchange.line}: {status} was recorded; say why not here"


def wait_for(server, exchange: Exchange) -> list[str]:
    found: list[str] = []

    def answered() -> bool:
        found[:] = differences(exchange, ask(server.host, exchange))
        return not found
    try:
        wait_until("the answer of the table", answered, 20)
    except AssertionError:
        pass
    return found


def test_a_sink_connector_writes_what_its_topics_have(server, kafka, workspace):
    topic = kafka.topic()
    kafka.produce(topic, [b'{"n":1}', b'{"n":2}'])
    server.make("copy", **{"connector.class": "FileSink", "topics": topic, "path": str(workspace.folder / "out.txt")})
    out = workspace.folder / "out.txt"
    wait_until("both are written", lambda: out.exists() and out.read_bytes() == b'{"n":1}\n{"n":2}\n')
    wait_until("the offsets are committed", lambda: server.offsets("copy") == {(topic, 0): 2})


@pytest.mark.parametrize("name", ["my sink", "a/b", "Z\u00fcrich", "100% ${env:HOME} #1?", 'a{b="c"}\\', "b" * 240])
def test_a_connector_is_called_as_one_likes(server, kafka, workspace, name):
    topic, out = kafka.topic(), workspace.folder / "out.txt"
    kafka.produce(topic, [b"one"])
    server.make(name, **{"connector.class": "FileSink", "topics": topic, "path": str(out), "tasks.max": "2"})
    path = f"/connectors/{quote(name, safe='')}"
    wait_until("it is written", lambda: out.exists() and out.read_bytes() == b"one\n")
    wait_until("the offsets are committed", lambda: server.offsets(quote(name, safe="")) == {(topic, 0): 1})
    assert kafka.committed(f"connect-{name}", topic) == {0: 1}
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    assert f'catchwater_pipeline_records_total{{pipeline="{escaped}"}} 1\n' in server.request("GET", "/metrics").body
    assert not re.search(r"fenced|retrying", server.process.err), server.process.err
    told = workspace.command("pipelines", "pause", name, "--server", f"http://{server.host}")
    assert told.succeeded().out == f"{name}: paused\n"
    server.stop()
    server.start()
    assert server.json("/connectors") == [name]
    assert server.json(f"{path}/status")["connector"]["state"] == "PAUSED"
    assert server.json(f"/v1{path.replace('connectors', 'pipelines')}")["name"] == name
    kafka.produce(topic, [b"two"])
    assert server.request("PUT", f"{path}/resume").status == 202
    wait_until("it goes on", lambda: out.read_bytes() == b"one\ntwo\n")
    assert server.request("DELETE", path).status == 204
    assert server.json("/connectors") == [] and not list((workspace.data_dir / "server" / "pipelines").glob("*.yaml"))


def test_names_that_kafka_does_not_take_share_a_group_as_others_do(server, kafka, workspace):
    topic, out = kafka.topic(partitions=2), workspace.folder / "out.txt"
    for name in ("\u00e4", "\u00f6"):
        server.make(name, **{"connector.class": "FileSink", "topics": topic, "path": str(out) + name, "consumer.override.group.id": "shared"})
    wait_until("each has a partition", lambda: kafka.holders("shared") == 2)


def test_json_is_taken_out_of_its_envelope_and_what_is_none_is_a_dead_letter(server, kafka, workspace):
    topic, dead = kafka.topic(), kafka.topic("dead")
    kafka.produce(topic, [b'{"schema":null,"payload":{"n": 1.0}}', b"text", b'{"n":2}', b'{"payload":"mine","id":3}'])
    common = {"connector.class": "FileSink", "topics": topic, "value.converter": "org.apache.kafka.connect.json.JsonConverter",
              "errors.tolerance": "all", "errors.deadletterqueue.topic.name": dead}
    others = [b"text", b'{"n":2}', b'{"payload":"mine","id":3}']
    taken, asked = workspace.folder / "taken.txt", workspace.folder / "asked.txt"
    server.make("taken", **common, path=str(taken))
    wait_until("what was in it is written", lambda: taken.exists() and taken.read_bytes() == b'{"n": 1.0}\n')
    wait_until("the others are dead letters", lambda: [message.payload for message in kafka.consume(dead)] == others)
    server.make("asked", **common, path=str(asked), **{"value.converter.schemas.enable": "false"})
    wait_until("JSON is written", lambda: asked.exists() and asked.read_bytes() == b'{"schema":null,"payload":{"n": 1.0}}\n{"n":2}\n{"payload":"mine","id":3}\n')
    wait_until("what is none is a dead letter", lambda: [message.payload for message in kafka.consume(dead)][3:] == [b"text"])
    made = server.request("POST", "/connectors", {"name": "s", "config": {
        "connector.class": "FileSource", "topic": topic, "path": "x", "value.converter": common["value.converter"]}})
    assert made.status == 400 and "value.converter.schemas.enable=false" in made.body, made.body


def test_a_source_connector_writes_to_its_topic(server, kafka, workspace):
    topic = kafka.topic()
    workspace.write("in.txt", b"one\ntwo\n")
    server.make("lines", **{"connector.class": "FileSource", "topic": topic, "path": str(workspace.folder / "in.txt")})
    wait_until("both are written", lambda: [message.payload for message in kafka.consume(topic)] == [b"one", b"two"])


def test_transforms_and_the_dead_letter_queue_mean_what_they_mean_there(server, kafka, workspace):
    topic, dead = kafka.topic(), kafka.topic("dead")
    kafka.produce(topic, [b'{"n":1,"secret":"x"}', b'{"secret":"y"}', b'{"n":3,"secret":"z"}'])
    out = workspace.folder / "out.txt"
    server.make("private", **{
        "connector.class": "FileSink", "topics.regex": topic[:-1] + ".", "path": str(out),
        "transforms": "needed,hide", "transforms.needed.type": "require", "transforms.needed.fields": "n",
        "transforms.hide.type": "drop", "transforms.hide.fields": "secret", "transforms.hide.when": "n:>1",
        "errors.tolerance": "all", "errors.deadletterqueue.topic.name": dead, "consumer.override.fetch.min.bytes": "1",
    })
    wait_until("the good ones are written", lambda: out.exists() and out.read_bytes() == b'{"n":1,"secret":"x"}\n{"n":3}\n')
    wait_until("the bad one is a dead letter", lambda: [message.payload for message in kafka.consume(dead)] == [b'{"secret":"y"}'])
    wait_until("what it read is told", lambda: server.json("/connectors/private/topics") == {"private": {"topics": [topic]}})


def test_what_is_not_supported_is_refused_by_name(server, workspace):
    config = {"connector.class": "FileSink", "topics": "t", "path": "x", "name": "v", "errors.retry.timeout": "60000", "predicates": "p",
              "transforms": "a", "transforms.a.type": "filter", "transforms.a.where": "x", "transforms.a.predicate": "p",
              "errors.deadletterqueue.topic.replication.factor": "1", "value.converter": "io.confluent.connect.avro.AvroConverter",
              "flush.size": "3", "rotation": "daily"}
    answer = json.loads(server.request("PUT", "/connector-plugins/FileSinkConnector/config/validate", config).body)
    refused = {one["value"]["name"] for one in answer["configs"] if one["value"]["errors"]}
    assert refused == {"errors.retry.timeout", "predicates", "transforms.a.predicate", "errors.deadletterqueue.topic.replication.factor",
                       "value.converter", "flush.size", "rotation"}


def invalid(server: Connect, config: dict) -> dict[str, list[str]]:
    """What is said to be wrong with a sink connector that writes a file, by key."""
    config = {"connector.class": "FileSink", "topics": "t", "path": "x", "name": "v", **config}
    answer = server.request("PUT", "/connector-plugins/FileSink/config/validate", config)
    assert answer.status == 200, answer.body
    validated = json.loads(answer.body)
    wrong = {one["value"]["name"]: one["value"]["errors"] for one in validated["configs"] if one["value"]["errors"]}
    assert validated["error_count"] == sum(len(errors) for errors in wrong.values())
    made = server.request("POST", "/connectors", {"name": "v", "config": config})
    assert made.status == (400 if wrong else 201), (made.body, wrong)
    told = [error for errors in wrong.values() for error in errors if None not in config.values() or error.startswith("Null value")]
    assert not wrong or all(error in json.loads(made.body)["message"] for error in told), (made.body, wrong)
    return wrong


def test_what_a_connector_is_refused_for_is_what_the_validation_says(server, workspace):
    null = ["Null value can not be supplied as the configuration value."]
    assert invalid(server, {"tasks.max": None, "path": None, "colour": None}).items() >= {"tasks.max": null, "colour": null}.items()
    assert invalid(server, {"tasks.max": None}) == {"tasks.max": null}
    assert set(invalid(server, {"consumer.override.group.id": ""})) == {"consumer.override.group.id"}
    assert set(invalid(server, {"consumer.override.auto.offset.reset": ""})) == {"consumer.override.auto.offset.reset"}
    for first, second in (("retry.max", "errors.retry.delay.max.ms"), ("errors.retry.delay.max.ms", "retry.max")):
        values = {"retry.max": "3s", "errors.retry.delay.max.ms": "5000"}
        [(key, [error])] = invalid(server, {first: values[first], second: values[second]}).items()
        assert key == second and first in error
    assert invalid(server, {"path": str(workspace.folder / "out.txt"), "retry.max": "3s"}) == {}


def test_a_validation_does_not_tell_secrets(server):
    config = {"connector.class": "HttpSink", "topics": "t", "name": "v", "url": "http://127.0.0.1:1", "token": "hunter2",
              "colour": "red"}
    answer = server.request("PUT", "/connector-plugins/HttpSink/config/validate", config)
    values = {one["value"]["name"]: one["value"]["value"] for one in json.loads(answer.body)["configs"]}
    assert (values["token"], values["url"], values["colour"]) == ("[hidden]", "http://127.0.0.1:1", "red"), answer.body
    assert "hunter2" not in answer.body


def test_a_patch_does_not_take_a_connectors_name_away(server, workspace):
    server.make("f", **{"connector.class": "FileSink", "topics": "t", "path": str(workspace.folder / "out.txt")})
    answer = server.request("PATCH", "/connectors/f/config", {"name": None, "tasks.max": "1"})
    assert (answer.status, json.loads(answer.body)["config"]["name"]) == (200, "f"), answer.body
    assert server.json("/connectors/f/config")["name"] == "f"


def test_a_connector_keeps_its_name_whatever_a_patch_says(server, kafka, workspace):
    topic, out = kafka.topic(), workspace.folder / "out.txt"
    config = {"connector.class": "FileSink", "topics": topic, "path": str(out)}
    server.make("f", **config)
    for name in ("zz", "zz/\u00e4"):
        answer = server.request("PATCH", "/connectors/f/config", {"name": name})
        assert (answer.status, json.loads(answer.body)["name"], json.loads(answer.body)["config"]["name"]) == (200, "f", name), answer.body
    answer = server.request("PATCH", "/connectors/f/config", {"name": "a\nb"})
    assert answer.status == 400 and "control sequences" in answer.body, answer.body
    server.stop()
    server.start()
    assert server.json("/connectors") == ["f"] and server.json("/connectors/f/config")["name"] == "zz/\u00e4"
    kafka.produce(topic, [b"one"])
    wait_until("it goes on", lambda: out.exists() and out.read_bytes() == b"one\n")
    assert kafka.holders("connect-f") == 1
    answer = server.request("PUT", "/connectors/f/config", {**config, "name": "zz"})
    assert answer.status == 400 and "doesn't match connector name in the URL (f)" in answer.body, answer.body
    assert server.request("PUT", "/connectors/f/config", {**config, "name": "f"}).status == 200
    assert server.json("/connectors/f/config")["name"] == "f"


def test_what_a_converter_takes_is_what_it_lists(server, workspace):
    json_converter = "org.apache.kafka.connect.json.JsonConverter"
    keys = json.loads(server.request("GET", f"/connector-plugins/{json_converter}/config").body)
    filled_in = {f"value.converter.{key['name']}": key["default_value"] or "value" for key in keys}
    path = str(workspace.folder / "out.txt")
    assert len(filled_in) == 5 and invalid(server, {"path": path, "value.converter": json_converter, **filled_in}) == {}
    for key, value in (("replace.null.with.default", "true"), ("decimal.format", "OTHER"), ("schemas.cache.size", "5"), ("converter.type", "key")):
        assert set(invalid(server, {"path": path, f"value.converter.{key}": value})) == {f"value.converter.{key}"}


def test_a_name_that_is_no_text_is_refused_in_kafka_connects_words(server):
    for method, path in (("GET", "/connectors/%ff"), ("DELETE", "/connectors/%ff"), ("GET", "/connectors/%ff/status"),
                         ("PUT", "/connectors/%ff/pause"), ("GET", "/connectors/%ff/offsets"),
                         ("GET", "/connector-plugins/%ff/config"), ("GET", "/admin/loggers/%ff")):
        answer = server.request(method, path)
        body = json.loads(answer.body)
        assert (answer.status, body["error_code"], set(body)) == (400, 400, {"error_code", "message"}), answer.body


def test_a_configuration_has_an_end(server, workspace):
    config = {"connector.class": "FileSink", "topics": "t", "path": str(workspace.folder / "out.txt"), "name": "f"}
    endless = {f"k{number}": "1" for number in range(20_000)}
    assert server.request("PUT", "/connectors/f/config", config).status == 201
    for method, path, body in (("POST", "/connectors", {"name": "f", "config": {**config, **endless}}),
                               ("PUT", "/connectors/f/config", {**config, **endless}),
                               ("PATCH", "/connectors/f/config", endless),
                               ("PUT", "/connector-plugins/FileSink/config/validate", {**config, **endless})):
        begun = time.monotonic()
        answer = server.request(method, path, body)
        assert answer.status == 400 and "at most 2000 keys" in answer.body, answer.body[:1000]
        assert time.monotonic() - begun < 5
    begun = time.monotonic()
    many = dict(list(endless.items())[:1990])
    answer = server.request("PUT", "/connector-plugins/FileSink/config/validate", {**config, **many})
    assert json.loads(answer.body)["error_count"] == len(many)
    assert time.monotonic() - begun < 5


def test_a_mistake_in_the_servers_settings_is_told_of_them(server, workspace):
    config = {"connector.class": "FileSink", "topics": "t", "path": str(workspace.folder / "out.txt")}
    server.write({"kafka": {"brokers": "a:1", "foo": 1}}, "catchwater")
    answer = server.request("PUT", "/connectors/q/config", config)
    assert answer.status == 500 and "kafka.foo" in answer.body and "catchwater.yaml" in answer.body, answer.body
    server.write({"kafka": {"brokers": "a:1", "librdkafka": {"fetch.min.byte": 1}}}, "catchwater")
    wrong = server.request("PUT", "/connectors/q/config", {**config, "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "d"})
    assert wrong.status == 400 and "`kafka.librdkafka.fetch.min.byte` in the server's catchwater.yaml" in wrong.body, wrong.body
    assert "FileSink" not in wrong.body and "1 error(s)" in wrong.body, wrong.body


def test_the_worker_answers_while_kafka_is_away(server):
    id = wait_until("Kafka says who it is", lambda: server.json("/")["kafka_cluster_id"])
    assert server.json("/")["kafka_cluster_id"] == id
    server.write({"kafka": {"brokers": "127.0.0.1:1"}}, "catchwater")
    for _ in range(2):
        begun = time.monotonic()
        assert server.json("/")["kafka_cluster_id"] is None
        assert time.monotonic() - begun < 4.5


def test_loggers_begin_as_the_log_does_and_are_modules(workspace, kafka):
    server = Connect(workspace, kafka, "--log", "debug,catchwater_connectors=warn").start()
    unchanged = {"catchwater_connectors": {"level": "WARN", "last_modified": None}, "root": {"level": "DEBUG", "last_modified": None}}
    assert server.json("/admin/loggers").items() >= unchanged.items()
    for name in ("x%3Dtrace%2Cy", "a%20b", "%5Bspan%5D"):
        answer = server.request("PUT", f"/admin/loggers/{name}", {"level": "TRACE"})
        assert answer.status == 404 and "not found" in answer.body, answer.body
    assert server.json("/admin/loggers").items() >= unchanged.items()


def test_a_level_holds_for_each_logger_within_and_is_that_of_the_log(server):
    def restarts() -> int:
        answer = server.request("POST", "/v1/reload")
        assert answer.status == 200, answer.body
        return server.process.err.count("loaded generation")

    reload = "catchwater_server::server::reload"
    wait_until("a reload is logged", lambda: server.process.err.count("loaded generation") > 0)
    assert server.json(f"/admin/loggers/{reload}") == {"level": "INFO", "last_modified": None}
    changed = json.loads(server.request("PUT", "/admin/loggers/catchwater_server", {"level": "error"}).body)
    assert {"catchwater_server", reload} <= set(changed), changed
    silent = server.process.err.count("loaded generation")
    restarts()
    assert server.json(f"/admin/loggers/{reload}")["level"] == "ERROR" and restarts() == silent
    changed = json.loads(server.request("PUT", f"/admin/loggers/{reload}", {"level": "INFO"}).body)
    assert changed == [reload]
    wait_until("it is logged again", lambda: restarts() > silent)
    changed = json.loads(server.request("PUT", "/admin/loggers/root", {"level": "warn"}).body)
    assert {"root", reload} <= set(changed)
    assert {one["level"] for one in server.json("/admin/loggers").values()} == {"WARN"}


def test_what_a_file_says_of_its_pipeline_is_shown(workspace, kafka):
    workspace.write("pipelines/orders.yaml", f"""\
name: orders
source: {{ type: kafka, brokers: '{kafka.address}', topics: [{kafka.topic()}] }}
transforms:
  - {{ type: filter, where: NOT test, on_error: drop }}
  - {{ type: drop, fields: [a] }}
sinks:
  - {{ type: file, path: out.txt, when: 'a:1', on_error: fail }}
  - {{ type: stdout, when: 'a:2' }}
dead_letters: {{ type: kafka, brokers: '{kafka.address}', topic: dead }}
retry: {{ initial: 50ms, max: 3s, attempts: 4 }}
checkpoint_interval: 7s
idle: 1s
drain_timeout: 9s
unmatched: dead_letter
""")
    config = Connect(workspace, kafka).start().json("/connectors/orders/config")
    expected = {"retry.initial": "50ms", "retry.max": "3s", "retry.attempts": "4",
                "checkpoint_interval": "7s", "idle": "1s", "drain_timeout": "9s", "unmatched": "dead_letter",
                "transforms.filter.on_error": "drop", "on_error": "fail", "when": "a:1",
                "errors.deadletterqueue.topic.name": "dead", "dead_letters.brokers": kafka.address, "errors.tolerance": "all"}
    assert {key: config.get(key) for key in expected} == expected
    assert "transforms.drop.on_error" not in config and "sinks.stdout.on_error" not in config


def test_a_pipeline_out_of_a_file_is_a_connector_that_cannot_be_changed_here(workspace, kafka):
    topic = kafka.topic()
    workspace.write("pipelines/orders.yaml", f"""\
name: orders
source:
  type: kafka
  brokers: '{kafka.address}'
  topics: [{topic}]
  group: orders
  sasl: {{ mechanism: PLAIN, username: me, password: hunter2 }}
transforms:
  - type: filter
    where: NOT test
sinks:
  - type: file
    path: out.txt
  - type: stdout
""")
    server = Connect(workspace, kafka).start()
    info = server.json("/connectors/orders")
    config = info["config"]
    assert (info["type"], config["connector.class"], config["topics"], config["path"]) == ("sink", "FileSinkConnector", topic, "out.txt")
    assert (config["transforms.filter.where"], config["sinks.stdout.type"]) == ("NOT test", "stdout")
    assert config["source.sasl.password"] == "[hidden]"
    for method, path, body in [("PUT", "/config", config), ("DELETE", "", None), ("PATCH", "/config", {"path": "y"})]:
        answer = server.request(method, f"/connectors/orders{path}", body)
        assert (answer.status, json.loads(answer.body)["error_code"]) == (409, 409) and "orders.yaml" in answer.body, answer.body
    assert server.request("PUT", "/connectors/orders/stop").status == 204


def test_a_configuration_comes_back_as_it_was_sent_after_a_restart_and_secrets_stay_hidden(server, kafka, workspace):
    sent = {"connector.class": "kafka", "topics": "t , u", "tasks.max": "1", "brokers": kafka.address, "topic": "copy",
            "sasl.mechanism": "PLAIN", "sasl.username": "me", "sasl.password": "hunter2", "name": "copy"}
    answer = server.request("POST", "/connectors", {"name": "copy", "config": sent, "initial_state": "STOPPED"})
    assert answer.status == 201, answer.body
    shown = {**sent, "sasl.password": "[hidden]"}
    assert server.json("/connectors/copy/config") == shown
    patched = server.request("PATCH", "/connectors/copy/config", {"sasl.username": "you"})
    assert patched.status == 200, patched.body
    kept = next((workspace.data_dir / "server" / "pipelines").glob("*.yaml")).read_text()
    assert '"password": "hunter2"' in kept and kept.count("hunter2") == 1
    server.stop()
    server.start()
    assert server.json("/connectors/copy/config") == {**shown, "sasl.username": "you"}
    assert server.json("/connectors/copy/status")["connector"]["state"] == "STOPPED"
    assert "hunter2" not in server.request("GET", "/v1/pipelines/copy").body + server.process.err


def test_a_hidden_secret_is_that_of_its_key_and_refused_where_there_is_none(server, workspace):
    config = {"connector.class": "FileSink", "topics": "t", "path": str(workspace.folder / "out.txt"), "transforms": "hide",
              "transforms.hide.type": "mask", "transforms.hide.fields": "a", "transforms.hide.how": "hash", "transforms.hide.secret": "hunter2",
              "consumer.override.ssl.key.pem": "hunter3"}
    made = server.request("POST", "/connectors", {"name": "one", "config": config, "initial_state": "STOPPED"})
    assert made.status == 201, made.body
    shown = server.json("/connectors/one/config")
    secrets = {"transforms.hide.secret", "consumer.override.ssl.key.pem"}
    assert {key for key, text in shown.items() if text == "[hidden]"} == secrets
    in_front = {"transforms": "new,hide", "transforms.new.type": "drop", "transforms.new.fields": "b"}
    assert server.request("PATCH", "/connectors/one/config", in_front).status == 200
    kept = next((workspace.data_dir / "server" / "pipelines").glob("*.yaml")).read_text()
    document = json.loads(kept.partition("\n")[2])
    assert document["transforms"][1]["secret"] == "hunter2" and document["source"]["librdkafka"]["ssl.key.pem"] == "hunter3"
    assert not any(secret in server.request("GET", "/v1/pipelines/one").body for secret in ("hunter2", "hunter3"))
    refused = [server.request("POST", "/connectors", {"name": "two", "config": {**shown, "name": "two"}}),
               server.request("PUT", "/connectors/two/config", {**shown, "name": "two"})]
    for answer in refused:
        assert (answer.status, json.loads(answer.body)["error_code"]) == (400, 400) and all(key in answer.body for key in secrets), answer.body
    checked = json.loads(server.request("PUT", "/connector-plugins/FileSink/config/validate", {**shown, "name": "two"}).body)
    assert {one["value"]["name"] for one in checked["configs"] if one["value"]["errors"]} == secrets
    wrong = server.request("PATCH", "/connectors/one/config", {"transforms.hide.how": "redact"})
    assert wrong.status == 400 and "transforms.hide.secret" in wrong.body and "hunter2" not in wrong.body, wrong.body


def test_a_connector_that_was_changed_over_v1_is_shown_as_it_is(server, workspace):
    config = {"connector.class": "FileSink", "topics": "t", "path": "before.txt"}
    assert server.request("POST", "/connectors", {"name": "one", "config": config, "initial_state": "STOPPED"}).status == 201
    document = server.get("/v1/pipelines/one")["document"]
    assert "Kafka Connect" in document
    assert server.ask("PUT", "/v1/pipelines/one", document.replace('"before.txt"', '"after.txt"')).status == 200
    shown = server.json("/connectors/one/config")
    assert (shown["path"], shown["topics"]) == ("after.txt", "t")
    answer = server.request("PATCH", "/connectors/one/config", {"topics": "u"})
    assert answer.status == 400 and "source.brokers" in answer.body, answer.body
    assert server.request("PUT", "/connectors/one/config", config).status == 200
    assert server.json("/connectors/one/config") == {**config, "name": "one"}


def test_a_change_that_was_put_back_is_told_with_the_status(workspace, kafka):
    server = Connect(workspace, kafka, "--put-back-after", "2s").start()
    config = {"connector.class": "FileSink", "topics": kafka.topic(), "path": str(workspace.folder / "out.txt")}
    server.make("one", **config)
    wait_until("it runs", lambda: states(server, "one") == ["RUNNING", "RUNNING"])
    in_the_way = workspace.write("in-the-way", "")
    assert server.request("PUT", "/connectors/one/config", {**config, "path": str(in_the_way / "out.txt")}).status == 200
    status = server.json("/connectors/one/status")
    assert "put back" in status["connector"]["trace"] and "in-the-way" in status["connector"]["trace"], status
    wait_until("what ran before runs", lambda: states(server, "one") == ["RUNNING", "RUNNING"])
    assert server.request("PUT", "/connectors/one/config", config).status == 200
    assert "trace" not in server.json("/connectors/one/status")["connector"]


def states(server: Connect, name: str) -> list[str]:
    status = server.json(f"/connectors/{name}/status")
    return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]


def test_what_is_paused_while_it_is_stopped_or_new_has_no_tasks_before_it_is_resumed(server, kafka, workspace):
    config = {"connector.class": "FileSink", "topics": kafka.topic(), "tasks.max": "2", "path": str(workspace.folder / "out.txt")}
    new = server.request("POST", "/connectors", {"name": "new", "config": {**config, "path": str(workspace.folder / "new")}, "initial_state": "PAUSED"})
    assert json.loads(new.body)["tasks"] == [], new.body
    server.make("one", **config)
    running = ["RUNNING"] * 3
    wait_until("it runs", lambda: states(server, "one") == running)
    assert server.request("PUT", "/connectors/one/stop").status == 204
    for _ in range(2):
        assert server.request("PUT", "/connectors/one/pause").status == 202
    for _ in range(2):
        for name in ("one", "new"):
            assert states(server, name) == ["PAUSED"] and server.json(f"/connectors/{name}/tasks") == []
            expanded = server.json("/connectors?expand=status&expand=info")[name]
            assert expanded["status"]["tasks"] == expanded["info"]["tasks"] == []
            assert server.request("GET", f"/connectors/{name}/tasks/0/status").status == 404
            assert server.get(f"/v1/pipelines/{name}")["wanted"] == server.state(name) == "paused"
        server.stop().succeeded()
        server.start()
    for name in ("one", "new"):
        assert server.request("PUT", f"/connectors/{name}/resume").status == 202
        wait_until("it runs again", lambda name=name: states(server, name) == running)
    assert server.request("PUT", "/connectors/one/pause").status == 202
    wait_until("it is paused with its tasks", lambda: states(server, "one") == ["PAUSED"] * 3)
    server.stop().succeeded()
    server.start()
    assert states(server, "one") == ["PAUSED"] * 3


def test_offsets_are_altered_and_reset_while_a_connector_is_stopped(server, kafka, workspace):
    topic = kafka.topic(partitions=1)
    kafka.produce(topic, [b"one", b"two", b"three"])
    out = workspace.folder / "out.txt"
    server.make("copy", **{"connector.class": "FileSink", "topics": topic, "path": str(out)})
    wait_until("all is committed", lambda: server.offsets("copy") == {(topic, 0): 3})
    assert server.request("PUT", "/connectors/copy/stop").status == 204
    to_two = {"offsets": [{"partition": {"kafka_topic": topic, "kafka_partition": 0}, "offset": {"kafka_offset": 2}}]}
    answer = server.request("PATCH", "/connectors/copy/offsets", to_two)
    assert (answer.status, json.loads(answer.body)) == (200, {"message": "The offsets for this connector have been altered successfully"}), answer.body
    assert server.offsets("copy") == {(topic, 0): 2}
    assert server.request("PUT", "/connectors/copy/resume").status == 202
    wait_until("the last is written again", lambda: out.read_bytes() == b"one\ntwo\nthree\nthree\n")
    assert server.request("PUT", "/connectors/copy/stop").status == 204
    assert server.request("DELETE", "/connectors/copy/offsets").status == 200
    assert server.offsets("copy") == {}
    assert server.request("PUT", "/connectors/copy/resume").status == 202
    wait_until("all is written again", lambda: out.read_bytes().count(b"one") == 2)


def test_offsets_that_a_lake_would_outvote_are_not_altered(server, kafka, workspace):
    topic = kafka.topic(partitions=1)
    kafka.produce(topic, [b'{"n":1}', b'{"n":2}'])
    server.make("keep", **{"connector.class": "LakeSink", "topics": topic, "path": str(workspace.lake_path), "collection": "events"})
    wait_until("all is committed", lambda: server.offsets("keep") == {(topic, 0): 2})
    assert server.request("PUT", "/connectors/keep/stop").status == 204
    to_one = {"offsets": [{"partition": {"kafka_topic": topic, "kafka_partition": 0}, "offset": {"kafka_offset": 1}}]}
    for method, asked in (("PATCH", to_one), ("DELETE", None)):
        answer = server.request(method, "/connectors/keep/offsets", asked)
        assert answer.status == 500 and "keeps positions with what it stored" in json.loads(answer.body)["message"], answer.body
    assert server.offsets("keep") == {(topic, 0): 2}


def test_offsets_of_a_source_connector_are_those_of_its_files(server, kafka, workspace):
    topic = kafka.topic(partitions=1)
    one, two = str(workspace.write("logs/one.log", b"a\nb\n")), str(workspace.write("logs/two.log", b"c\nd\ne\n"))
    server.make("logs", **{"connector.class": "FileSource", "topic": topic, "path": str(workspace.folder / "logs" / "*.log"), "follow": "true"})
    wait_until("all is committed", lambda: places(server, "logs", "filename") == {one: 4, two: 6})
    assert server.request("PUT", "/connectors/logs/stop").status == 204

    def alter(filename: str, offset: dict | None) -> Answer:
        return server.request("PATCH", "/connectors/logs/offsets", {"offsets": [{"partition": {"filename": filename}, "offset": offset}]})

    for offset in ({"at": 1}, {"position": -1}, {"position": "1"}):
        assert alter(one, offset).status == 500
    for nothing in (None, {}, 1, {"partition": None, "offset": None}):
        answer = server.request("PATCH", "/connectors/logs/offsets", {"offsets": [nothing]})
        assert answer.status == 400 and "partition" in answer.body, answer.body
    refused = alter("no.log", {"position": 0})
    assert refused.status == 500 and one in refused.body and two in refused.body, refused.body
    assert alter("no.log", None).status == alter(two, {"position": 4}).status == alter(one, None).status == 200
    assert places(server, "logs", "filename") == {two: 4}
    assert server.request("PUT", "/connectors/logs/resume").status == 202
    again = [b"a", b"b", b"c", b"d", b"e", b"a", b"b", b"e"]
    wait_until("the rest is sent again", lambda: sorted(message.payload for message in kafka.consume(topic)) == sorted(again))
    wait_until("all is committed again", lambda: places(server, "logs", "filename") == {one: 4, two: 6})


def test_offsets_of_other_sources_are_told_by_stream_and_number(server, kafka):
    topic = kafka.topic()
    server.make("shop", **{"connector.class": "GenerateSource", "topic": topic, "count": "10", "stream": "orders", "partitions": "2"})
    wait_until("all is committed", lambda: places(server, "shop", "stream", "partition") == {("orders", 0): 10, ("orders", 1): 10})
    assert server.request("PUT", "/connectors/shop/stop").status == 204
    to_five = {"offsets": [{"partition": {"stream": "orders", "partition": 1}, "offset": {"position": 5}}]}
    assert server.request("PATCH", "/connectors/shop/offsets", to_five).status == 200
    assert places(server, "shop", "stream", "partition") == {("orders", 0): 10, ("orders", 1): 5}
    assert server.request("DELETE", "/connectors/shop/offsets").status == 200
    assert places(server, "shop", "stream", "partition") == {}


def test_a_source_that_cannot_be_read_again_has_no_offsets(server, kafka):
    server.make("hook", **{"connector.class": "HttpSource", "topic": kafka.topic(), "listen": "127.0.0.1:0"})
    assert server.json("/connectors/hook/offsets") == {"offsets": []}
    assert server.request("PUT", "/connectors/hook/stop").status == 204
    answer = server.request("DELETE", "/connectors/hook/offsets")
    assert answer.status == 500 and "doesn't support external modification of offsets" in answer.body, answer.body


def places(server: Connect, name: str, *keys: str) -> dict:
    """By what names a partition in the connector, where it stands."""
    entries = server.json(f"/connectors/{name}/offsets")["offsets"]
    assert all(set(at["partition"]) == set(keys) for at in entries), entries
    names = [tuple(at["partition"][key] for key in keys) for at in entries]
    return {name if len(keys) > 1 else name[0]: at["offset"]["position"] for name, at in zip(names, entries)}
