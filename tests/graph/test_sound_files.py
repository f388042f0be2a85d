"""Files that contradict themselves are refused before anything walks over them; odd ones that are right are not."""

from __future__ import annotations

from collections.abc import Callable

import onnx
import pytest
from onnx import helper
from onnx_models import conv_relu, model

from fmpass.errors import UnsupportedModel
from fmpass.graph import sound

BRANCHES = """g (float[4] x, bool c) => (float[4] y) {
    [first] r = Relu(x)
    [choice] s = If(c) <
        then_branch = yes () => (float[4] p) { [inner] t = Sigmoid(r) p = Mul(t, r) },
        else_branch = no () => (float[4] q) { u = Tanh(r) q = Neg(u) }>
    [last] y = Neg(s)
}"""


def _self_loop(m: onnx.ModelProto) -> None:
    m.graph.node[0].input[0] = "r"


def _through_a_body(m: onnx.ModelProto) -> None:
    m.graph.node[1].attribute[0].g.node[0].input[0] = "y"


def _round_in_a_body(m: onnx.ModelProto) -> None:
    m.graph.node[1].attribute[0].g.node[0].input[0] = "p"


def _made_twice(m: onnx.ModelProto) -> None:
    m.graph.node[2].output[0] = "r"


def _input_made_again(m: onnx.ModelProto) -> None:
    m.graph.node[2].output[0] = "x"


def _body_that_says_it_is_a_number(m: onnx.ModelProto) -> None:
    m.graph.node[1].attribute[0].type = onnx.AttributeProto.INT


def _number_that_says_it_is_a_body(m: onnx.ModelProto) -> None:
    m.graph.node[0].attribute.add(name="k", i=1, type=onnx.AttributeProto.GRAPH)


def _attribute_twice(m: onnx.ModelProto) -> None:
    m.graph.node[1].attribute.add().CopyFrom(m.graph.node[1].attribute[0])


def _function(name: str, calls: str) -> onnx.FunctionProto:
    return helper.make_function(
        "d", name, ["v"], ["w"], [helper.make_node(calls, ["v"], ["w"], domain="d")], [helper.make_opsetid("d", 1)]
    )


def _function_twice(m: onnx.ModelProto) -> None:
    m.functions.extend([_function("f", "g"), _function("f", "h")])


def _functions_in_a_round(m: onnx.ModelProto) -> None:
    m.functions.extend([_function("f", "g"), _function("g", "f")])


WRONG = {
    _self_loop: "node 'first' reads what comes out of itself",
    _through_a_body: "reads what comes out of itself",
    _round_in_a_body: "reads what comes out of itself",
    _made_twice: "value 'r' is defined twice",
    _input_made_again: "value 'x' is defined twice",
    _body_that_says_it_is_a_number: "attribute 'then_branch' of node 'choice'",
    _number_that_says_it_is_a_body: "attribute 'k' of node 'first'",
    _attribute_twice: "node 'choice' has an attribute twice",
    _function_twice: "function d::f is defined twice",
    _functions_in_a_round: "function d::f calls itself",
}


@pytest.mark.parametrize("damage", WRONG, ids=lambda d: d.__name__)
def test_contradictions_are_named(damage: Callable[[onnx.ModelProto], None]) -> None:
    proto = model(BRANCHES)
    sound.check(proto, "m")
    damage(proto)
    with pytest.raises(UnsupportedModel) as caught:
        sound.check(proto, "m")
    assert caught.value.code == "FM107" and WRONG[damage] in caught.value.problem


def test_nodes_in_any_order_are_no_contradiction() -> None:
    proto = model(BRANCHES)
    nodes = [onnx.NodeProto.FromString(n.SerializeToString()) for n in proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(reversed(nodes))
    sound.check(proto, "m")


def test_bodies_may_reuse_names() -> None:
    """Of sibling bodies, and of values of the enclosing graph."""
    proto = model(BRANCHES)
    for body in (attribute.g for attribute in proto.graph.node[1].attribute):
        body.node[0].output[0] = "y"
        for index, name in enumerate(body.node[1].input):
            body.node[1].input[index] = "y" if name in "tu" else name
    sound.check(proto, "m")


def test_a_function_may_call_operators_and_other_functions() -> None:
    proto = conv_relu()
    proto.functions.extend([_function("f", "g"), _function("g", "h"), _function("e", "g")])
    sound.check(proto, "m")


def test_ten_thousand_nodes_backwards_take_no_recursion() -> None:
    proto = conv_relu()
    chain = [helper.make_node("Relu", [f"m{i}"], [f"m{i + 1}"]) for i in range(10_000)]
    proto.graph.node.extend([*reversed(chain), helper.make_node("Relu", ["r"], ["m0"])])
    sound.check(proto, "m")
    proto.graph.node[-1].input[0] = "m10000"
    with pytest.raises(UnsupportedModel):
        sound.check(proto, "m")
