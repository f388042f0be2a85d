"""Where things are printed: results to stdout, messages, bars and errors to stderr."""

from __future__ import annotations

import json
import math
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.console import RenderableType

    from fmpass.cli.options import Common
    from fmpass.errors import FmpassError

PIPE_WIDTH = 160
"""Columns of a table that is not read on a terminal: enough for whole names."""


@dataclass(frozen=True, slots=True)
class Output:
    """What one command prints, by its `--json`, `-q` and `-v`."""

    common: Common

    def result(
        self, document: Mapping[str, object], view: Callable[[int], RenderableType], told_on: TextIO | None = None
    ) -> None:
        """The result: `document` under --json, else what `view` makes for a width in columns.

        That goes to `told_on`, stdout unless a model goes there.
        """
        if self.common.json:
            print_json(document)
        elif not self.common.quiet:
            show(view, told_on or sys.stdout)

    def message(self, text: str) -> None:
        """A line for people."""
        if not self.common.quiet and not self.common.json:
            print(text, file=sys.stderr)

    def detail(self, text: str) -> None:
        """A line for people who asked for more."""
        if self.common.verbose:
            print(text, file=sys.stderr)


def show(view: Callable[[int], RenderableType], file: TextIO) -> None:
    """Print a view: as wide as the terminal; wide and without trailing blanks where nobody looks."""
    import os

    from rich.console import Console

    terminal = file.isatty()
    console = Console(file=file, width=None if terminal or "COLUMNS" in os.environ else PIPE_WIDTH, highlight=False)
    if terminal:
        console.print(view(console.width))
        return
    with console.capture() as captured:
        console.print(view(console.width))
    text = "\n".join(line.rstrip() for line in captured.get().splitlines())
    encoding = file.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), file=file)


def print_json(document: Mapping[str, object]) -> None:
    """One document on stdout. Numbers that JSON does not have (NaN, infinities) become null."""
    plain = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(_finite(document), indent=2, ensure_ascii=not plain, allow_nan=False, default=str)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # a file name that is no valid text
        text = json.dumps(json.loads(text), indent=2)
    print(text)


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if hasattr(value, "tolist"):  # numpy numbers
        return _finite(value.tolist())  # pyright: ignore[reportAttributeAccessIssue]
    return value


def print_error_document(error: FmpassError, more: Mapping[str, object] | None = None) -> None:
    """An error as the one document on stdout; `more` are keys beside `error`."""
    fields = {"code": error.code, "where": error.where, "problem": error.problem, "hint": error.hint}
    print_json({"error": fields, **(more or {})})


def print_error(words: list[str], error: FmpassError) -> None:
    """An error that names code, place and remedy: a line or two on stderr, or the document under --json."""
    if "--json" in words:
        print_error_document(error)
        return
    red, end = ("\x1b[1;31m", "\x1b[0m") if sys.stderr.isatty() else ("", "")
    place = f" at {error.where}" if error.where else ""
    hint = f"\n  hint: {error.hint}" if error.hint else ""
    text = f"{red}error[{error.code}]{end}{place}: {error.problem}{hint}"
    print(text.encode("utf-8", "backslashreplace").decode(), file=sys.stderr)


def print_internal(words: list[str], error: BaseException) -> int:
    """A bug of fmpass: a short report to copy; the whole traceback with -v. Returns the exit code 1."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{_short(frame.filename)}:{frame.lineno} in {frame.name}" for frame in frames[-4:]]
    problem = f"{type(error).__name__}: {error}"
    hint = "this is a bug of fmpass; please report it with this text"
    if "--json" in words:
        fields = {"code": "FM000", "where": places[-1] if places else "", "problem": problem, "hint": hint}
        print_json({"error": fields | {"trace": places}})
        return 1
    if "-v" in words or "--verbose" in words:
        traceback.print_exception(error)
    lines = [f"error[FM000]: {problem}", f"  hint: {hint}", "", f"  command     fmpass {words[0]}", *_versions()]
    print("\n".join([*lines, *(f"  at          {place}" for place in reversed(places))]), file=sys.stderr)
    return 1


def last_place(error: BaseException) -> str:
    """File, line and function where `error` was raised."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{_short(frame.filename)}:{frame.lineno} in {frame.name}"


def _short(filename: str) -> str:
    """From the package's folder on: reports carry nobody's home folder."""
    parts = Path(filename).parts
    root = next((i for i in reversed(range(len(parts))) if parts[i] in ("fmpass", "site-packages")), len(parts) - 1)
    return "/".join(parts[root:])


def _versions() -> list[str]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    lines = [f"  python      {platform.python_version()} on {platform.system()} {platform.machine()}"]
    for name in ("fmpass", "onnxruntime", "onnx", "onnx-ir", "numpy"):
        try:
            lines.append(f"  {name:<12}{version(name)}")
        except PackageNotFoundError:
            lines.append(f"  {name:<12}not installed")
    return lines
