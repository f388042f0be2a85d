"""The activation edges of a model as a table, with the time that each one lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fmpass.report.columns import Column, fitted
from fmpass.report.text import count, shape, size, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fmpass.graph.edges import Edge

LIFE = 12
COLUMNS = (
    Column("edge", least=20),
    Column("type"),
    Column("shape", least=12),
    Column("bytes", "right"),
    Column("lives", style="blue"),
    Column("stored"),
    Column("why not", least=12, optional=2),
)


def edges_view(edges: Sequence[Edge], totals: Iterable[tuple[str, str]], width: int) -> RenderableType:
    """One row an edge in `width` columns, those that stay inside a fused region dimmed; then `totals`."""
    ends: dict[str, int] = {}
    for edge in edges:
        ends[edge.scope] = max(ends.get(edge.scope, 0), edge.last_use + 1)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for name, value in totals:
        grid.add_row(name, value)
    if not edges:
        return Group(Text("no activation edges"), grid)
    rows = [_row(edge, ends[edge.scope]) for edge in edges]
    return Group(fitted(COLUMNS, rows, width), Text(), grid)


def totals_of(
    edges: Sequence[Edge], activation: int | None, peak: int | None, weights: int | None
) -> list[tuple[str, str]]:
    """The lines below the table."""
    stored = sum(edge.stored for edge in edges)
    paired = sum(edge.paired for edge in edges)
    told = f"{count(len(edges))}, {count(stored)} of them stored" + (f", {count(paired)} with a pair" if paired else "")
    return [
        ("edges", told),
        ("activations", f"{size(activation)} in stored edges, {size(peak)} alive at once at most"),
        ("weights", size(weights)),
    ]


def _row(edge: Edge, total: int) -> tuple[str | Text, ...]:
    style = "cyan" if edge.stored else "dim"
    name = f"{edge.scope}/{edge.name}" if edge.scope else edge.name
    kind = edge.dtype.name if edge.dtype else f"type {edge.type_number}" if edge.type_number else "?"
    mark = Text("pair", "bold green") if edge.paired else Text("yes", "green") if edge.stored else Text("–", "dim")
    return (
        Text(name, style=style),
        Text(kind, style="" if edge.stored else "dim"),
        Text(shape(edge.shape), style="" if edge.stored else "dim"),
        Text(size(edge.nbytes), style="" if edge.stored else "dim"),
        span(edge.first_use, edge.last_use, total, LIFE),
        mark,
        Text(edge.reason, style="dim"),
    )
