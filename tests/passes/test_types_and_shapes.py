"""Every element type, every kind of shape, every opset and IR version: rewritten, run, compared, given back."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import fmpass
from fmpass import api
from fmpass.dtypes import DTYPES, LEFT_ALONE, DType
from fmpass.plan import Options

BOUNDARY = Options(boundary=True)


def _casts(kind: int) -> onnx.ModelProto:
    """x → Cast to the type → Reshape → Identity → Cast back: every tensor of the type is an edge."""
    nodes = [
        helper.make_node("Cast", ["x"], ["c"], to=kind),
        helper.make_node("Identity", ["c"], ["i"]),
        helper.make_node("Reshape", ["i", "s"], ["r"]),
        helper.make_node("Cast", ["r"], ["y"], to=TensorProto.FLOAT),
    ]
    shape = helper.make_tensor("s", TensorProto.INT64, [1], [-1])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["M"])
    graph = helper.make_graph(nodes, "g", [x], [y], [shape])
    opset = min(23, onnx.defs.onnx_opset_version())
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def _options() -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    return options


def _plain(model: onnx.ModelProto, feed: dict[str, np.ndarray]) -> list[np.ndarray] | None:
    """What plain onnxruntime gives, None where it has no kernels for the model."""
    import onnxruntime as ort

    from fmpass.runtime.session import failures

    try:
        return ort.InferenceSession(model.SerializeToString(), _options(), providers=["CPUExecutionProvider"]).run(
            None, feed
        )
    except failures():
        return None


def _ours(model: onnx.ModelProto, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    return fmpass.make_session(model, sess_options=_options()).run(None, feed)


def _same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return [(v.dtype, v.shape, v.tobytes()) for v in a] == [(v.dtype, v.shape, v.tobytes()) for v in b]


@pytest.mark.runtime
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
@pytest.mark.parametrize("rows", [0, 1, 5])
def test_every_element_type(dtype: DType, rows: int, library: str) -> None:
    before = _casts(dtype.onnx)
    result = api.rewrite_model(before, options=BOUNDARY)
    assert [d.edge for d in result.plan.pairs] == ["x", "c", "i", "r", "y"]
    assert {e.dtype.name for e in api.inspect(before).edges if e.dtype} == {dtype.name}
    values = [0.0, 1.0, 2.0, 0.0, 3.0, 1.0, 7.0, 0.0, 0.0, 5.0, 6.0, 4.0, 1.0, 0.0, 2.0]
    feed = {"x": np.array(values[: 3 * rows], np.float32).reshape(rows, 3)}

    expected = ReferenceEvaluator(before).run(None, feed)
    assert _same(ReferenceEvaluator(result.model, new_ops=fmpass.runtime.reference_ops()).run(None, feed), expected)
    plain = _plain(before, feed)
    if plain is not None:
        assert _same(_ours(result.model, feed), plain)
    assert api.remove(result.model) == before


@pytest.mark.parametrize("kind", LEFT_ALONE)
def test_types_that_do_not_travel(kind: int) -> None:
    proto = _casts(kind)
    plan = api.rewrite_model(proto, options=BOUNDARY).plan
    assert {d.edge for d in plan.pairs} == {"x", "y"}
    assert {d.reason for d in plan.decisions if d.action == "leave"} == {LEFT_ALONE[kind]}


SHAPES: dict[str, tuple[list[int | str | None] | None, tuple[int, ...]]] = {
    "unknown rank": (None, (2, 3)),
    "unknown rank, a scalar": (None, ()),
    "unknown sizes": ([None, None], (2, 3)),
    "named sizes": (["N", "M"], (4, 1)),
    "one size twice": (["N", "N"], (3, 3)),
    "fixed": ([2, 3], (2, 3)),
    "scalar": ([], ()),
    "no rows": (["N", 3], (0, 3)),
    "no columns, declared as 0": (["N", 0], (2, 0)),
    "declared as -1": ([-1, 3], (2, 3)),
    "rank 8": (["N", 1, 2, 1, 2, 1, 2, 1], (2, 1, 2, 1, 2, 1, 2, 1)),
}


@pytest.mark.runtime
@pytest.mark.parametrize("case", SHAPES)
def test_every_kind_of_shape(case: str, library: str) -> None:
    declared, fed = SHAPES[case]
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Sigmoid", ["r"], ["s"]),
        helper.make_node("Mul", ["s", "r"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, declared) for name in ("x", "y"))
    graph = helper.make_graph(nodes, "g", [x], [y])
    before = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    after = api.rewrite(before, options=BOUNDARY)
    assert sum(n.op_type == "FmDecompress" for n in after.graph.node) == 4
    feed = {"x": np.random.default_rng(0).standard_normal(fed).astype(np.float32)}
    plain = _plain(before, feed)
    assert plain is not None
    assert _same(_ours(after, feed), plain)
    assert api.remove(after) == before


def _opsets() -> list[int]:
    return list(range(7, onnx.defs.onnx_opset_version() + 1))


@pytest.mark.runtime
@pytest.mark.parametrize("opset", _opsets())
def test_every_opset(opset: int, library: str) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("MatMul", ["r", "r"], ["m"]),
        helper.make_node("Add", ["m", "r"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 2]) for name in ("x", "y"))
    before = helper.make_model(helper.make_graph(nodes, "g", [x], [y]), opset_imports=[helper.make_opsetid("", opset)])
    before.ir_version = helper.find_min_ir_version_for(before.opset_import, ignore_unknown=True)
    after = api.rewrite(before)
    assert after.ir_version == before.ir_version
    assert [(o.domain, o.version) for o in after.opset_import] == [("", opset), ("ai.fmpass", 1)]
    feed = {"x": np.array([[1, -2], [3, 4]], np.float32)}
    plain = _plain(before, feed)
    if plain is not None:  # the newest opsets may be newer than the runtime
        assert _same(_ours(after, feed), plain)
    else:
        assert opset > 20


@pytest.mark.runtime
@pytest.mark.parametrize("ir_version", range(3, onnx.IR_VERSION + 1))
def test_every_ir_version(ir_version: int, library: str) -> None:
    weight = helper.make_tensor("w", TensorProto.FLOAT, [2, 2], [1.0, 2.0, 3.0, 4.0])
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("MatMul", ["r", "w"], ["y"])]
    x, y, w = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 2]) for name in ("x", "y", "w"))
    inputs = [x, w] if ir_version == 3 else [x]
    graph = helper.make_graph(nodes, "g", inputs, [y], [weight])
    before = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=ir_version)
    after = api.rewrite(before)
    assert after.ir_version == ir_version and after.graph.input == before.graph.input
    feed = {"x": np.array([[1, -2], [3, 4]], np.float32)}
    plain = _plain(before, feed)
    assert plain is None or _same(_ours(after, feed), plain)
    assert plain is not None or ir_version > 10
    assert api.remove(after) == before
