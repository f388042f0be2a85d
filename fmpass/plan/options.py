"""What the user may ask of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Options:
    """How edges are chosen and coded.

    `chain` is a chain text, None for the best lossless chain that needs no data. `only` and `skip` are globs on edge
    names (or `scope/name` for an edge in a body); every one must match an edge. Edges of fewer than `min_nbytes` bytes
    are left alone; an edge of unknown size is not. `block` is the number of words in a block, `dims` gives sizes to
    symbolic dimensions. `boundary` puts pairs on graph inputs and outputs too, and on every edge that can have one,
    whether a runtime stores it or not. `portable` adds functions, so that the file also runs without the library;
    `emulate` puts standard operators in the place of the pairs. They exclude each other.
    """

    chain: str | None = None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    min_nbytes: int = 0
    block: int = 0
    dims: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    boundary: bool = False
    portable: bool = False
    emulate: bool = False
