"""`catchwater connectors` and `generate schema`: both come from the connectors' own code."""

import json
from pathlib import Path

import pytest

from harness.plugins import COMPILE_SECONDS_MAX, share_compiled

REPOSITORY = Path(__file__).parents[2]
CONNECTORS = ["kafka", "file", "stdin", "stdout", "generate", "lake", "http", "s3", "jq", "mask", "rename", "drop", "extract", "dedupe", "sample", "throttle"]
EXAMPLES = sorted((REPOSITORY / "pipelines").glob("*.yaml"))


def test_connectors_lists_them_all(workspace):
    listing = workspace.command("connectors").succeeded().out
    assert all(name in listing for name in CONNECTORS), listing


@pytest.mark.parametrize("name", CONNECTORS)
def test_a_connector_is_documented_with_its_keys_and_an_example_that_passes_check(workspace, name):
    page = workspace.command("connectors", name).succeeded().out
    assert name in page and "```yaml" in page, page
    for number, example in enumerate(blocks(page, "yaml")):
        if "source:" in example and "sinks:" in example:
            workspace.write(f"{number}.yaml", example)
            workspace.command("check", f"{number}.yaml", environment={"KAFKA_PASSWORD": "x"}).succeeded()


def blocks(page: str, language: str) -> list[str]:
    return [part.split("```")[0] for part in page.split(f"```{language}\n")[1:]]


def test_an_unknown_connector_gets_the_nearest_name(workspace):
    workspace.command("connectors", "kafak").failed().says("kafka")


def test_the_schema_for_editors_knows_every_connector(workspace):
    schema = json.loads(workspace.command("generate", "schema").succeeded().out)
    text = json.dumps(schema)
    assert schema["$schema"].startswith("http://json-schema.org/draft-07")
    assert all(f'"const": "{name}"' in text for name in CONNECTORS)


@pytest.mark.timeout(COMPILE_SECONDS_MAX)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_each_example_carries_the_modeline_and_passes_check(workspace, example):
    assert example.read_text().startswith("# yaml-language-server: $schema=")
    share_compiled(workspace)
    environment = {"CATCHWATER_DATA_DIR": str(workspace.data_dir)}
    workspace.start("check", example, environment=environment).wait(COMPILE_SECONDS_MAX).succeeded()


def test_there_are_examples():
    assert EXAMPLES
