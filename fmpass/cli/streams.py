"""`-` in the place of a file: a model from stdin, a model to stdout."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, TextIO

from fmpass.errors import UsageError

if TYPE_CHECKING:
    from fmpass.cli.options import Common

STREAM = Path("-")


@contextmanager
def readable(model: Path) -> Generator[Path]:
    """The file of a model; for `-` a temporary one with what stdin gives, gone afterwards.

    Raises UsageError FM095 or FM096 for a file that is none.
    """
    from fmpass.cli.files import existing

    if model != STREAM:
        yield existing(model)
        return
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="fmpass-") as folder:
        path = Path(folder) / "stdin.onnx"
        path.write_bytes(sys.stdin.buffer.read())
        yield path


def writable(output: Path | None, model: Path, common: Common) -> Path | IO[bytes] | None:
    """Where a model goes: stdout for `-`, and for a model from stdin where nothing else is said.

    Raises UsageError FM097 where stdout is for the JSON document.
    """
    if output != STREAM and (output is not None or model != STREAM):
        return output
    if common.json:
        hint = "write to a file with -o"
        raise UsageError("FM097", where="--json and a model on stdout", problem="exclude each other", hint=hint)
    return sys.stdout.buffer


def told_on(output: Path | IO[bytes] | None) -> TextIO:
    """Where the result is told for people: not in the midst of a model."""
    return sys.stdout if output is None or isinstance(output, Path) else sys.stderr
