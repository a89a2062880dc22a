"""Tidies up the text of fields, so that what means the same is written the same."""

import json
import unicodedata
from typing import Any

from catchwater_plugin import Batch, Mistake, Opening, Output, Transform, count


def spaces(text: str) -> str:
    """Composed characters, no space around the text and one between its words."""
    return " ".join(unicodedata.normalize("NFC", text).split())


WAYS = {
    "spaces": spaces,
    "lower": lambda text: spaces(text).lower(),
    "upper": lambda text: spaces(text).upper(),
    "digits": lambda text: "".join(character for character in text if character.isdecimal()),
}


class Tidy(Transform):
    schema = {
        "type": "object",
        "properties": {
            "fields": {
                "type": "array",
                "minItems": 1,
                "description": "What is tidied up.",
                "items": {
                    "type": "object",
                    "properties": {
                        "path": {"type": "string", "description": "A field of the payload, such as `customer.email`. Lists are passed through."},
                        "to": {"enum": list(WAYS), "default": "spaces", "description": "What it is made: single spaces alone, or also letter case; or its digits."},
                    },
                    "required": ["path"],
                    "additionalProperties": False,
                },
            },
        },
        "required": ["fields"],
        "additionalProperties": False,
    }

    @staticmethod
    def check(config: dict) -> None:
        for number, field in enumerate(config["fields"]):
            if "" in field["path"].split("."):
                raise Mistake(f"fields[{number}].path", "has an empty part")

    def __init__(self, config: dict, opening: Opening):
        self.fields = [(field["path"].split("."), WAYS[field["to"]]) for field in config["fields"]]

    def process(self, batch: Batch, out: Output) -> None:
        tidied = 0
        for record in batch:
            try:
                event = record.json()
            except ValueError as error:
                out.reject(record, f"the payload is not JSON: {error}")
                continue
            if any([tidy(event, path, way) for path, way in self.fields]):
                tidied += 1
                out.replace_payload(record, json.dumps(event, ensure_ascii=False, separators=(",", ":")))
            else:
                out.keep(record)
        count("tidied", tidied)


def tidy(value: Any, path: list[str], way) -> bool:
    """Tidies up what the path leads to. Whether anything was changed."""
    if isinstance(value, list):
        return any([tidy(item, path, way) for item in value])
    if not isinstance(value, dict) or path[0] not in value:
        return False
    first, *rest = path
    if rest:
        return tidy(value[first], rest, way)
    before = value[first]
    if isinstance(before, str):
        value[first] = way(before)
    return value[first] != before
