"""One conformance case: plain onnxruntime, then the rewritten file, and the way back."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx
from corpus import Case, Feed
from ort_values import as_expected, options, plain_session, run, without_values
from workers import Stage

from fmpass import api
from fmpass.errors import FmpassError
from fmpass.graph import diff
from fmpass.plan import Options

IDENTICAL = "identical"
REFUSED = "plain onnxruntime refuses"
HELD = "identical at 16 bits"
RANDOM = "not deterministic"
NO_EDGE = "no eligible edge"
DIFFERENT = "DIFFERENT"
CRASH = "CRASH"
OUTCOMES = (IDENTICAL, HELD, RANDOM, NO_EDGE, REFUSED, DIFFERENT, CRASH)

DRAWING = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial", "Dropout"}
)
"""Operators that draw numbers. Without a seed of its own, onnxruntime seeds a node by its place in the graph, so that
any inserted node changes what is drawn; such a case is compared by type and shape only."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case. `ops` are the operators of the original, all scopes; `plain` what onnxruntime alone did:
    "passes", "other values" (it runs, but not within the case's tolerance) or "refuses".

    `reason` explains every outcome but "identical"; `round_trip` is "" or what was not as before. `digest` is that of
    the rewritten file, `nodes` counts those of the original's main graph.
    """

    name: str
    kind: str
    ops: tuple[str, ...]
    plain: str = ""
    outcome: str = ""
    reason: str = ""
    pairs: int = 0
    nodes: int = 1
    round_trip: str = ""
    digest: str = ""

    @property
    def failed(self) -> bool:
        """True where something is not as promised."""
        return self.outcome in (DIFFERENT, CRASH) or bool(self.round_trip)


def check(case: Case, stage: Stage) -> Outcome:
    """Run a case through everything. Only a dying process or a bug of this file keeps it from giving an outcome."""
    stage("reading")
    model = case.model()
    feeds = case.feeds(model)
    found = Outcome(case.name, case.kind, operators(model), nodes=len(model.graph.node))
    stage("plain onnxruntime")
    try:
        expected = [run(plain_session(model), model, feed) for feed in feeds]
        plain = "passes" if all(map(as_expected, expected, feeds, [case] * len(feeds))) else "other values"
        found = replace(found, plain=plain)
    except Exception as error:  # noqa: BLE001  its exceptions have no base of their own
        expected = None
        found = replace(found, plain="refuses", outcome=REFUSED, reason=_words(error))
    stage("rewriting")
    with tempfile.TemporaryDirectory() as folder:
        try:
            rewritten, found = _rewritten(case, model, Path(folder), found)
        except FmpassError as error:
            if error.code == "FM200":
                why = error.hint.removeprefix("the reasons: ")
                return replace(found, outcome=found.outcome or NO_EDGE, reason=found.reason or why)
            return replace(found, outcome=DIFFERENT, reason=f"rewriting: {error}")
        if expected is None:
            return found
        stage("rewritten in onnxruntime")
        return _compared(found, model, rewritten, feeds, expected)


def operators(model: onnx.ModelProto) -> tuple[str, ...]:
    """Operators of all graphs and functions, sorted, those of other domains with the domain in front."""
    names = {f"{node.domain}::{node.op_type}" if node.domain else node.op_type for node in _nodes(model)}
    return tuple(sorted(name.removeprefix("ai.onnx::") for name in names))


def _nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    todo = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    while todo:
        node = todo.pop()
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                todo.extend(graph.node)


def _unseeded(model: onnx.ModelProto) -> list[str]:
    """Operators of the model that draw other numbers when a node is inserted before them."""
    found: list[str] = []
    for node in _nodes(model):
        if node.op_type in DRAWING and not node.domain and all(a.name != "seed" for a in node.attribute):
            trains = node.op_type != "Dropout" or (len(node.input) > 2 and bool(node.input[2]))
            found += [node.op_type] * trains
    return sorted(set(found))


def _rewritten(case: Case, model: onnx.ModelProto, folder: Path, found: Outcome) -> tuple[Any, Outcome]:
    """(the rewritten model: a proto, or the path of its file; the outcome so far). Also goes the whole way back."""
    before = model.SerializeToString(deterministic=True)
    asked = Options(boundary=True)
    source: Any = model if case.path is None else case.path
    done = api.rewrite_model(source, None if case.path is None else folder / "rewritten.onnx", options=asked)
    first = done.model if case.path is None else onnx.load(done.model)
    digest = hashlib.sha256(first.SerializeToString(deterministic=True)).hexdigest()[:16]
    found = replace(found, pairs=done.pairs, digest=digest)
    problem = ""
    if model.SerializeToString(deterministic=True) != before:
        problem = "the caller's model was changed"
    elif api.rewrite(first, options=asked).SerializeToString() != first.SerializeToString():
        problem = "rewriting again changes the file"
    elif api.rewrite(model, options=asked).SerializeToString() != first.SerializeToString():
        problem = "rewriting the original again gives other bytes"
    else:
        problem = "; ".join(list(diff.differences(model, api.remove(first)))[:3])
    return (first if case.path is None else done.model), replace(found, round_trip=problem)


def _compared(
    found: Outcome, model: onnx.ModelProto, rewritten: Any, feeds: list[Feed], expected: list[Any]
) -> Outcome:
    from fmpass.runtime import counting, make_session, read_counters
    from fmpass.runtime.session import failures

    try:
        session = make_session(rewritten, sess_options=options())
        with counting("audit"):
            given = [run(session, model, feed) for feed in feeds]
            wrong = [count.edge for count in read_counters() if count.mismatches]
    except (*failures(), FmpassError) as error:
        return replace(found, outcome=DIFFERENT, reason=f"the rewritten file: {_words(error)}")
    if wrong:
        return replace(found, outcome=DIFFERENT, reason=f"edges that restore other bytes: {', '.join(wrong[:3])}")
    if given == expected:
        return _verified(replace(found, outcome=IDENTICAL), model, rewritten, feeds)
    if given == [run(session, model, feed) for session in _held(model, rewritten) for feed in feeds]:
        why = "float16 computed in float32 without the conversions in between"
        return _verified(replace(found, outcome=HELD, reason=why), model, rewritten, feeds)
    drawing = _unseeded(model)
    if drawing and without_values(given) == without_values(expected):
        return replace(found, outcome=RANDOM, reason=f"{', '.join(drawing)} without a seed")
    places = [name for x, y in zip(expected, given, strict=True) for name in x if x[name] != y[name]]
    return replace(found, outcome=DIFFERENT, reason=f"outputs {', '.join(sorted(set(places)))}")


def _verified(found: Outcome, model: onnx.ModelProto, rewritten: Any, feeds: list[Feed]) -> Outcome:
    """The outcome, unless the product's own verification comes to another one."""
    from fmpass.measure.result import VerifyReport
    from fmpass.measure.verify import compare

    report = compare(model, rewritten, [feed.inputs for feed in feeds])
    if isinstance(report, VerifyReport) and report.identical:
        return found
    why = report.failure if isinstance(report, VerifyReport) else report.reason
    return replace(found, outcome=DIFFERENT, reason=f"{found.outcome}, but `fmpass verify` says: {why}")


def _held(model: onnx.ModelProto, rewritten: Any) -> list[Any]:
    """A session of the original whose 16-bit floats are rounded where they have a pair; none where there are none.

    Without kernels for them onnxruntime computes in float32 and drops the conversions between its nodes, at every
    optimisation level, so tensors that the model declares are never rounded. A pair makes them real.
    """
    from fmpass.measure.pairs import find_pairs
    from fmpass.measure.reference import held

    proto = rewritten if isinstance(rewritten, onnx.ModelProto) else onnx.load(rewritten)
    narrow = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    edges = [(pair.scope, pair.edge) for pair in find_pairs(proto) if pair.dtype in narrow]
    return [plain_session(held(model, edges))] if edges else []


def _words(error: BaseException) -> str:
    return " ".join(f"{error}".split())[:300] or type(error).__name__
