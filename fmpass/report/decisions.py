"""The decisions of a plan, each with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from fmpass.report.columns import Column, fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from fmpass.plan import Decision

COLUMNS = (
    Column("edge", least=24, style="cyan"),
    Column("decision", least=12),
    Column("reason", least=24, give="wrap"),
)


def decisions_view(decisions: Sequence[Decision], width: int) -> Table:
    """One row a decision, pairs and edges left alone, in at most `width` columns."""
    rows = [
        (
            f"{d.scope}/{d.edge}" if d.scope else d.edge,
            Text(d.chain, "green") if d.action == "pair" else Text("left alone", "yellow"),
            d.reason,
        )
        for d in decisions
    ]
    return fitted(COLUMNS, rows, width)
