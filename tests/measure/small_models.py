"""Models of a few nodes whose every value is known."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def model(
    nodes: list[onnx.NodeProto],
    outputs: list[str],
    weights: dict[str, np.ndarray] | None = None,
    shape: tuple[int | str, ...] = ("N", 4, 8, 8),
    opset: int = 17,
) -> onnx.ModelProto:
    """One float input `x` of `shape`; `outputs` are float tensors of open shape unless ONNX infers more."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    return helper.make_model(graph, ir_version=10 if opset > 20 else 8, opset_imports=[helper.make_opsetid("", opset)])


def convolutions() -> onnx.ModelProto:
    """Conv, Relu, Conv, Relu, Conv: stored edges r1 and r2, and c3 that nobody reads but the output."""
    rng = np.random.default_rng(3)
    weights = {f"w{i}": rng.standard_normal((4, 4, 3, 3)).astype(np.float32) * np.float32(0.2) for i in (1, 2, 3)}
    pads = {"pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"], "conv1", **pads),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], "conv2", **pads),
        helper.make_node("Relu", ["c2"], ["r2"], "relu2"),
        helper.make_node("Conv", ["r2", "w3"], ["y"], "conv3", **pads),
    ]
    return model(nodes, ["y"], weights)


def branches() -> onnx.ModelProto:
    """If the sum is positive conv-relu-conv, else relu-conv: bodies that both call a value `r`."""
    rng = np.random.default_rng(4)
    weights = {f"w{i}": rng.standard_normal((4, 4, 1, 1)).astype(np.float32) for i in (1, 2)}
    out = [helper.make_tensor_value_info("z", FLOAT, None)]
    then = [
        helper.make_node("Conv", ["x", "w1"], ["c"], "conv"),
        helper.make_node("Relu", ["c"], ["r"], "relu"),
        helper.make_node("Conv", ["r", "w2"], ["z"], "last"),
    ]
    other = [helper.make_node("Relu", ["x"], ["r"], "relu"), helper.make_node("Conv", ["r", "w1"], ["z"], "last")]
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["s"], "sum", keepdims=0),
        helper.make_node("Greater", ["s", "zero"], ["b"], "positive"),
        helper.make_node(
            "If",
            ["b"],
            ["y"],
            "choose",
            then_branch=helper.make_graph(then, "then", [], [*out]),
            else_branch=helper.make_graph(other, "else", [], [*out]),
        ),
    ]
    return model(nodes, ["y"], {**weights, "zero": np.array(0, np.float32)})


def half_precision() -> onnx.ModelProto:
    """convolutions() in float16."""
    full = convolutions()
    for weight in full.graph.initializer:
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), weight.name))
    for value in (*full.graph.input, *full.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    return full


def feeds(count: int, dtype: type = np.float32, sign: float = 0.0) -> list[dict[str, np.ndarray]]:
    """Batches 1, 2, 1, 2 … of normal values around `sign`."""
    rng = np.random.default_rng(5)
    return [{"x": (rng.standard_normal((1 + i % 2, 4, 8, 8)) + sign).astype(dtype)} for i in range(count)]
