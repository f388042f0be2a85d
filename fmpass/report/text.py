"""Values as short texts: sizes, shapes, bars, and names shortened in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def size(nbytes: int | None) -> str:
    """`nbytes` with a binary unit and three significant digits; "?" where unknown."""
    if nbytes is None:
        return "?"
    value, unit = float(nbytes), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    digits = 0 if unit == 0 or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {_UNITS[unit]}"


def count(number: int | None) -> str:
    """Thousands kept apart; "?" where unknown."""
    return "?" if number is None else f"{number:,}".replace(",", "\u2009")


def shape(dims: Sequence[int | str | None] | None) -> str:
    """`batch×64×56×56`; "?" for an unknown dimension, "unknown" for an unknown rank, "scalar" for rank 0."""
    if dims is None:
        return "unknown"
    return "×".join("?" if dim is None or dim == "" else str(dim) for dim in dims) or "scalar"


def number(value: float | None) -> str:
    """Three significant digits, never more than ten columns."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    return f"{value:.3g}" if abs(value) < 1e-3 or abs(value) >= 1e5 else f"{value:.4g}"


def elide(text: str, width: int) -> str:
    """`text` in at most `width` columns, shortened in the middle: both ends of a tensor name tell something."""
    if len(text) <= width:
        return text
    if width < 3:
        return text[:width]
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def bar(fraction: float, width: int) -> str:
    """A bar that fills `fraction` of `width` columns, in eighths; never empty for what is not 0."""
    eighths = round(min(max(fraction, 0.0), 1.0) * width * 8)
    if fraction > 0:
        eighths = max(eighths, 1)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()).ljust(width)


def span(first: int, last: int, total: int, width: int) -> str:
    """Where `first`…`last` lies in 0…`total`−1: a line of `width` columns with that stretch thick."""
    if total <= 1:
        return "━" * width
    start = min(first * width // total, width - 1)
    end = max(start, min(last * width // total, width - 1))
    return "╌" * start + "━" * (end - start + 1) + "╌" * (width - 1 - end)
