"""Which stages exist: the folders under transforms/ and coders/, and entry points of group `fmpass.stages`.

Nothing is imported before it is asked for. A stage's package names its class `STAGE`; an entry point is
`name = "package.module:Class"`.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
from functools import cache
from pathlib import Path
from typing import Literal

from fmpass.codecs.fields import nearest
from fmpass.codecs.stage import Stage, Transform
from fmpass.errors import EnvironmentFailure, UsageError

Kind = Literal["transform", "coder"]

_GROUP = "fmpass.stages"
_ROOMS = ("coders", "transforms")


@cache
def _folders() -> dict[str, str]:
    """Stage name → module, of the folders of this package."""
    here = Path(__file__).parent
    return {
        folder.name: f"fmpass.codecs.{room}.{folder.name}"
        for room in _ROOMS
        for folder in sorted((here / room).iterdir())
        if (folder / "__init__.py").is_file()
    }


@cache
def _plugins() -> dict[str, str]:
    """Stage name → `module:Class`, of installed packages."""
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=_GROUP) if point.name not in _folders()}


@cache
def _class(name: str) -> type[Stage]:
    if name in _folders():
        stage = importlib.import_module(_folders()[name]).STAGE
    else:
        module, _, attribute = _plugins()[name].partition(":")
        try:
            stage = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise EnvironmentFailure(
                "FM520",
                where=f"entry point {_GROUP}:{name}",
                problem=f"the stage cannot be imported: {error}",
                hint="repair or uninstall the package that brings it",
            ) from error
    if not (inspect.isclass(stage) and issubclass(stage, Stage) and stage.name == name):
        raise EnvironmentFailure(
            "FM520", where=name, problem=f"{stage!r} is not a stage of this name", hint="see docs/writing_a_codec.md"
        )
    return stage


def names() -> tuple[str, ...]:
    """All stage names, sorted."""
    return tuple(sorted({**_plugins(), **_folders()}))


def get(name: str) -> type[Stage]:
    """The class of a stage. Raises UsageError FM001 naming the nearest known stage."""
    if name not in _folders() and name not in _plugins():
        raise UsageError(
            "FM001",
            where=f"stage {name!r}",
            problem="no such stage",
            hint=f"did you mean {nearest(name, names())!r}? known: {', '.join(names())}",
        )
    return _class(name)


def kind(stage: type[Stage]) -> Kind:
    """Whether a stage class is a transform or a coder."""
    return "transform" if issubclass(stage, Transform) else "coder"


def stages() -> tuple[type[Stage], ...]:
    """All stage classes by format id. Raises EnvironmentFailure FM520 where two share one."""
    found = sorted((get(name) for name in names()), key=lambda stage: stage.format_id)
    for one, two in itertools.pairwise(found):
        if one.format_id == two.format_id:
            raise EnvironmentFailure(
                "FM520",
                where=f"stages {one.name!r} and {two.name!r}",
                problem=f"both claim format id {one.format_id}",
                hint="uninstall one of them",
            )
    return tuple(found)
