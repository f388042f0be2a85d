"""Pairs on graph inputs and outputs: the signature stays, and taking them out gives the model as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper
from onnx_models import Weights, model, saved

import fmpass
from fmpass import api
from fmpass.errors import NothingToGain, UnsupportedModel
from fmpass.graph import diff
from fmpass.plan import Options

BOUNDARY = Options(boundary=True)
W: Weights = {"w": (4, 4)}

CASES: dict[str, tuple[str, Weights, list[str]]] = {
    "one node": ("g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }", {}, ["x", "y"]),
    "output read too": (
        "g (float[N,4] x) => (float[N,4] y, float[N,4] z) { y = Relu(x) z = MatMul(y, w) }",
        W,
        ["x", "y", "z"],
    ),
    "input that is an output": (
        "g (float[N,4] x) => (float[N,4] x, float[N,4] y) { y = Relu(x) }",
        {},
        ["x", "y"],
    ),
    "input handed out, input unread": (
        "g (float[N,4] x, float[N,4] u, float[N,4] v) => (float[N,4] y, float[N,4] u) { y = Relu(x) }",
        {},
        ["x", "y"],
    ),
    "initializer as output": (
        "g (float[N,4] x) => (float[N,4] y, float[4,4] w) { y = MatMul(x, w) }",
        W,
        ["x", "y"],
    ),
    "constant as output": (
        """g (float[N,4] x) => (float[N,4] y, float[4] k) {
            k = Constant<value_floats=[1.0,0.0,3.0,4.0]>() y = Add(x, k) }""",
        {},
        ["x", "k", "y"],
    ),
    "the same input twice": ("g (float[N,4] x) => (float[N,4] y) { y = Add(x, x) }", {}, ["x", "y"]),
    "truth values, shapes, aliases": (
        """g (bool[N] c, int64[2] s, float[N,4] x) => (float[a,b] y, bool[N] n, int64[2] o) {
            n = Not(c) r = Reshape(x, s) y = Identity(r) o = Shape(r) }""",
        {},
        ["c", "s", "x", "n", "r", "y", "o"],
    ),
    "captured by a body": (
        """g (bool c, float[4] x) => (float[4] y, float[4] q) {
            q = Neg(x)
            y = If (c) <
                then_branch = t () => (float[4] a) { a = Relu(q) },
                else_branch = e () => (float[4] b) { d = Neg(x) b = Abs(d) } > }""",
        {},
        ["c", "x", "q", "y", "d"],
    ),
    "names taken": (
        "g (float[N,4] x) => (float[N,4] y) { y__fm_source = Relu(x) y = Neg(y__fm_source) }",
        {},
        ["x", "y__fm_source", "y"],
    ),
    "several results": (
        "g (float[N,4] x) => (float[N,4] y, int64[N,2] i) { y, i = TopK(x, two) }",
        {"two": np.array([2], np.int64)},
        ["x", "y", "i"],
    ),
}


@pytest.mark.runtime
@pytest.mark.parametrize("case", CASES)
def test_signature_values_and_the_way_back(case: str, library: str) -> None:
    text, weights, pairs = CASES[case]
    before = model(text, weights)
    onnx.checker.check_model(before)
    result = api.rewrite_model(before, options=BOUNDARY)
    after = result.model
    onnx.checker.check_model(after)
    assert [d.edge for d in result.plan.pairs] == pairs
    assert all(d.reason for d in result.plan.decisions)
    assert (after.graph.input, after.graph.output) == (before.graph.input, before.graph.output)
    again = api.rewrite_model(after, options=BOUNDARY)
    assert again.inserted == 0 and again.model == after
    assert api.remove(after).SerializeToString(deterministic=True) == before.SerializeToString(deterministic=True)
    feed = {"x": np.arange(4, dtype=np.float32).reshape(1, 4) - 1}
    if case == "captured by a body":
        feed = {"x": np.arange(4, dtype=np.float32) - 1, "c": np.array(False)}
    elif case.startswith("truth"):
        feed |= {"c": np.array([True]), "s": np.array([2, 2], np.int64)}
    elif case.startswith("input handed"):
        feed |= {"u": feed["x"], "v": feed["x"]}
    report = api.verify(before, after, [feed])
    assert report.status == "passed" and report.identical
    assert sum(e.payload_bits > 0 for e in report.edges if e.chain) == len(pairs)


@pytest.mark.parametrize(
    ("case", "reasons"),
    [
        ("input handed out, input unread", {"an input that is an output as it is", "an input that no node reads"}),
        ("initializer as output", {"an initializer, also where it is an output"}),
    ],
)
def test_what_has_no_room_has_a_reason(case: str, reasons: set[str]) -> None:
    text, weights, _ = CASES[case]
    plan = api.rewrite_model(model(text, weights), options=BOUNDARY).plan
    left = [d.reason for d in plan.decisions if d.action == "leave"]
    assert {reason.partition(":")[0] for reason in left} == reasons


def test_types_that_do_not_travel_stay() -> None:
    text = "g (string[N] t, float[N] x) => (string[N] u, seq(float[N]) s) { u = Identity(t) s = SequenceConstruct(x) }"
    plan = api.rewrite_model(model(text), options=BOUNDARY).plan
    left = {d.edge: d.reason for d in plan.decisions if d.action == "leave"}
    assert left.keys() == {"t", "u", "s"} and "string" in left["t"] and "sequence" in left["s"]


def test_optional_inputs_stay() -> None:
    kind = helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [2]))
    x = helper.make_value_info("x", kind)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    graph = helper.make_graph([helper.make_node("OptionalGetElement", ["x"], ["y"])], "g", [x], [y])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    decisions = {d.edge: d for d in api.rewrite_model(proto, options=BOUNDARY).plan.decisions}
    assert decisions["x"].reason == "an optional, not a dense tensor"
    assert decisions["y"].action == "pair"


def test_weights_that_may_be_fed_are_no_inputs() -> None:
    proto = model("g (float[N,4] x, float[4,4] w) => (float[N,4] y) { y = MatMul(x, w) }", W, ir_version=3)
    assert [d.edge for d in api.rewrite_model(proto, options=BOUNDARY).plan.decisions] == ["x", "y"]


def test_an_onnx_ir_model_keeps_its_signature_too() -> None:
    before = ir.from_proto(model(CASES["output read too"][0], W))
    after = api.rewrite(before, options=BOUNDARY)
    assert [(v.name, v.dtype, str(v.shape)) for v in after.graph.outputs] == [
        (v.name, v.dtype, str(v.shape)) for v in before.graph.outputs
    ]
    assert list(diff.differences(ir.to_proto(before), ir.to_proto(api.remove(after)))) == []


def test_without_the_flag_nothing_is_asked_of_the_boundary() -> None:
    with pytest.raises(NothingToGain):
        api.rewrite(model(CASES["one node"][0]))


def test_a_restored_output_of_an_input_cannot_be_taken_out() -> None:
    after = api.rewrite(model(CASES["one node"][0]), options=BOUNDARY)
    del after.graph.node[2:]
    after.graph.node[1].output[0] = "y"
    with pytest.raises(UnsupportedModel) as caught:
        api.remove(after)
    assert caught.value.code == "FM202" and "signature" in caught.value.problem


@pytest.mark.runtime
def test_the_command(tmp_path: Path, library: str, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    from fmpass.cli import main

    path = saved(model(CASES["one node"][0]), tmp_path / "m.onnx")
    assert main(["rewrite", str(path), "--boundary", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["pairs"] == 2 and document["verify"]["identical"]
    session = fmpass.make_session(tmp_path / "m.fm.onnx")
    assert [i.name for i in session.get_inputs()] == ["x"] and [o.name for o in session.get_outputs()] == ["y"]
