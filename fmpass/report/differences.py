"""How two models differ: the JSON, and a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from fmpass.report.columns import Column, fitted
from fmpass.report.text import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fmpass.graph.diff import Difference

MOST_ROWS = 200
COLUMNS = (Column("where", least=32, style="cyan"), Column("difference", least=24, give="wrap"))


def differences_document(found: Sequence[Difference]) -> dict[str, Any]:
    """`equal`, `differences[] {where, change}`."""
    return {"equal": not found, "differences": [{"where": d.where, "change": d.change} for d in found]}


def differences_view(found: Sequence[Difference], width: int) -> RenderableType:
    """One row a difference, the first `MOST_ROWS` of them, then how many there are."""
    if not found:
        return Text("equal", "bold green")
    more = len(found) - MOST_ROWS
    told = f"{count(len(found))} difference{'s' * (len(found) != 1)}"
    told += f", {count(more)} of them not shown; --json lists all" if more > 0 else ""
    rows = [(d.where, d.change) for d in found[:MOST_ROWS]]
    return Group(fitted(COLUMNS, rows, width), Text(), Text(told, "bold"))
