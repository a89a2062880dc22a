"""From the calls of the interface to the author's class."""

import inspect
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from . import wire
from .arrivals import Arrivals
from .batch import Batch
from .columns import bytes_of, integer, well_formed
from .failure import Failure, Mistake
from .host import connect, log
from .output import Output
from .plugin import Next, Opening, Sink, Source, Transform
from .rejects import Rejects
from .schema import examine, mistakes, with_defaults

_KINDS = {"transform": Transform, "source": Source, "sink": Sink}


def exports_of(module: ModuleType, about: dict[str, Any], world: dict[str, Any], host: dict[str, Any]) -> dict[str, type]:
    """The classes that the component is made of. `about` is what pyproject.toml says, `world` the interface's types."""
    for name, value in world.items():
        setattr(wire, name, value)
    kind = about["kind"]
    # In front of the host, which nobody hears yet while the plugin is built: what is printed of an error here would trap.
    desk = _Desk(_class_of(module, kind), about)
    connect(host)
    names = {"Lifecycle": _LIFECYCLE, kind.capitalize(): _WORK[kind]}
    return {name: type(name, (), {method: getattr(desk, method) for method in methods}) for name, methods in names.items()}


def _class_of(module: ModuleType, kind: str) -> type:
    base = _KINDS[kind]
    found = [item for item in vars(module).values() if inspect.isclass(item) and issubclass(item, base) and item.__module__ == module.__name__]
    if len(found) != 1:
        raise TypeError(f"plugin.py has one class that is a {base.__name__}, and here are {len(found)}")
    _examine_class(found[0], kind)
    return found[0]


def _examine_class(plugin_class: Any, kind: str) -> None:
    """Refuses a class whose methods would not be called, or whose work would not be done when they are."""
    methods = (*_WORK[kind], "snapshot", "close", "check", "__init__")
    later = next((method for method in methods if _is_later(getattr(plugin_class, method, None))), None)
    if later:
        raise TypeError(_synchronous(later))
    version = plugin_class.state_version
    if not isinstance(version, int) or version < 0:
        raise TypeError("state_version is a whole number from 0")
    if kind != "transform" and hasattr(plugin_class, "snapshot"):
        raise TypeError(f"snapshot is for transforms: nobody would keep the state of a {kind}")
    if kind == "transform" and plugin_class.snapshot is not Transform.snapshot and version == 0:
        raise TypeError("snapshot is never called without a version of what it gives: `state_version = 1`")


def _is_later(method: Any) -> bool:
    return inspect.iscoroutinefunction(method) or inspect.isgeneratorfunction(method) or inspect.isasyncgenfunction(method)


def _done(method: str, answer: Any) -> Any:
    """What a method answers, if its work is done. Nobody would wait for a coroutine: records would be lost."""
    if inspect.isawaitable(answer) or inspect.isgenerator(answer) or inspect.isasyncgen(answer):
        if inspect.iscoroutine(answer):
            answer.close()  # or the interpreter warns of it, and looks for the lines of files that are not there
        raise Failure.Refused(_synchronous(method))  # type: ignore[attr-defined]
    return answer


def _synchronous(method: str) -> str:
    return f"{method} is async or a generator; the interface is synchronous: a plain method whose work is done when it returns"


_LIFECYCLE = ("describe", "validate", "open", "snapshot", "close")
_WORK = {"transform": ("process",), "source": ("partitions", "start", "read"), "sink": ("write", "flush")}


