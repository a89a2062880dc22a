"""Values by key that outlive an instance, a restart and an update of the plugin: for a transform that wants `state`.

They are kept with the checkpoint. What is changed during a batch counts once its answer is accepted; when the batch comes again, it
finds the values that it found before. On the author's own machine they are in memory.
"""

from . import host, wire
from .columns import bytes_of

_own: dict[bytes, bytes] = {}


def get(key: bytes | str) -> bytes | None:
    """The value of a key, if it has one."""
    return _own.get(bytes_of(key)) if host.is_away() else host.wanted("state").get(bytes_of(key))


def set(key: bytes | str, value: bytes | str) -> bool:
    """Gives a key a value. Whether there was room for it: the grant's `state_max` bounds keys and values together."""
    if host.is_away():
        _own[bytes_of(key)] = bytes_of(value)
        return True
    try:
        host.wanted("state").set(bytes_of(key), bytes_of(value))
    except wire.Err:
        return False
    return True


def remove(key: bytes | str) -> None:
    """Forgets a key."""
    if host.is_away():
        _own.pop(bytes_of(key), None)
    else:
        host.wanted("state").remove(bytes_of(key))
