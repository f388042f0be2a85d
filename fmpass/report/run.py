"""What a run gave: outputs and times."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from fmpass.dtypes import DTYPES
from fmpass.report.columns import Column, fitted
from fmpass.report.text import number, shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import RenderableType

COLUMNS = (Column("output", least=20, style="cyan"), Column("type"), Column("shape", least=12))


def run_document(first: Mapping[str, Any], latency_ms: Sequence[float], output: Path | None) -> dict[str, Any]:
    """The JSON of `run`: outputs of the first feed, the median time of a feed in milliseconds (null without feeds)."""
    return {
        "outputs": [{"name": name, "shape": _shape(value), "dtype": _dtype(value)} for name, value in first.items()],
        "latency_ms": median(latency_ms) if latency_ms else None,
        "feeds": len(latency_ms),
        "output": None if output is None else str(output),
    }


def run_view(document: Mapping[str, Any], width: int) -> RenderableType:
    """One row an output, then feeds and time."""
    rows = [(o["name"], o["dtype"], shape(o["shape"])) for o in document["outputs"]]
    feeds = document["feeds"]
    line = Text(f"{feeds} feed{'s' * (feeds != 1)}, median {number(document['latency_ms'])} ms each")
    if document["output"] is not None:
        line.append(", wrote ").append(document["output"], "cyan")
    return Group(fitted(COLUMNS, rows, width), Text(), line) if rows else line


def _shape(value: object) -> list[int] | None:
    dims = getattr(value, "shape", None)
    return None if dims is None else [int(d) for d in dims]


def _dtype(value: object) -> str:
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        return type(value).__name__
    if getattr(dtype, "kind", "") == "O":
        return "string"
    return next((d.name for d in DTYPES if d.numpy == dtype), str(dtype))
