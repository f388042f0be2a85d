"""Pairs in model-local functions: overloads, calls from functions and bodies, types that only calls give."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from fmpass import api
from fmpass.errors import UnsupportedModel
from fmpass.graph import diff, edges, io, reasons
from fmpass.plan import Options

F, STD = "org.f", [helper.make_opsetid("", 17)]
BOTH = [*STD, helper.make_opsetid(F, 1)]
Nodes = list[onnx.NodeProto]


def node(op: str, inputs: str, outputs: str, domain: str = "", **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), outputs.split(), domain=domain, **attributes)


def call(name: str, inputs: str, outputs: str, **attributes: object) -> onnx.NodeProto:
    return node(name, inputs, outputs, F, **attributes)


def info(name: str, kind: int = TensorProto.FLOAT, shape: object = None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)  # type: ignore[arg-type]


def function(name: str, inputs: str, nodes: Nodes, **more: object) -> onnx.FunctionProto:
    opsets = more.pop("opsets", STD)
    return helper.make_function(F, name, inputs.split(), ["b"], nodes, opsets, **more)  # type: ignore[arg-type]


def whole(nodes: Nodes, functions: list[onnx.FunctionProto], *, ir_version: int = 10) -> onnx.ModelProto:
    weight = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
    graph = helper.make_graph(
        nodes,
        "g",
        [info("x", shape=["N", 4]), info("c", TensorProto.BOOL, [])],
        [info("y", shape=["N", 4])],
        [numpy_helper.from_array(weight, "w")],
    )
    return helper.make_model(graph, functions=functions, opset_imports=BOTH, ir_version=ir_version)


def block(op: str = "Relu", **more: object) -> onnx.FunctionProto:
    """a·w → op → r → r·w → b: one stored edge, r."""
    nodes = [node("MatMul", "a w", "m"), node(op, "m", "r"), node("MatMul", "r w", "b")]
    return function("Block", "a w", nodes, **more)


def _branches() -> onnx.ModelProto:
    then = [call("Block", "m w", "q"), node("Relu", "q", "q2"), node("MatMul", "q2 w", "q3")]
    two = [
        call("Block", "a w", "m"),
        node(
            "If",
            "c",
            "k",
            then_branch=helper.make_graph(then, "t", [], [info("q3")]),
            else_branch=helper.make_graph([node("Neg", "m", "e")], "e", [], [info("e")]),
        ),
        node("Add", "k a", "b"),
    ]
    functions = [block(), function("Two", "a w c", two, opsets=BOTH)]
    return whole([call("Two", "x w c", "h"), call("Block", "h w", "y")], functions)


def _overloads() -> onnx.ModelProto:
    nodes = [call("Block", "x w", "h"), call("Block", "h w", "y", overload="tanh")]
    return whole(nodes, [block(), block("Tanh", overload="tanh")])


def _attributes() -> onnx.ModelProto:
    leaky = node("LeakyRelu", "m", "r")
    leaky.attribute.add(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    cast = node("Cast", "r", "t")
    cast.attribute.add(name="to", ref_attr_name="kind", type=onnx.AttributeProto.INT)
    nodes = [node("MatMul", "a w", "m"), leaky, cast, node("Sigmoid", "t", "s"), node("CastLike", "s a", "b")]
    leak = function(
        "Leak", "a w", nodes, attributes=["slope"], attribute_protos=[helper.make_attribute("kind", TensorProto.FLOAT)]
    )
    return whole([call("Leak", "x w", "h", slope=0.1), call("Leak", "h w", "y", slope=0.3, kind=11)], [leak])


CASES = {
    "called from a function and from a body": (
        _branches,
        ["function org.f::Block r", "function org.f::Two m", "function org.f::Two/If#1/then_branch q2"],
    ),
    "overloads": (_overloads, ["function org.f::Block r", "function org.f::Block:tanh r"]),
    "attributes of the calls": (_attributes, ["function org.f::Leak r"]),
    "IR version 8": (
        lambda: whole([call("Block", "x w", "y")], [block()], ir_version=8),
        ["function org.f::Block r"],
    ),
}


@pytest.mark.runtime
@pytest.mark.parametrize("case", CASES)
def test_pairs_in_functions(case: str, library: str) -> None:
    make, expected = CASES[case]
    before = make()
    onnx.checker.check_model(before)
    result = api.rewrite_model(before)
    after = result.model
    onnx.checker.check_model(after)
    assert [f"{d.scope} {d.edge}" for d in result.plan.pairs if d.scope] == expected
    again = api.rewrite_model(after)
    assert again.inserted == 0 and again.model == after
    assert api.remove(after).SerializeToString(deterministic=True) == before.SerializeToString(deterministic=True)
    x = np.random.default_rng(1).standard_normal((3, 4)).astype(np.float32)
    report = api.verify(before, after, [{"x": x, "c": np.array(c)} for c in (True, False)])
    assert report.status == "passed" and report.identical
    assert all(e.chain and e.elements and e.identical for e in report.edges if e.scope)


def test_the_function_imports_the_operators_and_tells_the_type() -> None:
    before = whole([call("Block", "x w", "y")], [block()])
    after = api.rewrite(before)
    names = [n.op_type for n in after.functions[0].node]
    assert names == ["MatMul", "Relu", "FmCompress", "FmDecompress", "Cast", "MatMul"]
    assert [(o.domain, o.version) for o in after.functions[0].opset_import] == [("", 17), ("ai.fmpass", 1)]
    assert not after.functions[0].value_info
    assert after.functions[0].node[4].attribute[0].i == TensorProto.FLOAT


def test_functions_without_pairs_stay_as_they_are() -> None:
    plain = function("Plain", "a", [node("Neg", "a", "b")])
    before = whole([call("Block", "x w", "h"), call("Plain", "h", "y")], [plain, block()])
    after = api.rewrite(before)
    assert after.functions[0] == before.functions[0] and after.functions[1] != before.functions[1]


def test_a_model_of_onnx_ir_gets_the_same_nodes() -> None:
    before = _branches()
    expected = [[n.op_type for n in f.node] for f in api.rewrite(before).functions]
    model = api.rewrite(ir.from_proto(before))
    assert [[n.op_type for n in f] for f in model.functions.values()] == expected
    written = ir.to_proto(ir.from_proto(before))  # which adds and reorders on its own
    assert list(diff.differences(written, ir.to_proto(api.remove(model)))) == []


def _reason(proto: onnx.ModelProto, name: str) -> str:
    found = [e for e in edges.edges(io.load(proto), boundary=True) if e.name == name and e.scope]
    assert len(found) == 1
    return found[0].obstacle


def test_types_that_differ_between_calls() -> None:
    body = [node("Relu", "a", "r"), node("Sigmoid", "r", "b")]
    nodes = [call("G", "x", "h"), node("Cast", "h", "d", to=11), call("G", "d", "e"), node("Cast", "e", "y", to=1)]
    assert _reason(whole(nodes, [function("G", "a", body)]), "r") == reasons.VARIES


def test_shapes_that_differ_between_calls_are_left_open() -> None:
    body = [node("Relu", "a", "r"), node("Sigmoid", "r", "b")]
    nodes = [call("G", "x", "h"), node("Concat", "h h", "k", axis=1), call("G", "k", "l"), node("Split", "l", "y z")]
    nodes[-1].attribute.append(helper.make_attribute("axis", 1))
    proto = whole(nodes, [function("G", "a", body)])
    edge = next(e for e in edges.edges(io.load(proto)) if e.name == "r")
    assert edge.shape == ("N", None) and edge.eligible


def test_ranks_that_differ_between_calls() -> None:
    body = [node("Relu", "a", "r"), node("Sigmoid", "r", "b")]
    nodes = [call("G", "x", "h"), node("Flatten", "h", "k", axis=0), node("Squeeze", "k", "s")]
    nodes += [call("G", "s", "l"), node("Add", "l h", "y")]
    assert _reason(whole(nodes, [function("G", "a", body)]), "r") == reasons.IN_FUNCTION


def test_functions_that_nothing_calls() -> None:
    caller = function("Caller", "a w", [call("Block", "a w", "b")], opsets=BOTH)
    assert _reason(whole([node("Relu", "x", "y")], [block(), caller]), "r") == reasons.NOT_CALLED


def test_functions_without_standard_operators() -> None:
    nodes = [node("Gelu", "a", "r", "com.microsoft"), node("QuickGelu", "r", "b", "com.microsoft")]
    gelu = function("Two", "a", nodes, opsets=[helper.make_opsetid("com.microsoft", 1)])
    proto = whole([call("Two", "x", "y")], [gelu])
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    assert _reason(proto, "r") == reasons.NO_CAST


def test_weights_handed_to_a_function_are_no_activations() -> None:
    nodes = [node("Relu", "w", "t"), node("MatMul", "a t", "m"), node("MatMul", "m t", "b")]
    proto = whole([call("H", "x w", "h"), call("H", "h w", "y")], [function("H", "a w", nodes)])
    assert [e.name for e in edges.edges(io.load(proto)) if e.scope] == ["m"]
    proto.graph.node[1].input[1] = "h"
    assert [e.name for e in edges.edges(io.load(proto)) if e.scope] == ["t", "m"]


def test_arguments_that_are_left_out() -> None:
    nodes = [node("Relu", "a", "r"), node("Clip", "r lo hi", "k"), node("MatMul", "k w", "b")]
    proto = whole([helper.make_node("K", ["x", "", "", "w"], ["y"], domain=F)], [function("K", "a lo hi w", nodes)])
    assert [d.edge for d in api.rewrite_model(proto).plan.pairs] == ["r", "k"]


def test_a_cast_of_the_model_is_not_taken_for_ours() -> None:
    """Behind a pair in the main graph a Cast to the same type is the model's own."""
    proto = whole([node("Relu", "x", "r"), node("Cast", "r", "k", to=1), node("MatMul", "k w", "y")], [])
    after = api.rewrite(proto, options=Options(boundary=True, only=("r",)))
    assert [n.op_type for n in after.graph.node] == ["Relu", "FmCompress", "FmDecompress", "Cast", "MatMul"]
    assert api.remove(after) == proto


