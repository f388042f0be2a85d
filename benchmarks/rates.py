"""Bits per value of coders and of general compressors on the same bytes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import targets
from activations import Edge, activations, stored
from peers import Peer
from shared import shared

from fmpass import codecs
from fmpass.codecs import calibrate, native, registry
from fmpass.codecs.chain import Chain
from fmpass.codecs.stage import Coder, MapCoder
from fmpass.dtypes import of_array

Array = np.ndarray[Any, Any]

CALIBRATED = ", calibrated"
"""What is added to the name of a coder whose model comes from other inputs and stays out of the payload."""

FEW_INPUTS, EDGE_VALUES = 3, 1 << 20
"""Of an edge, so many test inputs are coded as hold `EDGE_VALUES`, `FEW_INPUTS` at least where there are so many."""


def coders() -> list[str]:
    """Every coder of the registry that the native library knows, by name."""
    kinds = (Coder, MapCoder)
    return [s.name for s in registry.stages() if issubclass(s, kinds) and native.available(Chain.parse(s.name))]


def takes(chain: Chain, array: Array) -> bool:
    """Whether the chain accepts arrays of this type and rank."""
    return chain.rejects(of_array(array), array.ndim) is None


def maps(root: Path) -> dict[str, Array]:
    """The signed 8-bit maps of the reference coders."""
    return {path.stem: np.load(path) for path in sorted((root / "oracle").glob("*_s8.npy"))}


def of_map(array: Array, chains: Iterable[str], others: Iterable[Peer]) -> dict[str, float]:
    """Bits per value of one map as a self-contained file, header and all, and by the other compressors."""
    found: dict[str, float] = {}
    for text in chains:
        if takes(Chain.parse(text), array):
            data = codecs.encode(text, array, self_contained=True)
            if codecs.decode(data).tobytes() != array.tobytes():
                raise SystemExit(f"{text} does not restore a map")
            found[text] = 8 * len(data) / array.size
    for peer in others:
        found[peer.name] = 8 * len(peer.encode(array.tobytes(), array.itemsize)) / array.size
    return found


def check_ebpc(root: Path) -> int:
    """How many maps `ebpc` codes with the bits of its authors' hardware model. Ends where one differs."""
    known = targets.reference(root)
    checked = 0
    for label, array in maps(root).items():
        if label in known:
            header = codecs.peek(data := codecs.encode("ebpc", array, self_contained=True))
            bits, published = 8 * (len(data) - header.header_nbytes), known[label]["EBPC_hw_paper_block8"]["bits"]
            if bits != published:
                raise SystemExit(f"ebpc needs {bits} bits for {label}, its authors' model {published}")
            checked += 1
    return checked


def edges(name: str) -> int:
    """How many edges of a model are coded."""
    root = shared()
    assert root is not None
    return len(stored(root / "data" / "models" / f"{name}.onnx"))


def edge_chain(zero_point: int, coder: str) -> Chain:
    """The chain of an 8-bit edge: the zero point is taken off, without loss, so that zeros are zeros."""
    signed = "true" if zero_point else "false"
    return Chain.parse(f"quant{{bits=8,step=1.0,zero_point={zero_point},signed={signed}}}|{coder}")


def calibrated(chain: Chain, arrays: list[Array]) -> tuple[Chain, bytes] | None:
    """The chain and its coder's model for more tensors like these; None where there is nothing to calibrate."""
    if not (isinstance(chain.coder, MapCoder) and chain.coder.has_model):
        return None
    return calibrate.calibrated(chain, arrays)  # it also chooses among forms of the chain


def inputs_of(edge: Edge, quick: bool) -> list[Array]:
    """The test inputs of an edge that are coded, each a tensor of batch 1."""
    count = 1 if quick else max(FEW_INPUTS, EDGE_VALUES // max(edge.test[0].size, 1))
    return [np.ascontiguousarray(one[None]) for one in edge.test[:count]]


@dataclass
class Total:
    """Sums over the edges of a model, for one inference: of each edge the mean over its inputs."""

    model: str
    edges: int = 0
    values: int = 0
    nbytes: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    resident_nbytes: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)
    """Chains that do not take every edge: their sums would be of something else."""

    def bpv(self) -> dict[str, float]:
        """Bits per value, weighted by elements."""
        kept = {k: n for k, n in self.nbytes.items() if k.removesuffix(CALIBRATED) not in self.refused}
        return {k: 8 * n / self.values for k, n in kept.items()}

    def add(self, edge: Edge, chains: Iterable[str], others: Iterable[Peer], quick: bool) -> None:
        """One payload for each input, as FmCompress puts it on the edge."""
        inputs = inputs_of(edge, quick)
        self.edges += 1
        self.values += inputs[0].size
        for text in chains:
            chain = edge_chain(edge.zero_point, text)
            if not takes(chain, inputs[0]):
                self.refused.add(text)
                continue
            plain = _mean_nbytes(chain, inputs, None)
            self.nbytes[text] += plain
            arrays = [one[None] for one in (edge.calibration[:4] if quick else edge.calibration)]
            if (found := calibrated(chain, arrays)) is not None:
                self.nbytes[text + CALIBRATED] += _mean_nbytes(found[0], inputs, found[1]) if found[1] else plain
                self.resident_nbytes[text + CALIBRATED] += len(found[1])
        for peer in others:
            self.nbytes[peer.name] += sum(len(peer.encode(one.tobytes(), 1)) for one in inputs) / len(inputs)


def _mean_nbytes(chain: Chain, inputs: list[Array], resident: bytes | None) -> float:
    """Bytes of a payload, after one of them was seen to restore its tensor."""
    payloads = [codecs.encode(chain, one, resident=resident) for one in inputs]
    if codecs.decode(payloads[0], chain, resident=resident).tobytes() != inputs[0].tobytes():
        raise SystemExit(f"{chain} does not restore an edge")
    return sum(map(len, payloads)) / len(payloads)


def of_model(
    name: str, chains: list[str], others: list[Peer], quick: bool, begun: Callable[[Edge], None] = lambda _: None
) -> Total:
    """The sums of one model. `begun` is called with each edge before it is coded."""
    total = Total(name)
    for edge in activations(name):
        begun(edge)
        total.add(edge, chains, others, quick)
    return total
