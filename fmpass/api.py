"""What users call: thin functions over graph, plan, passes, measure and runtime.

A model is a path, an onnx.ModelProto, an onnx_ir.Model or an onnx_graphsurgeon.Graph; the result has the type that came
in, and what came in is never changed.
"""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from fmpass.errors import FmpassError, NothingToGain, UnsupportedModel, UsageError
from fmpass.graph import io
from fmpass.graph.schema import EMULATED, FORM
from fmpass.plan import Options, Plan

if TYPE_CHECKING:
    import onnx_ir as ir

    from fmpass.data import DataOptions
    from fmpass.data.source import Source
    from fmpass.graph.diff import Difference
    from fmpass.graph.edges import Edge
    from fmpass.graph.io import AnyModel, LoadedModel
    from fmpass.measure.emulated import EmulationReport
    from fmpass.measure.result import NotRun, VerifyReport

PathLike = str | os.PathLike[str]
Target = PathLike | IO[bytes]
"""Where a model is written: a file, or a binary stream, which takes no external data along."""
Verifier = Callable[["LoadedModel", "LoadedModel"], "VerifyReport | NotRun"]
"""Compares the original with the rewritten model before anything is written; raises VerificationFailed."""
EmulationVerifier = Callable[["LoadedModel", "LoadedModel"], "EmulationReport | None"]
"""The same for a model with pairs and its emulated form."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the edges of a model. Bytes are None where a size is unknown; give it with `dims`."""

    edges: int
    stored: int
    activation_nbytes: int | None
    peak_live_nbytes: int | None
    weight_nbytes: int


@dataclass(frozen=True, slots=True)
class InspectResult:
    """All edges of a model, main graph first, and their totals."""

    edges: tuple[Edge, ...]
    totals: Totals


