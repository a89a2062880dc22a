"""Fails when a dependency's licence is not among those that deny.toml allows. Needs nothing but cargo."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
# Example plugins are built for another machine, and what they use with them.
WORKSPACES = (REPOSITORY, REPOSITORY / "plugins-wasm")
TOKEN = re.compile(r"\(|\)|[^\s()]+")


def main() -> None:
    rules = tomllib.loads((REPOSITORY / "deny.toml").read_text())["licenses"]
    exceptions = {rule["crate"]: rule["allow"] for rule in rules["exceptions"]}
    refused = [package for workspace in WORKSPACES for package in dependencies(workspace)
               if not permits(package["license"] or "none stated", {*rules["allow"], *exceptions.get(package["name"], [])})]
    for package in refused:
        print(f"{package['name']} {package['version']}: licence {package['license']} is not allowed by deny.toml", file=sys.stderr)
    sys.exit(bool(refused))


def dependencies(workspace: Path) -> list[dict]:
    """Everything that is resolved for this platform, the workspace's own crates too."""
    host = re.search(r"host: (\S+)", subprocess.check_output(["rustc", "-vV"], text=True)).group(1)
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", host]
    metadata = json.loads(subprocess.check_output(command, cwd=workspace))
    resolved = {node["id"] for node in metadata["resolve"]["nodes"]}
    return [package for package in metadata["packages"] if package["id"] in resolved]


def permits(expression: str, allowed: set[str]) -> bool:
    """Evaluates an SPDX expression. `/` is how crates used to write OR."""
    tokens = TOKEN.findall(expression.replace("/", " OR "))
    answer = alternatives(tokens, allowed)
    return answer and not tokens


def alternatives(tokens: list[str], allowed: set[str]) -> bool:
    answer = conjunction(tokens, allowed)
    while tokens[:1] == ["OR"]:
        tokens.pop(0)
        answer = conjunction(tokens, allowed) or answer
    return answer


def conjunction(tokens: list[str], allowed: set[str]) -> bool:
    answer = licence(tokens, allowed)
    while tokens[:1] == ["AND"]:
        tokens.pop(0)
        answer = licence(tokens, allowed) and answer
    return answer


def licence(tokens: list[str], allowed: set[str]) -> bool:
    token = tokens.pop(0)
    if token == "(":
        answer = alternatives(tokens, allowed)
        tokens.pop(0)
        return answer
    if tokens[:1] == ["WITH"]:
        token = f"{token} WITH {tokens[1]}"
        del tokens[:2]
    return token in allowed


if __name__ == "__main__":
    main()
