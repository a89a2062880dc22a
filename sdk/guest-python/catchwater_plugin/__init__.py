"""Plugins for Catchwater in Python.

A plugin is a class in `plugin.py` that is a `Transform`, a `Source` or a `Sink`:

    from catchwater_plugin import Batch, Opening, Output, Transform

    class Small(Transform):
        schema = {"type": "object", "required": ["bytes_min"], "properties": {"bytes_min": {"type": "integer"}}}

        def __init__(self, config: dict, opening: Opening):
            self.bytes_min = config["bytes_min"]

        def process(self, batch: Batch, out: Output) -> None:
            for record in batch:
                if record.payload is not None and len(record.payload) < self.bytes_min:
                    out.drop(record)
                else:
                    out.keep(record)
"""

from . import state
from .arrivals import Arrivals
from .batch import Batch, Field, Kind, Record, Timestamp
from .egress import Request, Response, get, post
from .failure import Failure, Mistake
from .host import count, log, now, random
from .output import NewRecord, Output
from .plugin import Next, Opening, Partition, Sink, Source, Transform
from .rejects import Rejects

__all__ = [
    "Arrivals", "Batch", "Failure", "Field", "Kind", "Mistake", "NewRecord", "Next", "Opening", "Output", "Partition", "Record",
    "Rejects", "Request", "Response", "Sink", "Source", "Timestamp", "Transform", "count", "get", "log", "now", "post", "random",
    "state",
]