@pytest.mark.runtime
@pytest.mark.parametrize("chain", ["zvc", "quant{bits=8,step=0.01}|zvc"])
@pytest.mark.parametrize("form", ["portable", "emulate"])
def test_forms_that_need_no_library_reach_into_functions(form: str, chain: str, library: str) -> None:
    import onnxruntime as ort

    import fmpass

    if form == "portable" and chain != "zvc":
        with pytest.raises(UnsupportedModel) as caught:
            api.rewrite(_overloads(), options=Options(chain=chain, portable=True))
        assert caught.value.code == "FM203" and "overload" in caught.value.problem
        return
    before, feed = _overloads(), {"x": np.ones((2, 4), np.float32), "c": np.array(True)}
    after = api.rewrite(before, options=Options(chain=chain, **{form: True}))
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    plain = ort.InferenceSession(after.SerializeToString(), options, providers=["CPUExecutionProvider"])
    pairs = fmpass.make_session(api.rewrite(before, chain=chain), sess_options=options)
    assert plain.run(None, feed)[0].tobytes() == pairs.run(None, feed)[0].tobytes()
    left = {n.domain for f in after.functions for n in f.node} - {""}
    assert left == ({"ai.fmpass"} if form == "portable" else set())
    if form == "portable":
        assert api.remove(after).SerializeToString(deterministic=True) == before.SerializeToString(deterministic=True)
