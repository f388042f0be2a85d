"""Differences of models in words."""

from __future__ import annotations

from collections.abc import Callable

import onnx
import pytest
from onnx import helper
from onnx_models import conv_relu

from fmpass.graph import diff


def _rename(m: onnx.ModelProto) -> None:
    m.graph.node[1].name = "other"


def _drop(m: onnx.ModelProto) -> None:
    del m.graph.node[1]


def _attribute(m: onnx.ModelProto) -> None:
    m.graph.node[0].attribute[0].ints[0] = 2


def _weight(m: onnx.ModelProto) -> None:
    m.graph.initializer[0].raw_data = bytes(len(m.graph.initializer[0].raw_data))


def _opset(m: onnx.ModelProto) -> None:
    m.opset_import[0].version = 18


def _input(m: onnx.ModelProto) -> None:
    m.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "B"


def _metadata(m: onnx.ModelProto) -> None:
    m.metadata_props.add(key="k", value="v")


def _swap(m: onnx.ModelProto) -> None:
    nodes = list(m.graph.node)
    del m.graph.node[:]
    m.graph.node.extend([nodes[1], nodes[0], nodes[2]])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_rename, ["graph.node[1].name: 'relu' → 'other'"]),
        (_drop, ["graph.node[1]: Relu relu r gone"]),
        (_attribute, ["graph.node[Conv conv1 c].attribute[pads].ints[0]: 1 → 2"]),
        (_weight, ["graph.initializer[w1].raw_data: 432 bytes → 432 bytes"]),
        (_opset, ["opset_import[ai.onnx].version: 17 → 18"]),
        (_input, ["graph.input[x].type.tensor_type.shape.dim[0].dim_param: 'N' → 'B'"]),
        (_metadata, ["metadata_props[k]: new"]),
        (_swap, ["graph.node[0]: Conv conv1 c gone", "graph.node[1]: Conv conv1 c new"]),
    ],
    ids=lambda c: c.__name__.strip("_") if callable(c) else "",
)
def test_one_change_is_said_once(change: Callable[[onnx.ModelProto], None], said: list[str]) -> None:
    a, b = conv_relu(), conv_relu()
    assert diff.equal(a, b)
    change(b)
    found = list(diff.differences(a, b))
    assert len(found) == len(said)
    assert set(found) == set(said) or change is _swap
    assert not diff.equal(a, b)


def test_the_order_of_tables_does_not_matter() -> None:
    a, b = conv_relu(), conv_relu()
    for model, keys in ((a, "kl"), (b, "lk")):
        for key in keys:
            model.metadata_props.add(key=key, value="v")
    first, second = b.graph.initializer
    copies = [onnx.TensorProto.FromString(t.SerializeToString()) for t in (second, first)]
    del b.graph.initializer[:]
    b.graph.initializer.extend(copies)
    assert diff.equal(a, b)


def test_bodies_are_compared() -> None:
    body = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["t"])], "b", [], [helper.make_tensor_value_info("t", 1, [1])]
    )
    models = []
    for op_type in ("Relu", "Abs"):
        body.node[0].op_type = op_type
        node = helper.make_node("If", ["c"], ["y"], "if", then_branch=body, else_branch=body)
        models.append(helper.make_model(helper.make_graph([node], "g", [], [])))
    found = list(diff.differences(*models))
    assert "graph.node[If if y].attribute[then_branch].g.node[0].op_type: 'Relu' → 'Abs'" in found
    assert len(found) == 2
