"""`catchwater search`: the newest events that match, how many and when; and each way to get no answer, with what to do."""

import json

import pytest

from harness.kafka import Message
from harness.pipelines import generated, pipeline

ROWS = 3000

LINES = [
    {"id": 1, "status": "paid", "amount": 50, "customer": {"country": "DE"}},
    {"id": 2, "status": "failed", "amount": 150, "customer": {"country": "FR"}},
    {"id": 3, "status": "paid", "amount": 250.5, "note": "Paid twice\n"},
]


@pytest.fixture
def lake(workspace):
    workspace.write("orders.ndjson", "".join(json.dumps(line) + "\n" for line in LINES))
    workspace.run(pipeline({"type": "file", "path": "orders.ndjson"}, workspace.lake("orders"), name="orders")).succeeded()
    return workspace


def found(workspace, *arguments) -> list[int]:
    """The ids, in order."""
    out = workspace.command("search", "orders", *arguments, "--json").succeeded().out
    return [json.loads(json.loads(line)["payload"])["id"] for line in out.splitlines()]


@pytest.mark.parametrize(
    ("query", "ids"),
    [("*", [3, 2, 1]), ("paid", [3, 1]), ("status:paid amount:>100", [3]), ("NOT paid", [2]), ("customer.country:FR", [2]), ("nosuchword", [])],
)
def test_the_newest_come_first(lake, query, ids):
    assert found(lake, query) == ids
    assert lake.command("search", "orders", query, "--count").succeeded().out == f"{len(ids)}\n"
    assert found(lake, query, "--limit", "1") == ids[:1]


def test_lines_for_people_have_no_colour_but_at_a_terminal(lake):
    done = lake.command("search", "orders", "paid").succeeded()
    lines = done.out.splitlines()
    assert len(lines) == 2 and "Paid twice" in lines[0] and '"id": 1' in lines[1]
    assert "\x1b" not in done.out + done.err
    assert lake.command("search", "orders", "nosuchword").succeeded().says("nothing matches").out == ""


@pytest.mark.parametrize("how", [("--count",), ("--histogram",), ("--json",), ()])
def test_a_search_says_how_much_it_looked_at(lake, how):
    lake.command("search", "orders", "paid", *how).succeeded().says("read 1 of 1 files, 1 of their 1 row groups with 3 rows, 3 payloads of which 2 were decoded")
    lake.command("search", "orders", "id:>3", *how).succeeded().says("read 0 of 1 files, 0 of their 0 row groups")


def test_fields_are_picked_in_the_order_in_which_they_are_named(lake):
    out = lake.command("search", "orders", "*", "--fields", "id,customer.country", "--json").succeeded().out
    assert [list(json.loads(line).items()) for line in out.splitlines()] == [
        [("id", 3), ("customer.country", None)],
        [("id", 2), ("customer.country", "FR")],
        [("id", 1), ("customer.country", "DE")],
    ]
    lines = lake.command("search", "orders", "failed", "--fields", "id,customer.country,amount").succeeded().out
    assert 'id=2 customer.country="FR" amount=150' in lines


def test_fields_are_all_that_the_query_language_knows(lake):
    names = "_position,_stream,_key,_headers.trace,_timestamp,_ingested_at,_id,_redelivered,_payload"
    row = json.loads(lake.command("search", "orders", "failed", "--fields", names, "--json").succeeded().out)
    assert list(row) == names.split(",")
    assert row["_stream"] == "orders.ndjson" and row["_id"].endswith("orders.ndjson/0/" + str(row["_position"]))
    assert (row["_key"], row["_headers.trace"], row["_timestamp"], row["_redelivered"]) == (None, None, None, False)
    assert row["_ingested_at"].endswith("Z") and json.loads(row["_payload"])["id"] == 2
    lake.command("search", "orders", "--fields", "_positon").failed().says("--fields", "did you mean `_position`?")


