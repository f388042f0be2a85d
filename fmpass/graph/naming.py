"""Names for what the pass adds: readable, deterministic, never taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx_ir as ir


@dataclass(frozen=True, slots=True)
class PairNames:
    """Names of one pair: two nodes, two values, and what the producer of a graph output gives its result instead."""

    compress: str
    decompress: str
    payload: str
    restored: str
    source: str = ""


class Namer:
    """Gives names that no value and no node of the model has, bodies and functions included."""

    def __init__(self, model: ir.Model, reserved: Iterable[str] = ()) -> None:
        """`reserved` are names that the file uses but onnx_ir does not know, such as those of sparse initializers."""
        self._taken: set[str] = set(reserved)
        graphs: Iterable[ir.Graph] = model.graphs()
        for graph in graphs:
            self._taken.update(v.name for v in graph.inputs if v.name)
            self._taken.update(graph.initializers)
            for node in graph:
                self._taken.add(node.name or "")
                self._taken.update(v.name for v in node.outputs if v.name)

    def pair(self, edge: str, output: bool = False) -> PairNames:
        """The names of the pair on `edge`, taken from now on. In front of an output the restored value is `edge`."""
        compress, decompress, payload = (
            self._free(f"{edge}__{suffix}") for suffix in ("FmCompress", "FmDecompress", "fm_payload")
        )
        if output:
            return PairNames(compress, decompress, payload, edge, self._free(f"{edge}__fm_source"))
        return PairNames(compress, decompress, payload, self._free(f"{edge}__fm_restored"))

    def _free(self, wanted: str) -> str:
        name, number = wanted, 0
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name
