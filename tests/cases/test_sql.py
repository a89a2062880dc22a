"""`catchwater sql`: a lake's collections asked in SQL, beside DuckDB on the same files."""

import csv
import io
import json

import duckdb
import pyarrow.parquet as parquet
import pytest

from harness.pipelines import generated, pipeline

ROWS = 3000


@pytest.fixture
def lake(workspace):
    """Two collections, one of them with a schema that grew from commit to commit."""
    shop = generated(ROWS, start="2026-11-20T23:55:00Z", partitions=2)
    workspace.run(pipeline(shop, workspace.lake("shop"), name="shop")).succeeded()
    for lines in ('{"id":1,"a b":true,"inner":{"x":[1,2]}}\n', '{"id":"x","orderId":7}\nnot json\n'):
        workspace.write("odd.ndjson", lines)
        source = {"type": "file", "path": "odd.ndjson"}
        workspace.run(pipeline(source, workspace.lake("dead-letters"), name="odd"), data_dir=workspace.folder / f"data-{len(lines)}").succeeded()
    return workspace


def asked(workspace, query: str, *arguments) -> list[dict]:
    out = workspace.command("sql", query, "--json", *arguments).succeeded().out
    return [json.loads(line) for line in out.splitlines()]


def of_duckdb(workspace, query: str) -> list[dict]:
    files = [str(file) for file in workspace.table("shop").live_files()]
    shop = duckdb.sql(f"select * from read_parquet({files}, union_by_name = true, hive_partitioning = true)")
    assert shop.columns
    result = duckdb.sql(query)
    return [dict(zip(result.columns, row)) for row in result.fetchall()]


@pytest.mark.parametrize("query", [
    "select count(*) as n, min(_position) as first, max(_position) as last from shop",
    "select event, count(*) as n from shop group by event order by event",
    "select _partition, count(distinct _key) as keys from shop where event = 'cart_updated' group by 1 order by 1",
    "select cast(date as varchar) as day, count(*) as n from shop where date > '2026-11-20' group by 1 order by 1",
    "select count(*) as n from shop where _timestamp >= timestamptz '2026-11-21T00:01:00Z'".replace("timestamptz ", ""),
    "select event_id from shop order by event_id limit 7",
])
def test_answers_are_those_of_duckdb(lake, query):
    assert asked(lake, query) == of_duckdb(lake, query)


def test_columns_that_came_later_siblings_and_names_in_quotes(lake):
    rows = asked(lake, 'select "id", id__string, a_b, orderId, inner[\'x\'] as x, _payload from "dead-letters" order by _ingested_at, _position')
    assert rows[0]["id"] == 1 and rows[0]["x"] == [1, 2]
    assert [row.get("orderId") for row in rows] == [None, 7, None]
    assert rows[1]["id__string"] == "x" and rows[2]["_payload"] == "not json"


def test_two_collections_in_one_query(lake):
    assert asked(lake, 'select (select count(*) from shop) as a, (select count(*) from "dead-letters") as b') == [{"a": ROWS, "b": 3}]


def test_files_that_the_table_does_not_count_are_not_read(lake):
    file = lake.table("shop").live_files()[0]
    (file.parent / "orphan.parquet").write_bytes(file.read_bytes())
    (file.parent / "torn.parquet").write_bytes(b"PAR1")
    assert asked(lake, "select count(*) as n from shop") == [{"n": ROWS}]


def test_a_table_to_look_at(lake):
    done = lake.command("sql", "select _partition, count(*) as n from shop group by 1 order by 1").succeeded()
    assert [line.split() for line in done.out.splitlines()][0] == ["_partition", "n"]
    cut = lake.command("sql", "select event_id from shop").succeeded().says("the first 1000 rows", "--json")
    assert len(cut.out.splitlines()) == 1001


def test_csv_and_parquet(lake):
    query = "select event_id, amount, payment, _payload from shop order by event_id limit 50"
    rows = list(csv.DictReader(io.StringIO(lake.command("sql", query, "--format", "csv").succeeded().out)))
    assert len(rows) == 50 and all(json.loads(row["_payload"])["event_id"] == row["event_id"] for row in rows)
    assert all(json.loads(row["payment"])["method"] for row in rows if row["payment"])
    lake.command("sql", query, "--output", "answer.parquet").succeeded()
    table = parquet.read_table(lake.folder / "answer.parquet")
    assert table.column("event_id").to_pylist() == [row["event_id"] for row in rows]
    assert isinstance(table.column("_payload").to_pylist()[0], bytes)
    lake.command("sql", query, "--output", "answer.csv").succeeded()
    assert len(list(csv.DictReader((lake.folder / "answer.csv").open()))) == 50
    assert not list(lake.folder.glob("*.part"))