def test_json_has_the_whole_envelope(lake):
    lake.write("odd.ndjson", "not json\n")
    lake.run(pipeline({"type": "file", "path": "odd.ndjson"}, lake.lake("orders"), name="odd"), data_dir=lake.folder / "data-2").succeeded()
    odd, row = (json.loads(lake.command("search", "orders", query, "--json").succeeded().out) for query in ("json", "failed"))
    assert row.keys() == {"source", "stream", "partition", "position", "timestamp", "key", "payload", "ingested_at", "schema"}
    assert "error" in odd and odd["payload"] == "not json"


def test_headers_are_fields(kafka, workspace, archived):
    archived([Message(b"{}", key=b"k", headers=[("a", b"1"), ("b", b"2"), ("a", b"3")])], partitions=1)
    found = workspace.command("search", "events", "*", "--fields", "_headers.b,_headers.a,_headers.c,_key", "--json").succeeded().out
    assert json.loads(found) == {"_headers.b": "2", "_headers.a": ["1", "3"], "_headers.c": None, "_key": "k"}


def test_times_and_the_histogram_agree(workspace):
    shop = generated(ROWS, start="2026-11-20T23:55:00Z", partitions=2)
    workspace.run(pipeline(shop, workspace.lake("shop"), name="shop")).succeeded()

    def count(*arguments) -> int:
        return int(workspace.command("search", "shop", "*", "--count", *arguments).succeeded().out)

    before, after = count("--until", "2026-11-21"), count("--since", "2026-11-21")
    assert before > 0 and after > 0
    assert before + after == count() == ROWS
    drawn = json.loads(workspace.command("search", "shop", "*", "--histogram", "--json").succeeded().out)
    assert drawn["hits"] == sum(bar["hits"] for bar in drawn["bars"]) == ROWS
    text = workspace.command("search", "shop", "*", "--histogram").succeeded().out
    assert "█" in text and "events match" in text


def test_a_field_that_no_event_has(lake):
    done = lake.command("search", "orders", "statsu:paid").succeeded()
    done.says("no event has a field `statsu`", "did you mean `status`?")
    assert done.out == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status:paid AND ("], ["^"]),
        (["a:[1 TO"], ["^"]),
        (["*", "--since", "yesterdayish"], ["--since", "yesterdayish"]),
        (["*", "--limit", "0"], ["--limit"]),
        (["*", "--count", "--histogram"], ["cannot be used with"]),
    ],
)
def test_mistakes_in_the_command(lake, arguments, words):
    done = lake.command("search", "orders", *arguments)
    assert done.status == 2 and done.out == ""
    done.says(*words)


def test_no_lake_and_no_collection(lake, tmp_path):
    done = lake.command("search", "order", "*").failed().says("orders")
    assert done.status == 1 and done.out == ""
    (tmp_path / "empty").mkdir()
    assert lake.command("search", "orders", "*", "--lake", tmp_path / "empty").failed().says("orders").status == 1


def log(workspace):
    return workspace.lake_path / "orders" / "_delta_log"


def newer(workspace) -> None:
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["typeOfTomorrow"], "writerFeatures": ["typeOfTomorrow"]}
    next_version = len(workspace.table("orders").commits())
    (log(workspace) / f"{next_version:020}.json").write_text(json.dumps({"protocol": protocol}) + "\n")


def half_written(workspace) -> None:
    last = max(log(workspace).glob("*.json"))
    last.write_bytes(last.read_bytes()[:40])


def emptied_log(workspace) -> None:
    for entry in log(workspace).iterdir():
        entry.unlink()


def cut_file(workspace) -> None:
    file = workspace.table("orders").live_files()[0]
    file.write_bytes(file.read_bytes()[:-20])


def missing_file(workspace) -> None:
    workspace.table("orders").live_files()[0].unlink()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (newer, ["typeOfTomorrow", "newer Catchwater"]),
        (half_written, ["orders", ".json"]),
        (emptied_log, ["orders"]),
        (cut_file, ["bytes", "put it back"]),
        (missing_file, ["not there", "put it back"]),
    ],
)
def test_a_lake_in_trouble(lake, harm, words):
    harm(lake)
    done = lake.command("search", "orders", "paid")
    assert done.status == 1 and done.out == ""
    done.says(*words)
