"""Graphs that hypothesis draws: branches, joins, bodies, outputs that are read, the same tensor twice.

At ORT_DISABLE_ALL the rewritten model gives the same bytes, and taking the pairs out gives the same model.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from fmpass import api
from fmpass.errors import NothingToGain
from fmpass.graph import diff

SHAPE = (2, 4, 6, 6)
UNARY = ["Relu", "Sigmoid", "Neg", "Identity", "Tanh", "Conv", "MaxPool", "Transpose", "BatchNormalization", "If"]
BINARY = ["Add", "Mul", "Sub", "Concat", "Max"]


@st.composite
def graphs(draw: st.DrawFn) -> onnx.ModelProto:
    """A model over tensors of one shape, with 1 … 14 nodes, names that may be empty and some values as outputs."""
    values, nodes = ["x"], []
    for i in range(draw(st.integers(1, 14))):
        out, op = f"t{i}", draw(st.sampled_from(UNARY + BINARY))
        name = draw(st.sampled_from(["", f"n{i}"]))
        a, b = draw(st.sampled_from(values)), draw(st.sampled_from(values))
        nodes.extend(_node(op, a, b, out, name))
        values.append(out)
    outputs = draw(st.lists(st.sampled_from(values[1:]), min_size=1, max_size=3, unique=True))
    info = [helper.make_tensor_value_info(v, TensorProto.FLOAT, [2, 4, 6, 6]) for v in outputs]
    rng = np.random.default_rng(7)
    weights = [numpy_helper.from_array((rng.standard_normal((4, 4, 3, 3)) * 0.2).astype(np.float32), "w")]
    weights += [numpy_helper.from_array(np.full(4, v, np.float32), n) for n, v in (("g", 0.9), ("h", 0.1), ("v", 1.1))]
    weights.append(numpy_helper.from_array(np.array(True), "yes"))
    weights.append(numpy_helper.from_array(np.array([0, 4], np.int64), "zero_four"))
    graph = helper.make_graph(
        nodes, "drawn", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", 4, 6, 6])], info, weights
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _node(op: str, a: str, b: str, out: str, name: str) -> list[onnx.NodeProto]:
    if op == "Conv":
        return [helper.make_node(op, [a, "w"], [out], name, pads=[1, 1, 1, 1])]
    if op == "MaxPool":
        return [helper.make_node(op, [a], [out], name, kernel_shape=[3, 3], pads=[1, 1, 1, 1])]
    if op == "Transpose":
        return [helper.make_node(op, [a], [out], name, perm=[0, 1, 3, 2])]
    if op == "BatchNormalization":
        return [helper.make_node(op, [a, "g", "h", "h", "v"], [out], name)]
    if op == "Concat":
        joined = helper.make_node(op, [a, b], [f"{out}_c"], name, axis=1)
        return [joined, helper.make_node("MaxPool", [f"{out}_c"], [f"{out}_p"], kernel_shape=[1, 1]), _half(out)]
    if op == "If":
        return [
            helper.make_node("If", ["yes"], [out], name, then_branch=_body(a, b, out), else_branch=_body(b, a, out))
        ]
    return [helper.make_node(op, [a, b] if op in BINARY else [a], [out], name)]


def _half(out: str) -> onnx.NodeProto:
    return helper.make_node("Split", [f"{out}_p"], [out, f"{out}_rest"], axis=1)


def _body(a: str, b: str, out: str) -> onnx.GraphProto:
    nodes = [
        helper.make_node("Relu", [a], [f"{out}_r"]),
        helper.make_node("Conv", [f"{out}_r", "w"], [f"{out}_k"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", [f"{out}_k", b], [f"{out}_y"]),
    ]
    result = helper.make_tensor_value_info(f"{out}_y", TensorProto.FLOAT, [2, 4, 6, 6])
    return helper.make_graph(nodes, "body", [], [result])


def _run(model: onnx.ModelProto, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    import onnxruntime as ort

    from fmpass.runtime import make_session

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return make_session(model, sess_options=options).run(None, feed)


@pytest.mark.runtime
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=graphs())
def test_same_bytes_and_back(before: onnx.ModelProto, library: str) -> None:
    onnx.checker.check_model(before)
    try:
        after = api.rewrite(before)
    except NothingToGain:
        return
    onnx.checker.check_model(after)
    feed = {"x": np.random.default_rng(3).standard_normal(SHAPE).astype(np.float32)}
    for a, b in zip(_run(before, feed), _run(after, feed), strict=True):
        assert a.tobytes() == b.tobytes()
    back = api.remove(after)
    assert list(diff.differences(before, back)) == []
    assert api.rewrite(after).SerializeToString(deterministic=True) == after.SerializeToString(deterministic=True)
