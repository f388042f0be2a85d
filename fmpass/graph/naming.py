"""Names for what the pass adds: readable, deterministic, never taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmpass.graph.walk import all_graphs

if TYPE_CHECKING:
    import onnx_ir as ir


@dataclass(frozen=True, slots=True)
class PairNames:
    """Names of one pair: two nodes, two values.

    `source` is what the producer of a graph output calls its result instead. `decoded` and `cast` are the value that
    FmDecompress gives in a function and the node that tells its type.
    """

    compress: str
    decompress: str
    payload: str
    restored: str
    source: str = ""
    decoded: str = ""
    cast: str = ""


class Namer:
    """Gives names that no value and no node of the model has, bodies and functions included."""

    def __init__(self, model: ir.Model, reserved: Iterable[str] = ()) -> None:
        """`reserved` are names that the file uses but onnx_ir does not know, such as those of sparse initializers."""
        self._taken: set[str] = set(reserved)
        for graph in all_graphs(model):
            self._taken.update(v.name for v in graph.inputs if v.name)
            self._taken.update(graph.initializers)
            for node in graph:
                self._taken.add(node.name or "")
                self._taken.update(v.name for v in node.outputs if v.name)
                self._taken.update(v.name for v in node.inputs if v is not None and v.name)
            self._taken.update(v.name for v in graph.outputs if v.name)

    def pair(self, edge: str, output: bool = False, in_function: bool = False) -> PairNames:
        """The names of the pair on `edge`, taken from now on. In front of an output the restored value is `edge`."""
        compress, decompress, payload = (
            self.free(f"{edge}__{suffix}") for suffix in ("FmCompress", "FmDecompress", "fm_payload")
        )
        if output:
            return PairNames(compress, decompress, payload, edge, self.free(f"{edge}__fm_source"))
        restored = self.free(f"{edge}__fm_restored")
        if not in_function:
            return PairNames(compress, decompress, payload, restored)
        decoded, cast = self.free(f"{edge}__fm_decoded"), self.free(f"{edge}__FmType")
        return PairNames(compress, decompress, payload, restored, decoded=decoded, cast=cast)

    def free(self, wanted: str) -> str:
        """`wanted`, with a number where that is taken; taken from now on."""
        return _free(wanted, self._taken)


def numbered(taken: Iterable[str]) -> Callable[[str], str]:
    """A giver of names that are not among `taken`, for a graph of its own."""
    known = set(taken)
    return lambda wanted: _free(wanted, known)


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 0
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    taken.add(name)
    return name