class _Desk:
    """The author's class, and its instance once it is opened."""

    def __init__(self, plugin_class: type, about: dict[str, Any]):
        self._class: Any = plugin_class
        self._about = about
        self._plugin: Any = None

    def describe(self) -> Any:
        _explained(lambda: examine(self._class.schema))
        return wire.lifecycle.Description(
            name=self._about["name"],
            version=self._about["version"],
            summary=self._about["summary"],
            config_schema=json.dumps(self._class.schema),
            state_version=self._class.state_version,
            wants=self._about["wants"],
            attributes=[],
        )

    def validate(self, config: str) -> list:
        _, found = _explained(lambda: self._configured(config))
        return [wire.lifecycle.Issue(well_formed(mistake.key), well_formed(mistake.message)) for mistake in found]

    def open(self, opening: Any) -> None:
        def work() -> None:
            config, found = self._configured(opening.config)
            if found:
                raise Failure.Config("; ".join(mistake.where for mistake in found))
            places = (opening.pipeline, opening.step, opening.task, opening.tasks, opening.state, opening.state_version)
            self._plugin = self._class(config, Opening(*places))

        _typed("config", work)

    def snapshot(self) -> bytes:
        def work() -> bytes | None:
            return bytes_of(_done("snapshot", self._plugin.snapshot())) if isinstance(self._plugin, Transform) else None

        return _typed("refused", work) or b""

    def close(self) -> None:
        closing, self._plugin = self._plugin, None
        if closing is not None:
            _explained(lambda: _done("close", closing.close()))

    def process(self, columns: Any) -> Any:
        def work() -> Any:
            batch = Batch(columns)
            out = Output(batch)
            _done("process", self._plugin.process(batch, out))
            return out.finish()

        return _typed("data", work)

    def partitions(self) -> list:
        def beginning(partition: Any) -> Any:
            names = map(well_formed, (partition.source, partition.stream, partition.incarnation))
            return wire.source.Beginning(wire.source.Partition(*names, partition.number), integer(partition.begins_at, "begins_at"))

        return _typed(None, lambda: [beginning(partition) for partition in _done("partitions", self._plugin.partitions())])

    def start(self, places: list) -> None:
        def work() -> None:
            for place in places:
                _done("start", self._plugin.start(place.partition, place.position))

        _typed(None, work)

    def read(self, records_max: int, bytes_max: int) -> Any:
        def work() -> Any:
            arrivals = Arrivals(records_max, bytes_max)
            following = _done("read", self._plugin.read(arrivals))
            if not isinstance(following, Next):
                raise TypeError("read answers Next.NOW, Next.wait(seconds) or Next.END")
            return wire.source.Reading(arrivals.finish(), following.finish())

        return _typed(None, work)

    def write(self, columns: Any) -> list:
        return self._rejecting(lambda rejects: _done("write", self._plugin.write(Batch(columns), rejects)))

    def flush(self) -> list:
        return self._rejecting(lambda rejects: _done("flush", self._plugin.flush(rejects)))

    def _rejecting(self, store: Callable[[Rejects], Any]) -> list:
        def work() -> list:
            rejects = Rejects()
            store(rejects)
            return rejects.finish()

        return _typed(None, work)

    def _configured(self, text: str) -> tuple[Any, list[Mistake]]:
        """The configuration as the class gets it, or the mistakes in it."""
        config = json.loads(text)
        found = mistakes(self._class.schema, config)
        if found:
            return None, found
        config = with_defaults(self._class.schema, config)
        try:
            _done("check", self._class.check(config))
        except Mistake as mistake:
            return None, [mistake]
        return config, []


def _typed(kind: str | None, work: Callable[[], Any]) -> Any:
    """Does the work; a Failure is what the host hears. Any other error is one of this kind, or ends the instance where there is none:
    half of the work may be done, and a new instance begins where the last one was."""
    try:
        return work()
    except Mistake as mistake:
        failure = wire.types.Failure(wire.types.FailureKind.CONFIG, well_formed(mistake.where))
    except Failure as said:
        failure = wire.types.Failure(getattr(wire.types.FailureKind, said.kind.upper()), well_formed(said))
    except Exception as error:
        if kind is None:
            _lose(error)
        log("debug", _trace(error))
        failure = wire.types.Failure(getattr(wire.types.FailureKind, kind.upper()), well_formed(_said(error)))
    raise wire.Err(failure)


def _explained(work: Callable[[], Any]) -> Any:
    """Does the work; the host would not hear what an error says that ends the instance."""
    try:
        return work()
    except Exception as error:
        _lose(error)


def _lose(error: Exception) -> NoReturn:
    log("debug", _trace(error))
    log("error", _said(error))
    raise error


def _said(error: Exception) -> str:
    """The error, and where in the author's files it was raised."""
    text = _plain(f"{type(error).__name__}: {error}")
    own = [place for place in _places(error) if "catchwater_plugin" not in place and not place.startswith("/python/")]
    return f"{text} ({own[-1].rsplit('/', 1)[-1]})" if own else text


def _trace(error: Exception) -> str:
    return f"{type(error).__name__} at {', '.join(_places(error))}"


def _places(error: Exception) -> list[str]:
    """Each file and line on the way to the error, by hand: the traceback module looks for files, and there are none."""
    places, step = [], error.__traceback__
    while step is not None:
        places.append(f"{step.tb_frame.f_code.co_filename}:{step.tb_lineno}")
        step = step.tb_next
    return places


def _plain(text: str) -> str:
    return " ".join(text.split())
