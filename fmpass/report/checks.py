"""Checks of an installation: what was looked at, whether it is well, what to do where it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `hint` is the remedy where `ok` is False."""

    name: str
    ok: bool
    detail: str
    hint: str = ""


def checks_view(checks: Sequence[Check]) -> Table:
    """One row a check, the remedy below what failed."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        mark = Text("ok", "bold green") if check.ok else Text("FAILED", "bold red")
        table.add_row(mark, check.name, check.detail)
        if check.hint and not check.ok:
            table.add_row("", "", Text(f"hint: {check.hint}", style="yellow"))
    return table
