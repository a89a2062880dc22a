"""What the benchmark measures: JSON filtered, redacted and added to, or nothing at all."""

import json

from catchwater_plugin import Batch, Opening, Output, Record, Transform


class Refine(Transform):
    """As `plugins-wasm/refine`."""

    schema = {
        "type": "object",
        "properties": {
            "through": {
                "type": "boolean",
                "default": False,
                "description": "Nothing: what is measured then is the way to the plugin and back.",
            },
        },
        "additionalProperties": False,
    }

    def __init__(self, config: dict, opening: Opening):
        self.through = config["through"]

    def process(self, batch: Batch, out: Output) -> None:
        for record in batch:
            if self.through or record.payload is None:
                out.keep(record)
            else:
                self.refine(record, out)

    def refine(self, record: Record, out: Output) -> None:
        """Orders that came back are dropped, the address of mails is redacted, and valuable ones are marked."""
        try:
            order = record.json()
        except ValueError as error:
            return out.reject(record, f"the payload is not JSON: {error}")
        if order.get("event") == "order_returned":
            return out.drop(record)
        if "email" in order.get("customer", {}):
            order["customer"]["email"] = "***"
        order["valuable"] = order.get("total", 0) > 500
        out.replace_payload(record, json.dumps(order, separators=(",", ":"), ensure_ascii=False))
