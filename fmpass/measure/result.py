"""What verification found, as values that become the JSON of `fmpass verify`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from fmpass.errors import VerificationFailed


class OutputResult(msgspec.Struct, frozen=True):
    """One output of the model over all samples. `snr_db` is None where nothing differs, or nothing is numeric."""

    name: str
    identical: bool
    max_abs: float
    snr_db: float | None


class EdgeResult(msgspec.Struct, frozen=True):
    """One edge over all samples.

    `chain` is "" for an edge left alone; its payload is then the tensor itself at full width. `bpv` is payload bits per
    element, None where no element passed (a branch not taken). `identical` compares what the edge restores with what
    the original model computes there; None for edges left alone and for lossy ones inside a subgraph, which only the
    operators see. For a lossy chain `max_abs` and `snr_db` compare what went into the pair with what came out, and
    `bound` is the largest error that the chain allows for these tensors.
    """

    edge: str
    scope: str
    dtype: str
    chain: str
    stored: bool
    elements: int
    payload_bits: int
    resident_bits: int
    bpv: float | None
    lossless: bool = True
    identical: bool | None = None
    max_abs: float | None = None
    snr_db: float | None = None
    bound: float | None = None


class OptimizedResult(msgspec.Struct, frozen=True):
    """Both models at onnxruntime's default optimisation level, outputs only."""

    identical: bool
    max_abs: float


class Failure(msgspec.Struct, frozen=True):
    """The first thing that is not as promised."""

    code: str
    where: str
    problem: str
    hint: str


class VerifyReport(msgspec.Struct, frozen=True):
    """Original against rewritten model on `samples` feeds.

    `identical`: at ORT_DISABLE_ALL every restored edge and every output is equal byte for byte. `status` is "passed"
    where everything is as promised: identical for lossless chains, within the declared bounds for lossy ones.
    `bpv` is Σ payload bits / Σ elements over all stored edges, `ratio_vs_dtype` Σ full width / Σ payload bits.
    `held` counts 16-bit float edges that the original was made to hold at their declared width (see reference.held):
    by itself the CPU runtime computes such models in float32 and never rounds them; `optimized` compares without that.
    """

    status: Literal["passed", "failed"]
    identical: bool
    lossless: bool
    samples: int
    optimized: OptimizedResult | None
    outputs: tuple[OutputResult, ...]
    edges: tuple[EdgeResult, ...]
    bpv: float | None
    ratio_vs_dtype: float | None
    runtime: str
    failure: Failure | None = None
    held: int = 0

    def check(self) -> None:
        """Raise VerificationFailed with the first failure, if there is one."""
        if self.failure is not None:
            f = self.failure
            raise VerificationFailed(f.code, where=f.where, problem=f.problem, hint=f.hint)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; infinities become None there."""
        return msgspec.json.decode(msgspec.json.encode(self))


class NotRun(msgspec.Struct, frozen=True):
    """Plain onnxruntime itself refuses the original model or its inputs: nothing was compared."""

    reason: str
    status: Literal["not_run"] = "not_run"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"status": self.status, "reason": self.reason}
