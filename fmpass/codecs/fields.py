"""The parameters of a stage: declared once as dataclass fields; chain text, command line and tests read them."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from fmpass.errors import UsageError

if TYPE_CHECKING:
    from fmpass.codecs.stage import Stage

Value = int | float | bool | str | None

_TYPES = {"int": "int", "float": "float", "bool": "bool", "str": "word", "int | None": "int|none"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a stage. `type` is int, float, bool, word or int|none; bounds are inclusive."""

    name: str
    type: str
    default: Value
    minimum: float | None
    maximum: float | None
    choices: tuple[Value, ...]
    doc: str


def parameter(
    default: Value,
    doc: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[Value, ...] = (),
) -> Any:
    """A dataclass field that carries its bounds and its line of documentation."""
    limits = {"doc": doc, "minimum": minimum, "maximum": maximum, "choices": choices}
    return dataclasses.field(default=default, metadata=limits)


@cache
def parameters(stage: type[Stage]) -> tuple[Parameter, ...]:
    """The parameters of a stage class in declaration order."""
    if not dataclasses.is_dataclass(stage):
        return ()
    return tuple(
        Parameter(f.name, _type(stage, f), cast(Value, f.default), **f.metadata) for f in dataclasses.fields(stage)
    )


def _type(stage: type[Stage], f: dataclasses.Field[Any]) -> str:
    written = f.type.__name__ if isinstance(f.type, type) else str(f.type)  # text under postponed annotations
    if written not in _TYPES:
        raise TypeError(f"{stage.__name__}.{f.name}: a parameter is one of {', '.join(_TYPES)}, not {written}")
    return _TYPES[written]


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that looks most like `name`, or "" where none is known."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)), "")


def check(stage: Stage) -> None:
    """Validate and normalise the fields of a stage in place. Raises UsageError FM003 naming field and bound."""
    for p in parameters(type(stage)):
        value = getattr(stage, p.name)
        if p.type == "float" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if isinstance(value, float):
            value += 0.0  # −0.0 would give a second digest to the same chain
        problem = _problem(p, value)
        if problem:
            raise UsageError("FM003", where=f"{stage.name}{{{p.name}}}", problem=problem, hint=_hint(p, value))
        object.__setattr__(stage, p.name, value)


def _problem(p: Parameter, value: Value) -> str:
    kinds: dict[str, tuple[type, ...]] = {
        "int": (int,),
        "float": (float,),
        "bool": (bool,),
        "word": (str,),
        "int|none": (int, type(None)),
    }
    if not isinstance(value, kinds[p.type]) or (isinstance(value, bool) and p.type != "bool"):
        return f"{value!r} is not of type {p.type}"
    if p.choices and value not in p.choices:
        return f"{value!r} is not a possible value"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value!r} is not finite"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if p.minimum is not None and value < p.minimum:
            return f"{value!r} is below the least value {p.minimum}"
        if p.maximum is not None and value > p.maximum:
            return f"{value!r} is above the greatest value {p.maximum}"
    return ""


def _hint(p: Parameter, value: Value) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if p.choices:
        listed = ", ".join(map(str, p.choices))
        if number:
            near = min(p.choices, key=lambda c: abs(float(c) - float(value)))  # type: ignore[arg-type]
            return f"one of {listed}; {near} is nearest"
        return f"one of {listed}"
    if number and p.minimum is not None and p.maximum is not None:
        return f"{p.minimum} … {p.maximum}; {min(max(value, p.minimum), p.maximum)} is nearest"  # type: ignore[type-var]
    return p.doc
