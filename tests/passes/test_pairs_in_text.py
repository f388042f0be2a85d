"""Before and after as ONNX text: where the pair comes to stand and who reads what."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_models import model

from fmpass import api
from fmpass.errors import UnsupportedModel
from fmpass.graph import io
from fmpass.passes.remove import RemovePairs
from fmpass.plan import Options

GOLDEN = Path(__file__).with_name("golden")

CASES: dict[str, str] = {
    "one_reader": "g (float[N,4] x) => (float[N,4] y) { [a] r = Relu(x) [b] y = MatMul(r, w) }",
    "several_readers": """g (float[N,4] x) => (float[N,4] y, float[N,4] z) {
        [a] r = Relu(x) [b] s = MatMul(r, w) [c] y = Add(s, r) [d] z = Sigmoid(r) }""",
    "twice_in_one_node": """g (float[N,4] x) => (float[N,4] y, float[M,4] u) {
        [a] r = Relu(x) [b] y = MatMul(r, w) [c] u = Concat<axis=0>(r, r) }""",
    "output_and_read": "g (float[N,4] x) => (float[N,4] r, float[N,4] y) { [a] r = Relu(x) [b] y = MatMul(r, w) }",
    "read_in_bodies": """g (float[N,4] x, bool c) => (float[N,4] y) {
        [a] r = Relu(x)
        [far] k = Identity(x)
        [if] y = If (c) <
            then_branch = t () => (float[N,4] ty) { [ta] ts = Sigmoid(r) [tb] ty = MatMul(ts, w) },
            else_branch = e () => (float[N,4] ey) { [ea] ey = Add(r, k) }
        >
    }""",
    "names_taken": """g (float[N,4] x) => (float[N,4] y) {
        [r__FmCompress] r = Relu(x) [b] r__fm_payload = MatMul(r, w) [c] y = Add(r__fm_payload, r) }""",
    "quantised": """g (float[N,4] x) => (float[N,4] y) {
        [a] r = Relu(x) [q] i = QuantizeLinear(r, s, z) [d] j = DequantizeLinear(i, s, z) [m] y = MatMul(j, w) }""",
}


def _text(proto: onnx.ModelProto) -> str:
    """ONNX text without weights, with node names and the attributes of our operators."""
    slim = onnx.ModelProto()
    slim.CopyFrom(proto)
    del slim.graph.initializer[:]
    return onnx.printer.to_text(slim)


@pytest.mark.parametrize("case", CASES)
def test_golden_text(case: str) -> None:
    text = CASES[case]
    weights = {"w": (4, 4)}
    if case == "quantised":
        weights |= {"s": np.array(0.1, np.float32), "z": np.array(128, np.uint8)}
    before = model(text, weights)
    onnx.checker.check_model(before)
    after = api.rewrite(before)
    onnx.checker.check_model(after)
    path = GOLDEN / f"{case}.txt"
    if os.environ.get("FMPASS_WRITE_GOLDEN"):
        path.write_text(_text(after) + "\n", "utf-8")
    same_printer = onnx.parser.parse_model(path.read_text("utf-8"))  # blanks differ between releases of onnx
    assert _text(after) == _text(same_printer)
    assert api.remove(after).SerializeToString(deterministic=True) == before.SerializeToString(deterministic=True)


def test_only_some_edges() -> None:
    before = model(CASES["read_in_bodies"], {"w": (4, 4)})
    result = api.rewrite_model(before, options=Options(only=("if/then_branch/*",)))
    assert [(d.scope, d.edge) for d in result.plan.pairs] == [("if/then_branch", "ts")]
    assert [n.op_type for n in result.model.graph.node] == ["Relu", "Identity", "If"]


def test_a_second_rewrite_changes_nothing() -> None:
    before = model(CASES["several_readers"], {"w": (4, 4)})
    first = api.rewrite_model(before)
    second = api.rewrite_model(first.model)
    assert (first.inserted, second.inserted, second.pairs) == (first.pairs, 0, first.pairs)
    assert {d.reason for d in second.plan.pairs} == {"it has its pair already"}
    assert second.model == first.model


def test_a_pair_edited_by_hand_is_not_removed() -> None:
    after = api.rewrite(model(CASES["one_reader"], {"w": (4, 4)}))
    del after.graph.node[1]
    after.graph.input.append(onnx.helper.make_tensor_value_info("r__fm_payload", 2, [None]))
    with pytest.raises(UnsupportedModel) as caught:
        api.remove(after)
    assert caught.value.code == "FM202"


def test_another_version_of_the_domain() -> None:
    before = model(CASES["several_readers"], {"w": (4, 4)})
    before.opset_import.append(onnx.helper.make_opsetid("ai.fmpass", 2))
    with pytest.raises(UnsupportedModel) as caught:
        api.rewrite(before)
    assert caught.value.code == "FM201"


def test_near_and_gate_are_taken_out_too() -> None:
    """The forms that the schema allows from the start: an alias output and a gate."""
    after = api.rewrite(model(CASES["several_readers"], {"w": (4, 4)}), options=Options(only=("r",)))
    compress, decompress = (n for n in after.graph.node if n.domain == "ai.fmpass")
    compress.output.append("r__fm_near")
    decompress.input.append("s")
    readers = {n.name: n for n in after.graph.node}
    readers["b"].input[0] = "r__fm_near"
    loaded = io.load(after)
    loaded.modified = api.apply(RemovePairs(), loaded.model)
    nodes = [(n.op_type, list(n.input)) for n in loaded.to_proto().graph.node]
    assert nodes == [("Relu", ["x"]), ("MatMul", ["r", "w"]), ("Add", ["s", "r"]), ("Sigmoid", ["r"])]
