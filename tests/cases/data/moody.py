"""A plugin that does what a payload says."""

from catchwater_plugin import Batch, Failure, Opening, Output, Transform, log, state


class Moody(Transform):
    state_version = 1

    schema = {
        "type": "object",
        "properties": {
            "prefix": {"type": "string", "description": "What stands before each payload."},
            "numbers": {"type": "array", "items": {"type": "integer"}, "default": []},
        },
        "required": ["prefix"],
        "additionalProperties": False,
    }

    def __init__(self, config: dict, opening: Opening):
        self.prefix = config["prefix"]
        self.count = int(opening.state) if opening.state else 0

    def process(self, batch: Batch, out: Output) -> None:
        for record in batch:
            text = record.text()
            if text.startswith("{"):
                event = record.json()
                log("info", f"name {event['name']}")
                print(event)
                if "raise" in event:
                    raise ValueError(f"unknown name {event['name']}")
                out.reject(record, f"unknown name {event['name']}")
                continue
            if text == "raise":
                raise ValueError("it is in a mood")
            if text == "fail":
                raise Failure.Data("it cannot be done")
            while text == "loop":
                pass
            if text.startswith("keep "):
                text = f"{text}: {state.set('kept', text.removeprefix('keep '))}"
            if text == "recall":
                text = f"kept is {(state.get('kept') or b'nothing').decode()}"
            if text == "forget":
                state.remove("kept")
            if text == "reject":
                out.reject(record, "not wanted")
            else:
                self.count += 1
                out.replace_payload(record, f"{self.prefix} {text} {self.count}")

    def snapshot(self) -> str:
        return str(self.count)