@pytest.mark.parametrize("query, words", [
    ("select amonut from shop", ["no column `amonut`", "did you mean `amount`"]),
    ("select 1 from shpo", ["no collection `shpo`", "did you mean `shop`", '`"dead-letters"`']),
    ("select from where", ["understand the query"]),
    ("select 1; select 2", ["understand the query"]),
    ("drop table shop", ["only queries", "nothing here changes a lake"]),
    ("insert into shop select * from shop", ["only queries"]),
    ("copy shop to 'out.csv'", ["only queries"]),
    ("select * from 'lake/shop/x.parquet'", ["no collection"]),
], ids=["column", "collection", "syntax", "two", "drop", "insert", "copy", "file"])
def test_a_query_that_cannot_be_answered(lake, query, words):
    lake.command("sql", query).failed().says(*words)


def test_a_failed_query_leaves_no_file_and_keeps_the_one_before(lake):
    lake.command("sql", "select 1 as one", "--output", "a.csv").succeeded()
    file = lake.table("shop").live_files()[0]
    file.write_bytes(file.read_bytes()[:-1000])
    lake.command("sql", "select * from shop", "--output", "a.csv").failed().says("lake verify")
    assert (lake.folder / "a.csv").read_text() == "one\n1\n" and not list(lake.folder.glob("*.part"))
    file.unlink()
    lake.command("sql", "select count(_payload) from shop").failed().says(file.name, "lake verify")


def test_options_that_do_not_fit(lake):
    lake.command("sql", "select 1", "--output", "answer.xls").failed().says("answer.xls", ".parquet", "--format")
    lake.command("sql", "select 1", "--format", "parquet").failed().says("--output")
    lake.command("sql", "select 1", "--output", "nowhere/answer.csv").failed().says("nowhere/answer.csv")
    lake.command("sql", "select 1", "--lake", "nowhere").failed().says("nowhere", "--lake")


def test_what_does_not_fit_into_memory_is_spilled_or_refused(workspace):
    rows = 20_000
    # One file on every machine: each file more is sorted beside the others, and takes memory for it.
    workspace.run(pipeline(generated(rows), workspace.lake("shop", commit_interval="1h"), name="shop", idle="1h")).succeeded()
    query = "select event_id, _payload from shop order by _payload"
    (workspace.folder / "spill").mkdir()
    few = ("--memory", "8MiB")
    workspace.command("sql", query, "--json", *few, "--spill-max", "1KiB").failed().says("--memory 8MiB", "--spill-max 1024B")
    answer = asked(workspace, query, *few, "--spill", "spill")
    assert len(answer) == rows and all(one["_payload"] <= next["_payload"] for one, next in zip(answer, answer[1:]))
    assert not list((workspace.folder / "spill").rglob("*.arrow")), "what was spilled is gone"
    workspace.command("sql", query, *few, "--spill", "shop.yaml").failed().says("shop.yaml", "spill")


def test_a_damaged_log(lake):
    entry = sorted((lake.lake_path / "shop" / "_delta_log").glob("*.json"))[-1]
    entry.write_bytes(entry.read_bytes()[:-50])
    lake.command("sql", "select 1 from shop").failed().says(entry.name)
    assert asked(lake, 'select count(*) as n from "dead-letters"') == [{"n": 3}]


@pytest.mark.parametrize("harm", [
    lambda data: data[:-1000],
    lambda data: data[:len(data) // 2] + bytes(byte ^ 0x5a for byte in data[len(data) // 2:][:3000]) + data[len(data) // 2 + 3000:],
], ids=["cut", "bits flipped"])
def test_a_damaged_file_is_named(lake, harm):
    file = max(lake.table("shop").live_files(), key=lambda file: file.stat().st_size)
    file.write_bytes(harm(file.read_bytes()))
    done = lake.command("sql", "select * from shop", "--json").failed()
    done.says(file.name, "`shop`", "copy of the lake", "lake verify")
    assert asked(lake, 'select count(*) as n from "dead-letters"') == [{"n": 3}]
