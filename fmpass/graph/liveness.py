"""How many bytes of activations are alive at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fmpass.graph.edges import Edge


def peak_live_nbytes(edges: Sequence[Edge]) -> int | None:
    """Most bytes of stored edges of the main graph alive at one node, in file order.

    A tensor lives from its producer to its last reader, both included. None where the size of one is unknown.
    """
    stored = [edge for edge in edges if edge.stored and not edge.scope]
    change: dict[int, int] = {}
    for edge in stored:
        if edge.nbytes is None:
            return None
        change[edge.first_use] = change.get(edge.first_use, 0) + edge.nbytes
        change[edge.last_use + 1] = change.get(edge.last_use + 1, 0) - edge.nbytes
    live = peak = 0
    for place in sorted(change):
        live += change[place]
        peak = max(peak, live)
    return peak


def activation_nbytes(edges: Sequence[Edge]) -> int | None:
    """Bytes of all stored edges, bodies once. None where the size of one is unknown."""
    sizes = [edge.nbytes for edge in edges if edge.stored]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None
