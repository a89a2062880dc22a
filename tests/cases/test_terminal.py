"""What is shown at a terminal has colours, and nowhere else."""

import pytest

from harness.pipelines import from_file, pipeline
from harness.terminal import at_a_terminal

FOUND, PLAIN = "\x1b[1;31m", "\x1b[0m"


@pytest.fixture
def lake(workspace):
    workspace.write("orders.ndjson", '{"id":1,"status":"paid"}\n{"id":2,"status":"failed"}\n')
    workspace.run(pipeline(from_file("orders.ndjson"), workspace.lake("orders"), name="orders")).succeeded()
    return workspace


def test_what_was_looked_for_stands_out(lake):
    said = at_a_terminal(lake.folder, "search", "orders", "paid")
    assert f'"status":"{FOUND}paid{PLAIN}"' in said
    assert "failed" not in said
    assert f"id=1 status=\"{FOUND}paid{PLAIN}\"" in at_a_terminal(lake.folder, "search", "orders", "paid", "--fields", "id,status")


def test_json_is_for_programs_and_has_no_colours(lake):
    assert "\x1b" not in at_a_terminal(lake.folder, "search", "orders", "paid", "--json")


@pytest.mark.parametrize("arguments", [("search", "orders", "paid"), ("check", "broken.yaml"), ("search", "orders", "pa(id")], ids=" ".join)
def test_who_wants_no_colours_gets_none(lake, arguments):
    lake.write("broken.yaml", "name: a\nsource: {type: fil, path: x}\nsinks: [{type: stdout}]\n")
    assert "\x1b[" in at_a_terminal(lake.folder, *arguments)
    assert "\x1b[" not in at_a_terminal(lake.folder, *arguments, NO_COLOR="1")
    piped = lake.command(*arguments, environment={"NO_COLOR": ""})
    assert "\x1b[" not in piped.out + piped.err
