"""`catchwater lake ls, info, verify`: what is there, and each kind of damage named with the way out."""

import json
import re
from datetime import datetime, timedelta, timezone

import duckdb
import pytest

from harness.pipelines import generated, pipeline

ROWS = 3000


@pytest.fixture
def lake(workspace):
    """Two collections, one of them with a schema that grew."""
    shop = generated(ROWS, start="2026-11-20T23:55:00Z", partitions=2)
    workspace.run(pipeline(shop, workspace.lake("shop"), name="shop")).succeeded()
    workspace.write("odd.ndjson", '{"id":1,"a b":true}\n{"id":"x"}\nnot json\n')
    workspace.run(pipeline({"type": "file", "path": "odd.ndjson"}, workspace.lake("odd"), name="odd")).succeeded()
    return workspace


def verified(workspace, *arguments) -> tuple[int, dict[str, dict]]:
    done = workspace.command("lake", "verify", "--json", *arguments)
    return done.status, {answer["collection"]: answer for answer in json.loads(done.out)}


def damages(workspace, collection: str = "shop") -> list[str]:
    """What is wrong: there must be something, and the exit status must say so."""
    status, answers = verified(workspace, collection)
    found = [f"{finding['place']}: {finding['what']}" for finding in answers[collection]["findings"] if finding["level"] == "damage"]
    assert status == 1 and found
    return found


def micros(time: str) -> int:
    return (datetime.fromisoformat(time) - datetime.fromtimestamp(0, timezone.utc)) // timedelta(microseconds=1)


def entry(workspace, version: int, collection: str = "shop"):
    return workspace.lake_path / collection / "_delta_log" / f"{version:020}.json"


def last_version(workspace) -> int:
    return len(workspace.table("shop").commits()) - 1


def test_ls_lists_the_collections(lake):
    lines = lake.command("lake", "ls").succeeded().out.splitlines()
    assert lines[0].split() == ["COLLECTION", "ROWS", "SIZE", "FILES", "FIRST", "EVENT", "LAST", "EVENT", "VERSION"]
    assert [line.split()[:2] for line in lines[1:]] == [["odd", "3"], ["shop", str(ROWS)]]
    odd, shop = json.loads(lake.command("lake", "ls", "--json").succeeded().out)
    table = lake.table("shop")
    files = table.live_files()
    assert (shop["rows"], shop["files"], shop["version"]) == (ROWS, len(files), table.open().version())
    assert shop["bytes"] == sum(file.stat().st_size for file in files)
    times = duckdb.sql(f"select epoch_us(min(_timestamp)), epoch_us(max(_timestamp)) from read_parquet({[str(file) for file in files]})").fetchall()[0]
    assert [micros(shop["first_event"]), micros(shop["last_event"])] == list(times)
    assert odd["first_event"] is None, "lines of a file have no time of their own"


def test_ls_files_are_what_duckdb_reads(lake):
    paths = lake.command("lake", "ls", "--files", "shop").succeeded().out.split()
    assert duckdb.sql(f"select count(*), count(distinct _id) from read_parquet({paths}, union_by_name=true)").fetchall()[0] == (ROWS, ROWS)
    assert set(json.loads(lake.command("lake", "ls", "--files", "--json").succeeded().out)) > set(paths)


def test_info_files_are_those_of_ls(lake):
    paths = lake.command("lake", "ls", "--files", "shop").succeeded().out
    assert lake.command("lake", "info", "shop", "--files").succeeded().out == paths
    assert json.loads(lake.command("lake", "info", "shop", "--files", "--json").succeeded().out) == paths.split()


def test_info_tells_what_a_collection_is_made_of(lake):
    text = re.sub(" +", " ", lake.command("lake", "info", "odd").succeeded().out)
    for words in ("\nid long\n", "\nid__string string what does not fit `id`\n", "\na_b boolean `a b` in the payload\n", "captured by odd\n"):
        assert words in text, text
    info = json.loads(lake.command("lake", "info", "shop", "--json").succeeded().out)
    assert [day["date"] for day in info["dates"]] == ["2026-11-20", "2026-11-21"]
    assert sum(day["rows"] for day in info["dates"]) == ROWS
    stored = {(position["partition"], position["position"]) for position in info["positions"]}
    assert stored == {(0, ROWS), (1, ROWS)} and info["captures"] == ["shop"]
    assert info["schema_history"][0]["version"] == 0 and info["small_files"] == info["files"]


def test_a_whole_lake(lake):
    status, answers = verified(lake)
    assert status == 0 and answers.keys() == {"odd", "shop"}
    assert answers["shop"]["rows"] == ROWS and answers["shop"]["findings"] == []
    assert "shop: whole" in lake.command("lake", "verify", "shop").succeeded().out


