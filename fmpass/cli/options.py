"""Flags that several commands share, as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fmpass.errors import UsageError


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Common:
    """How to talk."""

    json: bool = False
    """Print one JSON document on stdout and nothing else there."""
    quiet: Annotated[bool, Parameter(alias="-q")] = False
    """Print errors only."""
    verbose: Annotated[bool, Parameter(alias="-v")] = False
    """Print more, and the whole traceback of an internal error."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class DataFlags:
    """What to feed a model with."""

    data: str | None = None
    """An .npz, an .npy, a folder of images, random:N or package.module:function."""
    preprocess: Path | None = None
    """A .toml file that says how images become inputs."""
    dim: tuple[str, ...] = ()
    """NAME=N: the size of a symbolic dimension; may be repeated."""
    batch: int = 1
    """Rows fed at a time where every input begins with the batch axis."""


COMMON = Common()
NO_DATA = DataFlags()


def dims(texts: tuple[str, ...]) -> dict[str, int]:
    """`NAME=N` texts as a mapping. Raises UsageError FM093."""
    sizes: dict[str, int] = {}
    for text in texts:
        name, equals, number = text.rpartition("=")
        if not (name and equals and number.isdecimal()):
            raise UsageError("FM093", where=f"--dim {text}", problem="is not NAME=N", hint="for example --dim batch=4")
        sizes[name] = int(number)
    return sizes
