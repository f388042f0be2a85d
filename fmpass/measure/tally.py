"""What adds up over feeds for one edge and one output, and the report that comes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fmpass.codecs.chain import Chain
from fmpass.measure import bounds
from fmpass.measure.result import EdgeResult, Failure, OptimizedResult, OutputResult, VerifyReport
from fmpass.measure.tensors import Distance, Tensor, same

if TYPE_CHECKING:
    from fmpass.measure.inventory import Item
    from fmpass.runtime import EdgeCount


class Tally:
    """Sums of one edge."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.elements = 0
        self.payload_bits = 0
        self.checked = False
        self.distance = Distance()
        self.bound: float | None = None

    def left_alone(self, tensor: Tensor | None) -> None:
        """One feed of an edge without a pair: the tensor where only the run knows its size."""
        elements = self.item.elements if tensor is None else tensor.elements
        self._count(elements or 0, 8 * self.item.dtype.nbytes(elements or 0))

    def restored(self, source: Any, restored: Sequence[Any], payload: Any) -> tuple[str, str] | None:
        """One feed of an edge with a pair. Code and text of what is wrong with it, if anything is."""
        if not (isinstance(source, Tensor) and isinstance(payload, Tensor)):
            return "FM407", "it is not a tensor in both models"
        self._count(source.elements, 8 * payload.data.size)
        self.checked = True
        problems = [self._compare(source, value, payload) for value in restored]
        return next((problem for problem in problems if problem is not None), None)

    def _compare(self, source: Tensor, restored: Any, payload: Tensor) -> tuple[str, str] | None:
        if self.item.lossless and same(source, restored):
            return None
        self.distance.add(source, restored)
        if not isinstance(restored, Tensor):
            return "FM407", "it is not restored as a tensor"
        if source.dtype is not restored.dtype or source.shape != restored.shape:
            return "FM407", f"{_kind(source)} is restored as {_kind(restored)}"
        if self.item.lossless:
            return "FM402", f"restored bytes differ, values by up to {self.distance.max_abs:g}"
        assert self.item.pair is not None
        beyond, allowed = bounds.excess(Chain.parse(self.item.pair.chain), source, restored, payload)
        self.bound = max(self.bound or 0.0, allowed)
        if beyond > 0:
            return "FM403", f"an error is {beyond:g} larger than the bound of {self.item.pair.chain}"
        return None

    def counted(self, count: EdgeCount | None) -> int:
        """The counter of an edge in a body, None where none ran. How many payloads do not decode to their tensor."""
        if count is None:
            return 0
        alone = self.item.pair is None
        self._count(count.elements, 8 * (self.item.dtype.nbytes(count.elements) if alone else count.payload_nbytes))
        if alone or not self.item.lossless:
            return 0
        self.checked = True
        self.distance.exact = not count.mismatches
        return count.mismatches

    def _count(self, elements: int, payload_bits: int) -> None:
        self.elements += elements
        self.payload_bits += payload_bits

    def result(self) -> EdgeResult:
        """The sums as a row."""
        item, pair = self.item, self.item.pair
        inside_lossy = not item.lossless and not self.checked
        return EdgeResult(
            edge=item.name,
            scope=item.scope,
            dtype=item.dtype.name,
            chain="" if pair is None else pair.chain,
            stored=item.stored,
            elements=self.elements,
            payload_bits=self.payload_bits,
            resident_bits=item.resident_bits,
            bpv=self.payload_bits / self.elements if self.elements else None,
            lossless=item.lossless,
            identical=None if pair is None or not self.checked else self.distance.exact,
            max_abs=None if pair is None or inside_lossy else self.distance.max_abs,
            snr_db=None if pair is None else self.distance.snr_db,
            bound=None if self.bound is None or math.isinf(self.bound) else self.bound,
        )


class OutputTally:
    """Sums of one output."""

    def __init__(self) -> None:
        self.distance = Distance()

    def add(self, original: Any, rewritten: Any) -> bool:
        """One feed; whether the two are equal byte for byte."""
        self.distance.add(original, rewritten)
        return same(original, rewritten)

    def result(self, name: str) -> OutputResult:
        """The sums as a row."""
        return OutputResult(name, self.distance.exact, self.distance.max_abs, self.distance.snr_db)


def summary(
    tallies: Sequence[Tally],
    outputs: Mapping[str, OutputTally],
    optimized: OptimizedResult | None,
    samples: int,
    failure: Failure | None,
    runtime: str,
) -> VerifyReport:
    """The report. Nothing is identical where nothing was run."""
    edges = tuple(tally.result() for tally in tallies)
    rows = tuple(tally.result(name) for name, tally in outputs.items())
    stored = [edge for edge in edges if edge.stored]
    payload, elements = sum(e.payload_bits for e in stored), sum(e.elements for e in stored)
    full = sum(t.item.dtype.bits * t.elements for t in tallies if t.item.stored)
    exact = all(row.identical for row in rows) and all(edge.identical is not False for edge in edges)
    return VerifyReport(
        status="passed" if failure is None else "failed",
        identical=exact and failure is None and samples > 0,
        lossless=all(edge.lossless for edge in edges),
        samples=samples,
        optimized=optimized,
        outputs=rows,
        edges=edges,
        bpv=payload / elements if elements else None,
        ratio_vs_dtype=full / payload if payload else None,
        runtime=runtime,
        failure=failure,
        held=sum(rounds(t.item) for t in tallies),
    )


def rounds(item: Item) -> bool:
    """Whether the edge is one of 16-bit floats with a pair, which the original is made to hold at that width."""
    return item.pair is not None and item.dtype.kind == "float" and item.dtype.bits == 16


def _kind(tensor: Tensor) -> str:
    return f"{tensor.dtype.name}{list(tensor.shape)}"
