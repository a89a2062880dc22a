"""Writes a pipeline given as dictionaries and lists in the YAML a person would write."""

import json
import re

PLAIN = re.compile(r"[A-Za-z./][A-Za-z0-9_./-]*")
WORDS_OF_YAML = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def dump(value: dict) -> str:
    """Block style; texts are quoted unless they can only be texts."""
    return "\n".join(lines(value)) + "\n"


def lines(value) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for key, item in value.items() for line in entry(f"{scalar(key)}:", item)]
    if isinstance(value, list) and value:
        return [line for item in value for line in listed(lines(item))]
    return [scalar(value)]


def entry(key: str, item) -> list[str]:
    if isinstance(item, (dict, list)) and item:
        return [key, *("  " + line for line in lines(item))]
    return [f"{key} {scalar(item)}"]


def listed(item: list[str]) -> list[str]:
    return ["- " + item[0], *("  " + line for line in item[1:])]


def scalar(value) -> str:
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS_OF_YAML:
        return value
    return json.dumps(value, default=str)
