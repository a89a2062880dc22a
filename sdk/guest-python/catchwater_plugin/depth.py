"""The interpreter's own stack is larger than a plugin's: JSON that is nested too deep would end the instance, and not just fail."""

import json
import re

_DEPTH_MAX = 500
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def bound_depth() -> None:
    """Makes the json module refuse what is nested too deep."""
    decode = json.JSONDecoder.decode

    def bounded(self, text, *rest):
        if _is_too_deep(text):
            raise json.JSONDecodeError(f"nested deeper than {_DEPTH_MAX}", text, 0)
        return decode(self, text, *rest)

    json.JSONDecoder.decode = bounded  # type: ignore[method-assign]


def _is_too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= _DEPTH_MAX:
        return False
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest > _DEPTH_MAX
