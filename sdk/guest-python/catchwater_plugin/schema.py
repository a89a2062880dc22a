"""A configuration against its JSON Schema: the part of the language that configurations need. A keyword that nobody would check is
refused when the plugin is built."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

from .failure import Mistake


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and value == int(value),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


def _only(of: str, holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """What is asked of values of this type alone."""
    return lambda value, wanted: not _TYPES[of](value) or holds(value, wanted)


_KEYWORDS: dict[str, tuple[Callable[[Any, Any], bool], Callable[[Any, Any], str]]] = {
    "type": (lambda value, types: any(_TYPES[one](value) for one in _list(types)),
             lambda value, types: f"must be {_either(_list(types))}, and is {_type_of(value)}"),
    "enum": (lambda value, all: any(_same(one, value) for one in all), lambda _, all: f"must be one of {', '.join(map(_shown, all))}"),
    "const": (lambda value, one: _same(one, value), lambda _, one: f"must be {_shown(one)}"),
    "minimum": (_only("number", lambda value, least: value >= least), lambda _, least: f"must be at least {least}"),
    "maximum": (_only("number", lambda value, most: value <= most), lambda _, most: f"must be at most {most}"),
    "exclusiveMinimum": (_only("number", lambda value, bound: value > bound), lambda _, bound: f"must be more than {bound}"),
    "exclusiveMaximum": (_only("number", lambda value, bound: value < bound), lambda _, bound: f"must be less than {bound}"),
    "minLength": (_only("string", lambda value, least: len(value) >= least), lambda _, least: f"must have at least {least} characters"),
    "maxLength": (_only("string", lambda value, most: len(value) <= most), lambda _, most: f"must have at most {most} characters"),
    "pattern": (_only("string", lambda value, pattern: bool(re.search(pattern, value))), lambda _, pattern: f"must match {pattern}"),
    "minItems": (_only("array", lambda value, least: len(value) >= least), lambda _, least: f"must have at least {least} items"),
    "maxItems": (_only("array", lambda value, most: len(value) <= most), lambda _, most: f"must have at most {most} items"),
    "anyOf": (lambda value, all: any(not mistakes(one, value) for one in all), lambda *_: "is none of what it may be"),
}
_NESTED = ("properties", "required", "additionalProperties", "items")
_REMARKS = ("$schema", "title", "description", "default", "examples", "format", "deprecated")


def mistakes(schema: dict[str, Any], value: Any, path: str = "") -> list[Mistake]:
    """All that is wrong with a value."""
    checks = ((*_KEYWORDS[keyword], wanted) for keyword, wanted in schema.items() if keyword in _KEYWORDS)
    wrong = [Mistake(path, say(value, wanted)) for holds, say, wanted in checks if not holds(value, wanted)]
    if wrong:
        return wrong
    if isinstance(value, list):
        items = schema.get("items", {})
        return [mistake for number, item in enumerate(value) for mistake in mistakes(items, item, f"{path}[{number}]")]
    return _mistakes_within(schema, value, path) if isinstance(value, dict) else []


def _mistakes_within(schema: dict[str, Any], value: dict[str, Any], path: str) -> list[Mistake]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    found = []
    for key, item in value.items():
        where = f"{path}.{key}" if path else key
        if key in properties:
            found += mistakes(properties[key], item, where)
        elif others is False:
            known = ", ".join(f"`{name}`" for name in properties) or "none"
            found.append(Mistake(where, f"unknown key, there {'is' if len(properties) == 1 else 'are'} {known}"))
        elif isinstance(others, dict):
            found += mistakes(others, item, where)
    return found + [Mistake(path, f"missing key `{key}`") for key in schema.get("required", []) if key not in value]


def with_defaults(schema: dict[str, Any], value: Any) -> Any:
    """The value with what is left out in it."""
    if isinstance(value, list):
        return [with_defaults(schema.get("items", {}), item) for item in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    filled = {key: with_defaults(properties.get(key, {}), item) for key, item in value.items()}
    defaults = {key: copy.deepcopy(of["default"]) for key, of in properties.items() if "default" in of}
    return {**defaults, **filled}


def examine(schema: Any, path: str = "schema") -> None:
    """Refuses what would not be checked."""
    if not isinstance(schema, dict):
        raise TypeError(f"{path} is no JSON Schema: an object")
    for keyword in schema:
        if not (keyword in _KEYWORDS or keyword in _NESTED or keyword in _REMARKS or keyword.startswith("x-")):
            raise ValueError(f"{path}.{keyword} would not be checked: use {', '.join([*_KEYWORDS, *_NESTED])}")
    for name in _list(schema.get("type", [])):
        if name not in _TYPES:
            raise ValueError(f"{path}.type: `{name}` is no type of JSON")
    within = {f"properties.{key}": of for key, of in schema.get("properties", {}).items()}
    within |= {f"anyOf[{number}]": of for number, of in enumerate(schema.get("anyOf", []))}
    within |= {key: schema[key] for key in ("items", "additionalProperties") if not isinstance(schema.get(key, True), bool)}
    for key, of in within.items():
        examine(of, f"{path}.{key}")


def _list(types: str | list[str]) -> list[str]:
    return [types] if isinstance(types, str) else types


def _either(names: list[str]) -> str:
    return " or ".join(name if name == "null" else f"{'an' if name[0] in 'aio' else 'a'} {name}" for name in names)


def _type_of(value: Any) -> str:
    return _either([next(name for name, holds in _TYPES.items() if holds(value))])


def _shown(value: Any) -> str:
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