def test_a_file_that_is_missing(lake):
    file = lake.table("shop").live_files()[0]
    file.unlink()
    found = damages(lake)
    assert any(file.name in text and "not there" in text for text in found)
    done = lake.command("lake", "verify")
    assert done.status == 1 and "odd: whole" in done.out and "shop: DAMAGED" in done.out and "copy of the lake" in done.out


@pytest.mark.parametrize("harm", [
    lambda data: data[:-1000],
    lambda data: b"",
    lambda data: data[:4000] + b"\x5a" * 500 + data[4500:],
    lambda data: b"<html>not found</html>",
], ids=["cut", "empty", "overwritten", "something else"])
def test_a_file_that_is_damaged(lake, harm):
    file = max(lake.table("shop").live_files(), key=lambda file: file.stat().st_size)
    file.write_bytes(harm(file.read_bytes()))
    assert any(file.name in text for text in damages(lake))


def test_rows_that_the_table_does_not_count_right(lake):
    path = entry(lake, 0)
    path.write_text(path.read_text().replace(r'\"numRecords\":', r'\"numRecords\":1', 1))
    assert any("the log says 1" in text for text in damages(lake))


def test_positions_that_no_file_has(lake):
    path = entry(lake, last_version(lake))
    path.write_text(path.read_text().replace(f'"version":{ROWS}', f'"version":{ROWS + 500}'))
    assert any(f"positions {ROWS} up to {ROWS + 500} are in no file" in text for text in damages(lake))


def test_info_tells_gaps_from_the_footers_alone(lake):
    assert "\nGaps\nnone" in lake.command("lake", "info", "shop", "--gaps").succeeded().out
    path = entry(lake, last_version(lake))
    path.write_text(path.read_text().replace(f'"version":{ROWS}', f'"version":{ROWS + 500}'))
    assert f"positions {ROWS} up to {ROWS + 500} are in no file" in lake.command("lake", "info", "shop", "--gaps").succeeded().out
    file = max(lake.table("shop").live_files(), key=lambda file: file.stat().st_size)
    pages = file.read_bytes()
    file.write_bytes(pages[:4] + b"\x5a" * 200 + pages[204:])
    gaps = json.loads(lake.command("lake", "info", "shop", "--gaps", "--json").succeeded().out)["gaps"]
    assert len(gaps) > 0 and not any(file.name in gap["place"] for gap in gaps), "a page is damaged, not the footer"
    file.write_bytes(b"")
    gaps = json.loads(lake.command("lake", "info", "shop", "--gaps", "--json").succeeded().out)["gaps"]
    assert any(file.name in gap["place"] for gap in gaps)


def test_a_log_that_is_half_written(lake):
    path = entry(lake, last_version(lake))
    path.write_bytes(path.read_bytes()[:-200])
    assert any(path.name in text and "copy of the lake" in text for text in damages(lake))
    done = lake.command("lake", "ls").failed().says(path.name)
    assert "odd" in done.out, "the others are listed"
    lake.command("lake", "info", "shop").failed().says(path.name)


def test_an_entry_that_is_missing(lake):
    entry(lake, 0).unlink()
    assert any("there is no checkpoint" in text or "missing" in text for text in damages(lake))


def test_a_table_that_is_newer_than_the_program(lake):
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["typeOfTomorrow"], "writerFeatures": ["typeOfTomorrow"]}
    entry(lake, last_version(lake) + 1).write_text(json.dumps({"protocol": protocol}))
    assert any("typeOfTomorrow" in text for text in damages(lake))
    lake.command("lake", "info", "shop").failed().says("typeOfTomorrow", "newer Catchwater")


def test_a_file_of_somebody_else(lake):
    foreign = lake.lake_path / "shop" / "notes.parquet"
    foreign.write_text("mine")
    status, answers = verified(lake, "shop")
    assert status == 0 and [finding["place"] for finding in answers["shop"]["findings"]] == ["notes.parquet"]
    assert foreign.exists()
    assert str(foreign) not in lake.command("lake", "ls", "--files", "shop").out


def test_no_lake_and_no_collection(lake, tmp_path):
    lake.command("lake", "ls", "--lake", "nowhere").failed().says("nowhere", "no such folder")
    assert lake.command("lake", "verify", "--lake", "nowhere").status == 2
    lake.command("lake", "info", "shpo").failed().says("did you mean `shop`")
    lake.command("lake", "ls", "--lake", "lake/shop").failed().says("this is a collection itself")
    (tmp_path / "empty").mkdir()
    lake.command("lake", "ls", "--lake", "empty").succeeded().says("no collections in", "empty")
    lake.command("lake", "verify", "--lake", "empty").succeeded().says("no collections")
    (tmp_path / "begun" / "shop" / "_delta_log").mkdir(parents=True)
    lake.command("lake", "ls", "--lake", "begun").failed().says("begun/shop", "log is empty")
