"""Models whose inputs and outputs payloads do not carry, or numpy has no type for, are verified all the same."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from small_models import FLOAT

from fmpass import api
from fmpass.measure.result import VerifyReport
from fmpass.measure.tensors import Distance, Opaque, same, view
from fmpass.measure.verify import compare
from fmpass.plan import Options


def cast(source: int, target: int, name: str = "Cast") -> onnx.ModelProto:
    """x of one type → Cast → y of another one."""
    ends = [helper.make_tensor_value_info(n, t, [3]) for n, t in (("x", source), ("y", target))]
    graph = helper.make_graph([helper.make_node(name, ["x"], ["y"], to=target)], "g", ends[:1], ends[1:])
    opset = 25 if {source, target} & {TensorProto.INT2, TensorProto.UINT2} else 24
    return helper.make_model(graph, ir_version=13, opset_imports=[helper.make_opsetid("", opset)])


NARROW = {
    "int4": (TensorProto.INT4, np.array([-8, 7, 3]).astype(ml_dtypes.int4)),
    "uint4": (TensorProto.UINT4, np.array([15, 7, 0]).astype(ml_dtypes.uint4)),
    "int2": (TensorProto.INT2, np.array([-2, 1, 0]).astype(ml_dtypes.int2)),
    "float8e5m2": (TensorProto.FLOAT8E5M2, np.array([1.5, -0.0, np.nan]).astype(ml_dtypes.float8_e5m2)),
    "bfloat16": (TensorProto.BFLOAT16, np.array([1.5, -0.0, np.nan]).astype(ml_dtypes.bfloat16)),
}


@pytest.mark.parametrize("kind", NARROW)
def test_narrow_inputs_are_fed(kind: str, library: str) -> None:
    number, values = NARROW[kind]
    original = cast(number, FLOAT)
    found = compare(original, api.rewrite(original, options=Options(boundary=True)), [{"x": values}])
    assert isinstance(found, VerifyReport), found
    assert found.identical and found.samples == 1


@pytest.mark.parametrize("number", [TensorProto.INT2, TensorProto.UINT2, TensorProto.INT4], ids=str)
def test_narrow_outputs_are_compared(number: int, library: str) -> None:
    original = cast(FLOAT, number)
    rewritten = api.rewrite(original, options=Options(boundary=True))
    feed = {"x": np.array([1, 0, 1], np.float32)}
    found = compare(original, rewritten, [feed])
    assert isinstance(found, VerifyReport) and found.identical
    node = next(n for n in rewritten.graph.node if n.op_type == "Cast")
    node.op_type = "CastLike"  # to the type of a constant, after all inputs have become zero
    del node.attribute[:]
    rewritten.graph.initializer.append(helper.make_tensor("like", number, [1], [0]))
    rewritten.graph.initializer.append(helper.make_tensor("zero", FLOAT, [], [0.0]))
    rewritten.graph.node.insert(
        list(rewritten.graph.node).index(node), helper.make_node("Mul", [node.input[0], "zero"], ["nothing"])
    )
    node = next(n for n in rewritten.graph.node if n.op_type == "CastLike")
    node.input[0] = "nothing"
    node.input.append("like")
    wrong = compare(original, rewritten, [feed])
    assert isinstance(wrong, VerifyReport) and not wrong.identical, "other bytes of a type that is not carried"
    assert wrong.failure is not None and wrong.failure.code in ("FM401", "FM402")


@pytest.mark.parametrize("words", [np.array(["a", "bc"]), np.array(["a", "bc"], object)], ids=["unicode", "object"])
def test_texts_are_fed(words: np.ndarray, library: str) -> None:
    ends = [helper.make_tensor_value_info("w", TensorProto.STRING, [2]), helper.make_tensor_value_info("x", FLOAT, [2])]
    outs = [helper.make_tensor_value_info("v", TensorProto.STRING, [2]), helper.make_tensor_value_info("y", FLOAT, [2])]
    nodes = [helper.make_node("Identity", ["w"], ["v"]), helper.make_node("Relu", ["x"], ["y"])]
    graph = helper.make_graph(nodes, "g", ends, outs)
    original = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    rewritten = api.rewrite(original, options=Options(boundary=True))
    found = compare(original, rewritten, [{"w": words, "x": np.ones(2, np.float32)}])
    assert isinstance(found, VerifyReport) and found.identical, found


def test_what_is_not_carried_is_compared_by_bytes() -> None:
    a, b = Opaque(26, (3,), b"\x01"), Opaque(26, (3,), b"\x02")
    assert same(a, Opaque(26, (3,), b"\x01")) and not same(a, b) and not same(a, Opaque(25, (3,), b"\x01"))
    distance = Distance()
    distance.add(a, b)
    assert (distance.exact, distance.max_abs) == (False, np.inf)
    distance = Distance()
    distance.add(np.array([1 + 1j]), np.array([1 + 2j]))
    assert (distance.exact, distance.max_abs) == (False, np.inf)


def test_only_tensors_are_viewed() -> None:
    class Sequence:
        def is_tensor(self) -> bool:
            return False

    assert view(Sequence()) is None