@dataclass(frozen=True, slots=True)
class RewriteResult:
    """A rewritten model. `model` is of the kind that came in, for a path the `output` path that was written.

    `pairs` counts those of the model, `inserted` those that were not there before; with `emulate` they stand for the
    pairs that were replaced.
    """

    model: AnyModel
    output: Path | None
    plan: Plan
    pairs: int
    inserted: int
    verification: VerifyReport | NotRun | None
    emulation: EmulationReport | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a model gave. `outputs` has one `{name: value}` a feed, `latency_ms` the time of each."""

    outputs: tuple[dict[str, Any], ...]
    latency_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RemoveResult:
    """A model without pairs, and how many there were."""

    model: AnyModel
    output: Path | None
    pairs: int


def inspect(model: AnyModel, dims: Mapping[str, int] | None = None) -> InspectResult:
    """List the activation edges of a model. `dims` gives sizes to symbolic dimensions.

    Raises UnsupportedModel FM10x for a model that cannot be read, UsageError FM025 for a dimension that it has not.
    """
    from fmpass.graph import edges, liveness
    from fmpass.plan import select

    loaded = io.load(model)
    found = edges.edges(loaded, dims)
    select.check_dims(Options(dims=dict(dims or {})), found)
    totals = Totals(
        edges=len(found),
        stored=sum(edge.stored for edge in found),
        activation_nbytes=liveness.activation_nbytes(found),
        peak_live_nbytes=liveness.peak_live_nbytes(found),
        weight_nbytes=_weight_nbytes(loaded.model),
    )
    return InspectResult(found, totals)


def rewrite(
    model: AnyModel,
    output: PathLike | None = None,
    *,
    chain: str | None = None,
    plan: Plan | PathLike | None = None,
    options: Options | None = None,
) -> Any:
    """Put compression pairs around the activation edges of `model` and return it as the type that came in.

    For a path the rewritten file is `output`, by default `STEM.fm.onnx` beside it, and its path is returned. `chain`
    is short for `options.chain`. Raises NothingToGain FM200 where no edge can have a pair.
    """
    asked = options or Options()
    if chain is not None:
        import dataclasses

        asked = dataclasses.replace(asked, chain=chain)
    return rewrite_model(model, output, plan=plan, options=asked).model


def rewrite_model(
    model: AnyModel,
    output: Target | None = None,
    *,
    plan: Plan | PathLike | None = None,
    options: Options | None = None,
    verifier: Verifier | None = None,
    emulation_verifier: EmulationVerifier | None = None,
) -> RewriteResult:
    """The same with everything that is known about it.

    Before anything is written, `verifier` is called with the model and its form with pairs, and with `emulate`
    `emulation_verifier` with that form and the emulated one.
    """
    asked = options or Options()
    if asked.portable and asked.emulate:
        hint = "an emulated model needs no functions"
        raise UsageError("FM027", where="--portable and --emulate", problem="exclude each other", hint=hint)
    if plan is not None and asked.chain is not None:
        raise UsageError("FM026", where="chain", problem="a plan brings its own chains", hint="give a plan or a chain")
    with _collection_paused():
        loaded = io.load(model)
        chosen, inserted = _insert(loaded, plan, asked)
    verification = verifier(io.load(model), loaded) if verifier is not None else None
    emulation = None
    if asked.emulate:
        native, loaded = loaded, _emulated(loaded)
        emulation = emulation_verifier(native, loaded) if emulation_verifier is not None else None
    written = _save(loaded, output, ".fm.onnx")
    result = _result(loaded, written)
    return RewriteResult(result, written, chosen, len(chosen.pairs), inserted, verification, emulation)


def remove(model: AnyModel, output: PathLike | None = None) -> Any:
    """Take all pairs out of `model`: the exact inverse of `rewrite`, of the type that came in.

    For a path the file is `output`, by default `STEM.onnx` for a `STEM.fm.onnx` where there is no such file yet,
    else `STEM.nofm.onnx`. Raises UnsupportedModel FM206 for an emulated model: what stood in the place of its
    operators is not known any more.
    """
    return remove_model(model, output).model


def remove_model(model: AnyModel, output: Target | None = None) -> RemoveResult:
    """The same with the number of pairs that were there."""
    from fmpass.passes.remove import RemovePairs, count

    loaded = io.load(model)
    pairs = count(loaded.model)
    if not pairs and loaded.model.metadata_props.get(FORM) == EMULATED:
        problem = "its pairs were replaced by standard operators, which cannot be undone"
        raise UnsupportedModel("FM206", where=loaded.where, problem=problem, hint="take the model it was made from")
    loaded.modified = apply(RemovePairs(), loaded.model)
    written = _save(loaded, output, ".nofm.onnx")
    return RemoveResult(_result(loaded, written), written, pairs)


def verify(
    original: AnyModel,
    rewritten: AnyModel,
    data: Source = "random:1",
    *,
    runs: int | None = None,
    data_options: DataOptions | None = None,
) -> VerifyReport | NotRun:
    """Run both models in onnxruntime on `data` and compare outputs and every restored edge.

    `data` is what `--data` takes, or an iterable of `{input: array}`; `runs` limits the feeds. Raises
    VerificationFailed FM40x for the first thing that is not as promised.
    """
    from fmpass import data as readers
    from fmpass.measure.inputs import input_specs
    from fmpass.measure.verify import VerifyOptions
    from fmpass.measure.verify import verify as checked

    samples = readers.open_data(data, input_specs(original), data_options or readers.DataOptions())
    return checked(original, rewritten, samples, VerifyOptions(runs=runs))


def diff(a: AnyModel, b: AnyModel) -> tuple[Difference, ...]:
    """How two models differ in structure, in the order of the file; empty where they do not."""
    from fmpass.graph.diff import compare

    return tuple(compare(io.load(a).to_proto(), io.load(b).to_proto()))


def run(model: AnyModel, data: Source, *, data_options: DataOptions | None = None, **ort_kwargs: Any) -> RunResult:
    """Run a model with the operators registered. `ort_kwargs` go to onnxruntime.InferenceSession."""
    from time import perf_counter

    from fmpass import data as readers
    from fmpass.measure.inputs import input_specs
    from fmpass.runtime import make_session
    from fmpass.runtime.session import explained, failures

    samples = readers.open_data(data, input_specs(model), data_options or readers.DataOptions())
    session = make_session(model, **ort_kwargs)
    names = [output.name for output in session.get_outputs()]
    outputs: list[dict[str, Any]] = []
    latency_ms: list[float] = []
    for feed in samples:
        began = perf_counter()
        try:
            values = session.run(names, dict(feed))
        except failures() as error:
            raise explained(error, io.load(model).where) from error
        latency_ms.append((perf_counter() - began) * 1e3)
        outputs.append(dict(zip(names, values, strict=True)))
    return RunResult(tuple(outputs), tuple(latency_ms))


def apply(transform: ir.passes.InPlacePass, model: ir.Model) -> bool:
    """Run a pass; True where it changed the model. Errors for users come through as they are."""
    import onnx_ir as ir

    try:
        return transform(model).modified
    except ir.passes.PreconditionError as error:
        if isinstance(error.__cause__, FmpassError):
            raise error.__cause__ from None
        raise


def _insert(loaded: LoadedModel, plan: Plan | PathLike | None, options: Options) -> tuple[Plan, int]:
    """Decide and put the pairs in. Gives all decisions and the number of pairs that were not there before."""
    from fmpass.graph import edges
    from fmpass.graph.walk import scopes
    from fmpass.passes.insert import InsertPairs, values
    from fmpass.passes.portable import MakePortable, has_overloads, is_portable
    from fmpass.plan import select

    found = edges.edges(loaded, options.dims, boundary=options.boundary)
    chosen = _plan(plan, found, options) if plan is not None else select.select(found, options)
    if not chosen.pairs:
        raise NothingToGain("FM200", where=loaded.where, problem="no edge gets a pair", hint=_why_none(chosen))
    by_key = {edge.key: edge for edge in found}
    graphs = ((scope.path, scope.graph) for scope in scopes(loaded.model, loaded.origin))
    insert = InsertPairs(chosen, by_key, values(graphs), options.block, loaded.hidden_names())
    loaded.modified = apply(insert, loaded.model)
    if not options.emulate and (options.portable or is_portable(loaded.model)):
        loaded.modified |= apply(MakePortable(), loaded.model)
        if loaded.kind == "graphsurgeon" and has_overloads(loaded.model):
            problem = "graphsurgeon loses overloads of functions, which lossy chains of portable models need"
            raise UnsupportedModel("FM203", where=loaded.where, problem=problem, hint="give an onnx.ModelProto instead")
    return chosen, sum(not by_key[d.scope, d.edge].paired for d in chosen.pairs)


def _emulated(native: LoadedModel) -> LoadedModel:
    from fmpass.passes.emulate import EmulatePairs

    loaded = native.branch()
    apply(EmulatePairs(loaded.hidden_names()), loaded.model)
    return loaded


@contextlib.contextmanager
def _collection_paused() -> Generator[None]:
    """No garbage collection while a graph is built: it finds nothing and costs a fifth of the time on large models."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _plan(plan: Plan | PathLike, found: tuple[Edge, ...], options: Options) -> Plan:
    from fmpass.plan import select

    if not isinstance(plan, Plan):
        path = Path(plan)
        try:
            text = path.read_bytes()
        except OSError as error:
            raise UsageError(
                "FM020", where=str(path), problem=f"cannot be read: {error.strerror}", hint="check the path"
            ) from None
        plan = Plan.from_json(text, str(path))
    select.check_dims(options, found)
    select.check_plan(plan, found)
    return select.complete(plan, found)


