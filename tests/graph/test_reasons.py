"""Every reason for leaving an edge alone has a model that gives it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import Weights, model

from fmpass import api
from fmpass.graph import edges, io, reasons
from fmpass.plan import Decision, Options, Plan

REASONS: Mapping[str, str] = {
    name: text for name, text in vars(reasons).items() if name.isupper() and isinstance(text, str)
}
W: Weights = {"w": (4, 4)}
QDQ: Weights = {"s": np.array(0.1, np.float32), "z": np.array(3, np.uint8), "w": (4, 4)}
STD = [helper.make_opsetid("", 17)]

GRAPHS: dict[str, tuple[str, Weights, str]] = {
    "ALIAS": ("r = Relu(x) e = Transpose(r) y = Neg(e)", {}, ""),
    "MOVED": ("r = Relu(x) e = Concat<axis=0>(r, r) y = Neg(e)", {}, ""),
    "INDEX": ("e = Shape(x) y = Cast<to=1>(e)", {}, ""),
    "OF_A_BODY": (
        """e = If (c) < then_branch = t () => (float[N,4] a) { a = Relu(x) },
                       else_branch = f () => (float[N,4] b) { b = Neg(x) } > y = Neg(e)""",
        {},
        "",
    ),
    "REDUCED": ("e = ReduceMax<axes=[0]>(x) y = Neg(e)", {}, ""),
    "DEQUANTISED": ("r = Relu(x) q = QuantizeLinear(r, s, z) e = DequantizeLinear(q, s, z) y = MatMul(e, w)", QDQ, ""),
    "CONSTANT": ("e = Constant<value_floats=[1.0,2.0,3.0,4.0]>() y = Add(x, e)", {}, "e"),
    "QUANTISED_INPUT": ("e = QuantizeLinear(x, s, z) d = DequantizeLinear(e, s, z) y = MatMul(d, w)", QDQ, ""),
    "SCALE": (
        "r = Relu(x) q, e, p = DynamicQuantizeLinear(r) d = DequantizeLinear(q, e, p) y = MatMul(d, w)",
        W,
        "",
    ),
    "QUANTISED_NEXT": ("e = MatMul(x, w) q = QuantizeLinear(e, s, z) y = DequantizeLinear(q, s, z)", QDQ, ""),
    "SCALED_NEXT": (
        "q, s, p = DynamicQuantizeLinear(x) e = MatMulInteger(q, wq, p) f = Cast<to=1>(e) y = Mul(f, s)",
        {"wq": np.ones((4, 4), np.uint8)},
        "",
    ),
    "SCORES": (
        "a = MatMul(x, w) b = MatMul(x, v) t = Transpose(b) e = MatMul(a, t) y = Softmax(e)",
        W | {"v": (4, 4)},
        "",
    ),
    "IN_COMPOSITE": ("m = MatMul(x, w) e = Sigmoid(m) p = Mul(m, e) y = MatMul(p, w)", W, ""),
    "FUSED": ("e = MatMul(x, w) y = Relu(e)", W, ""),
    "RESULT": ("e = Relu(x) y = Neg(x)", {}, "e"),
    "NO_FEATURES": ("i = Cast<to=7>(x) e = Mul(i, i) k = MatMul(e, e) y = Cast<to=1>(k)", {}, ""),
    "UNKNOWN_TYPE": ("e = com.microsoft.Mystery(x) y = com.microsoft.Mystery(e)", {}, ""),
}


def _graph(body: str, weights: Weights, output: str) -> onnx.ModelProto:
    proto = model(f"g (float[N,4] x, bool c) => (float[a,b] y) {{ {body} }}", weights)
    if output:
        proto.graph.output.append(helper.make_empty_tensor_value_info(output))
        proto.graph.output[-1].type.tensor_type.elem_type = TensorProto.FLOAT
    return proto


def _function(nodes: list[onnx.NodeProto], calls: list[onnx.NodeProto], **imports: int) -> onnx.ModelProto:
    opsets = [helper.make_opsetid(name.replace("std", "").replace("_", "."), v) for name, v in imports.items()]
    function = helper.make_function("org.f", "F", ["a"], ["b"], nodes, opsets or STD)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in "xy")
    domains = [*STD, helper.make_opsetid("org.f", 1), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph(calls, "g", [x], [y])
    return helper.make_model(graph, functions=[function], opset_imports=domains, ir_version=8)


def _in_function(name: str) -> onnx.ModelProto:
    node = helper.make_node
    body = [node("Relu", ["a"], ["e"]), node("Sigmoid", ["e"], ["b"])]
    once = [node("F", ["x"], ["y"], domain="org.f")]
    if name == "NOT_CALLED":
        return _function(body, [node("Relu", ["x"], ["y"])])
    if name == "VARIES":
        calls = [node("Cast", ["x"], ["d"], to=11), node("F", ["d"], ["f"], domain="org.f")]
        return _function(body, [*calls, node("Cast", ["f"], ["y0"], to=1), *once])
    if name == "IN_FUNCTION":
        nodes = [node("NonZero", ["a"], ["n"]), node("Cast", ["n"], ["k"], to=7), node("Squeeze", ["a"], ["q"])]
        return _function([*nodes, node("Relu", ["q"], ["e"]), node("Sigmoid", ["e"], ["b"])], once)
    nodes = [node(op, [a], [b], domain="com.microsoft") for op, a, b in (("Gelu", "a", "e"), ("QuickGelu", "e", "b"))]
    return _function(nodes, once, com_microsoft=1)


def _boundary(name: str) -> onnx.ModelProto:
    texts = {
        "INPUT": "g (float[N,4] e) => (float[N,4] y) { y = Relu(e) }",
        "UNREAD": "g (float[N,4] x, float[N,4] e) => (float[N,4] y) { y = Relu(x) }",
        "HANDED_OUT": "g (float[N,4] x, float[N,4] e) => (float[N,4] y, float[N,4] e) { y = Relu(x) }",
        "OVERWRITTEN": """g (float[N,4] x, float[4] e, float[4] v) => (float[N,4] y, float[4] m, float[4] n) {
            y, m, n = BatchNormalization<training_mode=1>(x, v, v, e, v) }""",
        "WEIGHT": "g (float[N,4] x) => (float[N,4] y, float[4,4] e) { y = MatMul(x, e) }",
    }
    return model(texts[name], {"e": (4, 4)} if name == "WEIGHT" else {})


SCAN = """g (float[5,4] x, int64[n] s, float[1] z) => (float[1] w, float[5,4] y) {
    w, y = Scan<num_scan_inputs=1, body = body (float[1] a, float[4] e0) => (float[1] b, float[4] r) {
        b = Identity(a) t = Relu(e0) e = Reshape(t, s) v = Relu(e) r = Reshape(v, four) }>(z, x) }"""


@pytest.mark.parametrize("name", REASONS)
def test_every_reason_has_a_model(name: str) -> None:
    if name in GRAPHS:
        proto = _graph(*GRAPHS[name])
    elif name in ("NOT_CALLED", "VARIES", "IN_FUNCTION", "NO_CAST"):
        proto = _in_function(name)
    elif name == "IN_SCAN":
        proto = model(SCAN, {"four": np.array([4])})
    else:
        proto = _boundary(name)
    found = [e for e in edges.edges(io.load(proto), boundary=True) if e.name == "e"]
    assert len(found) == 1
    begin, _, end = REASONS[name].partition("{}")
    assert any(text.startswith(begin) and text.endswith(end) for text in (found[0].reason, found[0].obstacle) if text)


def test_no_reason_is_given_that_is_not_listed(shared_model: object) -> None:
    patterns = [text.partition("{}") for text in REASONS.values()]
    for edge in edges.edges(io.load(shared_model), boundary=True):
        if edge.reason:
            assert any(edge.reason.startswith(a) and edge.reason.endswith(b) for a, _, b in patterns), edge.reason


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (Options(only=("r",)), "not among those named by --only"),
        (Options(skip=("m",)), "named by --skip"),
        (Options(min_nbytes=100), "64 bytes are fewer than --min-bytes 100"),
        (Options(chain="quant{bits=8,axis=3}|zvc"), "the chain cannot take float32"),
    ],
)
def test_what_was_asked_for_is_a_reason_too(options: Options, reason: str) -> None:
    proto = model(
        "g (float[8,4] x) => (float[4,2] y) { r = Relu(x) m = MatMul(v, r) y = MatMul(m, u) }",
        {"v": (4, 8), "u": (4, 2)},
    )
    decisions = {d.edge: d for d in _plan(proto, options).decisions}
    assert decisions["m"].action == "leave" and decisions["m"].reason.startswith(reason)


def test_what_a_plan_does_not_name() -> None:
    proto = model("g (float[8,4] x) => (float[8,4] y) { r = Relu(x) m = MatMul(r, w) y = MatMul(m, w) }", W)
    plan = api.rewrite_model(proto, plan=Plan((Decision("r", "pair", "zvc", ""),))).plan
    assert [d.reason for d in plan.decisions if d.action == "leave"] == ["the plan does not name it"]


def _plan(proto: onnx.ModelProto, options: Options) -> Plan:
    from fmpass.plan import select

    return select.select(edges.edges(io.load(proto)), options)
