"""One conformance case: plain onnxruntime, then the rewritten file, and the way back."""

from __future__ import annotations

import ctypes
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from corpus import Case, Feed
from onnx import numpy_helper
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

_NARROW = {"UINT4": 4, "INT4": 4, "FLOAT4E2M1": 4, "UINT2": 2, "INT2": 2}
_BITS = {onnx.TensorProto.DataType.Value(n): b for n, b in _NARROW.items() if n in onnx.TensorProto.DataType.keys()}  # noqa: SIM118
_STRING = onnx.TensorProto.STRING


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
        expected = [_run(_plain(model), model, feed) for feed in feeds]
        plain = "passes" if all(map(_as_expected, expected, feeds, [case] * len(feeds))) else "other values"
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
    options = Options(boundary=True)
    source: Any = model if case.path is None else case.path
    done = api.rewrite_model(source, None if case.path is None else folder / "rewritten.onnx", options=options)
    first = done.model if case.path is None else onnx.load(done.model)
    digest = hashlib.sha256(first.SerializeToString(deterministic=True)).hexdigest()[:16]
    found = replace(found, pairs=done.pairs, digest=digest)
    problem = ""
    if model.SerializeToString(deterministic=True) != before:
        problem = "the caller's model was changed"
    elif api.rewrite(first, options=options).SerializeToString() != first.SerializeToString():
        problem = "rewriting again changes the file"
    elif api.rewrite(model, options=options).SerializeToString() != first.SerializeToString():
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
        session = make_session(rewritten, sess_options=_options())
        with counting("audit"):
            given = [_run(session, model, feed) for feed in feeds]
            wrong = [count.edge for count in read_counters() if count.mismatches]
    except (*failures(), FmpassError) as error:
        return replace(found, outcome=DIFFERENT, reason=f"the rewritten file: {_words(error)}")
    if wrong:
        return replace(found, outcome=DIFFERENT, reason=f"edges that restore other bytes: {', '.join(wrong[:3])}")
    if given == expected:
        return replace(found, outcome=IDENTICAL)
    if given == [_run(session, model, feed) for session in _held(model, rewritten) for feed in feeds]:
        return replace(found, outcome=HELD, reason="float16 computed in float32 without the conversions in between")
    drawing = _unseeded(model)
    if drawing and _without_values(given) == _without_values(expected):
        return replace(found, outcome=RANDOM, reason=f"{', '.join(drawing)} without a seed")
    places = [name for x, y in zip(expected, given, strict=True) for name in x if x[name] != y[name]]
    return replace(found, outcome=DIFFERENT, reason=f"outputs {', '.join(sorted(set(places)))}")


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
    return [_plain(held(model, edges))] if edges else []


def _options() -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.enable_mem_pattern = False
    return options


def _plain(model: onnx.ModelProto) -> Any:
    import onnxruntime as ort

    ort.set_default_logger_severity(4)
    return ort.InferenceSession(model.SerializeToString(), _options(), providers=["CPUExecutionProvider"])


def _run(session: Any, model: onnx.ModelProto, feed: Feed) -> dict[str, Any]:
    """Outputs by name: (type, shape, bytes) of tensors, lists of these, None for an empty optional."""
    kinds = {info.name: info.type for info in (*model.graph.input, *model.graph.output)}
    names = [output.name for output in session.get_outputs()]
    if all(_plain_tensor(kinds[name]) for name in (*feed.inputs, *names)):
        given = {n: _ortvalue(v, kinds[n].tensor_type.elem_type) for n, v in feed.inputs.items()}
        return {n: _raw(v) for n, v in zip(names, session.run_with_ort_values(names, given), strict=True)}
    return {n: _boxed(v) for n, v in zip(names, session.run(names, feed.inputs), strict=True)}


def _plain_tensor(kind: onnx.TypeProto) -> bool:
    return kind.HasField("tensor_type") and kind.tensor_type.elem_type not in (0, _STRING)


def _ortvalue(array: Any, number: int) -> Any:
    """A value with the bytes of `array`, of any type: onnxruntime's way from numpy knows the builtin ones only."""
    import onnxruntime as ort

    if array.dtype.kind in "biuf" and array.dtype.isbuiltin == 1:
        return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array).reshape(array.shape))
    data = numpy_helper.from_array(array).raw_data
    value = ort.OrtValue.ortvalue_from_shape_and_type(list(array.shape), number)
    ctypes.memmove(value.data_ptr(), data, len(data))
    return value


def _raw(value: Any) -> Any:
    number, shape = value.element_type(), tuple(value.shape())
    bits = _BITS.get(number) or 8 * onnx.helper.tensor_dtype_to_np_dtype(number).itemsize
    nbytes = (int(np.prod(shape, dtype=np.int64)) * bits + 7) // 8
    return number, shape, ctypes.string_at(value.data_ptr(), nbytes) if nbytes else b""


def _boxed(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype == object:
        return _STRING, value.shape, tuple(value.ravel().tolist())
    if isinstance(value, np.ndarray):
        return onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape, value.tobytes()
    if isinstance(value, (list, tuple)):
        return [_boxed(item) for item in value]
    return value


def _without_values(value: Any) -> Any:
    """The same with the type and shape of tensors only."""
    if isinstance(value, dict):
        return {name: _without_values(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_values(item) for item in value]
    return value[:2] if isinstance(value, tuple) else value


def _as_expected(outputs: dict[str, Any], feed: Feed, case: Case) -> bool:
    if feed.outputs is None:
        return True
    return len(outputs) == len(feed.outputs) and all(
        _close(value, wanted, case) for value, wanted in zip(outputs.values(), feed.outputs, strict=True)
    )


def _close(value: Any, wanted: Any, case: Case) -> bool:
    """Within the tolerance of the case, as onnx's own runner judges it."""
    if isinstance(wanted, list):
        same_length = isinstance(value, list) and len(value) == len(wanted)
        return same_length and all(_close(v, w, case) for v, w in zip(value, wanted, strict=True))
    if wanted is None or value is None:
        return value is wanted
    if not isinstance(value, tuple):
        return value == wanted
    number, shape, data = value
    if shape != wanted.shape:
        return False
    if number == _STRING:
        return list(data) == [str(w) for w in wanted.ravel().tolist()]
    if number != onnx.helper.np_dtype_to_tensor_dtype(wanted.dtype):
        return False
    array = numpy_helper.to_array(onnx.TensorProto(data_type=number, dims=shape, raw_data=data))
    rtol = case.rtol
    if array.dtype.isbuiltin != 1:  # numpy promotes no ml_dtypes
        rtol = max(rtol, 2**-6) if array.dtype.name == "bfloat16" else rtol
        array, wanted = array.astype(np.float32), wanted.astype(np.float32)
    with np.errstate(all="ignore"):
        return bool(np.allclose(array, wanted, rtol=rtol, atol=case.atol, equal_nan=True))


def _words(error: BaseException) -> str:
    return " ".join(f"{error}".split())[:300] or type(error).__name__
