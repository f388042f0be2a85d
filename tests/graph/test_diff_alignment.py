"""Nodes that belong together are compared, also where names or results have changed."""

from __future__ import annotations

import onnx
from onnx_models import conv_relu, model

from fmpass import api
from fmpass.graph import diff
from fmpass.plan import Options


def said(a: onnx.ModelProto, b: onnx.ModelProto) -> set[str]:
    return set(diff.differences(a, b))


def test_a_pair_is_two_new_nodes_and_one_renamed_input() -> None:
    before = conv_relu()
    assert said(before, api.rewrite(before)) == {
        "opset_import[ai.fmpass]: new",
        "graph.node[2]: ai.fmpass FmCompress r__FmCompress r__fm_payload new",
        "graph.node[3]: ai.fmpass FmDecompress r__FmDecompress r__fm_restored new",
        "graph.node[Conv conv2 y].input[0]: 'r' → 'r__fm_restored'",
        "graph.value_info[r__fm_payload]: new",
        "graph.value_info[r__fm_restored]: new",
    }


def test_a_result_under_another_name_is_no_other_node() -> None:
    before = conv_relu()
    found = said(before, api.rewrite(before, options=Options(boundary=True, only=("y",))))
    assert "graph.node[Conv conv2 y].output[0]: 'y' → 'y__fm_source'" in found
    assert not [line for line in found if line.endswith("gone")]


def test_nodes_without_names_are_known_by_their_results() -> None:
    texts = ["r = Relu(x) s = Neg(r) y = Abs(s)", "r = Relu(x) y = Abs(r)"]
    a, b = (model(f"g (float[4] x) => (float[4] y) {{ {text} }}") for text in texts)
    assert said(a, b) == {"graph.node[1]: Neg s gone", "graph.node[Abs y].input[0]: 's' → 'r'"}


def test_functions_are_compared() -> None:
    before = conv_relu()
    found = said(api.rewrite(before), api.rewrite(before, options=Options(portable=True)))
    assert found == {
        "graph.value_info[r__fm_payload]: gone",
        "metadata_props[ai.fmpass.form]: new",
        "functions[ai.fmpass FmCompress]: new",
        "functions[ai.fmpass FmDecompress]: new",
    }


def test_a_difference_has_a_place_and_a_change() -> None:
    a, b = conv_relu(), conv_relu()
    b.graph.node[1].op_type = "Sigmoid"
    (found,) = diff.compare(a, b)
    assert (found.where, found.change) == ("graph.node[1].op_type", "'Relu' → 'Sigmoid'")
    assert str(found) == "graph.node[1].op_type: 'Relu' → 'Sigmoid'"
