"""What there is to verify: pairs of the rewritten model beside the stored edges of the original one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmpass.codecs.chain import Chain
from fmpass.dtypes import DType, by_onnx
from fmpass.graph.edges import Edge, edges
from fmpass.measure.pairs import Pair, find_pairs

if TYPE_CHECKING:
    import onnx

    from fmpass.graph.io import LoadedModel

_UNKNOWN_NBYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Item:
    """One edge to measure: with its pair, or left alone. `lossless` is about its chain."""

    name: str
    scope: str
    dtype: DType
    shape: tuple[int | str | None, ...] | None
    stored: bool
    pair: Pair | None
    lossless: bool
    resident_bits: int

    @property
    def key(self) -> tuple[str, str]:
        """(scope, name)."""
        return self.scope, self.name

    def nbytes(self, dims: Mapping[str, int]) -> int:
        """Bytes of the tensor with these sizes; a guess of 1 MiB where the shape stays unknown."""
        elements = 1
        for dim in (None,) if self.shape is None else self.shape:
            size = dims.get(dim) if isinstance(dim, str) else dim
            if size is None:
                return _UNKNOWN_NBYTES
            elements *= size
        return self.dtype.nbytes(elements)

    @property
    def elements(self) -> int | None:
        """Elements where the file alone says how many."""
        if self.shape is None or not all(isinstance(d, int) for d in self.shape):
            return None
        return math.prod(d for d in self.shape if isinstance(d, int))


@dataclass(frozen=True, slots=True)
class Inventory:
    """All items in the order of the original's nodes, and restored values whose edge the original does not have."""

    items: tuple[Item, ...]
    strangers: tuple[Pair, ...]

    @property
    def lossless(self) -> bool:
        """True where every chain is."""
        return all(item.lossless for item in self.items)


def take(original: LoadedModel, rewritten: onnx.ModelProto) -> Inventory:
    """Stored edges of the original and all that have a pair. What has no fixed width (strings …) is no item."""
    strangers: list[Pair] = []
    pairs: dict[tuple[str, str], Pair] = {}
    for pair in find_pairs(rewritten):
        usable = by_onnx(pair.dtype) is not None and (pair.scope, pair.edge) not in pairs
        if usable:
            pairs[pair.scope, pair.edge] = pair
        else:  # a second pair on one edge, or one whose type nobody knows: not what this release writes
            strangers.append(pair)
    sizes = {t.name: _nbits(t) for t in rewritten.graph.initializer}
    items: list[Item] = []
    for edge in edges(original, boundary=True):
        pair = pairs.pop(edge.key, None)
        dtype = edge.dtype if pair is None else by_onnx(pair.dtype)
        if dtype is not None and (pair is not None or edge.stored):
            items.append(_item(edge, dtype, pair, sizes))
    return Inventory(tuple(items), (*strangers, *pairs.values()))


def groups(items: Sequence[Item], dims: Mapping[str, int], limit_nbytes: int) -> list[list[Item]]:
    """Items in order, cut so that the tensors of a group stay below the limit; each is held up to three times."""
    found: list[list[Item]] = [[]]
    used = 0
    for item in items:
        cost = 3 * item.nbytes(dims)
        if found[-1] and used + cost > limit_nbytes:
            found.append([])
            used = 0
        found[-1].append(item)
        used += cost
    return found


def _item(edge: Edge, dtype: DType, pair: Pair | None, sizes: Mapping[str, int]) -> Item:
    return Item(
        name=edge.name,
        scope=edge.scope,
        dtype=dtype,
        shape=edge.shape,
        stored=edge.stored,
        pair=pair,
        lossless=pair is None or Chain.parse(pair.chain).lossless(dtype),
        resident_bits=0 if pair is None else sum(sizes.get(name, 0) for name in pair.resident),
    )


def _nbits(tensor: onnx.TensorProto) -> int:
    dtype = by_onnx(tensor.data_type)
    return 0 if dtype is None else 8 * dtype.nbytes(math.prod(tensor.dims))
