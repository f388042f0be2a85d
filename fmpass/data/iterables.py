"""Feeds from Python: iterables, functions, `package.module:function`, and readers with `get_next`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any, cast

from fmpass.data.samples import Feed, Samples
from fmpass.data.signature import InputSpec, fit_feed, nearest
from fmpass.errors import UsageError

Feeds = Iterable[Mapping[str, Any]]


def named_function(text: str) -> Callable[[], Feeds]:
    """The function that `package.module:function` names; the current folder can be imported from.

    Raises UsageError FM037 where module or function do not exist. An error inside the module comes through as it is.
    """
    module_name, _, attribute = text.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        target: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise UsageError(
            "FM037", where=text, problem=f"there is no module '{error.name}'", hint="run from the folder that holds it"
        ) from None
    finally:
        sys.path.remove(here)
    for part in attribute.split("."):
        if not hasattr(target, part):
            raise UsageError("FM037", where=text, problem=f"no '{part}' in it", hint=nearest(part, vars(target)))
        target = getattr(target, part)
    if not callable(target):
        raise UsageError(
            "FM037", where=text, problem="is not a function", hint="name a function returning {input: array} feeds"
        )
    return cast("Callable[[], Feeds]", target)


def iterable_samples(source: Any, inputs: Sequence[InputSpec], description: str = "") -> Samples:
    """Samples of an iterable of `{input: array}`, or of a function that returns one at each call.

    A reader with `get_next` is rewound by its `rewind`. What can be read only once (a generator) raises UsageError
    FM037 on the second pass instead of giving no feeds.
    """
    name = description or getattr(source, "__name__", type(source).__name__)
    count = None
    if not callable(source) and isinstance(source, Sized) and not hasattr(source, "get_next"):
        count = len(source)
    return Samples(_Passes(source, tuple(inputs), name), name, count)


class _Passes:
    """Starts a pass over `source`, and knows whether a further one is possible."""

    def __init__(self, source: Any, inputs: tuple[InputSpec, ...], name: str) -> None:
        self._source, self._inputs, self._name = source, inputs, name
        self._begun = False

    def __call__(self) -> Iterator[Feed]:
        for index, feed in enumerate(self._start()):
            if not isinstance(feed, Mapping):
                raise UsageError(
                    "FM037",
                    where=f"{self._name}, feed {index}",
                    problem=f"a feed is a mapping from input names to arrays, not {type(feed).__name__}",
                    hint=f"yield {{'{self._inputs[0].name if self._inputs else 'input'}': array}}",
                )
            yield fit_feed(feed, self._inputs, f"{self._name}, feed {index}")

    def _start(self) -> Iterable[Any]:
        again, self._begun = self._begun, True
        source = self._source
        if hasattr(source, "get_next"):
            if again:
                if not hasattr(source, "rewind"):
                    raise self._once("give the reader a method rewind()")
                source.rewind()
            return iter(source.get_next, None)
        if callable(source):
            source = source()
        if not isinstance(source, Iterable):
            raise UsageError(
                "FM037",
                where=self._name,
                problem=f"{type(source).__name__} is not iterable",
                hint="return feeds {input: array}",
            )
        if again and source is self._source and iter(source) is source:
            raise self._once("hand over a list, or a function that returns the generator")
        return source

    def _once(self, hint: str) -> UsageError:
        return UsageError(
            "FM037", where=self._name, problem="this data can be read only once, and a second pass is needed", hint=hint
        )
