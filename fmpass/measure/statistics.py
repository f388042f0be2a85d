"""How sparse and how varied the values on the edges of a model are, over the feeds of some data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmpass.graph.io import AnyModel, load
from fmpass.measure.taps import tapped
from fmpass.measure.tensors import Tensor
from fmpass.runtime import make_session
from fmpass.runtime.session import explained, failures

if TYPE_CHECKING:
    from fmpass.graph.edges import Edge

EDGES_AT_ONCE = 32
"""Edges observed in one pass over the data: what bounds the memory."""


@dataclass(slots=True)
class EdgeStatistics:
    """Counts over all values that passed an edge; memory is fixed by the element type alone."""

    elements: int = 0
    zeros: int = 0
    _planes: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 256), np.int64))

    def add(self, tensor: Tensor) -> None:
        """One more tensor. A value is zero where all of its bits are: −0.0 is not, as coders see words."""
        words = tensor.data.view(tensor.dtype.word_dtype)
        self.elements += tensor.elements
        # of packed types the padding at the end counts as elements of value zero, as coders see it
        nonzero = int(np.count_nonzero(words)) if tensor.dtype.bits >= 8 else _nonzero_packed(tensor)
        self.zeros += tensor.elements - nonzero
        width = words.dtype.itemsize
        if not len(self._planes):
            self._planes = np.zeros((width, 256), np.int64)
        octets = tensor.data.reshape(-1, width)
        for plane in range(width):
            self._planes[plane] += np.bincount(octets[:, plane], minlength=256)

    @property
    def sparsity(self) -> float | None:
        """Zeros / elements; None where nothing passed."""
        return self.zeros / self.elements if self.elements else None

    @property
    def entropy_bits(self) -> float | None:
        """Zero-order entropy of each byte plane, summed, in bits per word: what a memoryless byte coder could reach."""
        totals = self._planes.sum(axis=1, keepdims=True)
        if not self.elements or not totals.all():
            return None
        share = self._planes / totals
        logs = np.log2(share, out=np.zeros_like(share), where=share > 0)
        return float(-(share * logs).sum())


def _nonzero_packed(tensor: Tensor) -> int:
    low = (1 << tensor.dtype.bits) - 1
    shifts = range(0, 8, tensor.dtype.bits)
    return sum(int(np.count_nonzero((tensor.data >> np.uint8(s)) & np.uint8(low))) for s in shifts)


def _session(model: Any, sess_options: Any) -> Any:
    return make_session(model, sess_options=sess_options)


def edge_statistics(
    model: AnyModel,
    edges: Sequence[Edge],
    feeds: Iterable[Mapping[str, Any]],
    progress: Callable[[int, int | None], None] | None = None,
) -> dict[str, EdgeStatistics]:
    """Statistics by edge name of those of `edges` that lie in the main graph and carry a type that payloads do.

    `feeds` is gone through once for every `EDGES_AT_ONCE` edges; values are those of onnxruntime without optimisations.
    Raises what `make_session` raises, and UnsupportedModel FM14x for a feed that onnxruntime refuses.
    """
    loaded = load(model)
    proto = loaded.to_proto()
    base = loaded.path.absolute().parent if loaded.path is not None else None
    names = [edge.name for edge in edges if not edge.scope and edge.dtype is not None]
    found = {name: EdgeStatistics() for name in names}
    done = 0
    for start in range(0, len(names), EDGES_AT_ONCE):
        taps = names[start : start + EDGES_AT_ONCE]
        with tapped(proto, base, taps, _session) as session:
            for feed in feeds:
                try:
                    values = session.run(feed, taps)
                except failures() as error:
                    raise explained(error, loaded.where) from error
                for name in taps:
                    if isinstance(values[name], Tensor):
                        found[name].add(values[name])
                done += 1
                if progress is not None:
                    progress(done, None)
    return found
