"""The activation edges of a model as a table, with the time that each one lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fmpass.report.columns import Column, fitted
from fmpass.report.text import count, shape, size, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fmpass.graph.edges import Edge
    from fmpass.measure.statistics import EdgeStatistics

LIFE = 12
COLUMNS = (
    Column("edge", least=20),
    Column("type"),
    Column("shape", least=12),
    Column("bytes", "right"),
    Column("lives", style="blue"),
    Column("stored"),
    Column("why not", least=28, optional=2, give="end"),
)
OBSERVED = (Column("zeros", "right"), Column("entropy", "right"))


def edges_view(
    edges: Sequence[Edge],
    totals: Iterable[tuple[str, str]],
    width: int,
    observed: Mapping[str, EdgeStatistics] | None = None,
) -> RenderableType:
    """One row an edge in `width` columns, those that stay inside a fused region dimmed; then `totals`.

    `observed` adds two columns: zeros in percent and entropy in bits.
    """
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
    if not observed:
        return Group(fitted(COLUMNS, rows, width), Text(), grid)
    rows = [(*row[:4], *_seen(edge, observed), *row[4:]) for row, edge in zip(rows, edges, strict=True)]
    return Group(fitted((*COLUMNS[:4], *OBSERVED, *COLUMNS[4:]), rows, width), Text(), grid)


def totals_of(edges: Sequence[Edge], totals: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The lines below the table, from the `totals` of the JSON."""
    paired = sum(edge.paired for edge in edges)
    told = f"{count(len(edges))}, {count(totals['stored'])} of them stored"
    told += f", {count(paired)} with a pair" if paired else ""
    stored, alive = size(totals["activation_nbytes"]), size(totals["peak_live_nbytes"])
    lines = [
        ("edges", told),
        ("activations", f"{stored} in stored edges, {alive} alive at once at most"),
        ("weights", size(totals["weight_nbytes"])),
    ]
    if assumed := totals["assumed_dims"]:
        names = ", ".join(assumed)
        lines.append(("sizes", f"{names} counted as 1; --dim {next(iter(assumed))}=4 for another size"))
    return lines


def _seen(edge: Edge, observed: Mapping[str, EdgeStatistics]) -> tuple[str, str]:
    seen = None if edge.scope else observed.get(edge.name)
    if seen is None or seen.sparsity is None or seen.entropy_bits is None:
        return "–", "–"
    return f"{100 * seen.sparsity:.1f} %", f"{seen.entropy_bits:.2f}"


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
