"""Drawn models with bodies in bodies, functions, several types, sizes that only the feed tells, nodes in any order.

At ORT_DISABLE_ALL the rewritten model gives the same bytes, with and without pairs at inputs and outputs, and taking
the pairs out gives the same file.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from fmpass import api
from fmpass.errors import NothingToGain
from fmpass.plan import Options, Plan

KINDS = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int32": TensorProto.INT32,
    "uint8": TensorProto.UINT8,
    "bool": TensorProto.BOOL,
}
UNARY = {"float32": ["Relu", "Sigmoid", "Neg", "Identity", "Softmax"], "float64": ["Relu", "Sigmoid", "Identity"]}
BINARY = {"float32": ["Add", "Mul", "Max"], "float64": ["Add", "Mul"], "int32": ["Add"], "bool": ["And", "Xor"]}
FUNCTION = "org.drawn"


@dataclass
class Drawing:
    """The state of one draw: a counter for names, and the functions that calls may name."""

    draw: st.DrawFn
    count: int = 0
    functions: list[onnx.FunctionProto] = field(default_factory=list)

    def name(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def nodes(self, visible: dict[str, str], most: int, depth: int) -> list[onnx.NodeProto]:
        """Some nodes; what they compute is put into `visible`, name → type. All tensors are [B, 4]."""
        found: list[onnx.NodeProto] = []
        for _ in range(self.draw(st.integers(1, most))):
            a = self.draw(st.sampled_from(sorted(visible)))
            kind = visible[a]
            same = sorted(name for name, other in visible.items() if other == kind)
            b, out = self.draw(st.sampled_from(same)), self.name()
            choices = ["Cast", *UNARY.get(kind, []), *BINARY.get(kind, [])]
            if kind == "float32":
                choices += ["MatMul", "call", "split"]
            if depth:
                choices += ["If", "Loop", "Scan"] if kind != "bool" else ["If"]
            op = self.draw(st.sampled_from(choices))
            result = kind
            if op == "Cast":
                result = self.draw(st.sampled_from(sorted(KINDS)))
                found.append(helper.make_node("Cast", [a], [out], to=KINDS[result]))
            elif op == "MatMul":
                found.append(helper.make_node("MatMul", [a, "w"], [out]))
            elif op == "call":
                found.append(self.call(a, b, out))
            elif op == "split":
                joined, rest = self.name(), self.name()
                found.append(helper.make_node("Concat", [a, b], [joined], axis=1))
                found.append(helper.make_node("Split", [joined, "four_four"], [out, rest], axis=1))
            elif op in ("If", "Loop", "Scan"):
                found.append(self.control(op, a, b, out, visible, depth))
            else:
                found.append(helper.make_node(op, [a, b] if op in BINARY.get(kind, []) else [a], [out]))
            visible[out] = result
        return found

    def body(self, inputs: dict[str, str], visible: dict[str, str], result: str, depth: int) -> onnx.GraphProto:
        """A body that reads its own inputs and outer values and gives one tensor of type `result`."""
        inner = {**visible, **inputs}
        nodes = self.nodes(inner, 3, depth - 1)
        last, out = nodes[-1].output[0], self.name()
        nodes.append(helper.make_node("Cast", [last], [out], to=KINDS[result]))
        given = [helper.make_tensor_value_info(name, KINDS[kind], None) for name, kind in inputs.items()]
        return helper.make_graph(nodes, "body", given, [helper.make_tensor_value_info(out, KINDS[result], None)])

    def control(self, op: str, a: str, b: str, out: str, visible: dict[str, str], depth: int) -> onnx.NodeProto:
        kind = visible[a]
        if op == "If":
            branches = {n: self.body({}, visible, kind, depth) for n in ("then_branch", "else_branch")}
            return helper.make_node("If", ["yes"], [out], **branches)
        state = self.name()
        if op == "Loop":
            number, more, still = self.name(), self.name(), self.name()
            body = self.body({state: kind}, visible, kind, depth)
            body.input.insert(0, helper.make_tensor_value_info(number, TensorProto.INT64, []))
            body.input.insert(1, helper.make_tensor_value_info(more, TensorProto.BOOL, []))
            body.node.append(helper.make_node("Identity", [more], [still]))
            body.output.insert(0, helper.make_tensor_value_info(still, TensorProto.BOOL, []))
            return helper.make_node("Loop", ["two", "", a], [out], body=body)
        nodes = [helper.make_node("Cast", [state], [f"{state}_f"], to=TensorProto.FLOAT)]
        nodes.append(helper.make_node("Relu", [f"{state}_f"], [f"{state}_r"]))
        nodes.append(helper.make_node("Mul", [f"{state}_r", f"{state}_f"], [f"{state}_m"]))
        nodes.append(helper.make_node("Cast", [f"{state}_m"], [f"{state}_y"], to=KINDS[kind]))
        element = helper.make_tensor_value_info(state, KINDS[kind], [4])
        result = helper.make_tensor_value_info(f"{state}_y", KINDS[kind], [4])
        body = helper.make_graph(nodes, "body", [element], [result])
        return helper.make_node("Scan", [a], [out], body=body, num_scan_inputs=1)

    def call(self, a: str, b: str, out: str) -> onnx.NodeProto:
        if not self.functions or (len(self.functions) < 3 and self.draw(st.booleans())):
            inner = {"fa": "float32", "fb": "float32"}
            nodes = [helper.make_node("Relu", ["fa"], ["fr"]), helper.make_node("Sigmoid", ["fb"], ["fs"])]
            nodes.append(helper.make_node("Add", ["fr", "fs"], ["ft"]))
            nodes.append(helper.make_node(self.draw(st.sampled_from(UNARY["float32"])), ["ft"], ["fu"]))
            if self.functions and self.draw(st.booleans()):
                nodes.append(helper.make_node(self.functions[-1].name, ["fu", "fr"], ["fv"], domain=FUNCTION))
            nodes.append(helper.make_node("Mul", [nodes[-1].output[0], "fr"], ["fy"]))
            opsets = [helper.make_opsetid("", 17), helper.make_opsetid(FUNCTION, 1)]
            name = f"F{len(self.functions)}"
            self.functions.append(helper.make_function(FUNCTION, name, list(inner), ["fy"], nodes, opsets))
        chosen = self.draw(st.sampled_from([f.name for f in self.functions]))
        return helper.make_node(chosen, [a, b], [out], domain=FUNCTION)


@st.composite
def models(draw: st.DrawFn) -> onnx.ModelProto:
    drawing = Drawing(draw)
    inputs = {"x": "float32", "i": "int32"}
    visible = dict(inputs)
    nodes = drawing.nodes(visible, 8, 2)
    names = sorted(visible)
    outputs = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    info = [helper.make_tensor_value_info(n, KINDS[visible[n]], ["B", 4]) for n in outputs]
    weight = (np.random.default_rng(7).standard_normal((4, 4)) * 0.5).astype(np.float32)
    constants = {"w": weight, "yes": np.array(True), "two": np.array(2, np.int64), "four_four": np.array([4, 4])}
    graph = helper.make_graph(
        nodes,
        "drawn",
        [helper.make_tensor_value_info(n, KINDS[k], ["B", 4]) for n, k in inputs.items()],
        info,
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(FUNCTION, 1)]
    return helper.make_model(graph, opset_imports=opsets, functions=drawing.functions, ir_version=8)


def _session(model: onnx.ModelProto) -> object:
    import onnxruntime as ort

    from fmpass.runtime import make_session

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return make_session(model, sess_options=options)


def _run(session: object, feed: dict[str, np.ndarray]) -> list[bytes]:
    return [value.tobytes() for value in session.run(None, feed)]  # type: ignore[attr-defined]


def _shuffled(model: onnx.ModelProto, seed: int) -> onnx.ModelProto:
    """The same file with the nodes of the main graph in any order, which onnxruntime takes."""
    order = list(range(len(model.graph.node)))
    random.Random(seed).shuffle(order)
    found = onnx.ModelProto()
    found.CopyFrom(model)
    del found.graph.node[:]
    found.graph.node.extend(model.graph.node[place] for place in order)
    return found


def _rewritten(model: onnx.ModelProto, options: Options) -> tuple[onnx.ModelProto, Plan] | None:
    try:
        result = api.rewrite_model(model, options=options)
    except NothingToGain:
        return None
    return result.model, result.plan


@pytest.mark.runtime
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(before=models(), seed=st.integers(0, 99))
def test_same_bytes_and_back(before: onnx.ModelProto, seed: int, library: str) -> None:
    onnx.checker.check_model(before)
    rng = np.random.default_rng(3)
    feeds = [
        {"x": rng.standard_normal((rows, 4)).astype(np.float32), "i": rng.integers(-3, 4, (rows, 4)).astype(np.int32)}
        for rows in (1, 3)
    ]
    original = _session(before)
    expected = [_run(original, feed) for feed in feeds]
    mixed = _shuffled(before, seed)
    for options in (Options(), Options(boundary=True)):
        found = _rewritten(before, options)
        if found is None:
            assert not options.boundary and _rewritten(mixed, options) is None
            continue
        after, plan = found
        onnx.checker.check_model(after)
        assert (after.graph.input, after.graph.output) == (before.graph.input, before.graph.output)
        session = _session(after)
        assert [_run(session, feed) for feed in feeds] == expected
        assert api.remove(after).SerializeToString(deterministic=True) == before.SerializeToString(deterministic=True)
        assert api.rewrite(after, options=options) == after
        other = _rewritten(mixed, options)
        assert other is not None
        assert {(d.scope.split("#")[0], d.edge): d.chain for d in other[1].pairs} == {
            (d.scope.split("#")[0], d.edge): d.chain for d in plan.pairs
        }
        session = _session(other[0])
        assert [_run(session, feed) for feed in feeds] == expected
        assert api.remove(other[0]) == mixed
