"""DuckDB, Polars, pyarrow and deltalake read the lake with no conversion, and read the same."""

import duckdb
import polars
import pyarrow
import pyarrow.dataset
import pytest
from deltalake import DeltaTable

from harness.kafka import Message
from harness.pipelines import from_kafka, pipeline

DAY_MS = 24 * 3600 * 1000
NOW_MS = 1_795_000_000_000


@pytest.fixture
def lake(kafka, workspace) -> str:
    """A collection with nested columns, several dates, a null date, a tombstone and bytes; the schema grew once."""
    topic = kafka.topic(partitions=2, message_timestamp_after_max_ms=2**63 - 1)
    through = pipeline(from_kafka(kafka, topic), workspace.lake())
    messages = [Message(b'{"id":%d,"amount":%d.5,"customer":{"name":"c%d","tags":["a","b"]}}' % (n, n, n % 3), b"k%d" % n, [("h", b"1"), ("h", None)],
                        NOW_MS - (n % 3) * DAY_MS, n % 2) for n in range(300)]
    kafka.produce(topic, messages)
    workspace.run(through).succeeded()
    later = [Message(b'{"id":300,"customer":{"name":"c0","city":"Turin"},"paid":true}', timestamp_ms=NOW_MS), Message(None, b"k", timestamp_ms=NOW_MS),
             Message(b"\x00\xff", timestamp_ms=1)]
    kafka.produce(topic, later)
    workspace.run(through).succeeded()
    return str(workspace.table().path)


def facts(rows: int, total: float, cities: int, nulls: int, dates: int) -> tuple:
    return rows, total, cities, nulls, dates


EXPECTED = facts(303, sum(n + 0.5 for n in range(300)), 1, 1, 3)


def test_duckdb(lake):
    relation = f"read_parquet('{lake}/date=*/*.parquet', hive_partitioning=true, union_by_name=true)"
    answer = duckdb.sql(f"""SELECT count(*), sum(amount), count(customer.city), count(*) FILTER (_payload IS NULL),
                                   count(DISTINCT date) FILTER (date::VARCHAR NOT LIKE '__HIVE%') FROM {relation}""").fetchall()[0]
    assert facts(*answer) == EXPECTED


def test_polars(lake):
    frame = polars.scan_delta(lake).select(
        polars.len(), polars.col("amount").sum(), polars.col("customer").struct.field("city").count().alias("cities"),
        polars.col("_payload").null_count().alias("nulls"), polars.col("date").drop_nulls().n_unique().alias("dates")).collect()
    assert facts(*frame.row(0)) == EXPECTED


def test_deltalake(lake):
    check_arrow(DeltaTable(lake).to_pyarrow_table())


def test_pyarrow_on_the_files_that_the_log_lists(lake):
    table = DeltaTable(lake)
    check_arrow(table.to_pyarrow_dataset().to_table())


def test_pyarrow_on_the_folder(lake):
    """Without the log the union of the files' schemas must be asked for; nothing else."""
    files = pyarrow.dataset.dataset(lake, format="parquet", partitioning="hive", exclude_invalid_files=False)
    schemas = [fragment.physical_schema for fragment in files.get_fragments()]
    widest = pyarrow.unify_schemas([files.schema, *schemas], promote_options="permissive")
    assert pyarrow.dataset.dataset(lake, schema=widest, format="parquet", partitioning="hive").count_rows() == 303


def check_arrow(table) -> None:
    rows = table.to_pylist()
    cities = sum(1 for row in rows if row["customer"] and row["customer"]["city"])
    assert facts(len(rows), sum(row["amount"] or 0 for row in rows), cities, sum(1 for row in rows if row["_payload"] is None),
                 len({row["date"] for row in rows} - {None})) == EXPECTED


def test_all_read_the_same_values(lake):
    order = ["_partition", "_position"]
    by_polars = polars.read_delta(lake).sort(order).select("_partition", "_position", "id", "amount", "_payload", "_key").to_dicts()
    by_deltalake = DeltaTable(lake).to_pyarrow_table(columns=["_partition", "_position", "id", "amount", "_payload", "_key"]).sort_by([(name, "ascending") for name in order]).to_pylist()
    by_duckdb = duckdb.sql(f"""SELECT _partition, _position, id, amount, _payload, _key FROM read_parquet('{lake}/date=*/*.parquet', union_by_name=true)
                               ORDER BY _partition, _position""").fetchall()
    assert by_polars == by_deltalake == [dict(zip(by_polars[0], row)) for row in by_duckdb]


def test_statistics_in_the_log_let_readers_skip_files(lake):
    """Each file states its ranges: a reader that filters by date or position opens only what it needs."""
    names = set(pyarrow.table(DeltaTable(lake).get_add_actions(flatten=True)).column_names)
    assert {"num_records", "partition.date", "min._position", "max._position", "min._timestamp", "max._timestamp", "min.id"} <= names, names
