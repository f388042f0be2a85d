"""Tables that fit: numbers are never wrapped, long names give way first, then columns of less importance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from fmpass.report.text import elide

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = 2
"""Blanks between columns; the box draws one of them."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column. One with `least` may shrink to that width; how its texts `give` way is said below.

    Names lose their middle, remarks their end, sentences are wrapped; names and remarks give way before sentences do.
    Columns with the highest `optional` are left out first where the width does not suffice; 0 stays.
    """

    title: str
    justify: Literal["left", "right"] = "left"
    least: int | None = None
    optional: int = 0
    style: str = ""
    give: Literal["middle", "end", "wrap"] = "middle"


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[str | Text]], width: int) -> Table:
    """A table of `rows` in at most `width` columns of text (unless even the least widths are more)."""
    kept = list(range(len(columns)))
    natural = [max([cell_len(c.title), *(_length(row[i]) for row in rows)]) for i, c in enumerate(columns)]
    while _least(columns, natural, kept) > width and any(columns[i].optional for i in kept):
        kept.remove(max(kept, key=lambda i: columns[i].optional))
    widths = _widths(columns, natural, kept, width)
    table = Table(box=SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for i in kept:
        c = columns[i]
        table.add_column(
            c.title, justify=c.justify, style=c.style, width=widths[i], no_wrap=c.give != "wrap", overflow="fold"
        )
    for row in rows:
        table.add_row(*(_cell(row[i], widths[i], columns[i]) for i in kept))
    return table


def _length(cell: str | Text) -> int:
    return cell.cell_len if isinstance(cell, Text) else cell_len(cell)


def _least(columns: Sequence[Column], natural: list[int], kept: list[int]) -> int:
    return sum(min(natural[i], columns[i].least or natural[i]) + GAP for i in kept) - GAP


def _widths(columns: Sequence[Column], natural: list[int], kept: list[int], width: int) -> dict[int, int]:
    """Natural widths; elastic columns are cut evenly until the sum fits, those that wrap last."""
    widths = {i: natural[i] for i in kept}
    excess = sum(widths.values()) + GAP * (len(kept) - 1) - width
    for wrapped in (False, True):
        while excess > 0:
            elastic = [i for i in kept if widths[i] > _floor(columns[i], widths[i], wrapped)]
            if not elastic:
                break
            widths[max(elastic, key=lambda i: widths[i])] -= 1
            excess -= 1
    return widths


def _floor(column: Column, width: int, wrapped: bool) -> int:
    """The width that a column keeps in this round."""
    return width if column.least is None or (column.give == "wrap") != wrapped else column.least


def _cell(cell: str | Text, width: int, column: Column) -> Text:
    text = cell if isinstance(cell, Text) else Text(cell)
    if column.give == "wrap" or text.cell_len <= width:
        return text
    short = elide(text.plain, width) if column.give == "middle" else f"{text.plain[: max(width - 1, 0)]}…"
    return Text(short, style=text.style)