def _why_none(plan: Plan) -> str:
    reasons = list(dict.fromkeys(d.reason for d in plan.decisions))
    return f"the reasons: {'; '.join(reasons[:3])}" if reasons else "the model has no activation edges"


def _save(loaded: LoadedModel, output: Target | None, suffix: str) -> Path | None:
    if output is not None and not isinstance(output, (str, os.PathLike)):
        loaded.write_to(output)
        return None
    if output is None:
        if loaded.path is None:
            return None
        stem = loaded.path.name.removesuffix(".onnx")
        output = loaded.path.with_name(stem + suffix)
        if suffix == ".nofm.onnx" and stem.endswith(".fm"):
            stem = stem.removesuffix(".fm")
            original = loaded.path.with_name(f"{stem}.onnx")
            # nothing must be lost: a file of the original's name may be another model
            output = loaded.path.with_name(stem + suffix) if original.exists() else original
    return loaded.save(output)


def _result(loaded: LoadedModel, written: Path | None) -> AnyModel:
    return written if loaded.kind == "path" and written is not None else loaded.give_back()


def _weight_nbytes(model: ir.Model) -> int:
    return sum(
        value.const_value.nbytes
        for graph in model.graphs()
        for value in graph.initializers.values()
        if value.const_value is not None
    )
