"""What goes wrong in a plugin, as the host understands it."""

from typing import ClassVar


class Failure(Exception):
    """Why a plugin cannot go on; the kind is an instruction to the host. Raise one of the four."""

    kind: ClassVar[str] = "data"

    Config: ClassVar[type["Failure"]]
    """The configuration cannot work: the pipeline does not start."""
    Unavailable: ClassVar[type["Failure"]]
    """Something that the plugin needs is away: the same call again, later."""
    Refused: ClassVar[type["Failure"]]
    """Going on would harm: stop and tell the operator."""
    Data: ClassVar[type["Failure"]]
    """The records at hand cannot be processed: the host halves the batch until it has found which."""


for _name in ("Config", "Unavailable", "Refused", "Data"):
    setattr(Failure, _name, type(_name, (Failure,), {"kind": _name.lower()}))


class Mistake(Exception):
    """A mistake in a configuration, at a key such as `fields[0].name`; empty for the whole. The message reads on after the key."""

    def __init__(self, key: str, message: str):
        super().__init__(message)
        self.key = key
        self.message = message

    @property
    def where(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message
